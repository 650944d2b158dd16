package trend

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/remedy"
)

// young is how long after an object its samples may begin for it to be new: what did not exist has no history.
const young = 24 * time.Hour

// histories are those of the series of one source.
type histories struct {
	metrics []string
	need    time.Duration
	// series were read, of which short have less history than needed. Of those, late are of objects that have existed for longer.
	series, short, late int
	// first sample of the longest that is short, and of the longest that is late.
	firstShort, firstLate time.Time
	// cut is set if the query budget allowed for less history than is needed.
	cut time.Duration
}

// noteHistory notes the first sample of a series of an object, and how much history its evaluation needs. Without a name, the object
// stands for all.
func (r *reader) noteHistory(source facts.Source, metric string, object facts.Ref, first time.Time, need time.Duration) {
	if !r.wants(source) {
		return
	}
	h := r.histories[source]
	if h == nil {
		h = &histories{need: need}
		r.histories[source] = h
	}
	h.metrics = merged(h.metrics, []string{metric})
	h.series++
	if r.in.Graph.Now.Sub(first) >= need-stepFill { // a range begins up to a step late, and ends as early
		return
	}
	h.short++
	h.firstShort = earlier(h.firstShort, first)
	if r.covered < need {
		h.cut = max(h.cut, r.covered)
	}
	meta := r.in.Graph.MetaOf(object)
	if meta == nil || meta.Created.IsZero() || first.Sub(meta.Created) > young {
		h.late++
		h.firstLate = earlier(h.firstLate, first)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

// addHistoryGaps adds a gap for each source of which too little is known: of all series, or of objects that have existed for longer than
// their samples. What is new has no history, which is no gap next to what has one.
func (r *reader) addHistoryGaps() {
	for _, source := range trendSources() {
		if h := r.histories[source]; h != nil && (h.short == h.series || h.late > 0) {
			r.gap(h.gap(r.checksRequiring(source), r.in.Graph.Now))
		}
	}
}

func (h *histories) gap(checks []string, now time.Time) facts.Gap {
	slices.Sort(h.metrics)
	names := strings.Join(h.metrics, ", ")
	gap := facts.Gap{
		Source: "metrics: history of " + names, Checks: checks, Reason: v1alpha1.GapIncomplete, Optional: true,
	}
	if h.cut > 0 {
		gap.Message = fmt.Sprintf("Only the last %s of %s were read, because more exceeds the query budget; %s needed to compare with.",
			phrase.Span(h.cut), names, needed(h.need))
		gap.Remediation = "Raise spec.queryBudget of the MetricsBackend, or inspect fewer namespaces per Inspection."
		return gap
	}
	first := h.firstShort
	of := "all series"
	if h.short < h.series {
		first = h.firstLate
		of = fmt.Sprintf("%d of %d series", h.late, h.series)
	}
	gap.Message = fmt.Sprintf("The history of %s is too short in %s: the longest begins %s before the end of the window, at %s; "+
		"%s needed to compare with.", names, of, phrase.Span(now.Sub(first)), first.UTC().Format(time.RFC3339), needed(h.need))
	gap.Remediation = remedy.Sprintf("Wait: the first of them can be evaluated from %s on, if the metrics backend keeps samples for %s.",
		first.Add(h.need).UTC().Format(time.RFC3339), phrase.Span(h.need))
	return gap
}

func needed(history time.Duration) string { return phrase.Span(history) + " are" }

// firstOf returns the time of the first usable point.
func firstOf(points []metrics.Point) (time.Time, bool) {
	var first time.Time
	for _, p := range points {
		if metrics.Usable(p.Value) && (first.IsZero() || p.Time.Before(first)) {
			first = p.Time
		}
	}
	return first, !first.IsZero()
}

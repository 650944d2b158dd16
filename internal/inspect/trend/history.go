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

// minMeasuredTime is the share of the time since the first sample that must have samples: with less, most of what is usual is unknown.
const minMeasuredTime = 1.0 / 3

// histories are those of the series of one source.
type histories struct {
	metrics []string
	need    time.Duration
	// series were read, of which short have less history than needed. Of those, late are of objects that have existed for longer.
	series, short, late int
	// sparse have a history that is long enough, but too few samples in it.
	sparse int
	// first sample of the longest that is short, and of the longest that is late.
	firstShort, firstLate time.Time
	// cut is set if the query budget allowed for less history than is needed.
	cut time.Duration
}

// noteHistory notes the first sample of a series of an object, and how much history its evaluation needs. Without a name, the object
// stands for all. It reports whether that is enough.
func (r *reader) noteHistory(source facts.Source, metric string, object facts.Ref, first time.Time, need time.Duration) bool {
	if !r.wants(source) {
		return false
	}
	h := r.histories[source]
	if h == nil {
		h = &histories{need: need}
		r.histories[source] = h
	}
	h.metrics = merged(h.metrics, []string{metric})
	h.series++
	if r.in.Graph.Now.Sub(first) >= need-stepFill { // a range begins up to a step late, and ends as early
		return true
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
	return false
}

// noteSparse notes a series with enough history, of which most samples are missing, so that Anomalous does not evaluate it.
func (r *reader) noteSparse(source facts.Source) {
	if h := r.histories[source]; h != nil {
		h.sparse++
	}
}

// sparse reports whether the history of a series is long enough, but has samples in too few steps for Anomalous. At most maxBuckets steps
// count, and as there, not the newest, which are compared with the history.
func sparse(points []metrics.Point, first, now time.Time, rules Rules) bool {
	steps := 1 + int(min(maxBuckets-1, max(0, now.Sub(first)/rules.Step)))
	guard := rules.guard(steps, longestOf(defaultRuns()))
	history := max(0, steps-guard)
	measured := make([]bool, history)
	known := 0
	for _, p := range points {
		age := now.Sub(p.Time)
		if !metrics.Usable(p.Value) || age < 0 || age/rules.Step >= time.Duration(steps) {
			continue
		}
		if back := int(age/rules.Step) - guard; back >= 0 && !measured[back] {
			measured[back] = true
			known++
		}
	}
	return history >= minHistory && tooFew(known, history)
}

// tooFew reports whether the known ones of a number of steps are too few to say what is usual.
func tooFew(known, steps int) bool {
	return known < minHistory || float64(known) < minMeasuredTime*float64(steps)
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
		h := r.histories[source]
		if h == nil {
			continue
		}
		if h.short == h.series || h.late > 0 {
			r.gap(h.gap(r.checksRequiring(source), r.in.Graph.Now))
		}
		if h.sparse > 0 {
			r.gap(h.sparseGap(r.checksRequiring(source)))
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

// sparseGap is the gap of series in which most samples are missing.
func (h *histories) sparseGap(checks []string) facts.Gap {
	names := strings.Join(h.metrics, ", ")
	return facts.Gap{
		Source: "metrics: history of " + names, Checks: checks, Reason: v1alpha1.GapIncomplete, Optional: true,
		Message: fmt.Sprintf("Most samples of %s are missing in %d of %d series: they have some in less than a third of the time since "+
			"the first, or in less than %s of it, which is too little to compare with.", names, h.sparse, h.series,
			phrase.Span(minHistory*stepRate)),
		Remediation: "Check how often the metrics backend scrapes their targets (`up`), and whether their Pods run only for a part of " +
			"the time: many count nothing between a restart and the next request.",
	}
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

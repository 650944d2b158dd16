package trend

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/remedy"
)

// addErrorGap adds a gap for an error and decides whether to send further queries.
func (r *reader) addErrorGap(err error, what string, checks []string) {
	message, reason := "unexpected error", ""
	if p := problem.As(err); p != nil {
		message, reason = p.Message, p.Reason
	}
	gap := facts.Gap{
		Source: "metrics: " + what, Checks: checks, Reason: v1alpha1.GapUnavailable,
		Message:     "The metrics backend returned no " + what + ": " + strings.TrimSuffix(message, ".") + ".",
		Remediation: "See the conditions of the MetricsBackend in spec.metricsRef, or check --metrics-url.",
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		r.timeouts++
		r.stopped = r.timeouts >= maxTimeouts
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason = v1alpha1.GapForbidden
		r.stopped = true
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Raise spec.queryBudget of the MetricsBackend, or inspect fewer namespaces per Inspection."
	case v1alpha1.ReasonUnreachable, v1alpha1.ReasonNameNotResolved, v1alpha1.ReasonTLSFailed, v1alpha1.ReasonEgressDenied,
		v1alpha1.ReasonRedirected:
		r.stopped = true
	case v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
	}
	r.gap(gap)
}

// addToLastGap adds checks to the gap of the error after which no more queries are sent.
func (r *reader) addToLastGap(checks []string) {
	if n := len(r.gaps); n > 0 {
		r.gaps[n-1].Checks = merged(r.gaps[n-1].Checks, checks)
	}
}

// missingMetric adds a gap for a metric that is not collected.
func (r *reader) missingMetric(metric, from string, checks []string) {
	r.gap(facts.Gap{
		Source: "metrics: " + metric, Checks: checks, Reason: v1alpha1.GapNotServed,
		Message:     "The metrics backend has no metric " + metric + ".",
		Remediation: remedy.Sprintf("Configure it to scrape %s.", from),
	})
}

// missingSamples adds a gap for a metric without recent samples. It distinguishes one that is not collected from one whose samples
// stopped, with one more query.
func (r *reader) missingSamples(ctx context.Context, metric, matchers, from string, checks []string) {
	if last, ok := r.lastSample(ctx, metric, matchers); ok {
		r.samplesStopped(metric, from, last, checks)
		return
	}
	r.missingMetric(metric, from, checks)
}

// samplesStopped adds a gap for a metric whose samples stopped.
func (r *reader) samplesStopped(metric, from string, last time.Time, checks []string) {
	r.gap(facts.Gap{
		Source: "metrics: " + metric, Checks: checks, Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("Samples of %s stopped: the last one is %s before the end of the window, at %s.", metric,
			phrase.Span(r.in.Graph.Now.Sub(last)), last.UTC().Format(time.RFC3339)),
		Remediation: remedy.Sprintf("Check why the metrics backend no longer scrapes %s: the target's state (`up`), relabeling rules, and "+
			"the remote write queue of the agent.", from),
	})
}

// lastSample returns the time of the last sample of a metric in the last week, to ten minutes. A failed query is not a gap: the metric
// is reported as missing.
func (r *reader) lastSample(ctx context.Context, metric, matchers string) (time.Time, bool) {
	if r.stopped {
		return time.Time{}, false
	}
	found, err := r.in.Provider.Query(ctx, lastSampleOf(metric, matchers), r.in.Graph.Now.UTC())
	if err != nil || len(found) == 0 {
		return time.Time{}, false
	}
	seconds := found[0].Value
	if !metrics.Usable(seconds) || seconds <= 0 || seconds > float64(r.in.Graph.Now.Unix()) {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// lastSampleOf is the query for the last sample of a metric; matchers may end in a comma.
func lastSampleOf(metric, matchers string) string {
	return fmt.Sprintf("max(max_over_time((timestamp(%s{%s}))[1w:10m]))", metric, trim(matchers))
}

// gap adds a gap, or adds its checks to an identical one.
func (r *reader) gap(gap facts.Gap) {
	gap.Checks = merged(gap.Checks, nil)
	for i := range r.gaps {
		if known := &r.gaps[i]; known.Source == gap.Source && known.Message == gap.Message {
			known.Checks = merged(known.Checks, gap.Checks)
			return
		}
	}
	r.gaps = append(r.gaps, gap)
}

func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.SortFunc(all, cmp.Compare)
	return slices.Compact(all)
}

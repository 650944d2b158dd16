package trend

import (
	"context"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// recent: a metric exists if it has a sample within this time.
const recent = time.Hour

// metricNames returns which of the metrics for trends the backend has.
func (r *reader) metricNames(ctx context.Context) (map[string]bool, bool) {
	checks := r.checksRequiring(trendSources()...)
	selector := `{__name__=~"` + strings.Join(r.knownMetrics(), "|") + `"` + comma(r.matcher("", nil)) + `}`
	const what = "metric names"
	names := map[string]bool{}
	lister, ok := r.in.Provider.(metrics.LabelLister)
	if !ok {
		found, ok := r.instant(ctx, what, checks, "count by (__name__) ("+selector+")")
		for _, sample := range found {
			names[sample.Labels["__name__"]] = true
		}
		return names, ok
	}
	if r.stopped {
		r.addToLastGap(checks)
		return nil, false
	}
	values, err := lister.LabelValues(ctx, "__name__", []string{selector}, r.span(recent))
	if err != nil {
		r.addErrorGap(err, what, checks)
		return nil, false
	}
	for _, name := range values {
		names[name] = true
	}
	return names, true
}

// comma moves the trailing comma of matchers to the front.
func comma(matchers string) string {
	if matchers == "" {
		return ""
	}
	return "," + trim(matchers)
}

// span returns the range of the given length that ends at the time of the graph.
func (r *reader) span(length time.Duration) metrics.Range {
	return metrics.Range{Start: r.in.Graph.Now.UTC().Add(-length), End: r.in.Graph.Now.UTC()}
}

// knownMetrics returns the metric names of the requested sources.
func (r *reader) knownMetrics() []string {
	var names []string
	if r.wants(facts.SourceClaimFill, facts.SourceClaimFree) {
		names = append(names, claimSpace().free, claimInodes().free)
	}
	if r.wants(facts.SourceNodeFill) {
		names = append(names, nodeSpace().free, nodeInodes().free, cadvisorSpace().capacity)
	}
	if r.wants(facts.SourceRestarts) {
		names = append(names, restartsMetric)
	}
	if r.wants(facts.SourceLoad) {
		names = append(names, cpuMetric, memoryMetric)
	}
	if r.wants(requestSources()...) {
		for _, s := range sources() {
			names = append(names, s.total, s.buckets)
		}
	}
	return compact(names)
}

// compact removes empty names and duplicates, and keeps the order.
func compact(names []string) []string {
	var kept []string
	seen := map[string]bool{"": true}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			kept = append(kept, name)
		}
	}
	return kept
}

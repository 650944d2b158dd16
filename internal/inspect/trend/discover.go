package trend

import (
	"context"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// recent is how far back a metric must have been seen to be one that is there.
const recent = time.Hour

// metricNames are those of the metrics that trends are read from which the back end has.
func (r *reader) metricNames(ctx context.Context) (map[string]bool, bool) {
	checks := r.wanting(trendSources()...)
	selector := `{__name__=~"` + strings.Join(r.knownMetrics(), "|") + `"` + comma(r.matcher("", nil)) + `}`
	const what = "which metrics it has"
	names := map[string]bool{}
	lister, ok := r.in.Provider.(metrics.LabelLister)
	if !ok {
		found, ok := r.instant(ctx, what, checks, "count by (__name__) ("+selector+")")
		for _, sample := range found {
			names[sample.Labels["__name__"]] = true
		}
		return names, ok
	}
	if r.dead {
		r.missed(checks)
		return nil, false
	}
	values, err := lister.LabelValues(ctx, "__name__", []string{selector}, r.span(recent))
	if err != nil {
		r.failed(err, what, checks)
		return nil, false
	}
	for _, name := range values {
		names[name] = true
	}
	return names, true
}

// comma puts a comma before matchers instead of behind them.
func comma(matchers string) string {
	if matchers == "" {
		return ""
	}
	return "," + trim(matchers)
}

// span up to the time of the graph.
func (r *reader) span(length time.Duration) metrics.Range {
	return metrics.Range{Start: r.in.Graph.Now.UTC().Add(-length), End: r.in.Graph.Now.UTC()}
}

// knownMetrics are the names to look for, of what is wanted.
func (r *reader) knownMetrics() []string {
	var names []string
	if r.wants(facts.SourceClaimFill) {
		names = append(names, claimSpace().free, claimInodes().free)
	}
	if r.wants(facts.SourceNodeFill) {
		names = append(names, nodeSpace().free, nodeInodes().free, cadvisorSpace().capacity)
	}
	if r.wants(facts.SourceRestarts) {
		names = append(names, restartsMetric)
	}
	if r.wants(facts.SourceErrors, facts.SourceLatency) {
		for _, s := range sources() {
			names = append(names, s.total, s.buckets)
		}
	}
	return compact(names)
}

// compact leaves out empty names and those that stand there already.
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

package inspect

import (
	"context"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/inspect/trend"
	"kubeops.io/kubeops/internal/inspect/usage"
)

// readMetrics adds usage, trends and alerts from the metrics backend to the graph.
func readMetrics(ctx context.Context, in Input, timer *timer, filter *scope.Filter) []facts.Gap {
	if in.Metrics == nil {
		return nil
	}
	timer.begin(StageMetrics)
	wanting := map[facts.Source][]string{}
	for _, source := range slices.Concat(usage.Sources(), trend.Sources()) {
		wanting[source] = check.Requiring(in.Checks, source)
	}
	usageGaps := usage.Collect(ctx, usage.Input{
		Provider: in.Metrics, Graph: filter.Graph(), Scope: filter, Options: in.Usage, Wanting: wanting,
	})
	trendGaps := trend.Collect(ctx, trend.Input{
		Provider: in.Metrics, Backend: in.MetricsBackend, Graph: filter.Graph(), Scope: filter, MatchLabels: in.Usage.MatchLabels,
		Wanting: wanting,
	})
	timer.done(StageMetrics)
	return slices.Concat(usageGaps, trendGaps)
}

package inspect

import (
	"context"
	"slices"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/trend"
	"kubeops.io/kubeops/internal/inspect/usage"
)

// readMetrics adds to the graph what the metrics back end tells, if there is one: what workloads use, how that changes, and what
// is alerted.
func readMetrics(ctx context.Context, in Input, timer *timer, g *facts.Graph) []facts.Gap {
	if in.Metrics == nil {
		return nil
	}
	timer.begin(StageMetrics)
	wanting := map[facts.Source][]string{}
	for _, source := range slices.Concat(usage.Sources(), trend.Sources()) {
		wanting[source] = check.Requiring(in.Checks, source)
	}
	used := usage.Collect(ctx, usage.Input{
		Provider: in.Metrics, Graph: g, Namespaces: in.Scope.Namespaces, Options: in.Usage, Wanting: wanting,
	})
	changed := trend.Collect(ctx, trend.Input{
		Provider: in.Metrics, Backend: in.MetricsBackend, Graph: g, Namespaces: in.Scope.Namespaces, MatchLabels: in.Usage.MatchLabels,
		Wanting: wanting,
	})
	timer.done(StageMetrics)
	return slices.Concat(used, changed)
}

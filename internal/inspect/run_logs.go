package inspect

import (
	"context"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/text"
)

// readLogs adds the errors that workloads log to the graph, if log analysis is enabled.
func readLogs(ctx context.Context, in Input, timer *timer, filter *scope.Filter, gate *redact.Redactor) []facts.Gap {
	if in.Logs == nil || in.LogAnalysis == nil {
		return nil
	}
	timer.begin(StageLogs)
	gaps := loganalysis.Collect(ctx, loganalysis.Input{
		Provider: in.Logs, Graph: filter.Graph(), Scope: filter, Options: *in.LogAnalysis,
		Wanting: check.Requiring(in.Checks, facts.SourceLogTemplates), Redact: gate.Text,
		Exclude: func(namespace string) bool {
			return text.MatchAny(in.ExcludeNamespaces, namespace)
		},
	})
	timer.done(StageLogs)
	return gaps
}

package inspection

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/problem"
)

// inspect runs the engine and saves the report.
func (l *logic) inspect(
	ctx context.Context, inspection *v1alpha1.Inspection, run *v1alpha1.InspectionRun, input inspect.Input,
) (*v1alpha1.InspectionReport, error) {
	limited, cancel := context.WithTimeout(ctx, inspection.Timeout())
	defer cancel()
	result, err := l.engine(limited, input)
	switch {
	case err != nil && problem.As(err) == nil && ctx.Err() == nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "unexpected error while inspecting; see the manager's log")
	case err != nil:
		return nil, err
	}
	l.metrics.stages(result.Durations)
	summary := result.Report.Summary
	log.FromContext(ctx).Info("Inspected", "report", run.Report, "trigger", run.Trigger,
		"findings", summary.Counts.Total(), "rootCauses", summary.RootCauses, "gaps", len(result.Report.Gaps))
	return l.reports.save(ctx, inspection, run, result.Report)
}

package inspection

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
)

// inspect runs an Inspection and saves the report.
func (l *logic) inspect(
	ctx context.Context, scope *kind.Scope[*v1alpha1.Inspection], run *v1alpha1.InspectionRun,
) (*v1alpha1.InspectionReport, error) {
	result, err := l.runner.Run(ctx, scope.Object, run.Report, func(ctx context.Context) error {
		if err := l.runs.take(scope.Key(), scope.Object, l.clock.Now()); err != nil {
			return err
		}
		return l.announce(ctx, scope, run)
	})
	if err != nil {
		return nil, err
	}
	l.metrics.stages(result.Durations)
	summary := result.Report.Summary
	log.FromContext(ctx).Info("Inspected", "report", run.Report, "trigger", run.Trigger,
		"problems", summary.Problems.Total, "recommendations", summary.Recommendations.Total, "gaps", len(result.Report.Gaps))
	return l.reports.save(ctx, scope.Object, run, result.Report)
}

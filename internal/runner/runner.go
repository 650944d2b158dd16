// Package runner takes an Inspection to the result of one run: it resolves what the spec refers to, opens the backends, and runs the
// engine with the permissions of the Inspection's ServiceAccount. A run happens in this process (Local) or, so that what a tenant
// writes cannot take the manager's memory or time, in a child process with limits of its own (Child).
package runner

import (
	"context"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/redact"
)

// Runner runs Inspections.
type Runner interface {
	// Run calls started once everything that the spec refers to is there, before slow work begins, and ends with its error if it has
	// one. Other errors are problems, or the end of ctx. run identifies the run: it is the name of its report.
	Run(ctx context.Context, inspection *v1alpha1.Inspection, run string, started func(context.Context) error) (*inspect.Result, error)
}

// Engine inspects a cluster: inspect.Run.
type Engine func(context.Context, inspect.Input) (*inspect.Result, error)

// Local runs Inspections in this process. All fields but Compile and Targets are required.
type Local struct {
	// Reader reads what specs refer to, with the manager's own permissions.
	Reader   client.Reader
	Accounts impersonate.Source
	Clock    clock.PassiveClock
	// Checks is the catalogue.
	Checks []check.Check
	// Backends opens what spec.metricsRef and spec.logsRef name.
	Backends *backends.Resolver
	Engine   Engine
	// Targets finds the clusters of spec.clusters. Required for Inspections that have it.
	Targets Targets
	// Compile compiles the custom checks of an Inspection. Default: custom.Compile.
	Compile func(ctx context.Context, specs []v1alpha1.CustomCheck) ([]custom.Program, error)
	// parts does the parts of clusters elsewhere. Nil does them in this process.
	parts func(context.Context, fleet.Part) (fleet.PartResult, error)
	// previous report, where parts share it.
	previous *keptReport
	// stalled and redactor are those of fleet.Input, for a part.
	stalled  func(fleet.Stall)
	redactor *redact.Redactor
}

// Run implements Runner.
func (l *Local) Run(
	ctx context.Context, inspection *v1alpha1.Inspection, _ string, started func(context.Context) error,
) (*inspect.Result, error) {
	if inspection.Spec.Clusters != nil {
		return l.runClusters(ctx, inspection, started)
	}
	input, err := l.resolve(ctx, inspection)
	if err != nil {
		return nil, err
	}
	defer closeBackends(input)
	if err := started(ctx); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, inspection.Timeout())
	defer cancel()
	result, err := l.Engine(limited, input)
	if err != nil && problem.As(err) == nil && ctx.Err() == nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "unexpected error while inspecting; see the manager's log")
	}
	return result, err
}

// Package aiprovider probes AIProviders: it checks that the model exists, has it answer a small question now and then, and
// records the result and what was spent in the status.
package aiprovider

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=aiproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=aiproviders/status,verbs=patch

const kindName = "AIProvider"

// Setup adds the controller to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e, e.NewCadence())
	return r.Build(m, "aiprovider", kind.Slots{Parallel: probe.Parallel}).Complete(r)
}

// New is the reconciler of AIProviders.
func New(e *environment.Environment, cadence *probe.Cadence) *kind.Reconciler[*v1alpha1.AIProvider] {
	p := prober{clock: e.Clock, meters: e.Backends.Meters}
	logic := &probe.Logic[*v1alpha1.AIProvider, *backends.Model]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes,
		Open: func(ctx context.Context, provider *v1alpha1.AIProvider) (*backends.Model, error) {
			return e.Backends.OpenModel(ctx, provider)
		},
		Prove:     p.prove,
		Reset:     func(provider *v1alpha1.AIProvider) { provider.Status.Latency = nil },
		Forgotten: e.Backends.Meters.Forget,
	}
	empty := func() *v1alpha1.AIProvider { return &v1alpha1.AIProvider{} }
	return probe.NewReconciler(e.Environment, "Probe", empty, logic, func(p *v1alpha1.AIProvider) any { return p.Spec })
}

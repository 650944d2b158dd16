// Package metricsbackend probes MetricsBackends: it sends each a real query on a cadence, and records the result in its status.
package metricsbackend

import (
	"context"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/grafana"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/visual"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=metricsbackends,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=metricsbackends/status,verbs=patch

const kindName = "MetricsBackend"

// Setup adds the controller to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e, e.NewCadence())
	return r.Build(m, "metricsbackend", kind.Slots{Parallel: probe.Parallel}).Complete(r)
}

// New is the reconciler of MetricsBackends.
func New(e *environment.Environment, cadence *probe.Cadence) *kind.Reconciler[*v1alpha1.MetricsBackend] {
	logic := &probe.Logic[*v1alpha1.MetricsBackend, *backends.Metrics]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes,
		Open: func(ctx context.Context, b *v1alpha1.MetricsBackend) (*backends.Metrics, error) {
			return e.Backends.OpenMetrics(ctx, b)
		},
		Prove: prove,
		Reset: func(b *v1alpha1.MetricsBackend) { reset(&b.Status) },
		Parts: []probe.Part[*v1alpha1.MetricsBackend, *backends.Metrics]{alertmanagerPart(), dataSource(e).Part()},
	}
	empty := func() *v1alpha1.MetricsBackend { return &v1alpha1.MetricsBackend{} }
	return probe.NewReconciler(e.Environment, "Probe", empty, logic, func(b *v1alpha1.MetricsBackend) any { return b.Spec })
}

func dataSource(e *environment.Environment) grafana.DataSource[*v1alpha1.MetricsBackend, *backends.Metrics] {
	return grafana.DataSource[*v1alpha1.MetricsBackend, *backends.Metrics]{
		Kind: kindName, Prefix: "kubeops-grafana-mb-", Accounts: e.Accounts,
		Wanted: func(b *v1alpha1.MetricsBackend) *v1alpha1.GrafanaDataSource { return b.Spec.Grafana },
		Of:     func(b *v1alpha1.MetricsBackend, c *backends.Metrics) *visual.DataSource { return c.DataSource(b) },
	}
}

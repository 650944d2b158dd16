// Package logbackend probes LogBackends: it writes a line to each and reads it back, on a cadence, and records the result in
// its status. What a LogBackend collects is the business of package logcollection.
package logbackend

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/grafana"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/visual"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=logbackends,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=logbackends/status,verbs=patch

const kindName = "LogBackend"

// connection to a LogBackend, with what the round trip found out for the parts after it.
type connection struct {
	*backends.Logs
	// retention that the server reports; known is false where it does not tell, and retentionErr is why it could not be read.
	retention      logs.Retention
	retentionKnown bool
	retentionErr   error
}

// Setup adds the controller to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e, e.NewCadence())
	return r.Build(m, "logbackend", kind.Slots{Parallel: probe.Parallel}).Complete(r)
}

// New is the reconciler of LogBackends.
func New(e *environment.Environment, cadence *probe.Cadence) *kind.Reconciler[*v1alpha1.LogBackend] {
	p := prober{clock: e.Clock}
	logic := &probe.Logic[*v1alpha1.LogBackend, *connection]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes,
		Open: func(ctx context.Context, b *v1alpha1.LogBackend) (*connection, error) {
			opened, err := e.Backends.OpenLogs(ctx, b)
			if err != nil {
				return nil, err
			}
			return &connection{Logs: opened}, nil
		},
		Prove:    p.prove,
		Deadline: func(b *v1alpha1.LogBackend) time.Duration { return 3*b.Spec.RequestTimeout() + patience(b) },
		Reset:    func(b *v1alpha1.LogBackend) { reset(&b.Status) },
		Parts:    []probe.Part[*v1alpha1.LogBackend, *connection]{retentionPart(), dataViewPart(), dataSource(e).Part()},
	}
	empty := func() *v1alpha1.LogBackend { return &v1alpha1.LogBackend{} }
	return probe.NewReconciler(e.Environment, "Probe", empty, logic, func(b *v1alpha1.LogBackend) any { return b.Spec })
}

func dataSource(e *environment.Environment) grafana.DataSource[*v1alpha1.LogBackend, *connection] {
	return grafana.DataSource[*v1alpha1.LogBackend, *connection]{
		Kind: kindName, Prefix: "kubeops-grafana-lb-", Accounts: e.Accounts,
		Wanted: func(b *v1alpha1.LogBackend) *v1alpha1.GrafanaDataSource { return b.Spec.Grafana },
		Of:     func(b *v1alpha1.LogBackend, c *connection) *visual.DataSource { return c.DataSource(b) },
	}
}

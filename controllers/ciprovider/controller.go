// Package ciprovider probes CIProviders: it asks each server, with its credentials, for whom it takes them and for its load, and
// records the answer in the status. It starts no builds.
package ciprovider

import (
	"context"
	"time"

	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=ciproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=ciproviders/status,verbs=patch

const (
	kindName = "CIProvider"
	// parallel probes. A cluster has few providers, and each place costs memory.
	parallel = 8
	// requests of a probe, each with its own timeout.
	requests = 6
	// maxShort is a length in runes, and maxCapabilities a number: limits of the API.
	maxShort, maxCapabilities = 64, 32
)

// Setup adds the controller to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e, e.NewCadence())
	return r.Build(m, "ciprovider", kind.Slots{Parallel: parallel}).Complete(r)
}

// New is the reconciler of CIProviders.
func New(e *environment.Environment, cadence *probe.Cadence) *kind.Reconciler[*v1alpha1.CIProvider] {
	logic := &probe.Logic[*v1alpha1.CIProvider, *backends.Builds]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes,
		Open: func(ctx context.Context, p *v1alpha1.CIProvider) (*backends.Builds, error) {
			return e.Backends.OpenBuilds(ctx, p)
		},
		Prove:    prove,
		Deadline: func(p *v1alpha1.CIProvider) time.Duration { return requests * p.Spec.RequestTimeout() },
		Reset:    func(p *v1alpha1.CIProvider) { reset(&p.Status) },
	}
	empty := func() *v1alpha1.CIProvider { return &v1alpha1.CIProvider{} }
	return probe.NewReconciler(e.Environment, "Probe", empty, logic, func(p *v1alpha1.CIProvider) any { return p.Spec })
}

// prove that the server accepts the credentials, and record what it reports.
func prove(ctx context.Context, scope *kind.Scope[*v1alpha1.CIProvider], c *backends.Builds) (probe.Result, error) {
	status := &scope.Object.Status
	reset(status)
	d, err := c.Describe(ctx)
	if err != nil {
		return probe.Result{}, err
	}
	status.Version, status.User = c.Redact(d.Version, maxShort), c.Redact(d.User, maxShort)
	status.Latency = probe.Steady(scope.Stored.Status.Latency, d.Latency, time.Millisecond, 5*time.Millisecond)
	status.Queued = ptr.To(probe.Count(d.Queued))
	if d.Executors > 0 {
		status.Executors = &v1alpha1.ExecutorCounts{Total: probe.Count(d.Executors), Busy: probe.Count(d.Busy)}
	}
	status.QuietingDown = d.QuietingDown
	for _, capability := range d.Capabilities[:min(len(d.Capabilities), maxCapabilities)] {
		status.Capabilities = append(status.Capabilities, c.Redact(capability, maxShort))
	}
	if d.QuietingDown {
		return probe.Result{
			Reason: v1alpha1.ReasonQuietingDown, Message: "the server prepares to shut down: builds wait in its queue",
		}, nil
	}
	return probe.Result{Message: "the server accepts user " + status.User}, nil
}

// reset removes what only a successful round trip can tell; the version of the server stays.
func reset(s *v1alpha1.CIProviderStatus) {
	s.User = ""
	s.Latency = nil
	s.Executors = nil
	s.Queued = nil
	s.QuietingDown = false
	s.Capabilities = nil
}

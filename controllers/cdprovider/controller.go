// Package cdprovider probes CDProviders: it asks the plugin of each for a round trip to its server, and records the answer in the status.
// It deploys nothing.
package cdprovider

import (
	"context"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=cdproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=cdproviders/status,verbs=patch

const (
	kindName = "CDProvider"
	// parallel probes. A cluster has few providers, and each place costs memory.
	parallel = 8
	// requests of a probe, each with its own timeout.
	requests = 4
	// maxShort is a length in runes, and maxCapabilities a number: limits of the API.
	maxShort, maxCapabilities = 64, 32
)

// Setup adds the controller to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e, e.NewCadence())
	return r.Build(m, "cdprovider", kind.Slots{Parallel: parallel}).Complete(r)
}

// New is the reconciler of CDProviders.
func New(e *environment.Environment, cadence *probe.Cadence) *kind.Reconciler[*v1alpha1.CDProvider] {
	logic := &probe.Logic[*v1alpha1.CDProvider, *backends.Delivery]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes,
		Open: func(ctx context.Context, p *v1alpha1.CDProvider) (*backends.Delivery, error) {
			return e.Backends.OpenDelivery(ctx, p)
		},
		Prove:    prove,
		Deadline: func(p *v1alpha1.CDProvider) time.Duration { return requests * p.Spec.RequestTimeout() },
		Reset:    func(p *v1alpha1.CDProvider) { reset(&p.Status) },
	}
	empty := func() *v1alpha1.CDProvider { return &v1alpha1.CDProvider{} }
	return probe.NewReconciler(e.Environment, "Probe", empty, logic, func(p *v1alpha1.CDProvider) any { return p.Spec })
}

// prove that the server accepts the credentials, and record what the plugin reports.
func prove(ctx context.Context, scope *kind.Scope[*v1alpha1.CDProvider], c *backends.Delivery) (probe.Result, error) {
	status := &scope.Object.Status
	reset(status)
	status.Plugin = c.Redact(c.Plugin(), maxShort)
	answer, latency, err := c.Check(ctx)
	if err != nil {
		return probe.Result{}, err
	}
	status.Version, status.User = c.Redact(answer.GetVersion(), maxShort), c.Redact(answer.GetUser(), maxShort)
	status.Latency = probe.Steady(scope.Stored.Status.Latency, latency, time.Millisecond, 5*time.Millisecond)
	status.Applications = ptr.To(probe.Count(int(answer.GetApplications())))
	all := slices.Concat(c.Capabilities(), answer.GetCapabilities())
	slices.Sort(all)
	for _, capability := range slices.Compact(all) {
		if capability = strings.TrimSpace(c.Redact(capability, maxShort)); capability != "" && len(status.Capabilities) < maxCapabilities {
			status.Capabilities = append(status.Capabilities, capability)
		}
	}
	return probe.Result{Message: "the server accepts user " + status.User}, nil
}

// reset removes what only a successful round trip can tell; the version of the server stays.
func reset(s *v1alpha1.CDProviderStatus) {
	s.User = ""
	s.Plugin = ""
	s.Latency = nil
	s.Applications = nil
	s.Capabilities = nil
}

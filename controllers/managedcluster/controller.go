// Package managedcluster connects ManagedClusters: it opens a connection from a kubeconfig, proves on a cadence that the cluster answers
// and is the same as before, and reads its inventory. It never changes anything in a cluster.
package managedcluster

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/problem"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=managedclusters,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=managedclusters/status,verbs=patch

const (
	kindName = "ManagedCluster"
	// maxVersion of an API server, in runes.
	maxVersion = 64
)

// Setup adds the controllers to a manager: one that connects and probes, one that reads inventories, and one that imports labels.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e, e.NewCadence())
	if err := r.Build(m, "managedcluster", kind.Slots{Parallel: probe.Parallel}).Complete(r); err != nil {
		return err
	}
	if err := setupInventory(m, e); err != nil {
		return err
	}
	return setupProfiles(m, e)
}

// New is the reconciler that connects and probes ManagedClusters.
func New(e *environment.Environment, cadence *probe.Cadence) *kind.Reconciler[*v1alpha1.ManagedCluster] {
	c := newConnector(e)
	logic := &probe.Logic[*v1alpha1.ManagedCluster, *session]{
		Kind: kindName, Cadence: cadence, Metrics: e.Probes, Open: c.open, Prove: c.prove,
		Reset:     func(mc *v1alpha1.ManagedCluster) { mc.Status.Latency = nil },
		Parts:     c.parts(),
		Forgotten: c.drop, Paused: c.drop,
	}
	r := probe.NewReconciler(e.Environment, "Probe", empty, logic, func(mc *v1alpha1.ManagedCluster) any { return mc.Spec })
	c.references = r.References
	return r
}

func empty() *v1alpha1.ManagedCluster { return &v1alpha1.ManagedCluster{} }

// session is one probe of a connection, which the registry owns.
type session struct {
	*clusters.Connection
	// What the probe found out, for the conditions.
	reachable, identity outcome.Auxiliary
	validity            clusters.Validity
}

// Close does nothing: connections outlive probes.
func (s *session) Close() {}

// Redact implements probe.Connection.
func (s *session) Redact(text string, maxRunes int) string {
	return outcome.Clip(s.Connection.Redact(text), maxRunes)
}

// prove asks the API server for its version and identity.
func (c *connector) prove(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster], s *session) (probe.Result, error) {
	status := &scope.Object.Status
	status.Server = s.Host()
	health, err := s.Probe(ctx, scope.Object.Spec.RequestTimeout())
	if err == nil {
		s.reachable = outcome.True(v1alpha1.ReasonSucceeded, "the API server answers")
		err = identify(scope.Object, s, health)
	} else {
		s.reachable = reachability(err)
	}
	if err != nil {
		status.Latency = nil
		c.failed(ctx, scope, err)
		return probe.Result{}, err
	}
	s.Identified(status.UID)
	c.Clusters.Succeeded(scope.Key())
	status.Version = s.Redact(health.Version, maxVersion)
	status.Support = support(health.Version)
	status.Latency = probe.Steady(status.Latency, health.Latency, time.Millisecond, 50*time.Millisecond)
	message := "the API server answers"
	if status.Support == v1alpha1.ClusterOutOfSupport {
		message += "; its version is out of support, so upgrade it"
	}
	stored := &scope.Stored.Status
	return probe.Result{Message: message, Changed: stored.Version != status.Version || stored.UID != status.UID}, nil
}

// failed records a failed probe, unless it failed because the manager stops.
func (c *connector) failed(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster], err error) {
	p := problem.As(err)
	if p == nil || context.Cause(ctx) == context.Canceled { //nolint:errorlint // the cause itself, not one that wraps it
		return
	}
	c.Clusters.Failed(scope.Key(), p)
}

// reachability tells a server that does not answer from one that rejects the credentials.
func reachability(err error) outcome.Auxiliary {
	p := problem.As(err)
	switch {
	case p == nil:
		return outcome.Unknown(v1alpha1.ReasonRetrying, "the probe failed; see Ready")
	case clusters.Unreachable(err):
		return outcome.False(p.Reason, p.Message)
	default:
		return outcome.True(v1alpha1.ReasonSucceeded, "the API server answers")
	}
}

// identify compares the cluster with the one that answered before.
func identify(mc *v1alpha1.ManagedCluster, s *session, health clusters.Health) error {
	known := mc.Status.UID
	if mc.Spec.UID != "" {
		known = mc.Spec.UID
	}
	if !clusters.SameCluster(known, health.Identity) {
		p := problem.UserError(v1alpha1.ReasonIdentityChanged, nil,
			"%s is another cluster than before (uid %s, before %s), so it is left alone; to accept it, set spec.uid to %[2]s",
			s.Host(), health.Identity, known)
		p.Action = problem.Retry // a server that was replaced by mistake may come back
		s.identity = outcome.True(v1alpha1.ReasonIdentityChanged, p.Message)
		return p
	}
	s.identity = outcome.False(v1alpha1.ReasonSucceeded, "the cluster is the same as at the first contact")
	if clusters.Stronger(mc.Status.UID, health.Identity) || !clusters.SameCluster(mc.Status.UID, health.Identity) {
		mc.Status.UID = health.Identity
	}
	return nil
}

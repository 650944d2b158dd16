// Package testsuite is what the tests of controllers share: one API server for all tests of a package, the environment of a
// controller within one namespace, and reconciles that are called directly, with a clock that stands still until it is moved.
package testsuite

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// Run runs the tests of a package with one API server for all of them, and returns the exit code. Config is set to the
// configuration of a cluster administrator.
func Run(m *testing.M, config **rest.Config) int {
	started, stop, err := testkit.StartAPIServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*config = started
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		return 1
	}
	return code
}

// NewEnvironment is the environment of controllers whose objects are in one namespace. Nothing is watched, and backends may be
// on loopback addresses. The types of backends that a test needs are left to it.
func NewEnvironment(t testing.TB, n *tenant.Tenant, registry prometheus.Registerer) *environment.Environment {
	t.Helper()
	probes, err := probe.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	return &environment.Environment{
		Environment: kind.Environment{Client: n.Client, Reader: n.Client, Config: n.Config, Clock: n.Clock, Events: n.Events},
		Settings:    environment.Settings{Metrics: registry, Egress: provider.Egress{AllowLoopback: true}},
		Accounts:    impersonate.Source{Reader: n.Client, Config: n.Config},
		Backends: &backends.Resolver{
			Secrets: &secretref.Source{Reader: n.Client, Config: n.Config}, Egress: provider.Egress{AllowLoopback: true},
			Meters: &backends.Meters{Client: n.Client, Clock: n.Clock},
		},
		Clusters: newClusters(t), Probes: probes,
	}
}

// StartManager runs one controller package until the test ends. Backends may be on loopback addresses.
func StartManager(t testing.TB, config *rest.Config, setup environment.Setup) *environment.Environment {
	t.Helper()
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: tenant.Scheme(t), Metrics: metricsserver.Options{BindAddress: "0"}, Logger: logr.Discard(),
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	settings := environment.Settings{Metrics: prometheus.NewRegistry(), Egress: provider.Egress{AllowLoopback: true}}
	env, err := environment.New(manager, settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := setup(manager, env); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- manager.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Errorf("the manager ended with: %v", err)
		}
	})
	return env
}

// newClusters is a registry of clusters that may be on loopback addresses.
func newClusters(t testing.TB) *clusters.Registry {
	t.Helper()
	r, err := clusters.NewRegistry(clusters.Options{Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Steady is a cadence without jitter.
func Steady() *probe.Cadence { return probe.NewCadence(func() float64 { return 0 }) }

// Reconcile reconciles an object once.
func Reconcile(t testing.TB, r reconcile.Reconciler, key client.ObjectKey) (ctrl.Result, error) {
	t.Helper()
	return r.Reconcile(t.Context(), ctrl.Request{NamespacedName: key})
}

// MustReconcile reconciles an object once, which must not be an error, reads it, checks the rules that hold for every status,
// and returns when the next reconcile is due.
func MustReconcile(t testing.TB, r reconcile.Reconciler, n *tenant.Tenant, object kind.Object) time.Duration {
	t.Helper()
	key := client.ObjectKeyFromObject(object)
	result, err := Reconcile(t, r, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Client.Get(t.Context(), key, object); err != nil {
		t.Fatal(err)
	}
	l := object.Lifecycle()
	if found := outcome.Violations(object.GetGeneration(), *l.ObservedGeneration, *l.Conditions); len(found) > 0 {
		t.Errorf("the status breaks the rules: %q", found)
	}
	return result.RequeueAfter
}

// WantReady checks the condition Ready of an Inspection, whose complete message must contain a text, and the rules that hold for every
// status.
func WantReady(t testing.TB, i *v1alpha1.Inspection, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	for _, violation := range outcome.Violations(i.Generation, i.Status.ObservedGeneration, i.Status.Conditions) {
		t.Error(violation)
	}
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != status || ready.Reason != reason ||
		!strings.Contains(outcome.Explanation(i.Status.Conditions), message) {
		t.Errorf("Ready is %+v, want %s, %s and %q", ready, status, reason, message)
	}
}

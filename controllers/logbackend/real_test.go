package logbackend

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/testkit/servers"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// TestARealLokiThatComesAndGoes is followed by a running manager, which is never restarted.
func TestARealLokiThatComesAndGoes(t *testing.T) {
	const interval, timeout, up, busy = 5 * time.Second, 2 * time.Second, 10 * time.Second, time.Second
	n := tenant.New(t, realAPI)
	startManager(t, n)
	server := servers.StartLoki(t, servers.LokiOptions{})
	server.Stop()
	b := &v1alpha1.LogBackend{ObjectMeta: n.Meta("b"), Spec: v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: server.URL},
	}}
	b.Spec.Interval, b.Spec.Timeout = &metav1.Duration{Duration: interval}, &metav1.Duration{Duration: timeout}
	n.Create(b)
	within := func(limit time.Duration, what, reason string) {
		t.Helper()
		began := time.Now()
		n.Eventually(func() error {
			if err := n.Client.Get(t.Context(), n.Key("b"), b); err != nil {
				return err
			}
			if c := condition(b, v1alpha1.ConditionReady); c.Reason != reason {
				return fmt.Errorf("%s: want %s: %+v", what, reason, c)
			}
			return nil
		})
		took := time.Since(began).Round(10 * time.Millisecond)
		t.Logf("%s: %s after %s", what, reason, took)
		if took > limit {
			t.Errorf("%s: it took %s, longer than %s", what, took, limit)
		}
	}
	within(up, "not started yet", v1alpha1.ReasonUnreachable)
	server.Start()
	within(up, "started", v1alpha1.ReasonSucceeded)
	if b.Status.IngestLag == nil || b.Status.QueryLatency == nil || b.Status.Version == "" || b.Status.Flavour != "loki" {
		t.Errorf("status: %+v", b.Status)
	}
	server.Stop()
	within(interval+busy, "stopped", v1alpha1.ReasonUnreachable)
	server.Start()
	within(up, "started again", v1alpha1.ReasonSucceeded)
	server.Pause()
	within(interval+timeout+busy, "hanging", v1alpha1.ReasonTimeout)
	server.Resume()
	within(up, "going on", v1alpha1.ReasonSucceeded)
}

// startManager runs one until the test ends.
func startManager(t *testing.T, n *tenant.Tenant) {
	t.Helper()
	manager, err := ctrl.NewManager(realAPI, ctrl.Options{
		Scheme: n.Client.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	types, err := builtin.Logs()
	if err != nil {
		t.Fatal(err)
	}
	shown, err := backend.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	r := &Reconciler{
		Keeper: backend.Keeper{
			Kind: "LogBackend", Client: manager.GetClient(), Reader: manager.GetAPIReader(), Clock: clock.RealClock{},
			Events: manager.GetEventRecorder("kubeops"), Metrics: shown, Cadence: backend.NewCadence(rand.Float64),
			DataSources: &backend.DataSources{Config: realAPI},
		},
		Backends: &backends.Resolver{
			Secrets: &secretref.Source{Reader: manager.GetAPIReader(), Config: manager.GetConfig()}, LogTypes: types, Egress: provider.Egress{AllowLoopback: true},
		},
	}
	if err := r.SetupWithManager(manager); err != nil {
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
}

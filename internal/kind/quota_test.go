package kind_test

import (
	"context"
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// reasons of Ready, by name, after one reconcile of each object.
func reasons(t *testing.T, w *tenant.Tenant, r *kind.Reconciler[*v1alpha1.MetricsBackend]) map[string]string {
	t.Helper()
	list := &v1alpha1.MetricsBackendList{}
	if err := w.Client.List(t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, b := range list.Items {
		if _, err := testsuite.Reconcile(t, r, w.Key(b.Name)); err != nil && problem.As(err) == nil {
			t.Fatal(err)
		}
		got[b.Name] = meta.FindStatusCondition(get(t, w, b.Name).Status.Conditions, v1alpha1.ConditionReady).Reason
	}
	return got
}

func TestOnlyTheOldestObjectsOfANamespaceAreServed(t *testing.T) {
	l := &logic{reconcile: succeed}
	w := tenant.New(t, realAPI)
	e := kind.Environment{Client: w.Client, Reader: w.Client, Config: w.Config, Clock: w.Clock, Events: w.Events, Quotas: limits.Quotas{
		Objects: map[string]limits.Objects{"MetricsBackend": {Served: 2, Setting: "quotas.metricsBackends"}},
	}}
	r := kind.NewReconciler(e, "MetricsBackend", "Test", empty, kind.Logic[*v1alpha1.MetricsBackend](l), nil)
	for n := range 4 { // within one second, the name decides
		w.Create(newBackend(w, fmt.Sprintf("b%d", n)))
	}
	neighbour := tenant.New(t, realAPI)
	neighbour.Create(newBackend(neighbour, "b"))

	got := reasons(t, w, r)
	for n, want := range []string{
		v1alpha1.ReasonSucceeded, v1alpha1.ReasonSucceeded, v1alpha1.ReasonQuotaExceeded, v1alpha1.ReasonQuotaExceeded,
	} {
		if name := fmt.Sprintf("b%d", n); got[name] != want {
			t.Errorf("%s: %s, want %s", name, got[name], want)
		}
	}
	if l.reconciled != 2 {
		t.Errorf("%d objects were served, want 2", l.reconciled)
	}
	refused := get(t, w, "b2")
	want := "namespace " + w.Namespace + " exceeds its quota: only its 2 oldest resources of kind MetricsBackend are served " +
		"(quotas.metricsBackends in the manager's configuration); delete others, or have the quota raised"
	for condition, want := range map[string]string{v1alpha1.ConditionReady: outcome.Short(want), v1alpha1.ConditionStalled: want} {
		if c := meta.FindStatusCondition(refused.Status.Conditions, condition); c == nil || c.Message != want {
			t.Errorf("%s: %+v", condition, c)
		}
	}
	testsuite.MustReconcile(t, r, neighbour, get(t, neighbour, "b")) // has a quota of its own

	w.Delete(get(t, w, "b0"))
	got = reasons(t, w, r)
	if got["b1"] != v1alpha1.ReasonSucceeded || got["b2"] != v1alpha1.ReasonSucceeded || got["b3"] != v1alpha1.ReasonQuotaExceeded {
		t.Errorf("after the oldest was deleted: %v", got)
	}
}

// TestARefusedObjectIsServedOnceAnotherIsDeleted runs a manager: no one but the deletion wakes the object.
func TestARefusedObjectIsServedOnceAnotherIsDeleted(t *testing.T) {
	w := tenant.New(t, realAPI)
	m, err := ctrl.NewManager(realAPI, ctrl.Options{
		Scheme: w.Client.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: ctrlconfig.Controller{SkipNameValidation: ptr.To(true)},
	})
	if err != nil {
		t.Fatal(err)
	}
	e := kind.NewEnvironment(m, nil)
	e.Quotas.Objects = map[string]limits.Objects{"MetricsBackend": {Served: 1, Setting: "quotas.metricsBackends"}}
	l := &logic{reconcile: succeed}
	r := kind.NewReconciler(e, "MetricsBackend", "Test", empty, kind.Logic[*v1alpha1.MetricsBackend](l), nil)
	if err := r.Build(m, "quota", kind.Slots{Parallel: 1}).Complete(r); err != nil {
		t.Fatal(err)
	}
	w.Create(newBackend(w, "b0"))
	w.Create(newBackend(w, "b1"))
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- m.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
	})
	wantReason := func(name, want string) {
		t.Helper()
		w.Eventually(func() error {
			ready := meta.FindStatusCondition(get(t, w, name).Status.Conditions, v1alpha1.ConditionReady)
			if ready == nil || ready.Reason != want {
				return fmt.Errorf("Ready of %s is %+v, want %s", name, ready, want)
			}
			return nil
		})
	}
	wantReason("b0", v1alpha1.ReasonSucceeded)
	wantReason("b1", v1alpha1.ReasonQuotaExceeded)
	w.Delete(get(t, w, "b0"))
	wantReason("b1", v1alpha1.ReasonSucceeded)
}

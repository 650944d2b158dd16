package logcollection

import (
	"context"
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// router is a fake that answers what a test sets.
type router struct {
	states map[types.NamespacedName]logroute.State
	err    error
}

func (r *router) Sync(context.Context, *v1alpha1.LogBackendList) (map[types.NamespacedName]logroute.State, error) {
	return r.states, r.err
}

func TestTheConditionFollowsTheRouteAndTouchesNoOther(t *testing.T) {
	w := tenant.New(t, realAPI)
	r := New(testsuite.NewEnvironment(t, w, prometheus.NewRegistry()))
	fake := &router{}
	r.Routes = fake
	b := &v1alpha1.LogBackend{ObjectMeta: w.Meta("b"), Spec: v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: "http://loki.logging:3100"}, Collect: &v1alpha1.LogCollection{},
	}}
	w.Create(b)
	ready := metav1.Condition{
		Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded, Message: "proven",
		LastTransitionTime: metav1.NewTime(w.Clock.Now()), ObservedGeneration: 1,
	}
	b.Status.Conditions = []metav1.Condition{ready}
	b.Status.Version = "3.5"
	if err := w.Client.Status().Update(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	reconcile := func(fails bool) *v1alpha1.LogBackend {
		t.Helper()
		if _, err := testsuite.Reconcile(t, r, request().NamespacedName); (err != nil) != fails {
			t.Fatalf("got %v", err)
		}
		if err := w.Client.Get(t.Context(), w.Key("b"), b); err != nil {
			t.Fatal(err)
		}
		if !meta.IsStatusConditionTrue(b.Status.Conditions, v1alpha1.ConditionReady) || b.Status.Version != "3.5" {
			t.Fatalf("what belongs to another controller was changed: %+v", b.Status)
		}
		return b
	}
	want := func(fails bool, status metav1.ConditionStatus, reason, message string) {
		t.Helper()
		c := meta.FindStatusCondition(reconcile(fails).Status.Conditions, v1alpha1.ConditionCollectionReady)
		if c == nil || c.Status != status || c.Reason != reason || c.Message != message || c.ObservedGeneration != b.Generation {
			t.Errorf("got %+v", c)
		}
	}
	want(false, metav1.ConditionUnknown, v1alpha1.ReasonProgressing, "the collectors do not have this resource's route yet")
	fake.states = map[types.NamespacedName]logroute.State{
		w.Key("b"): {Reason: v1alpha1.ReasonConflictingRoutes, Message: "it contradicts LogBackend x/y"},
	}
	want(false, metav1.ConditionFalse, v1alpha1.ReasonConflictingRoutes, "it contradicts LogBackend x/y")
	fake.states[w.Key("b")] = logroute.State{Ready: true, Reason: v1alpha1.ReasonCollecting, Message: "running"}
	want(false, metav1.ConditionTrue, v1alpha1.ReasonCollecting, "running")
	fake.err = problem.Retrying(v1alpha1.ReasonForbidden, nil, "cannot apply")
	want(true, metav1.ConditionFalse, v1alpha1.ReasonForbidden, "cannot apply")
	fake.err = errors.New("something else")
	want(true, metav1.ConditionFalse, v1alpha1.ReasonRetrying,
		"unexpected error while updating the log collectors; see the manager's log")
	fake.err = nil

	version := reconcile(false).ResourceVersion
	if again := reconcile(false); again.ResourceVersion != version {
		t.Error("a condition that did not change was written")
	}
	b.Spec.Suspend = true
	w.Update(b)
	want(false, metav1.ConditionTrue, v1alpha1.ReasonCollecting, "running")
	b.Spec.Suspend = false
	b.Spec.Collect = nil
	w.Update(b)
	if c := meta.FindStatusCondition(reconcile(false).Status.Conditions, v1alpha1.ConditionCollectionReady); c != nil {
		t.Errorf("the condition stays without spec.collect: %+v", c)
	}
}

func TestWithoutCollectorsTheConditionSaysHowToInstallThem(t *testing.T) {
	w := tenant.New(t, realAPI)
	r := New(testsuite.NewEnvironment(t, w, prometheus.NewRegistry()))
	b := &v1alpha1.LogBackend{ObjectMeta: w.Meta("b"), Spec: v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: "http://loki.logging:3100"}, Collect: &v1alpha1.LogCollection{},
	}}
	w.Create(b)
	if _, err := testsuite.Reconcile(t, r, request().NamespacedName); err != nil {
		t.Fatal(err)
	}
	if err := w.Client.Get(t.Context(), w.Key("b"), b); err != nil {
		t.Fatal(err)
	}
	if c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionCollectionReady); c == nil ||
		c.Reason != v1alpha1.ReasonNotAvailable {
		t.Errorf("got %+v", b.Status.Conditions)
	}
}

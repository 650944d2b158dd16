package refwatch_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/internal/refwatch"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

func start(t *testing.T) *refwatch.Watcher {
	t.Helper()
	w := refwatch.New(realAPI)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func secret(n *tenant.Tenant, name string) refwatch.Reference {
	return refwatch.Reference{
		Resource: corev1.SchemeGroupVersion.WithResource("secrets"), Namespace: n.Namespace, Name: name, ServiceAccount: "kubeops",
	}
}

func owner(n *tenant.Tenant, name string) refwatch.Owner {
	return refwatch.Owner{Kind: "MetricsBackend", Key: types.NamespacedName{Namespace: n.Namespace, Name: name}}
}

// watched sets references until they are watched: permissions that were just granted take a moment.
func watched(n *tenant.Tenant, w *refwatch.Watcher, changed func(), names ...string) {
	var references []refwatch.Reference
	for _, name := range names {
		references = append(references, secret(n, name))
	}
	n.Eventually(func() error {
		w.Set(context.Background(), owner(n, "b"), references, changed)
		if !w.Watching(owner(n, "b")) || w.Count() != len(names) {
			return fmt.Errorf("%d objects are watched, all of the owner's: %v", w.Count(), w.Watching(owner(n, "b")))
		}
		return nil
	})
}

func TestAReferenceThatIsNoNameIsNotWatched(t *testing.T) {
	n := tenant.New(t, realAPI)
	w := start(t)
	watched(n, w, func() {}) // once started
	for _, name := range []string{"x/y", "../../shop/secrets/login", "..", "a%2fb", ""} {
		hostile := secret(n, "login")
		hostile.ServiceAccount = name
		foreign := secret(n, "login")
		foreign.Namespace = name
		w.Set(t.Context(), owner(n, "b"), []refwatch.Reference{secret(n, name), foreign}, func() {})
		if w.Count() != 0 || w.Watching(owner(n, "b")) {
			t.Errorf("%q: %d objects are watched", name, w.Count())
		}
		if name == "" {
			continue // the manager's own permissions
		}
		w.Set(t.Context(), owner(n, "b"), []refwatch.Reference{hostile}, func() {})
		if w.Count() != 0 {
			t.Errorf("account %q: %d objects are watched", name, w.Count())
		}
	}
}

func TestEveryChangeOfASecretIsNoticedWithinFiveSeconds(t *testing.T) {
	n := tenant.New(t, realAPI)
	w := start(t)
	n.Account()
	n.Grant("login")
	changes := make(chan struct{}, 100)
	watched(n, w, func() { changes <- struct{}{} }, "login")
	noticed := func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(5 * time.Second):
			t.Errorf("%s was not noticed", what)
		}
		for len(changes) > 0 {
			<-changes
		}
	}
	n.Secret("login", "token", "one") // of the tests only
	noticed("the creation")
	object := &corev1.Secret{}
	if err := n.Client.Get(t.Context(), n.Key("login"), object); err != nil {
		t.Fatal(err)
	}
	object.Data["token"] = []byte("two")
	n.Update(object)
	noticed("a change")
	n.Delete(object)
	noticed("the deletion")
	n.Secret("login", "token", "three")
	noticed("the creation again")

	w.Release(owner(n, "b"))
	if w.Count() != 0 {
		t.Errorf("%d objects are still watched", w.Count())
	}
	n.Secret("login", "token", "four")
	select {
	case <-changes:
		t.Error("a reference that was released is still watched")
	case <-time.After(300 * time.Millisecond):
	}
}

func TestNothingIsWatchedWithoutThePermissionToWatch(t *testing.T) {
	n := tenant.New(t, realAPI)
	w := start(t)
	n.Account()
	n.Create(&rbacv1.Role{ObjectMeta: n.Meta("get-only"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{"login"}, Verbs: []string{"get"}},
	}})
	began := time.Now()
	w.Set(t.Context(), owner(n, "b"), []refwatch.Reference{secret(n, "login")}, func() { t.Error("a change of what cannot be watched") })
	if w.Watching(owner(n, "b")) {
		t.Error("it says that it watches")
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Set took %s", took)
	}
}

func TestAPermissionThatIsGrantedLaterWakesTheOwner(t *testing.T) {
	n := tenant.New(t, realAPI)
	w := start(t)
	n.Account()
	n.Secret("login", "token", "one")
	woken := make(chan struct{}, 10)
	w.Set(t.Context(), owner(n, "b"), []refwatch.Reference{secret(n, "login")}, func() { woken <- struct{}{} })
	n.Grant("login")
	select {
	case <-woken:
	case <-time.After(20 * time.Second):
		t.Error("the owner was not woken")
	}
	if !w.Watching(owner(n, "b")) {
		t.Error("the Secret is not watched")
	}
}

func TestOneWatchServesAllOwnersAndANamespaceHasABound(t *testing.T) {
	n := tenant.New(t, realAPI)
	w := start(t)
	n.Account()
	n.Grant("login")
	var calls atomic.Int32
	watched(n, w, func() { calls.Add(1) }, "login")
	for i := range 5 {
		w.Set(t.Context(), owner(n, fmt.Sprintf("other-%d", i)), []refwatch.Reference{secret(n, "login")}, func() { calls.Add(1) })
	}
	if w.Count() != 1 {
		t.Errorf("%d watches for one Secret", w.Count())
	}
	n.Secret("login", "token", "one")
	n.Eventually(func() error {
		if got := calls.Load(); got < 6 {
			return fmt.Errorf("%d of 6 owners were woken", got)
		}
		return nil
	})
	var many []refwatch.Reference
	for i := range 150 {
		many = append(many, secret(n, fmt.Sprintf("s-%d", i)))
	}
	w.Set(t.Context(), owner(n, "greedy"), many, func() {})
	if w.Count() != 100 {
		t.Errorf("%d objects of one namespace are watched, want at most 100", w.Count())
	}
	if w.Watching(owner(n, "greedy")) {
		t.Error("it says that all are watched")
	}
}

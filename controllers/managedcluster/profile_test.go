package managedcluster

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/refwatch"
)

// clusterProfiles is a definition with the names of the real one.
const clusterProfiles = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: clusterprofiles.multicluster.x-k8s.io
  annotations: {api-approved.kubernetes.io: "unapproved, for a test"}
spec:
  group: multicluster.x-k8s.io
  names: {kind: ClusterProfile, plural: clusterprofiles}
  scope: Namespaced
  versions:
  - name: v1alpha1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// importProfile reconciles once, and checks the condition.
func (w *world) importProfile(status, reason, text string) *v1alpha1.ManagedCluster {
	w.t.Helper()
	if _, err := testsuite.Reconcile(w.t, NewProfiles(w.env), w.Key("c")); err != nil {
		w.t.Fatal(err)
	}
	c := w.get()
	w.want(c, [3]string{v1alpha1.ConditionProfileImported, status, reason})
	if got := message(c, v1alpha1.ConditionProfileImported); !strings.Contains(got, text) {
		w.t.Errorf("message %q, want %q", got, text)
	}
	return c
}

func (w *world) wantLabels(c *v1alpha1.ManagedCluster, want map[string]string) {
	w.t.Helper()
	if !maps.Equal(c.Labels, want) {
		w.t.Errorf("labels %v, want %v", c.Labels, want)
	}
}

func TestLabelsOfAClusterProfileAreImported(t *testing.T) {
	w := newWorld(t)
	w.cluster(func(s *v1alpha1.ManagedClusterSpec) { s.ClusterProfile = &v1alpha1.LocalReference{Name: "p"} })
	w.importProfile("False", v1alpha1.ReasonForbidden, "cannot get ClusterProfile "+w.Namespace+"/p (RBAC)")
	w.Create(&rbacv1.Role{ObjectMeta: w.Meta("profiles"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"multicluster.x-k8s.io"}, Resources: []string{"clusterprofiles"}, Verbs: []string{"get"}},
	}})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta("profiles"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "profiles"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
	w.Eventually(func() error {
		if c := w.profiled(); !strings.Contains(message(c, v1alpha1.ConditionProfileImported), "does not serve clusterprofiles") {
			return fmt.Errorf("%+v", c.Status.Conditions)
		}
		return nil
	})
	w.Create(object(t, clusterProfiles))
	profile := object(t, `
apiVersion: multicluster.x-k8s.io/v1alpha1
kind: ClusterProfile
metadata:
  name: p
  labels:
    region: eu
    environment: production
    x-k8s.io/cluster-manager: fleet
    app.kubernetes.io/instance: an-application
    kustomize.toolkit.fluxcd.io/name: infrastructure
spec: {displayName: "Frankfurt\e[31m", clusterManager: {name: fleet}}
`)
	profile.SetNamespace(w.Namespace)
	w.Eventually(func() error { return w.Client.Create(t.Context(), profile) })
	c := w.importProfile("True", v1alpha1.ReasonSucceeded, "3 labels are imported from ClusterProfile p")
	imported := map[string]string{"region": "eu", "environment": "production", "x-k8s.io/cluster-manager": "fleet"}
	w.wantLabels(c, imported)
	if p := c.Status.Profile; p == nil || strings.Contains(p.DisplayName, "\x1b") || p.ClusterManager != "fleet" {
		t.Errorf("profile %+v", p)
	}
	before := c.ResourceVersion
	if c = w.importProfile("True", v1alpha1.ReasonSucceeded, ""); c.ResourceVersion != before {
		t.Error("an unchanged profile was written again")
	}

	// A label that someone sets stays; one that the profile no longer has is removed.
	c.Labels["environment"] = "test"
	w.Update(c)
	profile.SetLabels(map[string]string{"environment": "production", "tier": "gold"})
	w.Update(profile)
	c = w.importProfile("False", v1alpha1.ReasonConflict, "another field manager owns: environment")
	w.wantLabels(c, map[string]string{"environment": "test", "tier": "gold"})

	// A profile that is gone changes nothing, and one that is no longer referenced leaves what others set.
	if err := w.Client.Delete(t.Context(), profile); err != nil {
		t.Fatal(err)
	}
	c = w.importProfile("False", v1alpha1.ReasonNotFound, "its labels stay as they are")
	w.wantLabels(c, map[string]string{"environment": "test", "tier": "gold"})
	w.change(func(s *v1alpha1.ManagedClusterSpec) { s.ClusterProfile = nil })
	c = w.profiled()
	w.wantLabels(c, map[string]string{"environment": "test"})
	if c.Status.Profile != nil || message(c, v1alpha1.ConditionProfileImported) != "" {
		t.Errorf("status %+v", c.Status)
	}
}

// profiled reconciles once, whatever comes of it.
func (w *world) profiled() *v1alpha1.ManagedCluster {
	w.t.Helper()
	if _, err := testsuite.Reconcile(w.t, NewProfiles(w.env), w.Key("c")); err != nil {
		w.t.Fatal(err)
	}
	return w.get()
}

func TestAChangeOfAClusterProfileWakesItsManagedCluster(t *testing.T) {
	w := newWorld(t)
	watcher := refwatch.New(realAPI)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var group sync.WaitGroup
	group.Go(func() { _ = watcher.Start(ctx) }) // it ends with its context
	t.Cleanup(func() {
		stop()
		group.Wait()
	})
	w.env.Watcher = watcher
	r := NewProfiles(w.env)
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	t.Cleanup(queue.ShutDown)
	if err := r.References.Source().Start(ctx, queue); err != nil {
		t.Fatal(err)
	}
	if err := w.Client.Create(t.Context(), object(t, clusterProfiles)); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	w.Create(&rbacv1.Role{ObjectMeta: w.Meta("profiles"), Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"multicluster.x-k8s.io"}, Resources: []string{"clusterprofiles"}, Verbs: []string{"get", "watch"}},
	}})
	w.Create(&rbacv1.RoleBinding{
		ObjectMeta: w.Meta("profiles"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "profiles"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
	profile := object(t, "{apiVersion: multicluster.x-k8s.io/v1alpha1, kind: ClusterProfile, metadata: {name: p, labels: {region: eu}}}")
	profile.SetNamespace(w.Namespace)
	w.Eventually(func() error { return w.Client.Create(t.Context(), profile) })
	w.cluster(func(s *v1alpha1.ManagedClusterSpec) { s.ClusterProfile = &v1alpha1.LocalReference{Name: "p"} })
	w.Eventually(func() error {
		if _, err := testsuite.Reconcile(t, r, w.Key("c")); err != nil {
			return err
		}
		if !r.References.Watching(w.Key("c")) || w.get().Labels["region"] != "eu" {
			return fmt.Errorf("not watched yet: %+v", w.get().Status.Conditions)
		}
		return nil
	})
	for queue.Len() > 0 { // by the permissions, which may have come after the first attempt
		request, _ := queue.Get()
		queue.Done(request)
	}
	profile.SetLabels(map[string]string{"region": "us"})
	w.Update(profile)
	if request, _ := queue.Get(); request.NamespacedName != w.Key("c") { // the deadline is that of the test
		t.Fatalf("%s was woken", request)
	}
	if _, err := testsuite.Reconcile(t, r, w.Key("c")); err != nil {
		t.Fatal(err)
	}
	w.wantLabels(w.get(), map[string]string{"region": "us"})
	w.Delete(w.get())
	if _, err := testsuite.Reconcile(t, r, w.Key("c")); err != nil || watcher.Count() != 0 {
		t.Errorf("%v, %d objects are watched for a ManagedCluster that is gone", err, watcher.Count())
	}
}

func TestLabelsOfAnotherClusterAreNotApplied(t *testing.T) {
	w := newWorld(t)
	w.cluster(nil)
	old := w.get()
	w.Delete(w.get())
	l := &profiles{w.env}
	if err := l.apply(t.Context(), old, map[string]string{"region": "eu"}); err == nil {
		t.Error("labels were applied to a ManagedCluster that does not exist")
	}
	if err := w.Client.Get(t.Context(), w.Key("c"), &v1alpha1.ManagedCluster{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("it was created: %v", err)
	}
	w.cluster(nil)
	if err := l.apply(t.Context(), old, map[string]string{"region": "eu"}); err == nil || len(w.get().Labels) > 0 {
		t.Errorf("labels were applied to another ManagedCluster of the name: %v", err)
	}
}

func TestLabelsThatOtherToolsReadAreNotImported(t *testing.T) {
	labels := map[string]string{"a": "1", "example.com/b": "2"}
	for i := range 2 * maxProfileLabels {
		labels[fmt.Sprintf("z%03d", i)] = ""
	}
	for _, domain := range notImported() {
		labels[domain+"/x"] = "3"
		labels["sub."+domain+"/x"] = "4"
	}
	got := importable(labels)
	if got["a"] != "1" || got["example.com/b"] != "2" || len(got) != maxProfileLabels {
		t.Errorf("%d labels: %v", len(got), got)
	}
	for key := range got {
		if domain, _, found := strings.Cut(key, "/"); found && domain != "example.com" {
			t.Errorf("%s is imported", key)
		}
	}
}

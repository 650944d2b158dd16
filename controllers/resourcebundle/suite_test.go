package resourcebundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the API server that the manager runs in, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// world is a namespace with bundles, whose ServiceAccount kubeops may do everything in the namespace.
type world struct {
	*tenant.Tenant
	t   *testing.T
	env *environment.Environment
	r   *kind.Reconciler[*v1alpha1.ResourceBundle]
}

func newWorld(t *testing.T) *world {
	t.Helper()
	n := tenant.New(t, realAPI)
	n.Account()
	env := testsuite.NewEnvironment(t, n, prometheus.NewRegistry())
	w := &world{Tenant: n, t: t, env: env}
	w.start()
	w.allow(n.Client, "*", "*")
	return w
}

// start a manager, which knows nothing yet. Its reconciles wait until a repository was read, however busy the machine is.
func (w *world) start() {
	l := newLogic(w.env)
	l.patience = time.Minute
	w.r = newReconciler(w.env, l)
}

// allow the ServiceAccount kubeops everything on resources of a group in the namespace, on the API server of a client.
func (w *world) allow(c client.Client, group string, resources ...string) {
	w.t.Helper()
	name := "kubeops-applies-" + strings.ReplaceAll(group, "*", "all")
	for _, object := range []client.Object{
		&rbacv1.Role{ObjectMeta: w.Meta(name), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{group}, Resources: resources, Verbs: []string{"*"}},
		}},
		&rbacv1.RoleBinding{
			ObjectMeta: w.Meta(name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
		},
	} {
		if err := c.Create(w.t.Context(), object); err != nil {
			w.t.Fatal(err)
		}
	}
}

// allowCluster lets the ServiceAccount kubeops do everything on a resource in the whole cluster.
func (w *world) allowCluster(group, resource string) {
	w.t.Helper()
	name := w.Namespace + "-" + resource
	w.Create(&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{group}, Resources: []string{resource}, Verbs: []string{"*"}},
	}})
	w.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
}

// manifests are those of the YAML documents.
func manifests(t testing.TB, documents ...string) (list []v1alpha1.Manifest) {
	t.Helper()
	for _, document := range documents {
		encoded, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatal(err)
		}
		manifest := v1alpha1.Manifest{}
		manifest.Raw = encoded
		list = append(list, manifest)
	}
	return list
}

// configMap is the manifest of a ConfigMap with one key.
func configMap(name, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\ndata: {key: %q}\n", name, value)
}

// bundle creates a ResourceBundle.
func (w *world) bundle(name string, spec v1alpha1.ResourceBundleSpec) {
	w.t.Helper()
	w.Create(&v1alpha1.ResourceBundle{ObjectMeta: w.Meta(name), Spec: spec})
}

func (w *world) get(name string) *v1alpha1.ResourceBundle {
	w.t.Helper()
	b := &v1alpha1.ResourceBundle{}
	if err := w.Client.Get(w.t.Context(), w.Key(name), b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

// change the spec.
func (w *world) change(name string, change func(*v1alpha1.ResourceBundleSpec)) {
	w.t.Helper()
	b := w.get(name)
	change(&b.Spec)
	w.Update(b)
}

// once reconciles a bundle once.
func (w *world) once(name string) (ctrl.Result, error) {
	w.t.Helper()
	return testsuite.Reconcile(w.t, w.r, w.Key(name))
}

// reconcile a bundle and return it.
func (w *world) reconcile(name string) *v1alpha1.ResourceBundle {
	w.t.Helper()
	if _, err := w.once(name); err != nil {
		w.t.Logf("reconcile %s: %v", name, err)
	}
	b := w.get(name)
	l := b.Lifecycle()
	if found := outcome.Violations(b.Generation, *l.ObservedGeneration, *l.Conditions); len(found) > 0 {
		w.t.Errorf("the status breaks the rules: %q", found)
	}
	return b
}

// until reconciles a bundle until Ready has a reason.
func (w *world) until(name, reason string) *v1alpha1.ResourceBundle {
	w.t.Helper()
	var b *v1alpha1.ResourceBundle
	w.Eventually(func() error {
		b = w.reconcile(name)
		if ready := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != reason {
			return fmt.Errorf("got %s, want reason %s\n%s", outcome.Explanation(b.Status.Conditions), reason, show(b.Status))
		}
		return nil
	})
	return b
}

func show(status any) string {
	encoded, err := yaml.Marshal(status)
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// want checks conditions, each given as TYPE, STATUS, REASON.
func (w *world) want(b *v1alpha1.ResourceBundle, conditions ...[3]string) {
	w.t.Helper()
	for _, want := range conditions {
		got := meta.FindStatusCondition(b.Status.Conditions, want[0])
		if got == nil || string(got.Status) != want[1] || got.Reason != want[2] {
			w.t.Errorf("%s: got %+v, want %s (%s)", want[0], got, want[1], want[2])
		}
	}
}

func conditionMessage(b *v1alpha1.ResourceBundle, condition string) string {
	if found := meta.FindStatusCondition(b.Status.Conditions, condition); found != nil {
		return found.Message
	}
	return ""
}

// read a ConfigMap of the namespace from an API server; nil if there is none.
func (w *world) read(c client.Client, name string) *corev1.ConfigMap {
	w.t.Helper()
	found := &corev1.ConfigMap{}
	err := c.Get(w.t.Context(), w.Key(name), found)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return found
}

// applyAs applies an object as another field manager, by force.
func applyAs(t testing.TB, c client.Client, manager, namespace, document string) {
	t.Helper()
	content := map[string]any{}
	if err := yaml.Unmarshal([]byte(document), &content); err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{Object: content}
	object.SetNamespace(namespace)
	err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(manager), client.ForceOwnership)
	if err != nil {
		t.Fatal(err)
	}
}

// patchAs changes an object as another field manager, by a merge patch as kubectl edit sends it.
func patchAs(t testing.TB, c client.Client, manager string, object client.Object, patch string) {
	t.Helper()
	if !json.Valid([]byte(patch)) {
		t.Fatal(patch)
	}
	if err := c.Patch(t.Context(), object, client.RawPatch("application/merge-patch+json", []byte(patch)), client.FieldOwner(manager)); err != nil {
		t.Fatal(err)
	}
}

// inventory of a bundle in all clusters.
func (w *world) inventory(name string) (entries []v1alpha1.InventoryEntry) {
	w.t.Helper()
	list := &v1alpha1.BundleInventoryList{}
	if err := w.Client.List(w.t.Context(), list, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	for _, i := range list.Items {
		if i.Bundle == name {
			entries = append(entries, i.Entries...)
		}
	}
	return entries
}

var errNotYet = errors.New("not yet")

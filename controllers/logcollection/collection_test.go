package logcollection

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apply"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

const collectorNamespace = "kubeops-logging"

// of are the names of the namespaces whose LogBackends a test sees: other tests have theirs in the same API server.
type of []string

func (o of) list(t *testing.T, reader client.Reader) *v1alpha1.LogBackendList {
	t.Helper()
	list := &v1alpha1.LogBackendList{}
	if err := reader.List(context.WithoutCancel(t.Context()), list); err != nil {
		t.Fatal(err)
	}
	list.Items = slices.DeleteFunc(list.Items, func(b v1alpha1.LogBackend) bool { return !slices.Contains(o, b.Namespace) })
	return list
}

// collecting is a cluster with the component log-collection, and two tenants. What is delivered is delivered with the rights that
// the component gives the manager, and no others.
type collecting struct {
	t          *testing.T
	a, b       *tenant.Tenant
	collection *Collection
	// manager has the permissions of the manager.
	manager client.Client
}

func newCollecting(t *testing.T, everywhere ...string) *collecting {
	t.Helper()
	w := &collecting{t: t, a: tenant.New(t, realAPI), b: tenant.New(t, realAPI)}
	for _, file := range []string{"namespace.yaml", "manager_role.yaml"} {
		w.install(filepath.Join("..", "..", "config", "components", "log-collection", file))
	}
	config := rest.CopyConfig(realAPI)
	config.Impersonate.UserName = "system:serviceaccount:kubeops-system:kubeops-manager"
	manager, err := client.New(config, client.Options{Scheme: w.a.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w.manager = manager
	logTypes, err := builtin.Logs()
	if err != nil {
		t.Fatal(err)
	}
	w.collection = &Collection{
		Backends: &backends.Resolver{Secrets: &secretref.Source{Reader: w.a.Client, Config: realAPI}, LogTypes: logTypes},
		Router: &logroute.Router{
			Applier: &apply.Applier{Client: manager}, Namespace: collectorNamespace, Clock: w.a.Clock,
			ManagerNamespace: "kubeops-system",
			Options:          logroute.Options{Everywhere: everywhere},
		},
	}
	t.Cleanup(func() { // the next test begins without collectors
		if _, err := w.collection.Sync(context.WithoutCancel(t.Context()), &v1alpha1.LogBackendList{}); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *collecting) install(path string) {
	w.t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &o.Object); err != nil {
			w.t.Fatal(err)
		}
		if err := w.a.Client.Create(w.t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
			w.t.Fatal(err)
		}
	}
}

// backend of a tenant, a Loki at a path of its own.
func (w *collecting) backend(n *tenant.Tenant, name string, change func(*v1alpha1.LogBackendSpec)) types.NamespacedName {
	w.t.Helper()
	b := &v1alpha1.LogBackend{ObjectMeta: n.Meta(name), Spec: v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: "http://loki.logging:3100/" + n.Namespace + "/" + name}, Collect: &v1alpha1.LogCollection{},
	}}
	if change != nil {
		change(&b.Spec)
	}
	n.Create(b)
	return client.ObjectKeyFromObject(b)
}

func (w *collecting) try() (map[types.NamespacedName]logroute.State, error) {
	w.t.Helper()
	return w.collection.Sync(w.t.Context(), of{w.a.Namespace, w.b.Namespace}.list(w.t, w.a.Client))
}

func (w *collecting) sync() map[types.NamespacedName]logroute.State {
	w.t.Helper()
	states, err := w.try()
	if err != nil {
		w.t.Fatal(err)
	}
	return states
}

func (w *collecting) reason(states map[types.NamespacedName]logroute.State, name types.NamespacedName, want string) {
	w.t.Helper()
	if got := states[name]; got.Reason != want || got.Message == "" || got.Ready != (want == v1alpha1.ReasonCollecting) {
		w.t.Errorf("%s: got %+v, want %s", name, got, want)
	}
}

// read gets one of the collector's objects; nil when it does not exist.
func read[T client.Object](w *collecting, o T, name string) (T, bool) {
	w.t.Helper()
	err := w.a.Client.Get(w.t.Context(), client.ObjectKey{Namespace: collectorNamespace, Name: name}, o)
	if err != nil && !apierrors.IsNotFound(err) {
		w.t.Fatal(err)
	}
	return o, err == nil
}

// rolledOut plays the DaemonSet controller.
func (w *collecting) rolledOut(name string) {
	w.t.Helper()
	d, ok := read(w, &appsv1.DaemonSet{}, name)
	if !ok {
		w.t.Fatal("no DaemonSet")
	}
	d.Status = appsv1.DaemonSetStatus{
		ObservedGeneration: d.Generation, DesiredNumberScheduled: 3, CurrentNumberScheduled: 3, UpdatedNumberScheduled: 3, NumberReady: 3, NumberAvailable: 3,
	}
	if err := w.a.Client.Status().Update(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
}

func TestTheSameLineGoesToTwoBackEndsThatAskForIt(t *testing.T) {
	w := newCollecting(t)
	first, second := w.backend(w.a, "first", nil), w.backend(w.a, "second", nil)
	other := w.backend(w.b, "other", func(s *v1alpha1.LogBackendSpec) { s.Collect.Collector = v1alpha1.CollectorFluentd })
	states := w.sync()
	for _, name := range []types.NamespacedName{first, second, other} {
		w.reason(states, name, v1alpha1.ReasonProgressing)
	}
	config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
	for _, name := range []types.NamespacedName{first, second} {
		if !strings.Contains(config.Data[logroute.VectorFile], "LogBackend "+name.String()) {
			t.Errorf("%s is not routed:\n%s", name, config.Data[logroute.VectorFile])
		}
	}
	if config, _ := read(w, &corev1.ConfigMap{}, "kubeops-fluentd"); !strings.Contains(config.Data["routes.json"], other.String()) {
		t.Errorf("%s is not routed by Fluentd", other)
	}
	w.rolledOut("kubeops-vector")
	states = w.sync()
	w.reason(states, first, v1alpha1.ReasonCollecting)
	w.reason(states, second, v1alpha1.ReasonCollecting)
	w.reason(states, other, v1alpha1.ReasonProgressing)
}

func TestCredentialsOfRoutesAreInTheSecretOnly(t *testing.T) {
	const password = "of-the-tests-only"
	w := newCollecting(t)
	w.a.Account()
	w.a.Grant("login")
	w.a.Secret("login", "token", password)
	w.backend(w.a, "b", func(s *v1alpha1.LogBackendSpec) {
		s.Auth = &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "login", Key: "token"}}
	})
	w.a.Eventually(func() error { _, err := w.try(); return err })
	secret, _ := read(w, &corev1.Secret{}, "kubeops-vector")
	found := false
	for _, content := range secret.Data {
		found = found || strings.Contains(string(content), password)
	}
	if !found {
		t.Errorf("the Secret has the keys %v, and the token in none", secret.Data)
	}
	config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
	daemons, _ := read(w, &appsv1.DaemonSet{}, "kubeops-vector")
	for _, o := range []any{config, daemons} {
		if text, err := json.Marshal(o); err != nil || strings.Contains(string(text), password) {
			t.Errorf("the token is told: %s, %v", text, err)
		}
	}
}

func TestATenantCollectsItsOwnLinesOnly(t *testing.T) {
	foreign := func(s *v1alpha1.LogBackendSpec) {
		s.Collect.Include = []v1alpha1.LogSelector{{Namespaces: []string{"kube-system"}}}
	}
	w := newCollecting(t)
	own, others := w.backend(w.a, "own", nil), w.backend(w.b, "others", foreign)
	states := w.sync()
	w.reason(states, own, v1alpha1.ReasonProgressing)
	w.reason(states, others, v1alpha1.ReasonNamespaceNotAllowed)
	if config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector"); strings.Contains(config.Data[logroute.VectorFile], "kube-system") {
		t.Errorf("lines of kube-system are collected:\n%s", config.Data[logroute.VectorFile])
	}
	w.collection.Router.Options.Everywhere = []string{w.b.Namespace} // logCollection.clusterWideNamespaces
	w.reason(w.sync(), others, v1alpha1.ReasonProgressing)
}

func TestARouteThatCannotBeMadeHurtsNoOther(t *testing.T) {
	w := newCollecting(t)
	w.a.Account()
	good := w.backend(w.a, "good", nil)
	same := func(s *v1alpha1.LogBackendSpec) { s.Loki.URL = "http://loki.logging:3100/" + w.a.Namespace + "/good" }
	twice := w.backend(w.a, "twice", same)
	lost := w.backend(w.a, "lost", func(s *v1alpha1.LogBackendSpec) {
		s.Auth = &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "nowhere", Key: "token"}}
	})
	w.a.Grant("nowhere")
	unknown := w.backend(w.a, "unknown", func(s *v1alpha1.LogBackendSpec) {
		s.Type = v1alpha1.LogBackendElasticsearch
		s.Loki = nil
		s.Elasticsearch = &v1alpha1.ElasticsearchBackend{URL: "http://elasticsearch.logging:9200"}
	})
	var states map[types.NamespacedName]logroute.State
	w.a.Eventually(func() (err error) { states, err = w.try(); return err })
	w.reason(states, good, v1alpha1.ReasonProgressing)
	w.reason(states, twice, v1alpha1.ReasonConflictingRoutes)
	w.reason(states, lost, v1alpha1.ReasonSecretNotFound)
	w.reason(states, unknown, v1alpha1.ReasonProgressing)
	if !strings.Contains(states[unknown].Message, "version") {
		t.Errorf("%+v", states[unknown])
	}
}

// older is a LogBackend that was stored before the CRD had its patterns, so that the API server would refuse it today.
func (w *collecting) older(list *v1alpha1.LogBackendList, name string, change func(*v1alpha1.LogBackendSpec)) types.NamespacedName {
	w.t.Helper()
	b := v1alpha1.LogBackend{ObjectMeta: w.b.Meta(name), Spec: v1alpha1.LogBackendSpec{
		Type: v1alpha1.LogBackendLoki, Loki: &v1alpha1.LokiBackend{URL: "http://loki.logging:3100/" + name}, Collect: &v1alpha1.LogCollection{},
	}}
	change(&b.Spec)
	list.Items = append([]v1alpha1.LogBackend{b}, list.Items...) // before those of others
	return client.ObjectKeyFromObject(&b)
}

func TestAnOlderLogBackendThatCannotBeResolvedCostsOnlyItself(t *testing.T) {
	w := newCollecting(t)
	w.b.Account()
	good := []types.NamespacedName{w.backend(w.a, "first", nil), w.backend(w.a, "second", nil), w.backend(w.b, "third", nil)}
	list := of{w.a.Namespace, w.b.Namespace}.list(t, w.a.Client)
	basic := func(name string) *v1alpha1.BackendAuth {
		return &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: name}}
	}
	bad := map[types.NamespacedName]string{
		w.older(list, "secret", func(s *v1alpha1.LogBackendSpec) { s.Auth = basic("x/y") }): "spec.auth.basic: \"x/y\"",
		w.older(list, "account", func(s *v1alpha1.LogBackendSpec) {
			s.Auth = basic("login")
			s.ServiceAccountName = "../../shop/serviceaccounts/kubeops"
		}): "spec.serviceAccountName",
		w.older(list, "expression", func(s *v1alpha1.LogBackendSpec) { s.Collect.Redact = []string{"("} }): "spec.collect.redact[0]",
		w.older(list, "labels", func(s *v1alpha1.LogBackendSpec) {
			s.Collect.Include = []v1alpha1.LogSelector{{PodLabels: map[string]string{"a b": "c"}}}
		}): "podLabels",
	}
	states, err := w.collection.Sync(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	for name, message := range bad {
		w.reason(states, name, v1alpha1.ReasonInvalidSpec)
		if !strings.Contains(states[name].Message, message) {
			t.Errorf("%s: %s", name, states[name].Message)
		}
	}
	config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
	for _, name := range good {
		w.reason(states, name, v1alpha1.ReasonProgressing)
		if !strings.Contains(config.Data[logroute.VectorFile], "LogBackend "+name.String()) {
			t.Errorf("%s is not routed", name)
		}
	}
}

func TestARouteOutlivesAFailureOfTheAPIServer(t *testing.T) {
	w := newCollecting(t)
	w.a.Account()
	w.a.Grant("login")
	w.a.Secret("login", "token", "of-the-tests-only")
	first := w.backend(w.a, "first", func(s *v1alpha1.LogBackendSpec) {
		s.Auth = &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "login", Key: "token"}}
	})
	w.a.Eventually(func() error {
		if state := w.sync()[first]; state.Reason != v1alpha1.ReasonProgressing {
			return errors.New(state.Message)
		}
		return nil
	})
	// From now on, no Secret can be read.
	w.collection.Backends.Secrets = &secretref.Source{Reader: w.a.Client, Config: &rest.Config{Host: "http://127.0.0.1:1"}}
	second := w.backend(w.a, "second", nil)
	unknown := w.backend(w.a, "unknown", func(s *v1alpha1.LogBackendSpec) {
		s.Auth = &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "login", Key: "token"}}
	})
	states := w.sync()
	w.reason(states, first, v1alpha1.ReasonProgressing)
	w.reason(states, second, v1alpha1.ReasonProgressing)
	w.reason(states, unknown, v1alpha1.ReasonRetrying)
	config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
	for name, routed := range map[types.NamespacedName]bool{first: true, second: true, unknown: false} {
		if strings.Contains(config.Data[logroute.VectorFile], "LogBackend "+name.String()) != routed {
			t.Errorf("%s: want routed %v", name, routed)
		}
	}
	// Where nothing can be resolved, what was delivered stays.
	w.collection.last = nil
	list := of{w.a.Namespace}.list(t, w.a.Client)
	list.Items = slices.DeleteFunc(list.Items, func(b v1alpha1.LogBackend) bool { return b.Name == second.Name })
	states, err := w.collection.Sync(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	w.reason(states, first, v1alpha1.ReasonRetrying)
	if config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector"); !strings.Contains(config.Data[logroute.VectorFile], second.String()) {
		t.Error("the routes were removed while no Secret could be read")
	}
}

func TestCollectorsGoWithTheLastRoute(t *testing.T) {
	w := newCollecting(t)
	name := w.backend(w.a, "b", nil)
	w.sync()
	d, ok := read(w, &appsv1.DaemonSet{}, "kubeops-vector")
	if !ok {
		t.Fatal("no collector")
	}
	w.a.Clock.SetTime(w.a.Clock.Now().Add(time.Hour)) // everything is applied again
	w.sync()
	if again, _ := read(w, &appsv1.DaemonSet{}, "kubeops-vector"); again.ResourceVersion != d.ResourceVersion || again.UID != d.UID {
		t.Error("a collector was written that was as it should be")
	}
	w.a.Delete(&v1alpha1.LogBackend{ObjectMeta: w.a.Meta(name.Name)})
	w.sync()
	for _, o := range []client.Object{&appsv1.DaemonSet{}, &corev1.ConfigMap{}, &corev1.Secret{}, &corev1.ServiceAccount{}, &networkingv1.NetworkPolicy{}} {
		if left, there := read(w, o, "kubeops-vector"); there && left.GetDeletionTimestamp() == nil {
			t.Errorf("%T is still there", left)
		}
	}
}

func TestAFieldThatSomebodyElseSetIsNamedAndLeft(t *testing.T) {
	w := newCollecting(t)
	w.backend(w.a, "b", nil)
	w.sync()
	patch := []byte(
		`{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"kubeops-vector"},"spec":{"template":{"spec":{"priorityClassName":"mine"}}}}`,
	)
	d := &appsv1.DaemonSet{}
	d.Namespace = collectorNamespace
	d.Name = "kubeops-vector"
	if err := w.a.Client.Patch(t.Context(), d, client.RawPatch(types.ApplyPatchType, patch), client.ForceOwnership, client.FieldOwner("somebody")); err != nil {
		t.Fatal(err)
	}
	w.a.Clock.SetTime(w.a.Clock.Now().Add(time.Hour))
	_, err := w.try()
	if err == nil || !strings.Contains(err.Error(), "priorityClassName") || !strings.Contains(err.Error(), "somebody") {
		t.Errorf("%v", err)
	}
	if d, _ := read(w, &appsv1.DaemonSet{}, "kubeops-vector"); d.Spec.Template.Spec.PriorityClassName != "mine" {
		t.Error("the field was taken back")
	}
}

package collect

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// recorder remembers requests and answers on their way.
type recorder struct {
	next http.RoundTripper
	mu   sync.Mutex
	// paths of lists with their query, content types and bodies of the answers.
	paths, types []string
	bodies       strings.Builder
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	response.Body = io.NopCloser(strings.NewReader(string(body)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paths = append(r.paths, request.URL.Path)
	r.types = append(r.types, response.Header.Get("Content-Type"))
	r.bodies.Write(body)
	return response, err
}

// recorded is a configuration whose traffic is remembered.
func recorded(config *rest.Config) (*rest.Config, *recorder) {
	own := rest.CopyConfig(config)
	r := &recorder{}
	own.Wrap(func(next http.RoundTripper) http.RoundTripper {
		r.next = next
		return r
	})
	return own, r
}

// realServer is a real API server with administrator permissions.
type realServer struct {
	config *rest.Config
}

func TestOnARealAPIServer(t *testing.T) {
	server := realServer{testkit.APIServer(t)}
	t.Run("lists are read in pages of protobuf, and Secrets without their data", server.readsPages)
	t.Run("a reader of one namespace reads that, and the rest are gaps", server.readsOneNamespace)
	t.Run("a named namespace that does not exist is a gap", server.missesANamespace)
	t.Run("custom resources are found by discovery, and read", server.readsCustomResources)
	t.Run("a watch gives the nodes of a list, for all kinds", server.listsAndWatchesAlike)
	t.Run("no server at the address is a problem", server.isNotThere)
	t.Run("credentials that are not accepted are a problem", server.refusesCredentials)
}

func (s realServer) admin(t *testing.T) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (s realServer) makeNamespace(t *testing.T, name string) {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if _, err := s.admin(t).CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (s realServer) readsPages(t *testing.T) {
	s.makeNamespace(t, "many")
	client := s.admin(t)
	const objects = 1200
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			for i := worker; i < objects; i += 8 {
				config := &corev1.ConfigMap{
					ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("c%04d", i)},
					Data:       map[string]string{"key": "value"},
				}
				if _, err := client.CoreV1().ConfigMaps("many").Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "keys"}, StringData: map[string]string{"password": "never-on-the-wire"}}
	if _, err := client.CoreV1().Secrets("many").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	config, traffic := recorded(s.config)
	collected, err := All(t.Context(), Source{Cluster: "real", Config: config}, Scope{}, facts.Kinds(), clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(collected.Gaps) > 0 {
		t.Errorf("gaps: %+v", collected.Gaps)
	}
	if !strings.HasPrefix(collected.Graph.Version, "v1.") {
		t.Errorf("version %q", collected.Graph.Version)
	}
	found := 0
	for _, node := range collected.Graph.Configs {
		if node.Namespace == "many" && node.Kind == facts.ConfigMap && strings.HasPrefix(node.Name, "c") {
			found++
			if diff := cmp.Diff([]string{"key"}, node.Keys); diff != "" {
				t.Fatalf("keys (-want +got):\n%s", diff)
			}
		}
	}
	if found != objects || !collected.Graph.Has(facts.Ref{Kind: facts.Secret, Namespace: "many", Name: "keys"}) {
		t.Errorf("found %d of %d ConfigMaps, and the Secret: %v", found, objects,
			collected.Graph.Has(facts.Ref{Kind: facts.Secret, Namespace: "many", Name: "keys"}))
	}
	pages := 0
	for i, path := range traffic.paths {
		switch {
		case path == "/api/v1/configmaps":
			pages++
			if traffic.types[i] != "application/vnd.kubernetes.protobuf" {
				t.Errorf("ConfigMaps came as %s", traffic.types[i])
			}
		case strings.Contains(path, "/secrets/"):
			t.Errorf("a single Secret was read: %s", path)
		}
	}
	if pages != 3 {
		t.Errorf("%d pages of ConfigMaps, want 3 of at most 500", pages)
	}
	if strings.Contains(traffic.bodies.String(), "never-on-the-wire") {
		t.Error("the data of a Secret crossed the network")
	}
}

func (s realServer) readsOneNamespace(t *testing.T) {
	s.makeNamespace(t, "own")
	s.makeNamespace(t, "other")
	client := s.admin(t)
	rules := []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"pods", "configmaps"}, Verbs: []string{"get", "list"}}}
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "reader"}, Rules: rules}
	if _, err := client.RbacV1().Roles("own").Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: "kubeops", Namespace: "own"}},
	}
	if _, err := client.RbacV1().RoleBindings("own").Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, namespace := range []string{"own", "other"} {
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}
		if _, err := client.CoreV1().ConfigMaps(namespace).Create(t.Context(), config, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	config := rest.CopyConfig(s.config)
	config.Impersonate.UserName = "system:serviceaccount:own:kubeops"
	kinds := []facts.Kind{facts.Pod, facts.ConfigMap, facts.Service, facts.Node, facts.Secret}
	collected, err := All(t.Context(), Source{Cluster: "real", Config: config}, Scope{Home: "own"}, kinds, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := collected.Graph
	if !g.Has(facts.Ref{Kind: facts.ConfigMap, Namespace: "own", Name: "mine"}) ||
		g.Has(facts.Ref{Kind: facts.ConfigMap, Namespace: "other", Name: "mine"}) {
		t.Error("want the own ConfigMap and not the other's")
	}
	if !g.Complete(facts.ConfigMap, "own") || g.Complete(facts.ConfigMap, "other") || g.Read(facts.Service) {
		t.Error("the graph claims to know more or less than was read")
	}
	type gap struct {
		Source string
		Reason v1alpha1.GapReason
	}
	var got []gap
	for _, g := range collected.Gaps {
		got = append(got, gap{g.Source, g.Reason})
		if !strings.Contains(g.Message, "system:serviceaccount:own:kubeops cannot list") ||
			!strings.Contains(string(g.Remediation), "kubectl create clusterrolebinding") {
			t.Errorf("gap %s: message %q, remediation %q", g.Source, g.Message, g.Remediation)
		}
	}
	want := []gap{
		{"nodes, services", v1alpha1.GapForbidden}, {"secrets", v1alpha1.GapForbidden}, {"configmaps, pods", v1alpha1.GapIncomplete},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func (s realServer) missesANamespace(t *testing.T) {
	s.makeNamespace(t, "somewhere")
	collected, err := All(t.Context(), Source{Cluster: "real", Config: s.config}, Scope{Namespaces: []string{"nowhere", "some*"}},
		[]facts.Kind{facts.Pod, facts.Node, facts.Namespace}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(collected.Gaps) != 1 || collected.Gaps[0].Source != "namespace nowhere" {
		t.Errorf("gaps: %+v, want one for the namespace", collected.Gaps)
	}
	if diff := cmp.Diff([]string{"nowhere", "somewhere"}, collected.Namespaces); diff != "" {
		t.Errorf("namespaces (-want +got):\n%s", diff)
	}
	if collected.Graph.Read(facts.Namespace) || !collected.Graph.Read(facts.Node) {
		t.Error("with namespaces named, Nodes are read as context and Namespaces are not")
	}
}

func (s realServer) isNotThere(t *testing.T) {
	config := rest.CopyConfig(s.config)
	config.Host = "https://user:secret@127.0.0.1:1"
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := All(ctx, Source{Cluster: "gone", Config: config}, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
	if err == nil || !strings.Contains(err.Error(), "cluster gone at 127.0.0.1:1 is unreachable") {
		t.Errorf("got %v", err)
	}
	if err != nil && strings.Contains(err.Error(), "secret@") {
		t.Errorf("the message shows credentials: %v", err)
	}
}

func (s realServer) refusesCredentials(t *testing.T) {
	config := rest.AnonymousClientConfig(s.config)
	config.BearerToken = "nonsense"
	_, err := All(t.Context(), Source{Cluster: "real", Config: config}, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
	if err == nil || !strings.Contains(err.Error(), "rejected the credentials") {
		t.Errorf("got %v", err)
	}
}

package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// Tokens of the users of the API server. Ada sees namespace shop, Sam namespace lab, Olga all of them, and Nemo nothing. Tests
// bind Lena.
const users = `ada-token,ada,1,"team-shop"
sam-token,sam,2,"team-lab"
olga-token,olga,3
nemo-token,nemo,4
lena-token,lena,5
root-token,root,6,"system:masters"
`

// world is an API server with KubeOps' resources in two namespaces, and the dashboard with its shipped permissions.
type world struct {
	stop      func() error
	admin     *rest.Config
	client    client.Client
	dashboard *rest.Config
	server    *Server
	url       string
}

// shared by the tests of this package, which change nothing of namespaces shop and lab. It starts with the first test that needs it.
var shared *world

func TestMain(m *testing.M) {
	if path := os.Getenv(serverProcess); path != "" {
		if err := serveInProcess(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := m.Run()
	if shared != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// startAPIServer knows the users by their tokens.
func startAPIServer(t *testing.T) *world {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tokens.csv") // read at start only
	if err := os.WriteFile(path, []byte(users+loadUsers()), 0o600); err != nil {
		t.Fatal(err)
	}
	config, stop, err := testkit.StartAPIServer("token-auth-file=" + path)
	if err != nil {
		t.Fatal(err)
	}
	return &world{admin: config, stop: stop}
}

// newWorld returns the shared world, and fills it for the first test.
func newWorld(t *testing.T) *world {
	t.Helper()
	if shared == nil {
		shared = startAPIServer(t)
		shared.fill(t)
	}
	if shared.url == "" {
		t.Fatal("the API server was not filled; see the first test that failed")
	}
	return shared
}

func (w *world) fill(t *testing.T) {
	t.Helper()
	var err error
	if w.client, err = client.New(w.admin, client.Options{Scheme: tenant.Scheme(t)}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kubeops-system", "shop", "shop-batch", "lab"} {
		w.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	for _, path := range []string{"dashboard/service_account.yaml", "dashboard/role.yaml", "dashboard/role_binding.yaml", "rbac/user_roles.yaml"} {
		w.apply(t, filepath.Join("..", "..", "config", path), nil)
	}
	w.bind(t, "shop", rbacv1.UserKind, "ada")
	w.bind(t, "lab", rbacv1.GroupKind, "team-lab")
	w.bind(t, "", rbacv1.UserKind, "olga")
	w.grantObjects(t)
	lab := strings.NewReplacer("namespace: shop}", "namespace: lab}", "namespace: shop,", "namespace: lab,",
		"everything", "lab-everything", "cart", "microscope", "prod-eu", "lab-cluster", "name: prom,", "name: lab-prom,", "name: loki,", "name: lab-loki,", "oncall", "lab-oncall",
		"namespace: shop-batch", "namespace: lab-batch", "f-", "g-", "shop/", "lab/", "-n shop", "-n lab", "payment", "laser", "shiping", "labing",
		"shipping", "labeling", "kind: Ingress, namespace: shop, name: shop", "kind: Ingress, namespace: lab, name: lab", "namespace: shop", "namespace: lab")
	for _, file := range []string{"testdata/shop.yaml", "testdata/objects.yaml"} {
		w.apply(t, file, nil)
		w.apply(t, file, lab)
	}
	w.dashboard = testkit.AsServiceAccount(t, w.admin, "kubeops-system", "kubeops-dashboard")
	w.server = w.start(t, Options{Backends: (&shownBackend{}).resolver(t)})
	w.server.requests = newLimiter(rate.Inf, 1)   // another test is about the limit
	web := httptest.NewServer(w.server.Handler()) // until the process ends
	w.url = web.URL
}

// start a server that acts as the ServiceAccount of the dashboard.
func (w *world) start(t *testing.T, options Options) *Server {
	t.Helper()
	if options.Config == nil {
		options.Config = w.dashboard
	}
	options.Logger = logr.Discard()
	var server *Server
	eventually(t, func() (err error) { // the API server notices a new role after a moment
		server, err = New(context.Background(), options)
		return err
	})
	return server
}

func (w *world) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := w.client.Create(t.Context(), object); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// apply the objects of a file, with their statuses.
func (w *world) apply(t *testing.T, path string, replace *strings.Replacer) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if replace != nil {
		content = []byte(replace.Replace(string(content)))
	}
	for _, object := range testkit.Manifests(t, path, content) {
		status, hasStatus := object.Object["status"]
		w.create(t, object)
		if hasStatus && object.GetKind() != "InspectionReport" {
			object.Object["status"] = status
			if err := w.client.Status().Update(t.Context(), object); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// bind the shipped role of viewers, in one namespace or in all.
func (w *world) bind(t *testing.T, namespace, kind, name string) {
	t.Helper()
	subjects := []rbacv1.Subject{{Kind: kind, Name: name, APIGroup: rbacv1.GroupName}}
	role := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: viewerRole}
	about := metav1.ObjectMeta{Namespace: namespace, Name: "viewer-" + name}
	if namespace == "" {
		w.create(t, &rbacv1.ClusterRoleBinding{ObjectMeta: about, Subjects: subjects, RoleRef: role})
		return
	}
	w.create(t, &rbacv1.RoleBinding{ObjectMeta: about, Subjects: subjects, RoleRef: role})
}

// grantObjects of other kinds to the viewers of a namespace, and one kind to all users.
func (w *world) grantObjects(t *testing.T) {
	t.Helper()
	read := []string{"get", "list", "watch"}
	for name, rules := range map[string][]rbacv1.PolicyRule{
		"reader": {
			{APIGroups: []string{""}, Resources: []string{"configmaps", "events", "pods", "secrets"}, Verbs: read},
			{APIGroups: []string{""}, Resources: []string{"pods/log"}, Verbs: []string{"get"}},
			{APIGroups: []string{"metrics.k8s.io"}, Resources: []string{"pods"}, Verbs: []string{"list"}},
			{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"list"}},
		},
		"all": {{APIGroups: []string{"scheduling.k8s.io"}, Resources: []string{"priorityclasses"}, Verbs: read}},
	} {
		w.create(t, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules})
	}
	reader := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "reader"}
	for namespace, subject := range map[string]rbacv1.Subject{
		"shop": {Kind: rbacv1.UserKind, Name: "ada", APIGroup: rbacv1.GroupName}, "lab": {Kind: rbacv1.GroupKind, Name: "team-lab", APIGroup: rbacv1.GroupName},
	} {
		w.create(t, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "reader"}, Subjects: []rbacv1.Subject{subject}, RoleRef: reader,
		})
	}
	w.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "reader"}, RoleRef: reader,
		Subjects: []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: "olga", APIGroup: rbacv1.GroupName}},
	})
	w.create(t, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "all"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "all"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.GroupKind, Name: "system:authenticated", APIGroup: rbacv1.GroupName}},
	})
}

func eventually(t *testing.T, holds func() error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		last = holds()
		return last == nil, nil
	})
	if err != nil {
		t.Fatal(errors.Join(err, last))
	}
}

// reply to a request.
type reply struct {
	status int
	header http.Header
	body   string
}

// get a path with the token of a user, or without one.
func (w *world) get(t *testing.T, user, path string) reply {
	t.Helper()
	return w.request(t, http.MethodGet, path, "", func(r *http.Request) {
		if user != "" {
			r.Header.Set("Authorization", "Bearer "+user+"-token")
		}
	})
}

func (w *world) request(t *testing.T, method, path, body string, change func(*http.Request)) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	return do(t, request)
}

func do(t *testing.T, request *http.Request) reply {
	t.Helper()
	plain := &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := plain.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response.StatusCode, response.Header, string(content)}
}

package inspection

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
)

// proxy is in front of the real API server. It answers the requests that a case wants to fail.
func proxy(t *testing.T, fails func(http.ResponseWriter, *http.Request) bool) *rest.Config {
	t.Helper()
	transport, err := rest.TransportFor(realAPI)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(realAPI.Host)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fails == nil || !fails(w, r) {
			forward.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

// answer fails the lists of a resource with a status.
func answer(resource string, code int, text string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/"+resource) {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = w.Write([]byte(text))
		return true
	}
}

// halfway serves the first page of a list, and fails the others.
func halfway(resource string, code int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		query := r.URL.Query()
		if !strings.HasSuffix(r.URL.Path, "/"+resource) {
			return false
		}
		if query.Get("continue") != "" {
			w.WriteHeader(code)
			return true
		}
		query.Set("limit", "1")
		r.URL.RawQuery = query.Encode()
		return false
	}
}

// hang answers the lists of a resource when the client has gone.
func hang(resource string) func(http.ResponseWriter, *http.Request) bool {
	return func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/"+resource) {
			return false
		}
		<-r.Context().Done()
		return true
	}
}

// refuseImpersonation answers as an API server whose user cannot impersonate the ServiceAccount.
func refuseImpersonation(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Impersonate-User") == "" {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":` +
		`"forbidden: User \"manager\" cannot impersonate resource \"serviceaccounts\" in API group \"\""}`))
	return true
}

// read are rules to read resources.
func read(group string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: []string{"get", "list"}}
}

// except is the role of inspections without a resource.
func except(t *testing.T, resource string) []rbacv1.PolicyRule {
	rules := testsuite.InspectorRules(t)
	for i := range rules {
		var kept []string
		for _, name := range rules[i].Resources {
			if name != resource {
				kept = append(kept, name)
			}
		}
		rules[i].Resources = kept
	}
	var granted []rbacv1.PolicyRule
	for _, rule := range rules {
		if len(rule.Resources) > 0 {
			granted = append(granted, rule)
		}
	}
	return granted
}

// other makes a second namespace.
func (w *world) other() string {
	name := w.Namespace + "-other"
	w.Create(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	return name
}

// clusterRole grants rules in the whole cluster.
func (w *world) clusterRole(rules ...rbacv1.PolicyRule) {
	name := metav1.ObjectMeta{Name: w.Namespace}
	w.Create(&rbacv1.ClusterRole{ObjectMeta: name, Rules: rules})
	w.Create(&rbacv1.ClusterRoleBinding{
		ObjectMeta: name, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: w.Namespace},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.Namespace, Name: v1alpha1.DefaultServiceAccountName}},
	})
	w.AwaitPermission("", rules[0].APIGroups[0], rules[0].Resources[0], true)
}

// commandIsBlind runs the command line as the ServiceAccount of an Inspection, in the formats that state a result.
func commandIsBlind(t *testing.T, config *rest.Config, i *v1alpha1.Inspection, flags ...string) {
	t.Helper()
	args := append([]string{"--as=system:serviceaccount:" + i.Namespace + ":kubeops"}, flags...)
	if len(i.Spec.Namespaces) > 0 {
		args = append(args, "-n", strings.Join(i.Spec.Namespaces, ","))
	}
	code, out, errOut := inspectCommand(t, config, args...)
	if code != 2 || strings.Contains(out, "Score ") || errOut == "" {
		t.Errorf("kubeops inspect %q: exit code %d and\n%s\n%s", args, code, out, errOut)
	}
	if out != "" && !strings.HasPrefix(out, "Incomplete: ") {
		t.Errorf("the table does not begin with Incomplete:\n%s", out)
	}
}

// inspectCommand runs `kubeops inspect` against a server.
func inspectCommand(t *testing.T, config *rest.Config, args ...string) (code int, out, errOut string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	content := "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n" +
		"clusters: [{name: c, cluster: {server: '" + config.Host + "'}}]\nusers: [{name: u, user: {token: '" + config.BearerToken + "'}}]\n"
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code = cli.Run(context.WithoutCancel(t.Context()), append([]string{"inspect", "--kubeconfig", file}, args...),
		command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

package collect

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

func TestFailuresWithOneRemedyAreOneGap(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	const reader = "system:serviceaccount:team:reader"
	refused := forbidden(reader, "things")
	constrained := func(verb, what string) http.HandlerFunc {
		return status(http.StatusForbidden, "Forbidden",
			`forbidden: User "system:serviceaccount:kubeops:manager" cannot impersonate-on:serviceaccount:`+verb+" "+what)
	}
	type gap struct{ Source, Message, Remediation string }
	for name, tc := range map[string]struct {
		answers map[string][]http.HandlerFunc
		scope   Scope
		user    string
		kinds   []facts.Kind
		want    []gap
	}{
		"forbidden everywhere, allowed at home": {
			answers: map[string][]http.HandlerFunc{
				"/api/v1/pods": {refused}, "/api/v1/namespaces/team/pods": {fake.list("Pod", "", "", "a")},
				"/api/v1/services": {refused}, "/api/v1/namespaces/team/services": {fake.list("Service", "", "", "a")},
				"/api/v1/configmaps": {refused}, "/api/v1/namespaces/team/configmaps": {refused}, "/api/v1/nodes": {refused},
			},
			scope: Scope{Home: "team"}, kinds: []facts.Kind{facts.Pod, facts.Service, facts.ConfigMap, facts.Node},
			want: []gap{
				{
					"configmaps, nodes", reader + " cannot list configmaps, nodes (RBAC).",
					"Grant it: `kubectl create clusterrolebinding kubeops-inspector-team-reader --clusterrole=kubeops-inspector " +
						"--serviceaccount=team:reader --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
				{
					"pods, services", reader + " cannot list pods, services in all namespaces (RBAC). Only namespace team was read.",
					"Grant it: `kubectl create clusterrolebinding kubeops-inspector-team-reader --clusterrole=kubeops-inspector " +
						"--serviceaccount=team:reader --dry-run=client -o yaml | kubectl auth reconcile -f -`." +
						" Or inspect namespace team only (spec.namespaces, --namespace).",
				},
			},
		},
		"the same forbidden in several namespaces": {
			answers: map[string][]http.HandlerFunc{
				"/api/v1/namespaces/a/pods": {refused}, "/api/v1/namespaces/b/pods": {refused}, "/api/v1/namespaces/c/pods": {fake.list("Pod", "", "")},
				"/api/v1/namespaces/a/services": {refused}, "/api/v1/namespaces/b/services": {refused}, "/api/v1/namespaces/c/services": {refused},
				"/api/v1/namespaces/a": {refused}, "/api/v1/namespaces/b": {refused}, "/api/v1/namespaces/c": {refused},
			},
			scope: Scope{Namespaces: []string{"a", "b", "c"}}, kinds: []facts.Kind{facts.Pod, facts.Service},
			want: []gap{
				{
					"pods, services in namespaces a, b", reader + " cannot list pods, services in namespaces a, b (RBAC).",
					"Grant it in each namespace: `kubectl -n <namespace> create rolebinding kubeops-inspector --clusterrole=kubeops-inspector " +
						"--serviceaccount=team:reader --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
				{
					"services in namespace c", reader + " cannot list services in namespace c (RBAC).",
					"Grant it: `kubectl -n c create rolebinding kubeops-inspector --clusterrole=kubeops-inspector --serviceaccount=team:reader --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
			},
		},
		"Secrets, whose grant is another": {
			answers: map[string][]http.HandlerFunc{
				"/api/v1/pods": {refused}, "/api/v1/secrets": {refused}, "/api/v1/services": {fake.list("Service", "", "")},
			},
			user: "jane@example.com", kinds: []facts.Kind{facts.Pod, facts.Secret, facts.Service},
			want: []gap{
				{
					"pods", "jane@example.com cannot list pods (RBAC).",
					"Grant it: `kubectl create clusterrolebinding kubeops-inspector-jane-example-com --clusterrole=kubeops-inspector " +
						"--user=jane@example.com --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
				{
					"secrets", "jane@example.com cannot list Secrets (RBAC); missing Secrets were not detected. KubeOps reads names without data.",
					"Grant it: `kubectl create clusterrolebinding kubeops-inspector-secrets-jane-example-com --clusterrole=kubeops-inspector-secrets " +
						"--user=jane@example.com --dry-run=client -o yaml | kubectl auth reconcile -f -`." +
						" Or exclude the affected checks.",
				},
			},
		},
		"a name that a shell would not take as one": {
			answers: map[string][]http.HandlerFunc{"/api/v1/pods": {refused}, "/api/v1/services": {fake.list("Service", "", "")}},
			user:    "o'hara; rm -rf /", kinds: []facts.Kind{facts.Pod, facts.Service},
			want: []gap{{
				"pods", "o'hara; rm -rf / cannot list pods (RBAC).",
				"Grant it: `kubectl create clusterrolebinding kubeops-inspector-o-hara-rm-rf --clusterrole=kubeops-inspector --user='o'\\''hara; rm " +
					"-rf /' --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
			}},
		},
		"a constrained manager": {
			answers: map[string][]http.HandlerFunc{
				"/version": {constrained("get", `path "/version"`)}, "/api/v1/pods": {fake.list("Pod", "", "")},
				"/api/v1/secrets": {constrained("list", `resource "secrets" in API group ""`)},
				"/api/v1/nodes":   {constrained("list", `resource "nodes" in API group ""`)},
			},
			user: reader, kinds: []facts.Kind{facts.Node, facts.Pod, facts.Secret},
			want: []gap{
				{
					"/version", "system:serviceaccount:kubeops:manager cannot get /version as " + reader + " (RBAC).",
					"Grant it: `kubectl create clusterrolebinding kubeops-manager-impersonation-discovery " +
						"--clusterrole=kubeops-manager-impersonation-discovery --serviceaccount=kubeops:manager --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
				{
					"nodes", "system:serviceaccount:kubeops:manager cannot list nodes as " + reader + " (RBAC).",
					"Grant it: `kubectl create clusterrole kubeops-manager-impersonation-nodes --verb=impersonate-on:serviceaccount:get," +
						"impersonate-on:serviceaccount:list --resource=nodes --dry-run=client -o yaml | kubectl auth reconcile -f - && " +
						"kubectl create clusterrolebinding kubeops-manager-impersonation-nodes --clusterrole=kubeops-manager-impersonation-nodes --serviceaccount=kubeops:manager --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
				{
					"secrets", "system:serviceaccount:kubeops:manager cannot list secrets as " + reader + " (RBAC).",
					"Grant it: `kubectl create clusterrolebinding kubeops-manager-impersonation-secrets " +
						"--clusterrole=kubeops-manager-impersonation-secrets --serviceaccount=kubeops:manager --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
				},
			},
		},
		"a constrained manager of one namespace": {
			answers: map[string][]http.HandlerFunc{
				"/api/v1/pods":                 {constrained("list", `resource "pods" in API group ""`)},
				"/api/v1/namespaces/team/pods": {fake.list("Pod", "", "")},
			},
			user: reader, scope: Scope{Home: "team"}, kinds: []facts.Kind{facts.Pod},
			want: []gap{{
				"pods", "system:serviceaccount:kubeops:manager cannot list pods in all namespaces as " + reader + " (RBAC). " +
					"Only namespace team was read.",
				"Inspect namespace team only (spec.namespaces), or let the manager read all namespaces. Grant it: `kubectl create clusterrole " +
					"kubeops-manager-impersonation-pods --verb=impersonate-on:serviceaccount:get," +
					"impersonate-on:serviceaccount:list --resource=pods --dry-run=client -o yaml | kubectl auth reconcile -f - && kubectl create clusterrolebinding kubeops-manager-impersonation-pods " +
					"--clusterrole=kubeops-manager-impersonation-pods --serviceaccount=kubeops:manager --dry-run=client -o yaml | kubectl auth reconcile -f -`.",
			}},
		},
		"no version": {
			answers: map[string][]http.HandlerFunc{
				"/version": {body(http.StatusOK, "text/html", "<html>")}, "/api/v1/pods": {fake.list("Pod", "", "")},
			},
			kinds: []facts.Kind{facts.Pod},
			want: []gap{{
				"/version", "The API server did not report its version (unreadable response); version skew was not checked.",
				"Check the response of `kubectl get --raw /version`.",
			}},
		},
		"namespaces that do not exist, and forbidden context": {
			answers: map[string][]http.HandlerFunc{
				"/api/v1/namespaces/shop/pods": {fake.list("Pod", "", "", "p")}, "/api/v1/namespaces": {fake.namespaces("shop")},
				"/api/v1/namespaces/shpo/pods": {fake.list("Pod", "", "")},
				"/api/v1/namespaces/shpo":      {status(http.StatusNotFound, "NotFound", "")},
				"/api/v1/namespaces/a/pods":    {fake.list("Pod", "", "")}, "/api/v1/namespaces/b/pods": {fake.list("Pod", "", "")},
				"/api/v1/nodes":        {refused},
				"/api/v1/namespaces/a": {status(http.StatusNotFound, "NotFound", "")},
				"/api/v1/namespaces/b": {status(http.StatusNotFound, "NotFound", "")},
			},
			scope: Scope{Namespaces: []string{"a", "b", "shop", "shpo"}}, kinds: []facts.Kind{facts.Pod, facts.Node, facts.Namespace},
			want: []gap{{
				"namespaces a, b, shpo", "Namespaces a, b, shpo (did you mean shop?) do not exist, so nothing was inspected there.",
				"Create the namespaces, or remove them from the namespaces to inspect.",
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, source := serve(t, tc.answers)
			source.Config.Impersonate.UserName = tc.user
			collected, err := All(t.Context(), source, tc.scope, tc.kinds, clock.RealClock{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []gap
			for _, g := range collected.Gaps {
				got = append(got, gap{g.Source, g.Message, string(g.Remediation)})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnUnreachableClusterIsAProblem(t *testing.T) {
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	t.Cleanup(untrusted.Close)
	var fake fakeAPI
	fake.t = t
	unauthorized := status(http.StatusUnauthorized, "Unauthorized", "Unauthorized")
	for name, tc := range map[string]struct {
		answers map[string][]http.HandlerFunc
		host    string
		want    string
	}{
		"refuses the credentials at once":   {map[string][]http.HandlerFunc{"/version": {unauthorized}}, "", "rejected the credentials"},
		"refuses the credentials for lists": {map[string][]http.HandlerFunc{"/api/v1/pods": {unauthorized}}, "", "rejected the credentials"},
		"goes away after the first answer":  {map[string][]http.HandlerFunc{"/api/v1/pods": {reset}}, "", "is unreachable"},
		"has an untrusted certificate":      {map[string][]http.HandlerFunc{}, untrusted.URL, "has an untrusted TLS certificate"},
		"is not there":                      {map[string][]http.HandlerFunc{}, "http://user:hunter2@127.0.0.1:1", "127.0.0.1:1 is unreachable"},
		"has a malformed address":           {map[string][]http.HandlerFunc{}, "http://[::1", "the configuration of cluster fake is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, source := serve(t, tc.answers)
			if tc.host != "" {
				source.Config = &rest.Config{Host: tc.host}
			}
			_, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
			p := problem.As(err)
			if p == nil || p.Reason != v1alpha1.ReasonClusterUnreachable || !strings.Contains(p.Message, tc.want) {
				t.Fatalf("got %v, want a problem with %q", err, tc.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the password of the address is shown: %v", err)
			}
		})
	}
}

func TestProgressCountsKindsAndObjects(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	_, source := serve(t, map[string][]http.HandlerFunc{
		"/api/v1/pods": {
			fake.list("Pod", "", "2", "a", "b"),
			fake.list("Pod", "2", "", "c"),
		}, "/api/v1/services": {fake.list("Service", "", "", "s")},
	})
	var last [3]int
	progress := func(done, total, objects int) { last = [3]int{done, total, objects} }
	if _, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod, facts.Service}, clock.RealClock{}, progress); err != nil {
		t.Fatal(err)
	}
	if want := [3]int{2, 2, 4}; last != want {
		t.Errorf("done, total, objects: got %v, want %v", last, want)
	}
}

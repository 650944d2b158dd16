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

func TestGapsWithOneRemedyAreOne(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	const nobody = "system:serviceaccount:team:reader"
	refused := forbidden(nobody, "things")
	impersonation := status(http.StatusForbidden, "Forbidden",
		`serviceaccounts "reader" is forbidden: User "system:serviceaccount:kubeops:manager" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "team"`)
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
					"configmaps, nodes", nobody + " may not list these: configmaps, nodes.",
					"Grant it: kubectl create clusterrolebinding kubeops-inspector-team-reader --clusterrole=kubeops-inspector --serviceaccount=team:reader.",
				},
				{
					"pods, services", nobody + " may not list these in all namespaces, so they were read in namespace team only: pods, services.",
					"Grant it: kubectl create clusterrolebinding kubeops-inspector-team-reader --clusterrole=kubeops-inspector --serviceaccount=team:reader." +
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
					"pods, services in namespaces a, b", nobody + " may not list these in namespaces a, b: pods, services.",
					"Grant it in each: kubectl -n <namespace> create rolebinding kubeops-inspector --clusterrole=kubeops-inspector --serviceaccount=team:reader.",
				},
				{
					"services in namespace c", nobody + " may not list these in namespace c: services.",
					"Grant it: kubectl -n c create rolebinding kubeops-inspector --clusterrole=kubeops-inspector --serviceaccount=team:reader.",
				},
			},
		},
		"Secrets, whose grant is another": {
			answers: map[string][]http.HandlerFunc{"/api/v1/pods": {refused}, "/api/v1/secrets": {refused}}, user: "jane@example.com",
			kinds: []facts.Kind{facts.Pod, facts.Secret},
			want: []gap{
				{
					"pods", "jane@example.com may not list these: pods.",
					"Grant it: kubectl create clusterrolebinding kubeops-inspector-jane-example-com --clusterrole=kubeops-inspector --user=jane@example.com.",
				},
				{
					"secrets", "jane@example.com may not list Secrets, so one that is missing is not seen. KubeOps would read their names only.",
					"Grant it: kubectl create clusterrolebinding kubeops-inspector-secrets-jane-example-com --clusterrole=kubeops-inspector-secrets --user=jane@example.com." +
						" Or exclude the checks that this hurts.",
				},
			},
		},
		"a name that a shell would not take as one": {
			answers: map[string][]http.HandlerFunc{"/api/v1/pods": {refused}}, user: "o'hara; rm -rf /", kinds: []facts.Kind{facts.Pod},
			want: []gap{{
				"pods", "o'hara; rm -rf / may not list these: pods.",
				`Grant it: kubectl create clusterrolebinding kubeops-inspector-o-hara-rm-rf --clusterrole=kubeops-inspector --user='o'\''hara; rm -rf /'.`,
			}},
		},
		"nobody may act as the reader": {
			answers: map[string][]http.HandlerFunc{
				"/version": {impersonation}, "/api/v1/pods": {impersonation}, "/api/v1/secrets": {impersonation},
			},
			user: nobody, kinds: []facts.Kind{facts.Pod, facts.Secret},
			want: []gap{{
				"/version, pods, secrets", "system:serviceaccount:kubeops:manager may not act as " + nobody + ", with whose rights this is read.",
				"Grant the verb impersonate on it, as ClusterRole kubeops-manager does for ServiceAccounts.",
			}},
		},
		"the version is not told": {
			answers: map[string][]http.HandlerFunc{"/version": {body(http.StatusOK, "text/html", "<html>")}, "/api/v1/pods": {fake.list("Pod", "", "")}},
			kinds:   []facts.Kind{facts.Pod},
			want: []gap{{
				"/version", "The API server does not tell its version (the answer could not be read), so version skew is not seen.",
				"Ask it yourself: kubectl get --raw /version.",
			}},
		},
		"namespaces that do not exist, and context that may not be read": {
			answers: map[string][]http.HandlerFunc{
				"/api/v1/namespaces/a/pods": {fake.list("Pod", "", "")}, "/api/v1/namespaces/b/pods": {fake.list("Pod", "", "")}, "/api/v1/nodes": {refused},
				"/api/v1/namespaces/a": {status(http.StatusNotFound, "NotFound", "")}, "/api/v1/namespaces/b": {status(http.StatusNotFound, "NotFound", "")},
			},
			scope: Scope{Namespaces: []string{"a", "b"}}, kinds: []facts.Kind{facts.Pod, facts.Node, facts.Namespace},
			want: []gap{{
				"namespaces a, b", "These namespaces do not exist, so nothing could be inspected in them: a, b.",
				"Create the namespaces, or take them out of those to inspect.",
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
				got = append(got, gap{g.Source, g.Message, g.Remediation})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAClusterThatGivesNothingIsAProblem(t *testing.T) {
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
		"refuses the credentials at once":     {map[string][]http.HandlerFunc{"/version": {unauthorized}}, "", "does not accept the credentials"},
		"refuses the credentials for lists":   {map[string][]http.HandlerFunc{"/api/v1/pods": {unauthorized}}, "", "does not accept the credentials"},
		"goes away after the first answer":    {map[string][]http.HandlerFunc{"/api/v1/pods": {reset}}, "", "cannot be reached"},
		"shows a certificate of somebody":     {map[string][]http.HandlerFunc{}, untrusted.URL, "has a certificate that is not trusted"},
		"is not there":                        {map[string][]http.HandlerFunc{}, "http://user:hunter2@127.0.0.1:1", "127.0.0.1:1 cannot be reached"},
		"has an address that cannot be right": {map[string][]http.HandlerFunc{}, "http://[::1", "the configuration of cluster fake cannot be used"},
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
		"/api/v1/pods": {fake.list("Pod", "", "2", "a", "b"), fake.list("Pod", "2", "", "c")}, "/api/v1/services": {fake.list("Service", "", "", "s")},
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

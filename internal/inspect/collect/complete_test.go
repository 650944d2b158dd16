package collect

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

func TestARunThatReadsNothingOfItsScopeIsAProblem(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	const reader = "system:serviceaccount:team:reader"
	denied := func(message string) http.HandlerFunc { return status(http.StatusForbidden, "Forbidden", message) }
	impersonation := denied(`serviceaccounts "reader" is forbidden: User "system:serviceaccount:kubeops:manager" cannot impersonate ` +
		`resource "serviceaccounts" in API group "" in the namespace "team"`)
	byJane := denied(`serviceaccounts "reader" is forbidden: User "jane" cannot impersonate resource "serviceaccounts" in API group ""`)
	refused := forbidden(reader, "things")
	notFound := status(http.StatusNotFound, "NotFound", "")
	empty := fake.list("Pod", "", "")
	nodes := fake.list("Node", "", "", "n")
	for name, tc := range map[string]struct {
		answers         map[string][]http.HandlerFunc
		scope           Scope
		reason, message string
	}{
		"only /version": {
			map[string][]http.HandlerFunc{pods: {refused}, "/api/v1/nodes": {refused}}, Scope{}, v1alpha1.ReasonForbidden,
			reader + " cannot list nodes, pods (RBAC), so nothing was inspected. Grant it: `kubectl create clusterrolebinding",
		},
		"only cluster-scoped kinds that help to find causes": {
			map[string][]http.HandlerFunc{
				"/api/v1/nodes": {nodes}, "/api/v1/namespaces/shop/pods": {refused}, "/api/v1/namespaces/shop": {refused},
			},
			Scope{Namespaces: []string{"shop"}}, v1alpha1.ReasonForbidden, reader + " cannot list pods in namespace shop (RBAC)",
		},
		"the manager cannot impersonate the reader": {
			map[string][]http.HandlerFunc{"/version": {impersonation}, pods: {impersonation}, "/api/v1/nodes": {impersonation}}, Scope{},
			v1alpha1.ReasonImpersonationForbidden, "system:serviceaccount:kubeops:manager cannot impersonate " + reader,
		},
		"the user of the command line cannot impersonate the reader": {
			map[string][]http.HandlerFunc{"/version": {byJane}, pods: {byJane}, "/api/v1/nodes": {byJane}}, Scope{},
			v1alpha1.ReasonImpersonationForbidden, "jane cannot impersonate " + reader + " (RBAC), so nothing was read as that user. Grant jane",
		},
		"the only namespace is misspelt": {
			map[string][]http.HandlerFunc{
				"/api/v1/nodes": {nodes}, "/api/v1/namespaces/shpo/pods": {empty}, "/api/v1/namespaces/shpo": {notFound},
				"/api/v1/namespaces": {fake.namespaces("shop", "team")},
			},
			Scope{Namespaces: []string{"shpo"}}, v1alpha1.ReasonNamespaceNotFound, "Namespace shpo (did you mean shop?) does not exist",
		},
		"no namespace matches the glob": {
			map[string][]http.HandlerFunc{"/api/v1/namespaces": {fake.namespaces("shop", "team")}}, Scope{Namespaces: []string{"shpo*"}},
			v1alpha1.ReasonNamespaceNotFound, "No namespace matches shpo* (did you mean shop?).",
		},
		"the glob selects excluded namespaces only": {
			map[string][]http.HandlerFunc{"/api/v1/namespaces": {fake.namespaces("shop", "team")}},
			Scope{Namespaces: []string{"sh*"}, ExcludeNamespaces: []string{"shop"}}, v1alpha1.ReasonNamespaceNotFound, "No namespace matches sh*",
		},
		"a glob without permission to list Namespaces": {
			map[string][]http.HandlerFunc{"/api/v1/namespaces": {refused}}, Scope{Namespaces: []string{"sh*"}}, v1alpha1.ReasonForbidden,
			reader + " cannot list Namespaces (RBAC), so sh* selected none.",
		},
		"an error for every list": {
			map[string][]http.HandlerFunc{pods: {notFound}, "/api/v1/nodes": {notFound}}, Scope{}, v1alpha1.ReasonClusterUnreachable,
			"returned an error for every list (404 NotFound)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, source := serve(t, tc.answers)
			source.Config.Impersonate.UserName = reader
			_, err := All(t.Context(), source, tc.scope, []facts.Kind{facts.Pod, facts.Node}, clock.RealClock{}, nil)
			p := problem.As(err)
			if p == nil || p.Reason != tc.reason || !strings.Contains(p.Message, tc.message) {
				t.Errorf("got %v, want %s with %q", err, tc.reason, tc.message)
			}
		})
	}
}

func TestOnlyWhatSupportsTheResultIsOptional(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	refused := forbidden("jane", "things")
	exists := body(http.StatusOK, "application/json", `{"kind":"Namespace","apiVersion":"v1"}`)
	inShop := map[string][]http.HandlerFunc{
		"/version": {refused}, "/api/v1/namespaces/shop/pods": {fake.list("Pod", "", "", "p")}, "/api/v1/namespaces/shop/secrets": {refused},
		"/api/v1/namespaces/shop": {exists},
	}
	widget := served{"shop.example", "v1", "widgets", "Widget", "Namespaced", "list"}
	certificate := served{"cert-manager.io", "v1", "certificates", "Certificate", "Namespaced", "list"}
	custom := map[string][]http.HandlerFunc{
		apisPath: {fake.discovery(widget, certificate)}, crdsPath: {refused}, pods: {fake.list("Pod", "", "", "p")}, widgets: {refused},
		"/apis/cert-manager.io/v1/certificates": {refused},
	}
	secrets := []facts.Kind{facts.Pod, facts.Secret}
	shop := Scope{Namespaces: []string{"shop"}}
	for name, tc := range map[string]struct {
		answers map[string][]http.HandlerFunc
		scope   Scope
		kinds   []facts.Kind
		// want are the sources of gaps that are not optional.
		want []string
	}{
		"/version and Secrets where namespaces are named": {inShop, shop, secrets, nil},
		"/version where the whole cluster is inspected": {
			map[string][]http.HandlerFunc{"/version": {refused}, pods: {fake.list("Pod", "", "")}}, Scope{}, []facts.Kind{facts.Pod},
			[]string{"/version"},
		},
		"Secrets that a check named by its id reads": {
			inShop, Scope{Namespaces: []string{"shop"}, Asked: []facts.Kind{facts.Secret}}, secrets, []string{"secrets in namespace shop"},
		},
		"Secrets that time out": {
			map[string][]http.HandlerFunc{
				pods: {fake.list("Pod", "", "")}, "/api/v1/secrets": {status(http.StatusGatewayTimeout, "Timeout", "")},
			},
			Scope{}, secrets, []string{"secrets"},
		},
		"custom resources without checks of their own": {
			custom, Scope{}, []facts.Kind{facts.Pod, facts.Custom}, []string{"certificates.cert-manager.io"},
		},
		"a built-in kind that is not served": {
			map[string][]http.HandlerFunc{
				pods: {fake.list("Pod", "", "")}, services: {status(http.StatusNotFound, "NotFound", "")},
			},
			Scope{}, []facts.Kind{facts.Pod, facts.Service}, []string{"services"},
		},
		"an empty namespace that may not exist": {
			map[string][]http.HandlerFunc{"/api/v1/namespaces/shop/pods": {fake.list("Pod", "", "")}, "/api/v1/namespaces/shop": {refused}},
			shop, []facts.Kind{facts.Pod}, []string{"namespace shop"},
		},
		"an empty namespace that may not exist, without Secrets": {
			map[string][]http.HandlerFunc{
				"/api/v1/namespaces/shop/pods": {fake.list("Pod", "", "")}, "/api/v1/namespaces/shop": {refused},
				"/api/v1/namespaces/shop/secrets": {refused},
			},
			shop, secrets, []string{"namespace shop"},
		},
		"a namespace with objects, which exists": {
			map[string][]http.HandlerFunc{"/api/v1/namespaces/shop/pods": {fake.list("Pod", "", "", "p")}}, shop, []facts.Kind{facts.Pod}, nil,
		},
		"an empty namespace that exists": {
			map[string][]http.HandlerFunc{"/api/v1/namespaces/shop/pods": {fake.list("Pod", "", "")}, "/api/v1/namespaces/shop": {exists}},
			shop, []facts.Kind{facts.Pod}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, source := serve(t, tc.answers)
			collected, err := All(t.Context(), source, tc.scope, tc.kinds, clock.RealClock{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, gap := range collected.Gaps {
				if !gap.Optional {
					got = append(got, gap.Source)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("gaps that are not optional (-want +got):\n%s", diff)
			}
		})
	}
}

package custom

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// served is an API server with a sequence of responses for each path. Other requests fail the test.
func served(t *testing.T, answers map[string][]string) collect.Source {
	t.Helper()
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		list := answers[r.URL.Path]
		if len(list) == 0 || r.Method != http.MethodGet {
			t.Errorf("unexpected request: %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		answer := list[min(asked[r.URL.Path], len(list)-1)]
		asked[r.URL.Path]++
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(answer, `"kind":"Status"`) {
			w.WriteHeader(http.StatusGone)
		}
		_, _ = fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return collect.Source{Cluster: "test", Config: &rest.Config{Host: server.URL}}
}

// pageOf is a page of a list.
func pageOf(t *testing.T, next string, items ...map[string]any) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{"continue": next}, "items": items})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const (
	coreResources = `{"resources":[{"name":"pods","kind":"Pod","namespaced":true,"verbs":["list"]},` +
		`{"name":"namespaces","kind":"Namespace","verbs":["list"]}]}`
	appsResources = `{"resources":[{"name":"deployments","kind":"Deployment","namespaced":true,"verbs":["list"]}]}`
	gone          = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","code":410}`
)

func TestEachResourceIsListedOnce(t *testing.T) {
	all := objects(t, shop)
	api, toy := all[2], all[3]
	source := served(t, map[string][]string{
		"/apis/apps":                {`{"preferredVersion":{"version":"v1"},"versions":[{"version":"v1"}]}`},
		"/apis/apps/v1":             {appsResources},
		"/apis/apps/v1/deployments": {pageOf(t, "2", api), pageOf(t, "", toy)},
		"/api/v1":                   {coreResources},
		"/api/v1/pods":              {pageOf(t, "2", all[6]), gone, pageOf(t, "2", all[6]), pageOf(t, "", all[7], all[8])},
	})
	one := onDeployments("object.spec.replicas > 1")
	two := onDeployments("facts.namespaceLabels[?'env'].orValue('') != 'production'", func(c *v1alpha1.CustomCheck) { c.ID = "second" })
	three := onPods("false", func(c *v1alpha1.CustomCheck) { c.Resource.Version = "" })
	result, err := Run(t.Context(), Input{
		Programs: compiled(t, one, two, three), Source: source, Graph: testkit.Graph(t, shop), ExcludeNamespaces: []string{"pl*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		got = append(got, f.Check+" "+f.Object.String()+" "+f.Evidence[len(f.Evidence)-1].Text)
	}
	want := []string{
		"custom-owner-label Deployment/shop/api not true: object.spec.replicas > 1",
		"custom-second Deployment/shop/api not true: facts.namespaceLabels[?'env'].orValue('') != 'production'",
		"custom-pods Deployment/shop/api 2 of 2 Pods: api-1-a, api-1-b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if result.Ran != 3 || result.Gaps != nil {
		t.Errorf("ran %d, gaps %v", result.Ran, result.Gaps)
	}
}

func TestNamespacedScopesReadNamespaceLabelsAndSkipClusterScopedChecks(t *testing.T) {
	all := objects(t, shop)
	source := served(t, map[string][]string{
		"/apis/apps/v1": {appsResources},
		"/apis/apps/v1/namespaces/shop/deployments": {pageOf(t, "", all[2])},
		"/api/v1/namespaces/shop":                   {`{"metadata":{"labels":{"env":"production"}}}`},
		"/api/v1":                                   {coreResources},
	})
	labels := onDeployments("facts.namespaceLabels.env != 'production'", func(c *v1alpha1.CustomCheck) { c.Resource.Version = "v1" })
	result, err := Run(t.Context(), Input{
		Programs: compiled(t, labels, onDeployments("false", on("namespaces"))), Source: source,
		Scope: collect.Scope{Namespaces: []string{"shop"}},
		Graph: testkit.Graph(t, "", facts.Namespace),
	})
	if err != nil || len(result.Findings) != 1 || result.Findings[0].Object.Name != "api" || result.Ran != 1 || result.Gaps != nil {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestAListEndsWhenAllItsChecksHaveStopped(t *testing.T) {
	big := deployment(1, 300)
	source := served(t,
		map[string][]string{"/apis/apps/v1": {appsResources}, "/apis/apps/v1/deployments": {pageOf(t, "2", big, big, big)}})
	result, err := Run(t.Context(), Input{
		Programs: compiled(t, onDeployments(costly, func(c *v1alpha1.CustomCheck) { c.Resource.Version = "v1" })), Source: source,
		Graph: testkit.Graph(t, ""),
	})
	if err != nil || len(result.Gaps) != 1 || !strings.Contains(result.Gaps[0].Message, "stopped at object 1, Deployment/shop/d00001") {
		t.Errorf("got %+v, %v", result, err)
	}
}

func TestTheSampleFindsWhatItDocuments(t *testing.T) {
	content, err := os.ReadFile("../../../config/samples/kubeops_v1alpha1_inspection_customchecks.yaml")
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(content), "\n---\n")
	var inspection v1alpha1.Inspection
	if err := yaml.UnmarshalStrict([]byte(documents[len(documents)-1]), &inspection); err != nil {
		t.Fatal(err)
	}
	const more = shop + `
---
apiVersion: v1
kind: Namespace
metadata: {name: kube-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: owned, labels: {owner: us}}
`
	s := NewSession(compiled(t, inspection.Spec.CustomChecks...), testkit.Graph(t, more), nil)
	application := func(name, spec string) string {
		return "---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: " + name + ", namespace: argocd}\nspec: " + spec + "\n"
	}
	for _, object := range objects(t, more+application("head", "{source: {repoURL: r, targetRevision: HEAD}}")+
		application("unset", "{source: {repoURL: r}}")+
		application("tag", "{source: {repoURL: r, targetRevision: v1.2.3}}")+
		application("one-of-two", "{sources: [{targetRevision: v1}, {targetRevision: main}]}")+
		application("both", "{sources: [{targetRevision: v1}, {targetRevision: 3f2a}]}")) {
		s.Object(t.Context(), object)
	}
	var got []string
	for _, line := range summarize(s) {
		head, _, _ := strings.Cut(line, ": ")
		got = append(got, head)
	}
	want := []string{
		"low custom-namespace-owner Namespace/play", "low custom-namespace-owner Namespace/shop",
		"medium custom-production-replicas Deployment/shop/api",
		"medium custom-argocd-pinned-revision Application.argoproj.io/argocd/head",
		"medium custom-argocd-pinned-revision Application.argoproj.io/argocd/one-of-two",
		"medium custom-argocd-pinned-revision Application.argoproj.io/argocd/unset",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestTheExamplesInTheDocumentationCompile(t *testing.T) {
	content, err := os.ReadFile("../../../docs/custom-checks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, examples, ok := strings.Cut(string(content), "## Examples\n\n```yaml\n")
	if !ok {
		t.Fatal("no examples")
	}
	var list []v1alpha1.CustomCheck
	if err := yaml.UnmarshalStrict([]byte(strings.TrimSuffix(examples, "```\n")), &list); err != nil {
		t.Fatal(err)
	}
	if len(compiled(t, list...)) != 4 {
		t.Errorf("%d examples", len(list))
	}
}

package inspect

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/testkit"
)

// warnings collects the warnings of an API server.
type warnings struct{ texts []string }

func (w *warnings) HandleWarningHeader(_ int, _, text string) { w.texts = append(w.texts, text) }

// TestSeverityOfAnInvalidManifestFollowsTheAPIServer creates invalid objects in a real API server: what it refuses is high, what it accepts
// with a warning is medium, and what it accepts silently is no finding.
func TestSeverityOfAnInvalidManifestFollowsTheAPIServer(t *testing.T) {
	config := rest.CopyConfig(testkit.APIServer(t))
	heard := &warnings{}
	config.WarningHandler = heard
	discovered := discovery.NewDiscoveryClientForConfigOrDie(config)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(discovered))
	client := discovered.RESTClient()
	container := func(more string) string { return "containers: [{name: api, image: i" + more + "}]" }
	deployment := func(spec, pod string) string {
		return "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: cart, namespace: default}\nspec: {selector: {matchLabels: {app: cart}}" +
			spec + ", template: {metadata: {labels: {app: cart}}, spec: {" + pod + "}}}\n"
	}
	configMap := func(metadata string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: default" + metadata + "}\n"
	}
	const refused, warned = v1alpha1.SeverityHigh, v1alpha1.SeverityMedium
	for name, c := range map[string]struct {
		document string
		want     v1alpha1.Severity
	}{
		"valid":                       {deployment("", container("")), ""},
		"an unknown field":            {deployment("", container(", imagePolicy: Always")), warned},
		"a field in the wrong place":  {deployment(", resources: {}", container("")), warned},
		"a duplicate key":             {deployment(", replicas: 1, replicas: 2", container("")), warned},
		"text for a number":           {deployment(", replicas: two", container("")), refused},
		"a number for text":           {deployment("", container(", imagePullPolicy: 1")), refused},
		"a map for a list":            {deployment("", "containers: {name: api, image: i}"), refused},
		"a malformed quantity":        {deployment("", container(", resources: {limits: {memory: 1Gib}}")), refused},
		"a malformed name":            {configMap(", name: Upper_Case"), refused},
		"no name":                     {configMap(", labels: {a: b}"), refused},
		"a malformed label":           {configMap(", name: a, labels: {app: 'a b'}"), refused},
		"a malformed annotation":      {configMap(", name: a, annotations: {'a b': c}"), refused},
		"a malformed selector":        {strings.Replace(deployment("", container("")), "matchLabels: {app: cart}", "matchLabels: {app: cart}, matchExpressions: [{key: a, operator: Near}]", 1), refused},
		"a Secret that is not base64": {"apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: default}\ndata: {a: '%%%'}\n", refused},
		"a kind that does not exist":  {"apiVersion: apps/v1\nkind: Deploymnt\nmetadata: {name: cart, namespace: default}\n", refused},
	} {
		t.Run(name, func(t *testing.T) {
			heard.texts = nil
			got := v1alpha1.Severity("")
			if err := apply(t, mapper, client, c.document); err != nil {
				got = refused
				t.Log(err)
			} else if slices.ContainsFunc(heard.texts, func(w string) bool { return strings.Contains(w, "field") || strings.Contains(w, "already set") }) {
				got = warned
			}
			if got != c.want {
				t.Errorf("the API server says %q, want %q: %v", got, c.want, heard.texts)
			}
			if found := invalid(t, c.document); found != c.want {
				t.Errorf("the finding is %q, want %q", found, c.want)
			}
		})
	}
}

// apply creates an object as the API server does by default (fieldValidation Warn), without keeping it. It sends the document as it is: a
// client that parses it drops duplicate keys.
func apply(t *testing.T, mapper meta.RESTMapper, client rest.Interface, document string) error {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(document), object); err != nil {
		t.Fatal(err)
	}
	kind := object.GroupVersionKind()
	mapping, err := mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return fmt.Errorf("resource: %w", err)
	}
	path := "/apis/" + kind.GroupVersion().String()
	if kind.Group == "" {
		path = "/api/" + kind.Version
	}
	result := client.Post().AbsPath(path, "namespaces", "default", mapping.Resource.Resource).
		Param("dryRun", metav1.DryRunAll).Param("fieldValidation", metav1.FieldValidationWarn).
		SetHeader("Content-Type", "application/yaml").Body([]byte(document)).Do(t.Context())
	return result.Error()
}

// invalid returns the severity of manifest-invalid in a document.
func invalid(t *testing.T, document string) v1alpha1.Severity {
	t.Helper()
	read, err := manifests.Read(t.Context(), []string{"-"}, manifests.Options{Now: testkit.Now(), Stdin: strings.NewReader(document)})
	if err != nil {
		t.Fatal(err)
	}
	selected, err := check.Select(checks.Builtin(), []string{"manifest-invalid"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := Manifests(ManifestsInput{
		Read: read, Checks: selected, Params: check.DefaultParams(), Clock: clock.RealClock{}, Start: testkit.Now(),
		Redact: func(text string) string { return text },
	}).Findings
	if len(found) == 0 {
		return ""
	}
	return found[0].Severity
}

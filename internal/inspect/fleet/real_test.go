package fleet

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/testkit"
)

// definition of a kind whose field size has a type.
func definition(fieldType string, versions ...string) *apiextensionsv1.CustomResourceDefinition {
	d := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "widgets.example.com"}}
	d.Spec.Group = "example.com"
	d.Spec.Scope = apiextensionsv1.NamespaceScoped
	d.Spec.Names = apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"}
	for i, version := range versions {
		schema := apiextensionsv1.JSONSchemaProps{Type: "object", Description: "A " + fieldType, Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"spec": {Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"size": {Type: fieldType}}},
		}}
		d.Spec.Versions = append(d.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: version, Served: true, Storage: i == 0, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &schema},
		})
	}
	return d
}

// lostService is a Service whose selector matches nothing, and stays a problem.
func lostService() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "lost", Namespace: "default"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "lost"}, Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

func create(t *testing.T, config *rest.Config, objects ...client.Object) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

func realCluster(name string, config *rest.Config, deadline time.Duration) Cluster {
	params := check.DefaultParams()
	params.StartupGrace = 0
	return Cluster{Deadline: deadline, Input: inspect.Input{
		Source: collect.Source{Cluster: name, Config: config}, Checks: checks.Builtin(), Params: params, Clock: clock.RealClock{},
	}}
}

func TestThreeRealClustersOfWhichOneFreezes(t *testing.T) {
	good, other := testkit.APIServer(t), testkit.APIServer(t)
	frozen := testkit.NewCluster(t)
	create(t, good, definition("integer", "v1", "v2"), lostService())
	create(t, frozen.Config, lostService())
	create(t, other, definition("string", "v1"))
	rejected := rest.AnonymousClientConfig(other)
	rejected.BearerToken = "expired"
	const deadline = 8 * time.Second
	engine := func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
		if in.Source.Cluster == "frozen" { // its version was read before
			frozen.Freeze()
		}
		return inspect.Run(ctx, in)
	}
	result, err := Run(t.Context(), Input{
		Clusters: []Cluster{
			realCluster("frozen", frozen.Config, deadline), realCluster("good", good, time.Minute), realCluster("other", other, time.Minute),
			realCluster("rejected", rejected, time.Minute),
		},
		Checks: checks.Builtin(), Bounds: report.Bounds{}, Engine: engine, Clock: clock.RealClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	r := result.Report
	byName := map[string]v1alpha1.InspectedCluster{}
	for _, c := range r.Clusters {
		byName[c.Name] = c
		t.Logf("%s: %s, score %v, %d findings, %d gaps, %q in %s", c.Name, c.Version, c.Score != nil, c.Findings, c.Gaps, c.NotInspected,
			c.Duration.Duration)
	}
	if c := byName["frozen"]; c.NotInspected != v1alpha1.GapTimedOut || c.Version == "" || c.Duration.Duration > deadline+stopGrace {
		t.Errorf("frozen: %+v", c)
	}
	if c := byName["rejected"]; c.NotInspected != v1alpha1.GapUnavailable || c.Score != nil {
		t.Errorf("rejected: %+v", c)
	}
	for _, name := range []string{"good", "other"} {
		if c := byName[name]; c.Score == nil || c.RequiredGaps > 0 || c.Objects == 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
	if r.Summary.Score != nil || r.Summary.RequiredGaps != 2 {
		t.Errorf("summary: %+v", r.Summary)
	}
	found := map[string]v1alpha1.Finding{}
	for _, f := range r.Findings {
		found[f.Cluster+" "+f.Check] = f
	}
	if found["good service-selector-matches-nothing"].Object.Name != "lost" {
		t.Errorf("the Service of the good cluster is missing")
	}
	schema := found[" crd-schema-skew"]
	if len(schema.Evidence) == 0 || !strings.HasSuffix(schema.Evidence[len(schema.Evidence)-1].Text, ": .spec.size") {
		t.Errorf("schema skew: %+v", schema)
	}
	if version := found[" crd-version-skew"]; !strings.Contains(version.Message, "served in cluster good, not in cluster other") {
		t.Errorf("version skew: %+v", version)
	}
}

// The ids of a cluster are those of an inspection of that cluster alone.
func TestFindingsHaveTheIDsOfASingleInspection(t *testing.T) {
	config := testkit.APIServer(t)
	create(t, config, lostService())
	alone, err := inspect.Run(t.Context(), realCluster("a", config, time.Minute).Input)
	if err != nil {
		t.Fatal(err)
	}
	together, err := Run(t.Context(), Input{
		Clusters: []Cluster{realCluster("a", config, time.Minute), realCluster("b", config, time.Minute)}, Checks: checks.Builtin(), Engine: inspect.Run,
		Clock: clock.RealClock{},
	})
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, f := range alone.Report.Findings {
		want = append(want, f.ID)
	}
	for _, f := range together.Report.Findings {
		if f.Cluster == "a" {
			got = append(got, f.ID)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) == 0 || !slices.Equal(want, got) {
		t.Errorf("alone %q, together %q", want, got)
	}
	if n := len(together.Report.Findings); n != 2*len(want) {
		t.Errorf("%d findings of two equal clusters, %d of one", n, len(want))
	}
}

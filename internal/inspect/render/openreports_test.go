package render

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

func everything() *v1alpha1.Inspection {
	return &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Namespace: "team-a", Name: "everything", UID: "u-1"}}
}

// openReportSchema is the schema of the CRD, without unknown fields.
func openReportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile("testdata/openreports-crd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var crd map[string]any
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	versions, _, err := unstructured.NestedSlice(crd, "spec", "versions")
	if err != nil {
		t.Fatal(err)
	}
	schema, _, err := unstructured.NestedMap(versions[0].(map[string]any), "schema", "openAPIV3Schema")
	if err != nil {
		t.Fatal(err)
	}
	closeSchema(schema)
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("report.json", schema); err != nil {
		t.Fatal(err)
	}
	return compiler.MustCompile("report.json")
}

func closeSchema(value any) {
	switch v := value.(type) {
	case map[string]any:
		if properties, ok := v["properties"].(map[string]any); ok && v["type"] == "object" && len(properties) > 0 {
			v["additionalProperties"] = false
		}
		for _, below := range v {
			closeSchema(below)
		}
	case []any:
		for _, below := range v {
			closeSchema(below)
		}
	}
}

func TestOpenReportIsValid(t *testing.T) {
	schema := openReportSchema(t)
	odd := sample()
	odd.Findings[0].Severity = "unheard-of"
	for name, report := range map[string]*v1alpha1.InspectionReport{"sample": sample(), "nothing": nothing(), "large": large(), "odd": odd} {
		object, _ := OpenReport(report, everything())
		text, err := json.Marshal(object.DeepCopy()) // a deep copy panics on values that are not JSON's
		if err != nil {
			t.Fatal(err)
		}
		if len(text) >= 512<<10 {
			t.Errorf("%s: %d bytes", name, len(text))
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOpenReportIsInTheNamespaceOfTheInspection(t *testing.T) {
	report := incomplete()
	report.Labels = map[string]string{v1alpha1.LabelInspection: "everything"}
	object, omitted := OpenReport(report, everything())
	if object.GetNamespace() != "team-a" || object.GetName() != "kubeops-everything" || omitted != 0 ||
		object.GetLabels()[v1alpha1.LabelInspection] != "everything" {
		t.Errorf("metadata: %v, %d omitted", object.Object["metadata"], omitted)
	}
	owner := object.GetOwnerReferences()[0]
	if owner.Kind != "Inspection" || owner.UID != "u-1" || owner.BlockOwnerDeletion != nil {
		t.Errorf("owner: %+v", owner)
	}
	results := object.Object["results"].([]any)
	if len(results) != 10 {
		t.Fatalf("%d results", len(results))
	}
	summary := object.Object["summary"].(map[string]any)
	if summary["fail"] != int64(6) || summary["warn"] != int64(2) || summary["error"] != int64(1) || summary["skip"] != int64(1) {
		t.Errorf("summary: %v", summary)
	}
	first := results[0].(map[string]any)
	node := results[4].(map[string]any)
	if first["policy"] != "secret-missing" || first["severity"] != "critical" || first["result"] != "fail" {
		t.Errorf("first result: %v", first)
	}
	if resource := first["resources"].([]any)[0].(map[string]any); resource["namespace"] != "shop" || resource["kind"] != "Deployment" {
		t.Errorf("resource: %v", resource)
	}
	if _, namespaced := node["resources"].([]any)[0].(map[string]any)["namespace"]; namespaced {
		t.Error("a Node has a namespace")
	}
}

func TestOpenReportIsBounded(t *testing.T) {
	report := large()
	if _, omitted := OpenReport(report, everything()); omitted != 2 {
		t.Errorf("%d omitted, want the 2 gaps after 500 findings", omitted)
	}
	for i := range report.Findings {
		report.Findings[i].Message = strings.Repeat("x", 2000)
	}
	object, omitted := OpenReport(report, everything())
	if n := len(object.Object["results"].([]any)); n == 0 || n+omitted != 502 || n > 260 {
		t.Errorf("%d results and %d omitted", n, omitted)
	}
}

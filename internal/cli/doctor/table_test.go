package doctor

import (
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/config"
)

func TestSchemasAreComparedByFieldsAndValues(t *testing.T) {
	object := func(properties map[string]apiextensionsv1.JSONSchemaProps) *apiextensionsv1.JSONSchemaProps {
		return &apiextensionsv1.JSONSchemaProps{Properties: properties}
	}
	one := object(map[string]apiextensionsv1.JSONSchemaProps{
		"kept": {Enum: []apiextensionsv1.JSON{{Raw: []byte(`"a"`)}, {Raw: []byte(`"b"`)}}},
		"list": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: object(map[string]apiextensionsv1.JSONSchemaProps{"in": {}})}},
		"gone": *object(map[string]apiextensionsv1.JSONSchemaProps{"child": {}}),
	})
	other := object(map[string]apiextensionsv1.JSONSchemaProps{
		"kept": {Enum: []apiextensionsv1.JSON{{Raw: []byte(`"a"`)}}},
		"list": {Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: object(nil)}},
		"more": {},
	})
	missing, extra := compare(one, other)
	if diff := cmp.Diff([]string{"gone", `kept "b"`, "list[].in"}, missing); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"more"}, extra); diff != "" {
		t.Error(diff)
	}
	if missing, extra := compare(one, nil); len(missing) == 0 || len(extra) != 0 {
		t.Errorf("a version that is not served: %q, %q", missing, extra)
	}
}

func TestThisProgramHasTheManifests(t *testing.T) {
	crds, err := config.CRDs()
	if err != nil || len(crds) < 14 {
		t.Errorf("%d CustomResourceDefinitions, %v", len(crds), err)
	}
	for _, crd := range crds {
		if schemaOf(crd) == nil {
			t.Errorf("%s has no schema", crd.Name)
		}
	}
	roles, err := config.Roles()
	if err != nil || len(roles) != 5 {
		t.Errorf("%d roles, %v", len(roles), err)
	}
	policies, err := config.Policies()
	if err != nil || len(policies) != 3 {
		t.Errorf("%d policies, %v", len(policies), err)
	}
	for _, policy := range policies {
		if len(policy.Spec.Validations) == 0 {
			t.Errorf("%s has no validations", policy.Name)
		}
	}
}

func TestTheTableHasNothingThatATerminalActsOn(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	report := &Report{
		Context: "prod", Kubernetes: "v1.37.2", Program: "v1.0.0",
		Managers:    []Manager{{Namespace: "kubeops-system", Name: "kubeops-manager", Image: "i\x1b[31m", Replicas: 2, Available: 1}},
		Leaders:     []Leader{{Namespace: "kubeops-system", Holder: "a", Since: &at, Renewed: &at, Active: true}},
		Connections: []Connection{{Kind: "LogBackend", Namespace: "shop", Name: "loki", Ready: "False", Reason: "Unreachable"}},
		Findings: []Finding{
			{checkManager, LevelWarning, "Deployment a/b", "has 1 of 2 replicas", "See `kubectl get pods`."},
			{checkCRDs, LevelProblem, "CustomResourceDefinition x", "does not exist\x1b[2J", "Apply it."},
		},
		Gaps: []Gap{{checkLeader, "cannot list Leases (RBAC)"}},
	}
	var b strings.Builder
	if err := printTable(&b, report, 100); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	if strings.Contains(out, "\x1b") {
		t.Errorf("an escape sequence is printed:\n%q", out)
	}
	for _, part := range []string{
		"PROBLEMS\n1. CustomResourceDefinition x: does not exist", "WARNINGS\n1. Deployment a/b: has 1 of 2 replicas (manager)\n   See `kubectl get pods`.",
		"NOT CHECKED\n- leader: cannot list Leases (RBAC)", "LogBackend  shop/loki  False  Unreachable", "2026-01-02T03:04:05Z",
	} {
		if !strings.Contains(out, part) {
			t.Errorf("%q is missing in\n%s", part, out)
		}
	}
	if err := verdict(report); err == nil || err.Error() != "1 problem" {
		t.Errorf("verdict: %v", err)
	}
}

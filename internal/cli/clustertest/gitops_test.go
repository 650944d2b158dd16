package clustertest

import (
	"os"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
	"sigs.k8s.io/yaml"
)

// fluxHealth evaluates the expressions of docs/inspections.md on an object as Flux does: failed before current, and in progress if
// neither is true.
func fluxHealth(t *testing.T, object map[string]any) string {
	t.Helper()
	content, err := os.ReadFile("../../../docs/inspections.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "## Flux")
	_, rest, _ = strings.Cut(rest, "```yaml\n")
	document, _, _ := strings.Cut(rest, "```")
	var kustomization struct {
		Spec struct {
			HealthCheckExprs []struct{ Failed, Current string } `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal([]byte(document), &kustomization); err != nil || len(kustomization.Spec.HealthCheckExprs) != 1 {
		t.Fatalf("no expressions in %s: %v", document, err)
	}
	expressions := kustomization.Spec.HealthCheckExprs[0]
	env, err := cel.NewEnv(cel.Variable("metadata", cel.DynType), cel.Variable("status", cel.DynType))
	if err != nil {
		t.Fatal(err)
	}
	for _, expression := range []struct{ text, result string }{{expressions.Failed, "Failed"}, {expressions.Current, "Current"}} {
		parsed, issues := env.Compile(expression.text)
		if issues.Err() != nil {
			t.Fatal(issues.Err())
		}
		program, err := env.Program(parsed)
		if err != nil {
			t.Fatal(err)
		}
		value, _, err := program.Eval(object)
		if err != nil {
			t.Fatalf("%s: %v", expression.text, err)
		}
		if value.Value() == true {
			return expression.result
		}
	}
	return "InProgress"
}

func TestFluxWaitsForARequestedRunWithTheDocumentedExpressions(t *testing.T) {
	t.Parallel()
	requested := map[string]any{"annotations": map[string]any{"kubeops.io/requested-at": "v2"}}
	condition := func(kind, status string) map[string]any { return map[string]any{"type": kind, "status": status} }
	for want, status := range map[string][]map[string]any{
		"InProgress": {
			{"observedGeneration": -1},
			{"lastHandledRequest": "v1", "conditions": []any{condition("Ready", "True")}},
			{"lastHandledRequest": "v2", "conditions": []any{condition("Ready", "Unknown"), condition("Reconciling", "True")}},
		},
		"Failed":  {{"lastHandledRequest": "v1", "conditions": []any{condition("Ready", "False"), condition("Stalled", "True")}}},
		"Current": {{"lastHandledRequest": "v2", "conditions": []any{condition("Ready", "True")}}},
	} {
		for _, s := range status {
			if got := fluxHealth(t, map[string]any{"metadata": requested, "status": s}); got != want {
				t.Errorf("%v is %s, want %s", s, got, want)
			}
		}
	}
}

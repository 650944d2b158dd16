package style

import (
	"strings"
	"testing"
)

func TestCommandsThatPackageRemedyDoesNotBuildAreReported(t *testing.T) {
	for expression, reported := range map[string]bool{
		"fmt.Sprintf(\"Run `kubectl delete pod %s`.\", name)":           true,
		`fmt.Errorf("to grant it: kubectl -n %s get pods", namespace)`:  true,
		"problem.UserError(r, nil, \"run `argocd app sync %s`\", name)": true,
		"\"Run `kubectl delete pod \" + name + \"`.\"":                  true,
		`remedy.Text(text)`:               true,
		`remedy.Words("-n " + namespace)`: true,

		"remedy.Sprintf(\"Run `kubectl delete pod %s`.\", name)":             false,
		`remedy.Command("kubectl -n %s", namespace)`:                         false,
		"fmt.Sprintf(\"%s is gone; `kubectl get pods` lists others\", name)": false,
		"fmt.Errorf(\"%w; run `kubeops checks` to list all checks\", err)":   false,
		`"a " + name`:                                false,
		"\"Run `a` and \" + name":                    false,
		`remedy.Text("Run it.")`:                     false,
		"remedy.Text(\"Run \" + \"`kubectl get`.\")": false,
	} {
		source := Source{Path: "internal/p/f.go", Text: []byte("package p\n\nvar _ = " + expression + "\n")}
		found, err := Commands(source)
		if err != nil {
			t.Fatalf("%s: %v", expression, err)
		}
		if got := len(found) > 0; got != reported {
			t.Errorf("%s: reported %v, want %v", expression, got, reported)
		}
	}
}

func TestCommandsOfTheTreeAreBuiltByPackageRemedy(t *testing.T) {
	for _, violation := range violations(t, func(source Source) ([]Violation, error) {
		product := strings.HasPrefix(source.Path, "internal/") || strings.HasPrefix(source.Path, "controllers/") ||
			strings.HasPrefix(source.Path, "cmd/")
		if !source.IsGo() || source.IsGenerated() || !product || strings.HasSuffix(source.Path, "_test.go") ||
			strings.HasPrefix(source.Path, "internal/remedy/") || strings.HasPrefix(source.Path, "internal/testkit/") ||
			source.Path == "internal/cli/table_explanation.go" || // a whole command, which package explain judged
			strings.HasPrefix(source.Path, "internal/managerconfig/reference/") { // backquotes of Markdown
			return nil, nil
		}
		return Commands(source)
	}) {
		t.Error(violation)
	}
}

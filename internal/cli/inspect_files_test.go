package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/printable"
)

// goldenChecks are fixed: a new check must not change the golden report.
const goldenChecks = "manifest-*,configmap-key-missing,service-port-name-wrong,cronjob-invalid-schedule"

func TestARepositoryIsInspectedWithoutACluster(t *testing.T) {
	code, out, errOut := runCLI(t, "inspect", "-f", "testdata/repository", "--checks", goldenChecks, "--fail-on", "high")
	if code != exitFindings {
		t.Errorf("exit code %d: %s", code, errOut)
	}
	got := regexp.MustCompile(`in [0-9.]+s`).ReplaceAllString(out, "in 0.0s")
	golden := filepath.Join("testdata", "repository.golden")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s\n(UPDATE_GOLDEN=1 updates the file)", got, want)
	}
}

func TestFindingIDsDoNotDependOnFileLocations(t *testing.T) {
	ids := func(args ...string) string {
		_, out, errOut := runCLI(t, append([]string{"inspect", "-o", "json", "--checks", goldenChecks}, args...)...)
		report := &v1alpha1.InspectionReport{}
		if err := json.Unmarshal([]byte(out), report); err != nil {
			t.Fatalf("%v: %s", err, errOut)
		}
		var all []string
		for _, f := range report.Findings {
			all = append(all, f.ID+" "+f.Object.APIVersion)
		}
		return strings.Join(all, "\n")
	}
	moved := t.TempDir()
	for _, name := range []string{"web.yaml", "report.json"} {
		text, err := os.ReadFile(filepath.Join("testdata/repository/deploy", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "web.yaml" {
			text = append([]byte("# a new first line\n\n"), text...)
		}
		if err := os.WriteFile(filepath.Join(moved, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before, after := ids("-f", "testdata/repository/deploy"), ids("-f", moved)
	if before != after || !strings.Contains(before, "batch/v1beta1") {
		t.Errorf("ids before:\n%s\nafter:\n%s", before, after)
	}
}

func TestStdinIsInspected(t *testing.T) {
	var out, errOut bytes.Buffer
	in := strings.NewReader("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndta: {}\n")
	code := Run(t.Context(), []string{"inspect", "-f", "-", "-n", "shop"}, command.Streams{In: in, Out: &out, Err: &errOut})
	if code != exitOK || !strings.Contains(out.String(), "ConfigMap shop/c") || !strings.Contains(out.String(), "file: stdin:4") {
		t.Errorf("exit code %d: %s%s", code, out.String(), errOut.String())
	}
}

func TestUsageErrorsOfManifestInspections(t *testing.T) {
	empty := t.TempDir()
	config := func(text string) string {
		name := filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"flags for clusters":      {[]string{"-f", empty, "-A", "--context", "x"}, "remove --context and --all-namespaces"},
		"no objects":              {[]string{"-f", empty}, "no Kubernetes objects found"},
		"missing file":            {[]string{"-f", "/nonexistent/x"}, "no such file or directory"},
		"check for clusters only": {[]string{"-f", empty, "--checks", "node-not-ready"}, "none of the selected checks applies to manifests"},
		"invalid release":         {[]string{"-f", empty, "--kubernetes-version", "latest"}, `invalid Kubernetes version "latest"`},
		"stdin twice":             {[]string{"-f", "-", "-f", "-"}, "stdin can be read only once"},
		"--complete on a cluster": {[]string{"--complete"}, "use them with -f"},
		"missing configuration":   {[]string{"-f", empty, "--config", "/nonexistent/c"}, "read the configuration"},
		"rule without a reason":   {[]string{"-f", empty, "--config", config("ignore: [{check: a}]\n")}, "ignore[0] must set reason"},
		"rule that hides all":     {[]string{"-f", empty, "--config", config("ignore: [{reason: a}]\n")}, "it would hide everything"},
		"rule for an unknown check": {
			[]string{"-f", empty, "--config", config("ignore: [{check: pod-*, reason: a}, {check: pod-oom-kiled, reason: a}]\n")},
			"ignore[1].check: unknown check pod-oom-kiled (did you mean pod-oom-killed?)",
		},
		"a malformed glob of namespaces": {
			[]string{"-f", empty, "--config", config("excludeNamespaces: ['a[']\n")}, `excludeNamespaces[0]: "a[" is not a valid glob`,
		},
		"several default namespaces": {[]string{"-f", empty, "-n", "a,b"}, "-n sets the default namespace of the objects: pass one name"},
		"unknown severity":           {[]string{"-f", empty, "--config", config("failOn: bad\n")}, `invalid failOn "bad": must be one of critical`},
		"unknown check to exclude": {[]string{"-f", empty, "--config", config("checks: {exclude: [pod-oom-kiled]}\n")},
			"did you mean pod-oom-killed?"},
		"configuration with a typo": {
			[]string{"-f", empty, "--config", config("failOn: high\nignores: []\n")},
			"rules.yaml:2: unknown field ignores (did you mean ignore?)",
		},
		"configuration with a wrong type": {
			[]string{"-f", empty, "--config", config("ignore:\n- check: 5\n  reason: x\n")},
			"rules.yaml:2: ignore[0].check must be a string, not a number",
		},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errOut := runCLI(t, append([]string{"inspect"}, tc.args...)...)
			if code != exitError || !strings.Contains(errOut, tc.want) {
				t.Errorf("exit code %d and %q, want %d and a message with %q", code, errOut, exitError, tc.want)
			}
		})
	}
}

func TestTheConfigurationOfARepositoryIsApplied(t *testing.T) {
	repository, err := filepath.Abs("testdata/repository/deploy")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	const rules = `checks: {include: ["manifest-*", cronjob-invalid-schedule]}
ignore:
- {check: manifest-api-removed, name: report, reason: the old cluster still serves it, expires: 2999-01-01T00:00:00Z}
- {check: cronjob-*, reason: known}
thresholds: {recentWindow: 2h}
allowedRegistries: [registry.example.com]
failOn: medium
`
	if err := os.WriteFile(configName, []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := runCLI(t, "inspect", "-f", repository)
	if code != exitFindings || !strings.Contains(out, "1 problem, 2 ignored by rules\n\nProblems: 1 medium") {
		t.Errorf("exit code %d: %s%s", code, out, errOut)
	}
	if code, out, _ = runCLI(t, "inspect", "-f", repository, "--fail-on", "critical"); code != exitOK {
		t.Errorf("--fail-on does not override the file: %d %s", code, out)
	}
}

func TestChecksForManifestsAreMarked(t *testing.T) {
	_, out, _ := runCLI(t, "checks", "--manifests", "-o", "json")
	var list []struct {
		ID        string `json:"id"`
		Manifests bool   `json:"manifests"`
	}
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 15 {
		t.Errorf("%d checks apply to manifests, want at least 15", len(list))
	}
	for _, check := range list {
		if !check.Manifests || check.ID == "pod-crash-looping" {
			t.Errorf("%+v", check)
		}
	}
	if _, out, _ = runCLI(t, "checks", "manifest-invalid"); !strings.Contains(out, "Also runs on manifests") {
		t.Error(out)
	}
}

func TestHostileManifestsForgeNothingAndRunNothing(t *testing.T) {
	manifest := filepath.Join(t.TempDir(), "hostile.json")
	const name = "x;>pwned;$(>pwned)'#\n::error::y\x1b[2J"
	text, err := json.Marshal(map[string]any{
		"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": name, "namespace": "sec-a"},
		"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
		"subjects": []any{map[string]any{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:authenticated"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, text, 0o600); err != nil {
		t.Fatal(err)
	}
	_, out, errOut := runCLI(t, "inspect", "-f", manifest, "--recommendations", "--checks", "rbac-*,manifest-*")
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); printable.HasCommand(line) || printable.Line(line) != line {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "Change it in ") || strings.Contains(out, " delete rolebinding ") {
		t.Errorf("no remedy for the file in\n%s%s", out, errOut)
	}
}

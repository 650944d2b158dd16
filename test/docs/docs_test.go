// Package docs runs the commands of the documentation as they are pasted.
package docs

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

// block is a fenced block of a page, below a heading.
type block struct{ page, heading, language, text string }

// blocks of README.md and the pages of docs. A block of commands has the language sh, bash or console; one without a language fails.
func blocks(t *testing.T) (list []block) {
	t.Helper()
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatalf("no pages: %v", err)
	}
	for _, page := range append(pages, "../../README.md", "../../hack/cluster/README.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		open := false
		indent := ""
		heading := ""
		for line := range strings.Lines(string(content)) {
			fence, isFence := strings.CutPrefix(strings.TrimSpace(line), "```")
			switch {
			case !open && strings.HasPrefix(line, "## "):
				heading = strings.TrimSpace(line[len("## "):])
			case isFence && !open:
				indent, _, _ = strings.Cut(line, "`")
				list = append(list, block{page: filepath.Base(page), heading: heading, language: fence})
				if fence == "" {
					t.Errorf("%s: a block has no language; use sh for commands and text for output", page)
				}
				open = true
			case isFence:
				open = false
			case open:
				list[len(list)-1].text += strings.TrimPrefix(line, indent)
			}
		}
	}
	return list
}

// commands of a block. A block with variables, a here-document or a list of commands over several lines is one command.
func (b block) commands() (list []string) {
	switch b.language {
	case "bash":
		return []string{b.text}
	case "sh", "console":
	default:
		return nil
	}
	if strings.Contains(b.text, "<<") || strings.HasPrefix(b.text, "export ") {
		return []string{b.text}
	}
	open := ""
	for line := range strings.Lines(b.text) {
		line, isCommand := strings.CutPrefix(strings.TrimRight(line, "\n"), "$ ")
		if open == "" && (strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") || b.language == "console" && !isCommand) {
			continue
		}
		open += line + "\n"
		if !strings.HasSuffix(line, `\`) {
			list = append(list, strings.TrimSpace(open))
			open = ""
		}
	}
	return list
}

// notRun are the commands that do not run here, by their beginning, with the reason.
func notRun() []struct{ prefix, reason string } {
	return []struct{ prefix, reason string }{
		{"export IMAGE=", "runs in TestCommandsRunInACluster"},
		{"mkdir -p site", "runs in TestCommandsRunInACluster"},
		{"requested=", "runs in TestCommandsRunInACluster"},
		{"kubectl ", "runs in TestCommandsRunInACluster"},
		{"one=", "links two local clusters as root"},
		{"bin/cluster ", "needs a local cluster"},
		{"helm ", "runs in test/install"},
		{"skopeo ", "pushes to a registry"},
		{"make ", "builds Kubernetes, or runs all tests"},
		{"manager ", "tested in cmd/manager"},
		{"kubeops inspect -f deploy --crds ", "needs kubeops-validator; runs in its tests"},
		{"bin/manager dashboard ", "serves until it is stopped"},
		{"kubeops mcp", "serves until it is stopped"},
		{"kubeops completion fish | source", "needs fish"},
		{"kubeops completion powershell | ", "needs PowerShell"},
		{"source <(kubeops completion zsh)", "needs zsh"},
	}
}

// needCluster are the commands that run without a cluster here: their flags are checked, and that they look for the cluster.
func needCluster() []string {
	return []string{
		"kubeops inspect -A", "kubeops inspect -n", "kubeops run", "kubeops report", "kubeops suspend", "kubeops resume", "kubeops ignore",
		"kubeops pipeline", "kubeops diff", "kubeops conflicts", "kubeops get", "kubeops open", "kubeops explain", "kubeops doctor",
		"kubeops backup", "kubeops restore",
	}
}

func hasPrefix(command string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(command, prefix) {
			return true
		}
	}
	return false
}

// kubeconfig refers to a server that does not exist.
const kubeconfig = `apiVersion: v1
kind: Config
current-context: staging
contexts:
- {name: staging, context: {cluster: none, user: none}}
- {name: prod-a, context: {cluster: none, user: none}}
- {name: prod-b, context: {cluster: none, user: none}}
clusters:
- {name: none, cluster: {server: "http://127.0.0.1:1"}}
users:
- {name: none, user: {}}
`

// files are those that the commands of the documentation name.
func files() map[string]string {
	return map[string]string{
		"kubeconfig":                 kubeconfig,
		"deploy/service.yaml":        "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: shop}\nspec: {ports: [{port: 80}]}\n",
		"extra.yaml":                 "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: extra, namespace: shop}\n",
		"backup/kubeops-backup.yaml": "format: 1\napiVersion: kubeops.io/v1alpha1\nprogram: v1\n",
		"backup/kubeops.io/v1alpha1/shop/inspections/all.yaml": "apiVersion: kubeops.io/v1alpha1\nkind: Inspection\n" +
			"metadata: {name: all, namespace: shop}\nspec: {}\n",
		"pod.yaml": "apiVersion: v1\nkind: Pod\nmetadata: {name: shop, namespace: shop}\n",
		"app.log":  "2026-01-02T03:04:05Z ERROR connect to postgres://shop:Zx81kQpL@db/shop failed\n",
		"checks.yaml": "- id: owner\n  resource: {version: v1, resource: namespaces}\n" +
			"  expression: has(object.metadata.labels)\n  message: No labels.\n",
	}
}

// workspace is a folder with these files and the command line.
func workspace(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	for name, content := range files() {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(folder, "bin", "kubeops"), "./cmd/kubeops")
	command.Dir = filepath.Join("..", "..")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build kubeops: %v\n%s", err, output)
	}
	return folder
}

// run a command in bash, and return its exit code and standard error.
func run(t *testing.T, folder, command string, limit time.Duration) (int, string) {
	t.Helper()
	_, code, stderr := runOutput(t, folder, command, limit)
	return code, stderr
}

// runOutput is run with standard output.
func runOutput(t *testing.T, folder, command string, limit time.Duration) (output string, code int, stderrOutput string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	process := exec.CommandContext(ctx, "bash", "-c", "set -e -o pipefail\n"+command)
	process.Dir = folder
	process.WaitDelay = time.Second
	process.Env = append(os.Environ(), "PATH="+filepath.Join(folder, "bin")+":"+os.Getenv("PATH"),
		"KUBECONFIG="+filepath.Join(folder, "kubeconfig"),
		"TIMESTAMP=1", "BODY={}", "KEY=key")
	var stdout, stderr bytes.Buffer
	process.Stdout = &stdout
	process.Stderr = &stderr
	if err := process.Run(); err != nil && process.ProcessState == nil {
		t.Fatal(err)
	}
	return stdout.String(), process.ProcessState.ExitCode(), stderr.String()
}

func TestCommandsRunAsPasted(t *testing.T) {
	folder := workspace(t)
	used := map[string]int{}
	ran, argumentsOnly := 0, 0
	for _, b := range blocks(t) {
		for _, command := range b.commands() {
			listed := false
			for _, entry := range notRun() {
				if strings.HasPrefix(command, entry.prefix) {
					listed = true
					used[entry.prefix]++
					break
				}
			}
			if listed {
				continue
			}
			connects := hasPrefix(strings.TrimPrefix(command, "bin/"), needCluster())
			if connects {
				argumentsOnly++
			} else {
				ran++
			}
			t.Run(b.page, func(t *testing.T) {
				t.Parallel()
				limit := time.Minute
				if connects {
					limit = 15 * time.Second // some wait for the cluster
				}
				code, stderr := run(t, folder, command, limit)
				switch {
				case connects && !lookedForCluster(command, stderr):
					t.Errorf("%s\nexit code %d without looking for the cluster: %s", command, code, stderr)
				case !connects && code != 0 && (code != 1 || !strings.Contains(command, "--fail-on")): // 1 is for findings
					t.Errorf("%s\nexit code %d: %s", command, code, stderr)
				}
			})
		}
	}
	listed := 0
	for _, entry := range notRun() {
		if used[entry.prefix] == 0 {
			t.Errorf("no command begins with %q (%s); remove the entry", entry.prefix, entry.reason)
		}
		listed += used[entry.prefix]
	}
	t.Logf("%d commands ran, %d ran up to the connection to the cluster, %d are listed", ran, argumentsOnly, listed)
}

// lookedForCluster reports whether a command failed to connect. An inspection of several clusters prints that in its report.
func lookedForCluster(command, stderr string) bool {
	return strings.Contains(stderr, "127.0.0.1:1") ||
		strings.Contains(command, "-contexts") && strings.Contains(stderr, "the report is incomplete")
}

// TestResourcesHaveKnownFields decodes the resources of KubeOps in YAML blocks, without unknown fields.
func TestResourcesHaveKnownFields(t *testing.T) {
	kinds := map[string]func() any{
		"Inspection":          func() any { return &v1alpha1.Inspection{} },
		"MetricsBackend":      func() any { return &v1alpha1.MetricsBackend{} },
		"LogBackend":          func() any { return &v1alpha1.LogBackend{} },
		"AIProvider":          func() any { return &v1alpha1.AIProvider{} },
		"NotificationChannel": func() any { return &v1alpha1.NotificationChannel{} },
		"Pipeline":            func() any { return &v1alpha1.Pipeline{} },
	}
	decoded := 0
	for _, b := range blocks(t) {
		if b.language != "yaml" {
			continue
		}
		for document := range strings.SplitSeq(b.text, "\n---\n") {
			header := struct{ APIVersion, Kind string }{}
			if err := yaml.Unmarshal([]byte(document), &header); err != nil || header.APIVersion != v1alpha1.GroupVersion().String() {
				continue // a part of a resource, or several files
			}
			create := kinds[header.Kind]
			if create == nil {
				t.Errorf("%s: unknown kind %s", b.page, header.Kind)
				continue
			}
			if err := yaml.UnmarshalStrict([]byte(document), create()); err != nil {
				t.Errorf("%s: %s: %v", b.page, header.Kind, err)
			}
			decoded++
		}
	}
	if decoded == 0 {
		t.Error("no resource of KubeOps")
	}
	t.Logf("%d resources", decoded)
}

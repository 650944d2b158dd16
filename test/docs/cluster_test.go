package docs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/testkit"
)

// notInCluster are the commands for which an API server and the manager do not suffice, by a part of the command, with the reason.
func notInCluster() []struct{ part, reason string } {
	return []struct{ part, reason string }{
		{"kubectl logs ", "needs the log of a Pod"},
		{"rollout status ", "needs the controller of Deployments"},
		{"port-forward ", "needs a Pod"},
		{"wait --for=condition=Ready metricsbackend/prometheus", "needs Prometheus"},
		{"wait --for=condition=Ready ciprovider/jenkins", "needs Jenkins"},
		{"wait --for=condition=Ready cdprovider/argocd", "needs Argo CD"},
		{"wait --for=condition=CollectionReady ", "needs a log backend with routes"},
		{"label namespace ingress-nginx", "needs the namespace of an Ingress controller"},
		{"label namespace monitoring", "needs the namespace of a Prometheus"},
		{"get daemonset kubeops-vector", "needs a log backend with routes"},
		{"get logbackend loki -o jsonpath", "needs a log backend with routes"},
		{"wait --for=condition=Ready managedcluster/production", "needs a second cluster, which is not on loopback"},
	}
}

// phases order the commands of all pages, since pages build on each other: what is created, then what is applied, then what reads,
// then what is deleted. A command belongs to the first phase with a part that it contains; those of phase 2 have none.
func phase(command string) int {
	for _, p := range []struct {
		phase int
		parts []string
	}{
		{3, []string{"kubectl delete "}},
		{0, []string{"kubectl create ", " create serviceaccount ", " create role", " config view "}},
		{1, []string{"kubectl apply ", "mkdir -p site", "export IMAGE=", " create secret "}},
	} {
		for _, part := range p.parts {
			if strings.Contains(command, part) {
				return p.phase
			}
		}
	}
	return 2
}

// inCluster are the commands that start with kubectl, or are a block with it, by phase.
func inCluster(t *testing.T) (phases [4][]string) {
	t.Helper()
	used := map[string]bool{}
	seen := map[string]bool{}
	for _, b := range blocks(t) {
		if b.page == "tutorial.md" { // its commands build on each other, and on Pods: they run in test/e2e
			continue
		}
		for _, command := range b.commands() {
			first, _, _ := strings.Cut(command, " ")
			block := first == "mkdir" || first == "export" && strings.Contains(command, "kubectl") || strings.HasPrefix(first, "requested=")
			if first != "kubectl" && !block || seen[command] {
				continue
			}
			seen[command] = true
			listed := false
			for _, entry := range notInCluster() {
				if strings.Contains(command, entry.part) {
					listed = true
					used[entry.part] = true
				}
			}
			if !listed {
				phases[phase(command)] = append(phases[phase(command)], command)
			}
		}
	}
	for _, entry := range notInCluster() {
		if !used[entry.part] {
			t.Errorf("no command contains %q (%s); remove the entry", entry.part, entry.reason)
		}
	}
	return phases
}

// tutorial are the commands of docs/pipelines.md that build on each other: all of them run, in their order.
func tutorial(t *testing.T) (commands []string) {
	t.Helper()
	for _, b := range blocks(t) {
		if b.page == "pipelines.md" && b.heading == "Tutorial" {
			commands = append(commands, b.commands()...)
		}
	}
	if len(commands) < 8 {
		t.Errorf("the tutorial has %d commands", len(commands))
	}
	return commands
}

// prepared are objects that commands of the documentation expect.
const prepared = `apiVersion: v1
kind: Namespace
metadata: {name: kubeops-system}
---
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Namespace
metadata: {name: fleet}
---
apiVersion: v1
kind: Namespace
metadata: {name: release}
---
apiVersion: kubeops.io/v1alpha1
kind: Inspection
metadata: {name: fast, namespace: default}
spec: {schedule: "@every 1s"}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets, singular: widget}
  scope: Namespaced
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
`

// clusterFiles are further files that these commands name.
func clusterFiles(t *testing.T, folder string, kubeconfig []byte) {
	t.Helper()
	kubectl, err := filepath.Glob("../../bin/kube/*/kubectl")
	if err != nil || len(kubectl) == 0 {
		t.Fatalf("bin/kube has no kubectl; run `make kube` first (%v)", err)
	}
	program, err := filepath.Abs(kubectl[len(kubectl)-1])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(folder, "config"), os.DirFS("../../config")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"kubeconfig":                       string(kubeconfig),
		"bin/clusters/two/kubeconfig":      string(kubeconfig),
		"bin/docker":                       "#!/bin/sh\n", // builds and pushes nothing
		"overlays/prod/kustomization.yaml": "resources: [service.yaml]\n",
		"overlays/prod/service.yaml":       files()["deploy/service.yaml"],
		"prepared.yaml":                    prepared,
	} {
		path := filepath.Join(folder, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o700)); err != nil { //nolint:gosec // a program among them
			t.Fatal(err)
		}
	}
	if err := os.Symlink(program, filepath.Join(folder, "bin", "kubectl")); err != nil {
		t.Fatal(err)
	}
}

// startManager runs the manager as a process on loopback until the test ends.
func startManager(t *testing.T, folder string) {
	t.Helper()
	program := filepath.Join(folder, "bin", "manager")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/manager")
	build.Dir = filepath.Join("..", "..")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the manager: %v\n%s", err, output)
	}
	output, err := os.Create(filepath.Join(folder, "manager.log"))
	if err != nil {
		t.Fatal(err)
	}
	manager := exec.CommandContext(t.Context(), program, "--leader-elect=false", "--metrics-bind-address=127.0.0.1:0",
		"--health-probe-bind-address=127.0.0.1:0")
	manager.Env = append(os.Environ(), "KUBECONFIG="+filepath.Join(folder, "kubeconfig"))
	manager.Stdout = output
	manager.Stderr = output
	if err := manager.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = manager.Process.Kill() // has ended otherwise
		_ = manager.Wait()
		_ = output.Close()
		if log, err := os.ReadFile(output.Name()); err == nil && t.Failed() {
			t.Logf("the end of the manager's log:\n%s", log[max(len(log)-8<<10, 0):])
		}
	})
}

// removeNamespaces does what the controller of namespaces does at the end of a deletion, until the test ends.
func removeNamespaces(t *testing.T, config *rest.Config) {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		wait.UntilWithContext(ctx, func(ctx context.Context) {
			list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
			if err != nil {
				return // at the end of the test
			}
			for i := range list.Items {
				if namespace := &list.Items[i]; !namespace.DeletionTimestamp.IsZero() {
					namespace.Spec.Finalizers = nil
					_, _ = client.CoreV1().Namespaces().Finalize(ctx, namespace, metav1.UpdateOptions{}) // again in the next round
				}
			}
		}, 200*time.Millisecond)
	})
	t.Cleanup(func() {
		stop()
		ended.Wait()
	})
}

// waitedFor is the object that a wait waits for, as YAML.
func waitedFor(t *testing.T, folder, command string) string {
	t.Helper()
	if !strings.Contains(command, " wait ") {
		return ""
	}
	flags := regexp.MustCompile(` --(for|timeout)=\S+`)
	get := flags.ReplaceAllString(strings.Replace(command, " wait ", " get ", 1), "") + " -o yaml"
	output, _, stderr := runOutput(t, folder, get, time.Minute)
	return output + stderr
}

// The commands run against an API server without the controllers of Kubernetes, with the manager as a process and the samples applied.
func TestCommandsRunInACluster(t *testing.T) {
	folder := workspace(t)
	config := testkit.APIServer(t)
	clusterFiles(t, folder, testkit.Kubeconfig(t, config))
	removeNamespaces(t, config)
	must := func(command string) string {
		t.Helper()
		output, code, stderr := runOutput(t, folder, command, 90*time.Second)
		if code != 0 {
			t.Errorf("%s\nexit code %d: %s%s%s", command, code, output, stderr, waitedFor(t, folder, command))
		}
		return output
	}
	must("kubectl apply -f prepared.yaml && kubectl wait --for=condition=Established crd/widgets.example.com --timeout=30s")
	startManager(t, folder)
	report := ""
	ran := 0
	for number, commands := range inCluster(t) {
		for _, command := range commands {
			must(strings.ReplaceAll(command, "inspr NAME ", "inspr -n inspections "+report+" "))
			ran++
		}
		if number == 1 {
			must("kubectl apply $(printf ' -f %s' config/samples/kubeops_*.yaml)")
			must("kubectl wait --for=condition=Ready inspection/everything -n inspections --timeout=1m")
			must("kubeops report -n inspections everything")
			for _, command := range tutorial(t) {
				must(command)
				ran++
			}
			report = must("kubectl -n inspections get inspection everything -o jsonpath={.status.lastReport}")
		}
	}
	t.Logf("%d commands ran", ran)
}

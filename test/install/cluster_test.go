// Package install installs a release on a real node as a user would: images that are built without Docker, and the chart by Helm.
package install

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	clusterName = "install"
	namespace   = "kubeops-system"
	// poll is the time between two looks at something that others change.
	poll = 250 * time.Millisecond
)

// cluster is a local cluster with a real node.
type cluster struct {
	// bin is the folder of the built programs, helm one of them, and kube the folder of Kubernetes' own.
	bin, helm, kube, kubeconfig string

	config *rest.Config
	client client.Client
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{bin: bin, helm: filepath.Join(bin, "helm")}
	if other := os.Getenv("HELM"); other != "" {
		c.helm = other
	}
	if _, err := os.Stat(c.helm); err != nil {
		t.Fatalf("no Helm; run `make test-install`, which builds it, or set HELM: %v", err)
	}
	c.kube = c.tool(t, "build")
	c.kubeconfig = c.tool(t, "up", "--name", clusterName, "--node", "real")
	t.Cleanup(func() {
		if os.Getenv("KUBEOPS_E2E_KEEP") != "" {
			t.Logf("KUBEOPS_E2E_KEEP is set: the cluster stays; export KUBECONFIG=%s", c.kubeconfig)
			return
		}
		c.tool(t, "down", "--name", clusterName)
	})
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.kubeconfig); err != nil {
		t.Fatal(err)
	}
	c.config.QPS = -1
	c.config.WarningHandler = rest.NoWarnings{}
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	if c.client, err = client.New(c.config, client.Options{Scheme: scheme}); err != nil {
		t.Fatal(err)
	}
	return c
}

// tool runs the tool for local clusters and returns what it prints.
func (c *cluster) tool(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "", filepath.Join(c.bin, "cluster"), append([]string{"--root", c.bin}, args...)...)
}

func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "", filepath.Join(c.kube, "kubectl"), append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
}

// apply YAML from memory.
func (c *cluster) apply(t *testing.T, yaml string) {
	t.Helper()
	run(t, yaml, filepath.Join(c.kube, "kubectl"), "--kubeconfig", c.kubeconfig, "apply", "--server-side", "-f", "-")
}

// release runs Helm in the namespace of the installation.
func (c *cluster) release(t *testing.T, args ...string) string {
	t.Helper()
	return run(t, "", c.helm, append(args, "--kubeconfig", c.kubeconfig, "--namespace", namespace)...)
}

// run a program in the root of the checkout that has to succeed, and return what it prints.
func run(t *testing.T, input, program string, args ...string) string {
	t.Helper()
	var errOut bytes.Buffer
	// Cleanup functions run after the context of the test has ended.
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
	command.Dir = filepath.Join("..", "..")
	command.Stdin = strings.NewReader(input)
	command.Stderr = &errOut
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, out, errOut.String())
	}
	return strings.TrimSpace(string(out))
}

// eventually waits until a condition returns no text, and fails with its last text otherwise.
func eventually(t *testing.T, limit time.Duration, condition func(context.Context) string) {
	t.Helper()
	last := "not looked at"
	err := wait.PollUntilContextTimeout(t.Context(), poll, limit, true, func(ctx context.Context) (bool, error) {
		last = condition(ctx)
		return last == "", nil
	})
	if err != nil {
		t.Fatalf("after %s: %s", limit, last)
	}
}

package remedies

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	clusterName = "remedies"
	// startupGrace makes the checks look at objects as if they were old: the longest of their times is sixty times this one.
	startupGrace = "1s"
	// poll is the time between two looks at something that others change.
	poll = 2 * time.Second
)

// cluster is a local cluster with a real node, and the command line under test.
type cluster struct {
	// bin is the folder of the built programs, kube that of Kubernetes' own.
	bin, kube  string
	kubeconfig string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	bin, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{bin: bin}
	c.kube = c.tool(t, "build")
	c.kubeconfig = c.tool(t, "up", "--name", clusterName, "--node", "real")
	t.Cleanup(func() {
		if os.Getenv("KUBEOPS_E2E_KEEP") != "" {
			t.Logf("KUBEOPS_E2E_KEEP is set: the cluster stays; export KUBECONFIG=%s", c.kubeconfig)
			return
		}
		c.tool(t, "down", "--name", clusterName)
	})
	return c
}

// tool runs the tool for local clusters and returns what it prints.
func (c *cluster) tool(t *testing.T, args ...string) string {
	t.Helper()
	var errOut bytes.Buffer
	// Cleanup functions run after the context of the test has ended.
	command := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(c.bin, "cluster"),
		append([]string{"--root", c.bin}, args...)...)
	command.Stderr = &errOut
	out, err := command.Output()
	if err != nil {
		t.Fatalf("cluster %s: %v\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return strings.TrimSpace(string(out))
}

// shell runs a command as a user pastes it, and returns what it prints.
func (c *cluster) shell(t *testing.T, line, input string) (output string, err error) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-c", line)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig, "PATH="+c.kube+":"+os.Getenv("PATH"))
	command.Stdin = strings.NewReader(input)
	out, err := command.CombinedOutput()
	return string(out), err
}

// must runs a command that has to succeed.
func (c *cluster) must(t *testing.T, line, input string) {
	t.Helper()
	if out, err := c.shell(t, line, input); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// node is the name of the node that runs Pods.
func (c *cluster) node(t *testing.T) string {
	t.Helper()
	name, err := c.shell(t, "kubectl get nodes -o jsonpath='{.items[0].metadata.name}'", "")
	if err != nil {
		t.Fatal(name, err)
	}
	return name
}

// create creates the objects of files, each in its namespace.
func (c *cluster) create(t *testing.T, all []manifests) {
	t.Helper()
	node := c.node(t)
	var namespaces strings.Builder
	for _, m := range all {
		namespaces.WriteString("---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + m.namespace + "}\n")
	}
	c.must(t, "kubectl create --validate=false -f -", namespaces.String())
	c.eventually(t, time.Minute, func() bool { // Pods of a namespace need its ServiceAccount
		out, err := c.shell(t, "kubectl get serviceaccounts -A --field-selector=metadata.name=default -o name | wc -l", "")
		count, _ := strconv.Atoi(strings.TrimSpace(out))
		return err == nil && count >= len(all)
	})
	for _, m := range all {
		c.must(t, "kubectl -n "+m.namespace+" create --validate=false -f -", strings.ReplaceAll(m.text, "$NODE", node))
	}
	for _, m := range all {
		for _, line := range m.all("run") {
			c.must(t, line, "")
		}
	}
}

// kubeops runs the command line. Exit codes of findings and gaps are no errors.
func (c *cluster) kubeops(t *testing.T, args ...string) string {
	t.Helper()
	var errOut bytes.Buffer
	command := exec.CommandContext(t.Context(), filepath.Join(c.bin, "kubeops"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig)
	command.Stderr = &errOut
	out, err := command.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || len(out) == 0 {
		t.Fatalf("kubeops %s: %v\n%s", strings.Join(args, " "), err, errOut.String())
	}
	return string(out)
}

// inspect returns the report of the whole cluster.
func (c *cluster) inspect(t *testing.T) *v1alpha1.InspectionReport {
	t.Helper()
	report := &v1alpha1.InspectionReport{}
	if err := json.Unmarshal([]byte(c.kubeops(t, "inspect", "-A", "-o", "json", "--startup-grace", startupGrace)), report); err != nil {
		t.Fatal(err)
	}
	return report
}

// inspectAt returns the report of the whole cluster, and when its inspection began.
func (c *cluster) inspectAt(t *testing.T) (*v1alpha1.InspectionReport, time.Time) {
	t.Helper()
	at := time.Now()
	return c.inspect(t), at
}

// eventually looks until something is true or the time is over.
func (c *cluster) eventually(t *testing.T, patience time.Duration, condition func() bool) bool {
	err := wait.PollUntilContextTimeout(t.Context(), poll, patience, true, func(context.Context) (bool, error) { return condition(), nil })
	return err == nil
}

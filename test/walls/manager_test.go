package walls

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	realservers "kubeops.io/kubeops/internal/testkit/servers"
)

// configuration of the manager. Hostile servers are on loopback addresses, of which some are denied.
const configuration = `apiVersion: config.kubeops.io/v1alpha1
kind: ManagerConfig
inspections: {maxConcurrent: 1}
backends:
  allowLoopback: true
  egress: {deniedCIDRs: [127.0.0.2/31, "::1/128", 10.96.0.0/12]}
logCollection: {namespace: kubeops-logging}
leaderElection: {namespace: kubeops-system}
metrics: {bindAddress: "$METRICS"}
health: {bindAddress: "$HEALTH"}
`

// manager is one process of the real program.
type manager struct {
	t       *testing.T
	process *exec.Cmd
	log     string
	// config and kubeconfig are files.
	config, kubeconfig string
	// metrics, health and webhooks are addresses.
	metrics, health, webhooks string
	// ended is closed with the process; err is how it ended.
	ended chan struct{}
	err   error
	wall  *wall
	since string
}

// build the program, once for the test.
func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(folder(t), "manager")
	command := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "./cmd/manager")
	command.Dir = filepath.Join("..", "..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0") // as in a release
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the manager: %v\n%s", err, output)
	}
	return path
}

// folder for files of the test.
func folder(t *testing.T) string {
	t.Helper()
	if !kept() {
		return t.TempDir()
	}
	path, err := os.MkdirTemp("", "kubeops-walls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Log("files are kept in", path)
	return path
}

// startManager starts the program and waits until it is ready.
func (c *cluster) startManager() *manager {
	c.t.Helper()
	m := c.launch()
	c.eventually("the manager is ready", time.Minute, func(ctx context.Context) error {
		if m.hasEnded() {
			return fmt.Errorf("it ended: %w", m.err)
		}
		_, err := get(ctx, "http://"+m.health+"/readyz")
		return err
	})
	m.since = m.metric(`process_start_time_seconds `)
	return m
}

// launch starts the program within its memory limit, with the permissions of its ServiceAccount.
func (c *cluster) launch() *manager {
	c.t.Helper()
	files := folder(c.t)
	m := &manager{
		t: c.t, log: filepath.Join(files, "log"), metrics: realservers.FreeAddress(c.t), health: realservers.FreeAddress(c.t), webhooks: realservers.FreeAddress(c.t),
		ended: make(chan struct{}),
	}
	m.config = filepath.Join(files, "config.yaml")
	m.kubeconfig = c.kubeconfig(files)
	addresses := strings.NewReplacer("$METRICS", m.metrics, "$HEALTH", m.health, "$WEBHOOKS", m.webhooks)
	content := addresses.Replace(configuration + c.settings)
	content = strings.Replace(content, "leaderElection: {", "leaderElection: {"+c.election, 1)
	if c.alone {
		content = strings.Replace(content, "leaderElection: {", "leaderElection: {enabled: false, ", 1)
	}
	if c.collectsNoLogs {
		content = strings.Replace(content, "logCollection: {namespace: kubeops-logging}\n", "", 1)
	}
	if err := os.WriteFile(m.config, []byte(content), 0o600); err != nil {
		c.t.Fatal(err)
	}
	if c.program == "" {
		c.program = build(c.t)
	}
	c.execute(m)
	return m
}

// relaunch starts the program again, with the files and addresses of a process that has ended.
func (c *cluster) relaunch(ended *manager) *manager {
	c.t.Helper()
	ended.wall.remove()
	m := &manager{
		t: c.t, log: ended.log, config: ended.config, kubeconfig: ended.kubeconfig, metrics: ended.metrics, health: ended.health,
		webhooks: ended.webhooks, ended: make(chan struct{}),
	}
	c.execute(m)
	return m
}

// execute the program with the files of a manager.
func (c *cluster) execute(m *manager) {
	c.t.Helper()
	log, err := os.OpenFile(m.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = log.Close() }() // the process has its own
	m.wall = newWall(c.t, memory)
	m.process = m.wall.command(c.program, "--config="+m.config)
	// The Deployment sets the limit of the container here.
	m.process.Env = append(os.Environ(), "KUBECONFIG="+m.kubeconfig, fmt.Sprintf("GOMEMLIMIT=%d", int64(memory)))
	m.process.Stdout, m.process.Stderr = log, log
	if err := m.process.Start(); err != nil {
		c.t.Fatal(err)
	}
	m.wall.watch(m.process.Process.Pid)
	go func() {
		m.err = m.process.Wait()
		close(m.ended)
	}()
	c.t.Cleanup(func() {
		m.kill()
		if c.t.Failed() {
			c.t.Logf("the end of the log of the manager:\n%s", m.tail())
		}
	})
}

func (c *cluster) kubeconfig(folder string) string { return c.kubeconfigOf(folder, "kubeops-manager") }

// kubeconfigOf a ServiceAccount of KubeOps, as a file.
func (c *cluster) kubeconfigOf(folder, account string) string {
	c.t.Helper()
	config := c.as(managerNamespace, account)
	content := clientcmdapi.NewConfig()
	content.Clusters["c"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	content.AuthInfos["manager"] = &clientcmdapi.AuthInfo{Token: config.BearerToken}
	content.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "manager"}
	content.CurrentContext = "c"
	path := filepath.Join(folder, "kubeconfig")
	if err := clientcmd.WriteToFile(*content, path); err != nil {
		c.t.Fatal(err)
	}
	return path
}

func (m *manager) hasEnded() bool {
	select {
	case <-m.ended:
		return true
	default:
		return false
	}
}

// alive checks that the process is the one that was started, that it still answers, and that no reconcile panicked.
func (m *manager) alive() {
	m.t.Helper()
	if m.hasEnded() {
		m.t.Fatalf("the manager ended: %v; its memory was at most %s", m.err, m.wall.peak())
	}
	if since := m.metric("process_start_time_seconds "); since != m.since {
		m.t.Errorf("the manager started again: %s and %s", m.since, since)
	}
	for _, line := range strings.Split(m.metric("controller_runtime_reconcile_panics_total"), "\n") {
		if line != "" && !strings.HasSuffix(line, " 0") {
			m.t.Error(line)
		}
	}
	if used := m.wall.used().manager; used > managerMemory {
		m.t.Errorf("the manager alone used %d MiB, more than %d MiB", used>>20, managerMemory>>20)
	}
	m.t.Logf("process %d of the manager is alive; %s", m.process.Process.Pid, m.wall.peak())
}

// metric returns the lines of /metrics that begin with a text.
func (m *manager) metric(prefix string) string {
	m.t.Helper()
	body, err := get(m.t.Context(), "http://"+m.metrics+"/metrics")
	if err != nil {
		m.t.Fatalf("the metrics of the manager: %v", err)
	}
	return strings.Join(regexp.MustCompile("(?m)^"+prefix+".*$").FindAllString(body, -1), "\n")
}

// stop the process as the kubelet does.
func (m *manager) stop() {
	m.t.Helper()
	if err := m.process.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	select {
	case <-m.ended:
	case <-time.After(time.Minute):
		m.t.Fatal("the manager did not end within a minute after SIGTERM")
	}
	if m.err != nil {
		m.t.Errorf("the manager ended with %v", m.err)
	}
	m.wall.remove()
}

func (m *manager) kill() {
	if !m.hasEnded() {
		_ = m.process.Process.Kill() // it may end at the same time
		<-m.ended
	}
	m.wall.remove()
}

// tail is the end of the log.
func (m *manager) tail() string {
	const size = 8 << 10
	content, err := os.ReadFile(m.log)
	if err != nil {
		return err.Error()
	}
	return string(bytes.ToValidUTF8(content[max(0, len(content)-size):], nil))
}

func get(ctx context.Context, address string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(limited, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return string(body), err
}

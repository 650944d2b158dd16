// Package fluentd runs the generated configuration in a real Fluentd, which a developer brings: FLUENTD is a folder with checkouts in
// fluentd and kubernetes_metadata. Lines go through files as a container runtime writes them into real servers.
package fluentd

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// collector is a Fluentd on one node.
type collector struct {
	t       *testing.T
	root    string
	port    int
	pods    *podAPI
	process *servers.Process
	// ruby has more options of Ruby.
	ruby string
	// routes are what a meter reads.
	routes map[string]meter.Earlier
}

// newCollector runs Fluentd with the routes of LogBackends.
func newCollector(t *testing.T, backends ...logroute.Backend) *collector {
	t.Helper()
	c := prepared(t, backends...)
	c.run()
	return c
}

// prepared is a Fluentd that does not run yet, with the routes of LogBackends.
func prepared(t *testing.T, backends ...logroute.Backend) *collector {
	t.Helper()
	for i := range backends {
		backends[i].Collect.Collector = v1alpha1.CollectorFluentd
	}
	compiled, err := logroute.Compile(backends, logroute.Options{Egress: provider.Egress{AllowLoopback: true}})
	if err != nil || len(compiled.Problems) > 0 {
		t.Fatal(err, compiled.Problems)
	}
	return prepareCollector(t, compiled.Collectors[v1alpha1.CollectorFluentd], servers.FreePort(t))
}

// prepareCollector writes the files of a Fluentd. Its counts will be served at a port of loopback.
func prepareCollector(t *testing.T, configuration logroute.Configuration, port int) *collector {
	t.Helper()
	c := &collector{t: t, root: t.TempDir(), port: port, pods: newPodAPI(t), routes: configuration.Earlier}
	c.write(configuration)
	return c
}

func (c *collector) run() {
	c.t.Helper()
	c.process = c.start()
	c.t.Cleanup(func() {
		if c.t.Failed() {
			c.t.Logf("the end of Fluentd's log:\n%s%s", c.process.Log(), c.counts())
		}
	})
}

// write the files of the configuration, with the folders and the API server of this test.
func (c *collector) write(configuration logroute.Configuration) {
	c.t.Helper()
	for _, folder := range []string{"config", "data", "secrets", "logs"} {
		if err := os.MkdirAll(filepath.Join(c.root, folder), 0o755); err != nil {
			c.t.Fatal(err)
		}
	}
	place := strings.NewReplacer(
		"/var/log/containers", filepath.Join(c.root, "logs"), "/etc/kubeops/collector", filepath.Join(c.root, "config"),
		"/var/lib/kubeops/collector", filepath.Join(c.root, "data"), "/etc/kubeops/secrets", filepath.Join(c.root, "secrets"),
		fmt.Sprintf("port %d\n", meter.Port), fmt.Sprintf("bind 127.0.0.1\n  port %d\n", c.port),
		"skip_master_url true\n", "skip_master_url true\n    kubernetes_url "+c.pods.server.URL+"/api\n"+
			// The tag has the path of this test where the plug-in expects that of a node.
			`    tag_to_kubernetes_name_regexp logs\.(?<pod_name>[a-z0-9.-]+)_(?<namespace>[^_]+)_(?<container_name>.+)-(?<docker_id>[a-z0-9]{64})\.log$`+
			"\n",
	)
	for name, content := range configuration.Files {
		if name == logroute.FluentdFile {
			content = place.Replace(content)
		}
		if err := os.WriteFile(filepath.Join(c.root, "config", name), []byte(content), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
	for name, content := range configuration.Secrets {
		if err := os.WriteFile(filepath.Join(c.root, "secrets", name), content, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *collector) start() *servers.Process {
	c.t.Helper()
	checkout := os.Getenv("FLUENTD")
	if checkout == "" {
		c.t.Fatal("FLUENTD must be a folder with checkouts of Fluentd in fluentd, and of its plug-in in kubernetes_metadata")
	}
	ruby, err := exec.LookPath("ruby")
	if err != nil {
		c.t.Fatal(err)
	}
	var libraries []string
	for _, part := range []string{"fluentd", "kubernetes_metadata"} {
		libraries = append(libraries, filepath.Join(checkout, part, "lib"))
	}
	config := filepath.Join(c.root, "config")
	args := []string{filepath.Join(checkout, "fluentd", "bin", "fluentd"), "-c", filepath.Join(config, logroute.FluentdFile), "-p", config}
	return servers.Start(c.t, servers.Spec{
		Name: "fluentd", Path: ruby, Args: args, Dir: c.root, Env: []string{"K8S_NODE_NAME=node", "RUBYOPT=-W0 " + c.ruby, "RUBYLIB=" + strings.Join(libraries, ":")},
		Ready: servers.Answers(c.metrics()), Deadline: 2 * time.Minute,
	})
}

func (c *collector) metrics() string { return fmt.Sprintf("http://127.0.0.1:%d%s", c.port, meter.Path) }

// counts is the text of the collector's metrics.
func (c *collector) counts() string {
	c.t.Helper()
	response, err := http.Get(c.metrics())
	if err != nil {
		return err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	content := make([]byte, 1<<20)
	n, _ := response.Body.Read(content)
	return string(content[:n])
}

// worker and supervisor of Fluentd, by what is in /proc.
func (c *collector) worker() (pid int) {
	c.t.Helper()
	eventually(c.t, time.Minute, func() error {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", c.process.PID()))
		if err != nil {
			return err
		}
		for _, child := range strings.Fields(string(children)) {
			line, err := os.ReadFile("/proc/" + child + "/cmdline")
			if err == nil && strings.Contains(string(line), "--under-supervisor") {
				pid, err = strconv.Atoi(child)
				return err
			}
		}
		return fmt.Errorf("no worker among %q", children)
	})
	return pid
}

// residentMiB is the memory of the worker.
func residentMiB(pid int) int {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	pages, _ := strconv.Atoi(slices.Concat(strings.Fields(string(content)), []string{"0", "0"})[1])
	return pages * os.Getpagesize() >> 20
}

// eventually fails the test with the last error if it does not end in time.
func eventually(t *testing.T, limit time.Duration, check func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %v", limit, err)
		}
		<-tick.C
	}
}

package testkit

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Cluster is a real API server with etcd of its own, which a test can freeze.
type Cluster struct {
	// Config is a cluster administrator's.
	Config *rest.Config

	t   testing.TB
	pid int
	// server is the API server that was killed; nil if none was.
	server *process
}

// NewCluster starts a cluster for one test, and stops it when the test is done.
func NewCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{Config: APIServer(t), t: t}
	server, err := url.Parse(c.Config.Host)
	if err != nil {
		t.Fatal(err)
	}
	if server.Port() == "" {
		if server, err = url.Parse("https://" + c.Config.Host); err != nil {
			t.Fatal(err)
		}
	}
	c.pid = listener(t, server.Port())
	t.Cleanup(func() { _ = syscall.Kill(c.pid, syscall.SIGCONT) }) // it has ended if Restore started it
	return c
}

// listener is the process of the API server on a port.
func listener(t testing.TB, port string) int {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range found {
		line, err := os.ReadFile(path)
		if err != nil || !bytes.Contains(line, []byte("kube-apiserver")) || !bytes.Contains(line, []byte("--secure-port="+port+"\x00")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		return pid
	}
	t.Fatalf("no API server listens on port %s", port)
	return 0
}

// Freeze stops the API server with SIGSTOP: its connections stay open, and nothing answers. A thread that runs stops a moment after the
// signal, or later on a busy machine.
func (c *Cluster) Freeze() {
	c.t.Helper()
	c.signal(syscall.SIGSTOP)
	err := wait.PollUntilContextTimeout(c.t.Context(), time.Millisecond, restartTimeout, true, func(context.Context) (bool, error) {
		return stopped(c.pid)
	})
	if err != nil {
		c.t.Errorf("the API server does not stop: %v", err)
	}
}

// stopped reports whether no thread of a process runs. One that is gone does not.
func stopped(pid int) (bool, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	running := slices.ContainsFunc(threads, func(file string) bool {
		line, err := os.ReadFile(file)
		_, state, _ := strings.Cut(string(line), ") ")
		return err == nil && !strings.HasPrefix(state, "T")
	})
	return !running, err
}

// Thaw lets it go on.
func (c *Cluster) Thaw() { c.signal(syscall.SIGCONT) }

func (c *Cluster) signal(s syscall.Signal) {
	c.t.Helper()
	if err := syscall.Kill(c.pid, s); err != nil {
		c.t.Errorf("signal the API server: %v", err)
	}
}

// Kubeconfig with the credentials of a configuration as data. A token takes precedence.
func Kubeconfig(t testing.TB, config *rest.Config) []byte {
	t.Helper()
	user := &api.AuthInfo{Token: config.BearerToken}
	if user.Token == "" {
		user.ClientCertificateData = config.CertData
		user.ClientKeyData = config.KeyData
	}
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		t.Fatal(err)
	}
	content, err := clientcmd.Write(api.Config{
		CurrentContext: "test",
		Contexts:       map[string]*api.Context{"test": {Cluster: "test", AuthInfo: "test"}},
		Clusters:       map[string]*api.Cluster{"test": {Server: server.String(), CertificateAuthorityData: config.CAData}},
		AuthInfos:      map[string]*api.AuthInfo{"test": user},
	})
	if err != nil {
		t.Fatal(fmt.Errorf("write a kubeconfig: %w", err))
	}
	return content
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kubeops.io/kubeops/internal/testkit"
)

// asManager in the environment makes the test's program be the manager.
const asManager = "KUBEOPS_TEST_AS_MANAGER"

func TestMain(m *testing.M) {
	if os.Getenv(asManager) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestFlagsAreChecked(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		want string // part of the error; empty means accepted
	}{
		"none":          {},
		"all":           {args: []string{"--leader-elect=false", "--max-concurrent-inspections=4", "--allow-loopback-backends", "--log-level=debug", "--metrics-bind-address=0"}},
		"help":          {[]string{"-h"}, flag.ErrHelp.Error()},
		"an argument":   {[]string{"start"}, `unexpected argument "start"`},
		"no one to run": {[]string{"--max-concurrent-inspections=0"}, "must be at least 1"},
		"a strange log": {[]string{"--log-level=chatty"}, "chatty"},
		"a slip":        {[]string{"--leader-elected"}, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parse(tc.args)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestTheManagerAsAProcess starts it as a cluster does: it becomes ready, shows its metrics, logs JSON, and on SIGTERM ends in
// order and gives its lease back, so that the next one need not wait.
func TestTheManagerAsAProcess(t *testing.T) {
	config, stop, err := testkit.StartAPIServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	kubeconfig := writeKubeconfig(t, config)
	for _, start := range []string{"first", "again"} {
		metrics, probes := freeAddress(t), freeAddress(t)
		process := exec.CommandContext(t.Context(), os.Args[0], "--leader-election-namespace=default",
			"--metrics-bind-address="+metrics, "--health-probe-bind-address="+probes)
		process.Env = append(os.Environ(), asManager+"=1", "KUBECONFIG="+kubeconfig)
		var logs bytes.Buffer
		process.Stdout, process.Stderr = &logs, &logs
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		body := waitForBody(t, "http://"+metrics+"/metrics", `workqueue_adds_total{controller="inspection"`)
		if !strings.Contains(body, "go_goroutines") {
			t.Errorf("%s: no metrics of the process", start)
		}
		for _, path := range []string{"/healthz", "/readyz"} {
			waitForBody(t, "http://"+probes+path, "ok")
		}
		if err := process.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := process.Wait(); err != nil {
			t.Errorf("%s: ended with %v\n%s", start, err, logs.String())
		}
		wantJSON(t, logs.String())
	}
}

func wantJSON(t *testing.T, logs string) {
	t.Helper()
	for line := range strings.Lines(logs) {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line is not JSON: %s", line)
		}
	}
	if !strings.Contains(logs, `"msg":"Starting KubeOps"`) {
		t.Errorf("the version is not logged:\n%s", logs)
	}
}

func writeKubeconfig(t *testing.T, config *rest.Config) string {
	t.Helper()
	kubeconfig := clientcmdapi.NewConfig()
	kubeconfig.Clusters["test"] = &clientcmdapi.Cluster{Server: config.Host, CertificateAuthorityData: config.CAData}
	kubeconfig.AuthInfos["admin"] = &clientcmdapi.AuthInfo{ClientCertificateData: config.CertData, ClientKeyData: config.KeyData}
	kubeconfig.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: "admin"}
	kubeconfig.CurrentContext = "test"
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*kubeconfig, path); err != nil {
		t.Fatal(err)
	}
	return path
}

// freeAddress that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // nothing was sent
	return listener.Addr().String()
}

// waitForBody waits until an address answers with 200 and a text that holds what is wanted.
func waitForBody(t *testing.T, address, want string) (body string) {
	t.Helper()
	last := errors.New("not asked yet")
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		body, last = get(ctx, address)
		if last == nil && !strings.Contains(body, want) {
			last = fmt.Errorf("%q is not in it", want)
		}
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("%s: %v", address, last)
	}
	return body
}

func get(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
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

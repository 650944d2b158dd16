package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	"kubeops.io/kubeops/internal/testkit/servers"
)

// asManager in the environment makes the test binary run as the manager.
const asManager = "KUBEOPS_TEST_AS_MANAGER"

func TestMain(m *testing.M) {
	if os.Getenv(asManager) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestTheManagerBecomesReadyAndReleasesItsLeaseOnSIGTERM starts the manager as a cluster does, with a configuration file: it becomes
// ready, serves metrics and logs JSON. After SIGTERM it exits without an error and releases its lease: the next start does not wait.
func TestTheManagerBecomesReadyAndReleasesItsLeaseOnSIGTERM(t *testing.T) {
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
		metrics, probes := servers.FreeAddress(t), servers.FreeAddress(t)
		file := filepath.Join(t.TempDir(), "config.yaml")
		content := "apiVersion: config.kubeops.io/v1alpha1\nkind: ManagerConfig\nleaderElection: {namespace: default}\n" +
			"metrics: {bindAddress: \"" + metrics + "\"}\nanswerCache: {redis: {url: \"redis://somebody@127.0.0.1:1\"}}\n"
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		process := exec.CommandContext(t.Context(), os.Args[0], "--config="+file, "--health-probe-bind-address="+probes)
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
	for _, want := range []string{
		`"msg":"Starting KubeOps"`, `"msg":"Effective configuration"`, `"namespace":"default"`, `"url":"redis://[redacted]@127.0.0.1:1"`,
		`"health.bindAddress":"--health-probe-bind-address"`,
	} {
		if !strings.Contains(logs, want) {
			t.Errorf("%s is not logged:\n%s", want, logs)
		}
	}
	if strings.Contains(logs, "somebody") {
		t.Errorf("a user name is logged:\n%s", logs)
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

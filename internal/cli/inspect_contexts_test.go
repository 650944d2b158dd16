package cli

import (
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfigWith has contexts of servers that do not answer.
func kubeconfigWith(t *testing.T, contexts ...string) string {
	t.Helper()
	config := clientcmdapi.NewConfig()
	for _, name := range contexts {
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: "admin"}
		config.Clusters[name] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestContextsAreCompletedAfterAComma(t *testing.T) {
	t.Parallel()
	file := kubeconfigWith(t, "prod-a", "prod-b")
	_, out, _ := runCLI(t, "__complete", "inspect", "--kubeconfig", file, "--contexts", "prod-a,")
	if !strings.HasPrefix(out, "prod-a,prod-b\n") {
		t.Errorf("got %q", out)
	}
}

func TestFlagsOfSeveralClustersExcludeThoseOfOne(t *testing.T) {
	t.Parallel()
	file := kubeconfigWith(t, "a")
	for want, args := range map[string][]string{
		"--context selects one cluster":               {"--contexts", "a", "--context", "a"},
		"--contexts and --all-contexts are mutually":  {"--contexts", "a", "--all-contexts"},
		"--timeout applies to one cluster":            {"--contexts", "a", "--timeout", "1m"},
		"--metrics-url applies to one cluster":        {"--all-contexts", "--metrics-url", "http://localhost:9090"},
		"--cluster-timeout applies to several":        {"--cluster-timeout", "1m"},
		"invalid --cluster-timeout 0s":                {"--contexts", "a", "--cluster-timeout", "0"},
		"-f inspects files, not a cluster":            {"--contexts", "a", "-f", "."},
		"check crd-schema-skew compares clusters":     {"--checks", "crd-schema-skew"},
		"check cluster-version-skew compares cluster": {"--checks", "cluster-version-skew,pod-*"},
	} {
		code, out, errOut := runCLI(t, append([]string{"inspect", "--kubeconfig", file}, args...)...)
		if code != exitError || out != "" || !strings.Contains(errOut, want) {
			t.Errorf("%q: exit code %d, %q, want %q", args, code, errOut, want)
		}
	}
}

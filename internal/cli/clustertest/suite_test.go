// Package clustertest tests the commands that read and change resources of KubeOps, against a real API server and with the real
// controller of Inspections.
package clustertest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	ctrl "sigs.k8s.io/controller-runtime"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/inspection"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
)

// commandArgument makes the test binary the command line.
const commandArgument = "kubeops-command"

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == commandArgument {
		os.Exit(cli.Run(context.Background(), os.Args[2:], command.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
	}
	ctrl.SetLogger(logr.Discard())
	os.Exit(testsuite.Run(m, &realAPI))
}

// shop is one namespace with an Inspection named i, and a kubeconfig whose context points to it.
type shop struct {
	*testsuite.Inspections
	t          *testing.T
	kubeconfig string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	w := testsuite.NewInspections(t, realAPI)
	w.Reader(false)
	return &shop{Inspections: w, t: t, kubeconfig: kubeconfig(t, realAPI, w.Namespace)}
}

// inspected is a shop with a lost Service and one report about it.
func inspected(t *testing.T, spec v1alpha1.InspectionSpec) *shop {
	t.Helper()
	s := newShop(t)
	s.LostService("lost")
	s.Inspection(spec)
	s.eventually(func() bool { return s.Get().Status.LastReport != "" })
	return s
}

func kubeconfig(t *testing.T, config *rest.Config, namespace string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err := clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"test": {Server: config.Host, CertificateAuthorityData: config.CAData}},
		AuthInfos: map[string]*clientcmdapi.AuthInfo{
			"test": {ClientCertificateData: config.CertData, ClientKeyData: config.KeyData},
		},
		Contexts: map[string]*clientcmdapi.Context{
			"test":    {Cluster: "test", AuthInfo: "test", Namespace: namespace},
			"staging": {Cluster: "test", AuthInfo: "test", Namespace: namespace},
		},
		CurrentContext: "test",
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// run executes a command line against the API server.
func (s *shop) run(args ...string) (code int, out, errOut string) {
	s.t.Helper()
	return s.runContext(s.t.Context(), args...)
}

func (s *shop) runContext(ctx context.Context, args ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	code = cli.Run(ctx, append(args, "--kubeconfig", s.kubeconfig), command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

// wants runs a command line that must end with an exit code, and print these parts to stdout or stderr.
func (s *shop) wants(code int, parts []string, args ...string) (out string) {
	s.t.Helper()
	got, out, errOut := s.run(args...)
	if got != code {
		s.t.Fatalf("kubeops %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out, errOut)
	}
	for _, part := range parts {
		if !strings.Contains(out+errOut, part) {
			s.t.Errorf("kubeops %s: %q is missing in\n%s%s", strings.Join(args, " "), part, out, errOut)
		}
	}
	return out
}

// eventually waits for a condition.
func (s *shop) eventually(holds func() bool) {
	s.t.Helper()
	deadline := time.After(150 * time.Second) // a dead connection of HTTP/2 is noticed after 45 s, and a retry waits up to 30 s
	for !holds() {
		select {
		case <-deadline:
			s.t.Fatal("timed out")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// startController runs the controller of Inspections until the test ends.
func startController(t *testing.T) {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	skip := true
	options := ctrl.Options{Scheme: scheme, Metrics: metricsserver.Options{BindAddress: "0"}}
	options.Controller.SkipNameValidation = &skip // each test has a controller of the same name
	m, err := ctrl.NewManager(realAPI, options)
	if err != nil {
		t.Fatal(err)
	}
	env, err := environment.New(m, environment.Settings{Metrics: prometheus.NewRegistry(), ParallelInspections: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := inspection.Setup(m, env); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(fmt.Errorf("the manager: %w", err))
		}
	})
}

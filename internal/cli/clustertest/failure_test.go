package clustertest

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// plain runs a command line as it is.
func (s *shop) plain(args ...string) (code int, out, errOut string) {
	var stdout, stderr bytes.Buffer
	code = cli.Run(s.t.Context(), args, command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return code, stdout.String(), stderr.String()
}

// deadKubeconfig points to a port on which nothing listens.
func deadKubeconfig(t *testing.T) string {
	t.Helper()
	return kubeconfig(t, &rest.Config{Host: "https://" + servers.FreeAddress(t)}, "shop")
}

func TestAServerThatDoesNotAnswerIsDescribedInOneSentence(t *testing.T) {
	t.Parallel()
	s := &shop{t: t, kubeconfig: deadKubeconfig(t)}
	chain := regexp.MustCompile(`dial tcp|Get "|Patch "|: connect:`)
	for _, args := range [][]string{
		{"report"}, {"report", "--list", "-A"}, {"report", "--diff"}, {"run", "i"}, {"run", "i", "--wait"}, {"suspend", "i"},
		{"resume", "--all"}, {"ignore", "abcdef", "--reason", "x"},
	} {
		code, out, errOut := s.run(args...)
		if code != 2 || out != "" || chain.MatchString(errOut) || strings.Count(errOut, "\n") != 1 ||
			!strings.Contains(errOut, `cannot reach the API server https://127.0.0.1:`) ||
			!strings.Contains(errOut, `of context "test": connection refused; check that the server runs: `+"`kubectl --context test cluster-info`") {
			t.Errorf("%q: exit code %d, %q%q", args, code, out, errOut)
		}
	}
}

func TestAnInspectionOfAServerThatDoesNotAnswerIsDescribedWithoutAGoError(t *testing.T) {
	t.Parallel()
	s := &shop{t: t, kubeconfig: deadKubeconfig(t)}
	code, out, errOut := s.run("inspect", "-A")
	if code != 2 || out != "" || strings.Contains(errOut, "dial tcp") || !strings.Contains(errOut, "cluster test at 127.0.0.1:") ||
		!strings.Contains(errOut, "cause: connection refused\n") {
		t.Errorf("exit code %d, %q", code, errOut)
	}
}

func TestRejectedCredentialsAndMissingPermissionsAreDescribed(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.wants(2, []string{"cannot list inspections in namespace " + s.Namespace + " (RBAC)", `User "nobody" cannot list`, "kubeops-viewer"},
		"report", "--as", "nobody")
	anonymous := rest.AnonymousClientConfig(realAPI)
	s.kubeconfig = kubeconfig(t, anonymous, s.Namespace)
	code, _, errOut := s.run("report")
	if code != 2 || !strings.Contains(errOut, "(RBAC)") && !strings.Contains(errOut, "rejected the credentials (401)") {
		t.Errorf("exit code %d: %s", code, errOut)
	}
}

// lockedBuffer is written by a command while the test reads it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *lockedBuffer) contains(text string) bool { return strings.Contains(b.String(), text) }

// The connection goes through a proxy, which stops and starts again.
func TestAWatchOutlivesTheAPIServer(t *testing.T) {
	t.Parallel()
	s := withReports(t)
	server, err := url.Parse(realAPI.Host)
	if err != nil {
		t.Fatal(err)
	}
	gate := newGate(t, server.Host)
	config := rest.CopyConfig(realAPI)
	config.Host = "https://" + gate.address
	s.kubeconfig = kubeconfig(t, config, s.Namespace)
	ctx, interrupt := context.WithCancel(t.Context())
	var out, errOut lockedBuffer
	code := make(chan int, 1)
	go func() {
		code <- cli.Run(ctx, []string{"report", "i", "--watch", "--kubeconfig", s.kubeconfig},
			command.Streams{In: strings.NewReader(""), Out: &out, Err: &errOut})
	}()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stdout: %s\nstderr: %s", out.String(), errOut.String())
		}
	})
	s.eventually(func() bool { return out.contains("report " + s.Namespace + "/i-second") })
	gate.close()
	s.eventually(func() bool { return errOut.contains("retrying until it answers") })
	gate.open(t)
	i := s.Get()
	i.Status.LastReport = "i-first"
	if err := s.Client.Status().Update(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	s.eventually(func() bool { return out.contains("report " + s.Namespace + "/i-first") })
	interrupt()
	if got := <-code; got != 130 || !errOut.contains("the API server answers again") || !errOut.contains("interrupted") ||
		errOut.contains("dial tcp") {
		t.Errorf("exit code %d: %s", got, errOut.String())
	}
}

// gate passes connections on to a server while it is open.
type gate struct {
	address, server string
	mu              sync.Mutex
	listener        net.Listener
	connections     []net.Conn
}

func newGate(t *testing.T, server string) *gate {
	t.Helper()
	g := &gate{address: "127.0.0.1:0", server: server}
	g.open(t)
	t.Cleanup(g.close)
	return g
}

func (g *gate) open(t *testing.T) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.listener = listener
	g.address = listener.Addr().String()
	g.mu.Unlock()
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", g.server)
			if err != nil {
				_ = from.Close()
				continue
			}
			g.mu.Lock()
			g.connections = append(g.connections, from, to)
			g.mu.Unlock()
			go func() { _, _ = io.Copy(to, from) }()
			go func() { _, _ = io.Copy(from, to) }()
		}
	}()
}

func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.listener.Close()
	for _, connection := range g.connections {
		_ = connection.Close()
	}
	g.connections = nil
}

// As kubectl, the process ends by SIGPIPE, without a message.
func TestAPipeThatClosesEarlyEndsTheCommandQuietly(t *testing.T) {
	t.Parallel()
	s := withReports(t)
	for _, args := range [][]string{
		{"report", "-o", "json"}, {"report"}, {"report", "--list"}, {"checks", "-o", "json"}, {"inspect", "-o", "yaml"},
	} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		all := append([]string{commandArgument}, args...)
		if args[0] != "checks" {
			all = append(all, "--kubeconfig", s.kubeconfig)
		}
		command := exec.CommandContext(t.Context(), os.Args[0], all...)
		command.Stdout = writer
		command.Stderr = &stderr
		if err := reader.Close(); err != nil {
			t.Fatal(err)
		}
		err = command.Run()
		_ = writer.Close()
		state, ok := command.ProcessState.Sys().(syscall.WaitStatus)
		if err == nil || !ok || !state.Signaled() || state.Signal() != syscall.SIGPIPE || stderr.Len() > 0 {
			t.Errorf("%q: %v, %q", args, err, stderr.String())
		}
	}
}

// The lines of docs/inspections.md run as pasted, in a namespace named inspections.
func TestARequestedRunCanBeAwaitedByTheDocumentedLinesOfKubectl(t *testing.T) {
	startController(t)
	content, err := os.ReadFile("../../../docs/inspections.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), "```bash\n")
	script, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/inspections.md has no lines for bash")
	}
	kubectl, err := filepath.Glob("../../../bin/kube/*/kubectl")
	if err != nil || len(kubectl) == 0 {
		t.Fatalf("bin/kube has no kubectl; run `make kube` first (%v)", err)
	}
	folder, err := filepath.Abs(filepath.Dir(kubectl[len(kubectl)-1]))
	if err != nil {
		t.Fatal(err)
	}
	s := inspected(t, v1alpha1.InspectionSpec{})
	script = strings.NewReplacer("-n inspections", "-n "+s.Namespace, "inspection/everything", "inspection/i").Replace(script)
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-e", "-c", script)
	command.Env = append(os.Environ(), "PATH="+folder+":"+os.Getenv("PATH"), "KUBECONFIG="+s.kubeconfig)
	output, err := command.CombinedOutput()
	i := s.Get()
	if err != nil || i.Status.LastHandledRequest == "" || i.Status.LastHandledRequest != i.Annotations[v1alpha1.AnnotationRequestedAt] {
		t.Errorf("%v\n%s\nhandled %q", err, output, i.Status.LastHandledRequest)
	}
}

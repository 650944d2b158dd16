package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kubeops.io/kubeops/hack/cluster/internal/filelock"
	"kubeops.io/kubeops/hack/cluster/internal/place"
	"kubeops.io/kubeops/hack/cluster/internal/process"
	"kubeops.io/kubeops/hack/cluster/internal/report"
	"kubeops.io/kubeops/hack/cluster/internal/state"
)

// leftover makes the folder of a cluster whose processes are gone, as after a reboot.
func leftover(t *testing.T, log *strings.Builder) *Cluster {
	t.Helper()
	at, err := place.New(place.Root(shortFolder(t)), "test")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(at.Path("logs"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := &state.State{
		Name: "test", Phase: state.Running, Node: state.Simulated, Server: "https://127.0.0.1:1",
		Processes: []process.Process{{Name: "etcd", PID: os.Getpid(), Started: "1@another-boot"}},
	}
	if err := s.Save(at.State()); err != nil {
		t.Fatal(err)
	}
	return New(at, report.New(log))
}

// shortFolder is needed since those of tests are longer than a socket's path may be.
func shortFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "c")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return folder
}

func TestStatusOfALeftover(t *testing.T) {
	c := leftover(t, &strings.Builder{})
	status, err := c.Status(t.Context())
	if err != nil || status.State != StateBroken || status.Reason != "etcd has ended" {
		t.Errorf("status %+v, error %v", status, err)
	}
	var text strings.Builder
	if err := status.Print(&text); err != nil || !strings.Contains(text.String(), "not running") {
		t.Errorf("printed %q, error %v", text.String(), err)
	}
	lock, err := filelock.Acquire(t.Context(), c.place.Lock(), func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if status, _ = c.Status(t.Context()); status.State != StateStarting {
		t.Errorf("while another command works on it: %+v", status)
	}
}

func TestDownRemovesALeftoverAndAcceptsAMissingCluster(t *testing.T) {
	var log strings.Builder
	c := leftover(t, &log)
	for _, want := range []string{"Removed cluster test", "Cluster test does not exist."} {
		log.Reset()
		if err := c.Down(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("said %q, want %q", log.String(), want)
		}
		if left, _ := filepath.Glob(filepath.Join(string(c.place.Root), "*")); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	status, err := c.Status(t.Context())
	if err != nil || status.State != StateAbsent {
		t.Errorf("status %+v, error %v", status, err)
	}
}

func TestLoadImageNeedsARunningCluster(t *testing.T) {
	c := New(place.Cluster{Root: place.Root(t.TempDir()), Name: "none"}, report.New(&strings.Builder{}))
	if err := c.LoadImage(t.Context(), "a/b:1", ImageSource{Busybox: true}); err == nil || !strings.Contains(err.Error(), "cluster up") {
		t.Errorf("error %v", err)
	}
}

func TestUnknownKindOfNode(t *testing.T) {
	c := New(place.Cluster{}, report.New(&strings.Builder{}))
	if _, err := c.kind(t.Context(), "imaginary"); err == nil {
		t.Error("no error")
	}
	for _, kind := range []state.NodeKind{state.Simulated, state.None} {
		if got, err := c.kind(t.Context(), kind); got != kind || err != nil {
			t.Errorf("got %s, error %v", got, err)
		}
	}
}

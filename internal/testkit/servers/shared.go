package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// Shared lets servers that take long to start outlive the test that started them: give For(t) to a start function, and call
// Close in TestMain. The zero value is ready to use.
type Shared struct {
	mu    sync.Mutex
	clean []func()
}

// For is t, except that cleanups run in Close.
func (s *Shared) For(t testing.TB) testing.TB { return &outliving{TB: t, shared: s} }

// Close ends what was started, the newest first.
func (s *Shared) Close() {
	s.mu.Lock()
	list := s.clean
	s.clean = nil
	s.mu.Unlock()
	for i := len(list) - 1; i >= 0; i-- {
		list[i]()
	}
}

func (s *Shared) cleanup(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clean = append(s.clean, f)
}

type outliving struct {
	testing.TB
	shared *Shared
}

// Cleanup is called by Close instead of at the end of the test.
func (o *outliving) Cleanup(f func()) { o.shared.cleanup(f) }

// TempDir is removed by Close instead of at the end of the test.
func (o *outliving) TempDir() string {
	o.Helper()
	return scratch(o)
}

// scratch makes a folder that other users may enter, which those of t.TempDir do not let them.
func scratch(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "kubeops-server-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // a test's scratch folder, which a server's own user must enter
		t.Fatal(err)
	}
	return dir
}

// unprivilegedUser is for servers that refuse to run as root. Zero, the user of the test, if that is not root.
func unprivilegedUser() uint32 {
	if os.Getuid() == 0 {
		return 65534
	}
	return 0
}

// give a folder and all in it to a user; zero leaves it.
func give(t testing.TB, dir string, user uint32) {
	t.Helper()
	if user == 0 {
		return
	}
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(user), int(user))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// leashed is a command line that ends with this process, even when that is killed: a test binary that ran into its time limit
// calls no cleanup. It goes by the process table, for a watcher of another user may not send even signal 0.
func leashed(path string, args ...string) (shell string, line []string) {
	const script = `parent=$1; shift; [ -d /proc/self ] && (while [ -d "/proc/$parent" ]; do sleep 1; done; kill -KILL -- -$$) & exec "$@"`
	return "/bin/sh", append([]string{"-c", script, "sh", strconv.Itoa(os.Getpid()), path}, args...)
}

// run a program of a server to its end.
func run(t testing.TB, cmd *exec.Cmd) {
	t.Helper()
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(cmd.Path), err, output)
	}
}

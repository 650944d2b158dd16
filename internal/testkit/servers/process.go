// Package servers starts real servers for tests, as plain processes on loopback. Each is fetched or built once into bin/servers
// by `make servers`. A test fails if its server is missing.
package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Spec of a server process.
type Spec struct {
	// Name for messages.
	Name string
	// Path of the program, its arguments, and what is added to the environment.
	Path string
	Args []string
	Env  []string
	// Dir to run in.
	Dir string
	// User that it runs as, when it refuses to be root; zero is the user of the test.
	User uint32
	// Ready is called repeatedly until it returns nil.
	Ready func(ctx context.Context) error
	// Deadline until it is ready. Default 2m.
	Deadline time.Duration
}

// Process is a server that runs until the test ends.
type Process struct {
	t    testing.TB
	spec Spec
	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	log  string
}

// Start a server and wait until it is ready.
func Start(t testing.TB, spec Spec) *Process {
	t.Helper()
	p := &Process{t: t, spec: spec, log: filepath.Join(t.TempDir(), spec.Name+".log")}
	t.Cleanup(p.Stop)
	p.Start()
	return p
}

// Start it again, after Stop, and wait until it is ready.
func (p *Process) Start() {
	p.t.Helper()
	p.mu.Lock()
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.Command(p.spec.Path, p.spec.Args...) //nolint:noctx // Stop ends it
	p.cmd.Dir = p.spec.Dir
	p.cmd.Stdout = log
	p.cmd.Stderr = log
	p.cmd.Env = append(os.Environ(), p.spec.Env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if p.spec.User != 0 {
		p.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: p.spec.User, Gid: p.spec.User}
	}
	err = p.cmd.Start()
	p.done = make(chan struct{})
	cmd, done := p.cmd, p.done
	p.mu.Unlock()
	if err != nil {
		p.t.Fatalf("start %s: %v", p.spec.Name, err)
	}
	go func() { _ = cmd.Wait(); close(done) }()
	p.wait(done)
}

// wait until the server is ready; one that ended instead is a failure with the end of its log.
func (p *Process) wait(done chan struct{}) {
	p.t.Helper()
	deadline := p.spec.Deadline
	if deadline == 0 {
		deadline = 2 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		once, over := context.WithTimeout(ctx, 5*time.Second)
		err := p.spec.Ready(once)
		over()
		if err == nil {
			select {
			case <-done: // what answers is another server
			default:
				return
			}
		}
		select {
		case <-done:
			p.t.Fatalf("%s ended before it was ready:\n%s", p.spec.Name, p.Log())
		case <-ctx.Done():
			p.t.Fatalf("%s was not ready within %s: %v\n%s", p.spec.Name, deadline, err, p.Log())
		case <-ticker.C:
		}
	}
}

// Stop ends the process and all that it started, and waits for it.
func (p *Process) Stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
	}
	p.cmd = nil
}

// Kill ends the process and all that it started without letting them finish, and waits for it.
func (p *Process) Kill() {
	p.signal(syscall.SIGKILL)
	p.Stop()
}

// PID of the process; 0 while it does not run.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Pause stops the process from running without ending it: connections stay open and nothing answers. Resume lets it go on.
// Threads stop one by one: it returns when all of them have.
func (p *Process) Pause() {
	p.t.Helper()
	p.signal(syscall.SIGSTOP)
	deadline := time.Now().Add(10 * time.Second)
	for !p.stopped() {
		if time.Now().After(deadline) {
			p.t.Fatalf("%s did not stop", p.spec.Name)
		}
		runtime.Gosched()
	}
}

// stopped says whether no thread of the process, and of those that it started, runs; see proc_pid_stat(5).
func (p *Process) stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return true
	}
	group := strconv.Itoa(p.cmd.Process.Pid)
	threads, err := filepath.Glob("/proc/[0-9]*/task/[0-9]*/stat")
	return err == nil && !slices.ContainsFunc(threads, func(path string) bool {
		content, _ := os.ReadFile(path) // one that has ended does not run
		_, rest, _ := strings.Cut(string(content), ") ")
		about := strings.Fields(rest) // state, parent, group, ...
		return len(about) > 2 && about[2] == group && about[0] != "T" && about[0] != "Z"
	})
}

// Resume lets a paused process go on.
func (p *Process) Resume() { p.signal(syscall.SIGCONT) }

func (p *Process) signal(signal syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil && p.cmd.Process != nil {
		_ = syscall.Kill(-p.cmd.Process.Pid, signal)
	}
}

// Log is the last 4 KiB of what the process printed.
func (p *Process) Log() string {
	content, _ := os.ReadFile(p.log)
	return string(content[max(0, len(content)-4096):])
}

// Folder of a server that `make servers` put into bin/servers.
func Folder(t testing.TB, name string) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	if bin := os.Getenv("KUBEOPS_BIN"); bin != "" {
		root = filepath.Dir(bin)
	}
	folder := filepath.Join(root, "bin", "servers", name)
	if _, err := os.Stat(folder); err != nil {
		t.Fatalf("%s is not there; run `make servers` first", filepath.Join("bin", "servers", name))
	}
	return folder
}

// Answers is a Ready that wants a status below 400 at a URL.
func Answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		defer func() { _ = response.Body.Close() }()
		if response.StatusCode >= 400 {
			return fmt.Errorf("%s answers %s", url, response.Status)
		}
		return nil
	}
}

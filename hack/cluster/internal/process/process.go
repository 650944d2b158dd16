// Package process starts processes that outlive this program, and finds and stops them later. It never affects a process
// that reuses the PID of one that has ended.
package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/retry"
)

// Mark is the environment variable of every process of a cluster; its value is the folder of the cluster. Shims inherit it
// from containerd, so they are found without a record.
const Mark = "KUBEOPS_CLUSTER_PROCESS"

// Process is a started process, as recorded in the state file.
type Process struct {
	Name string `json:"name"`
	PID  int    `json:"pid"`
	// Started identifies the process together with its PID, since PIDs are reused.
	Started string `json:"started"`
}

// Spec is a process to start.
type Spec struct {
	// Name of the component.
	Name string
	// Prefix enters namespaces and executes the command in place, so the PID is that of the component.
	Prefix []string
	Path   string
	Args   []string
	// Env is added to a minimal environment.
	Env []string
	Log string
	// Owner is the value of Mark.
	Owner string
}

// Start starts a process in a new session, so it survives the end of this program and a Ctrl-C in its terminal. The channel
// receives its exit if it ends while this program runs.
func Start(ctx context.Context, spec Spec) (Process, <-chan error, error) {
	if err := os.MkdirAll(filepath.Dir(spec.Log), 0o755); err != nil {
		return Process{}, nil, err
	}
	log, err := os.OpenFile(spec.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return Process{}, nil, err
	}
	defer func() { _ = log.Close() }() // the child has a copy
	argv := append(append(append([]string{}, spec.Prefix...), spec.Path), spec.Args...)
	cmd := exec.CommandContext(context.WithoutCancel(ctx), argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(environment(spec.Owner), spec.Env...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return Process{}, nil, fmt.Errorf("start %s: %w", spec.Name, err)
	}
	started, _ := startedAt(cmd.Process.Pid) // empty if it has already ended; the channel reports that
	ended := make(chan error, 1)
	go func() {
		if err := cmd.Wait(); err != nil {
			ended <- err
			return
		}
		ended <- errors.New("exit status 0")
	}()
	return Process{Name: spec.Name, PID: cmd.Process.Pid, Started: started}, ended, nil
}

// environment is minimal on purpose: a proxy setting of the caller, for example, must not divert traffic between
// components.
func environment(owner string) []string {
	return []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + owner,
		"LANG=C.UTF-8",
		Mark + "=" + owner,
	}
}

// Alive reports whether this process is still running. A zombie is not.
func (p Process) Alive() bool {
	if p.PID <= 0 || p.Started == "" {
		return false
	}
	started, err := startedAt(p.PID)
	return err == nil && started == p.Started
}

// Signal sends a signal to this process. It is not an error if the process has ended.
func (p Process) Signal(signal syscall.Signal) error {
	handle, err := os.FindProcess(p.PID) // holds the process itself where the system can (pidfd), hence before the check
	if err != nil {
		return nil // gone
	}
	defer func() { _ = handle.Release() }()
	if !p.Alive() {
		return nil
	}
	err = handle.Signal(signal)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// KillAll kills the processes that find returns until it returns none, since a process can start another one before it is
// killed. After the timeout it returns an error with the remaining ones.
func KillAll(ctx context.Context, find func() []Process, patience time.Duration) error {
	return retry.For(ctx, patience, func() error {
		left := find()
		if len(left) == 0 {
			return nil
		}
		errs := []error{fmt.Errorf("processes did not end: %s", list(left))}
		for _, p := range left {
			errs = append(errs, p.Signal(syscall.SIGKILL))
		}
		return errors.Join(errs...)
	})
}

func list(processes []Process) string {
	var names []string
	for _, p := range processes {
		names = append(names, fmt.Sprintf("%s (%d)", p.Name, p.PID))
	}
	return strings.Join(names, ", ")
}

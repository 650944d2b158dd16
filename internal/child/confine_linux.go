package child

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

const (
	// niceness of a child: the manager's own threads go first.
	niceness = 5
	// firstToKill is the highest oom_score_adj: where the kernel must kill a process, it is the child.
	firstToKill = "1000"
)

// confine sets the limits of this process. They cannot be raised again.
func confine(limit int64) error {
	// RLIMIT_DATA counts private writable mappings, which is all memory of a Go program but its text and reserved addresses.
	// https://man7.org/linux/man-pages/man2/setrlimit.2.html
	bytes := &syscall.Rlimit{Cur: uint64(limit), Max: uint64(limit)} //nolint:gosec // limits are positive
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, bytes); err != nil {
		return fmt.Errorf("limit the memory to %d bytes: %w", limit, err)
	}
	// Both only help; a kernel that refuses them has the limit above.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(firstToKill), 0)
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
	return nil
}

// killed reports whether SIGKILL ended the process. The kernel sends it when a cgroup is out of memory.
func killed(exit *exec.ExitError) bool {
	status, is := exit.Sys().(syscall.WaitStatus)
	return is && status.Signaled() && status.Signal() == syscall.SIGKILL
}

package child

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
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
	mapped := uint64(limit + reserved()) //nolint:gosec // limits are positive
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &syscall.Rlimit{Cur: mapped, Max: mapped}); err != nil {
		return fmt.Errorf("limit the memory to %d bytes: %w", limit, err)
	}
	// Both only help; a kernel that refuses them has the limit above.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte(firstToKill), 0)
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness)
	return nil
}

// reserved is how much this process has mapped and not used, in bytes: tables of the runtime for the largest heap that is possible, about
// 80 MiB in a program that has just started. They are no memory, and would take most of a small limit. It is 0 without /proc, so that the
// limit is lower then.
func reserved() int64 {
	content, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	return max(0, kibibytes(content, "VmData")-kibibytes(content, "RssAnon"))
}

// kibibytes is the value of a line of /proc/self/status in bytes, or 0 without one.
func kibibytes(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) != 3 || string(fields[0]) != name+":" {
			continue
		}
		value, err := strconv.ParseInt(string(fields[1]), 10, 64)
		if err != nil {
			return 0
		}
		return value << 10
	}
	return 0
}

// killed reports whether SIGKILL ended the process. The kernel sends it when a cgroup is out of memory.
func killed(exit *exec.ExitError) bool {
	status, is := exit.Sys().(syscall.WaitStatus)
	return is && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// peak is the most memory that a running process has had in bytes.
func peak(running *os.Process) int64 {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(running.Pid) + "/status")
	if err != nil {
		return 0
	}
	return kibibytes(content, "VmHWM")
}

// peakAtEnd is the same of a process that has ended. It is at least the peak of its parent, whose memory it shared until it started its
// program.
func peakAtEnd(ended *os.ProcessState) int64 {
	const kib = 1 << 10
	if ended == nil {
		return 0
	}
	usage, is := ended.SysUsage().(*syscall.Rusage)
	if !is {
		return 0
	}
	return usage.Maxrss * kib
}

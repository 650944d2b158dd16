package process

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// startedAt identifies the process with this PID by boot and start tick.
func startedAt(pid int) (string, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	ticks, err := parseStat(string(stat))
	if err != nil {
		return "", err
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", err
	}
	return ticks + "@" + strings.TrimSpace(string(boot)), nil
}

// parseStat returns the start time from a /proc/PID/stat line. The second field is the program name in parentheses, which
// can contain blanks and parentheses, so fields are counted from the last one.
func parseStat(stat string) (string, error) {
	end := strings.LastIndexByte(stat, ')')
	fields := strings.Fields(stat[end+1:])
	const state, start = 0, 19 // fields 3 and 22 of proc(5)
	if end < 0 || len(fields) <= start {
		return "", fmt.Errorf("not a stat line: %q", stat)
	}
	if fields[state] == "Z" || fields[state] == "X" {
		return "", syscall.ESRCH
	}
	return fields[start], nil
}

// Marked returns the processes of the owner, by their environment.
func Marked(owner string) []Process {
	wanted := []byte(Mark + "=" + owner)
	var found []Process
	folders, _ := filepath.Glob("/proc/[0-9]*")
	for _, folder := range folders {
		environ, err := os.ReadFile(filepath.Join(folder, "environ"))
		if err != nil { // gone, or another user's
			continue
		}
		for _, variable := range bytes.Split(environ, []byte{0}) {
			if bytes.Equal(variable, wanted) {
				pid, _ := strconv.Atoi(filepath.Base(folder))
				found = append(found, ByPID(pid)...)
			}
		}
	}
	return found
}

// ByPID returns the processes with these PIDs that are running.
func ByPID(pids ...int) []Process {
	var found []Process
	for _, pid := range pids {
		started, err := startedAt(pid)
		if err != nil || pid == os.Getpid() {
			continue
		}
		name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		found = append(found, Process{Name: strings.TrimSpace(string(name)), PID: pid, Started: started})
	}
	return found
}

// Memory returns the proportional set size in bytes, or 0 if unknown: memory that several processes share counts for each
// of them in part.
func (p Process) Memory() int64 {
	rollup, _ := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", p.PID))
	for line := range strings.Lines(string(rollup)) {
		if rest, ok := strings.CutPrefix(line, "Pss:"); ok {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10
		}
	}
	return 0
}

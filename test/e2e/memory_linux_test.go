package e2e

import (
	"os"
	"syscall"
)

// peakMemory is the largest resident size of an ended process, in bytes.
func peakMemory(state *os.ProcessState) int64 {
	return state.SysUsage().(*syscall.Rusage).Maxrss << 10 // Linux counts in KiB
}

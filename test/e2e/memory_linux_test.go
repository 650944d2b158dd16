package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// peakMemory returns the peak resident size of a process in bytes, read from the kernel while it runs. ru_maxrss, which
// wait returns, is not usable: it starts with the size of the parent process.
func peakMemory(pid int, ended <-chan struct{}) (peak int64) {
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return peak
		case <-ticker.C:
			peak = max(peak, highWaterMark(pid))
		}
	}
}

// highWaterMark returns VmHWM, which only grows, or 0 if the process has ended.
func highWaterMark(pid int) int64 {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		var kib int64
		if text, found := strings.CutPrefix(lines.Text(), "VmHWM:"); found {
			if _, err := fmt.Sscanf(strings.TrimSpace(text), "%d kB", &kib); err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

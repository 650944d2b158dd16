//go:build !linux

package child

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/metrics"
	"time"
)

// lookInterval is how often the memory is compared with its limit.
const lookInterval = 20 * time.Millisecond

// confine ends this process once it has mapped more than its limit.
func confine(limit int64) error {
	total := []metrics.Sample{{Name: "/memory/classes/total:bytes"}}
	go func() {
		for range time.Tick(lookInterval) {
			if metrics.Read(total); total[0].Value.Uint64() > uint64(limit) { //nolint:gosec // limits are positive
				fmt.Fprintln(os.Stderr, "out of memory: the limit is", limit, "bytes")
				os.Exit(2) //nolint:forbidigo // the work goes on in other goroutines, which nothing else can end
			}
		}
	}()
	return nil
}

func killed(*exec.ExitError) bool { return false }

func peak(*os.Process) int64 { return 0 }

func peakAtEnd(*os.ProcessState) int64 { return 0 }

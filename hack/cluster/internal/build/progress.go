package build

import (
	"bufio"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/report"
)

// pause between two lines of progress: short enough to see progress, long enough for a CI log.
const pause = 10 * time.Second

// follow reads the output of `go build -v`, one line per compiled package, and logs the progress. It returns the last lines that
// are not packages, which are the compiler's errors.
func follow(lines io.Reader, total int, log *report.Log) string {
	start := time.Now()
	var done atomic.Int64
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		progress := estimate{total: total}
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				log.Say("%s", progress.line(time.Since(start), int(done.Load())))
			}
		}
	}()
	var other []string
	for scanner := bufio.NewScanner(lines); scanner.Scan(); {
		if line := scanner.Text(); isPackage(line) {
			done.Add(1)
		} else if other = append(other, line); len(other) > 50 {
			other = other[1:]
		}
	}
	return strings.Join(other, "\n")
}

// isPackage distinguishes an import path from a message. Messages contain blanks; "# path" precedes errors in that package.
func isPackage(line string) bool {
	return regexp.MustCompile(`^[\w.~/-]+$`).MatchString(line)
}

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

// pause is the time between two lines of progress: often enough to see that it goes on, seldom enough for a CI log.
const pause = 10 * time.Second

// follow reads the output of `go build -v`, one line for each compiled package, until its end, and says every now and
// then how far it is. It gives back the last lines that are no package: the compiler's errors.
func follow(lines io.Reader, total int, log *report.Log) string {
	start := time.Now()
	var done atomic.Int64
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				log.Say("compiling: %d of about %d packages, %s", done.Load(), total, report.Seconds(time.Since(start)))
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

// isPackage tells an import path from a message. Messages have blanks; "# path" announces an error in that package.
func isPackage(line string) bool {
	return regexp.MustCompile(`^[\w.~/-]+$`).MatchString(line)
}

package build

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/hack/cluster/internal/report"
)

const (
	// minElapsed and minShare are what must have passed before there is an estimate: earlier ones are mostly noise.
	minElapsed = 30 * time.Second
	minShare   = 0.02
	// recent is the period whose pace is compared with the pace of the whole build.
	recent = 2 * time.Minute
)

// estimate predicts how long a build still takes from the number of packages that it has compiled so far. Packages differ: the
// first are small, those of Kubernetes itself are large. Therefore the pace of the last two minutes counts, and it counts more
// the further the build is; early on, the overall pace is steadier.
type estimate struct {
	total   int
	samples []sample
}

type sample struct {
	elapsed time.Duration
	done    int
}

// line records the progress and returns it as text, with an estimate of the time left if there is one. Packages in Go's build
// cache are part of the total but never reported, so a build may end long before its estimate.
func (e *estimate) line(elapsed time.Duration, done int) string {
	e.samples = append(e.samples, sample{elapsed: elapsed, done: done})
	text := fmt.Sprintf("compiling: %d of about %d packages, %s", done, e.total, report.Seconds(elapsed))
	switch left, ok := e.left(); {
	case done >= e.total:
		return text + ", linking"
	case ok:
		return fmt.Sprintf("%s, about %s left", text, left)
	}
	return text
}

func (e *estimate) left() (time.Duration, bool) {
	now := e.samples[len(e.samples)-1]
	share := float64(now.done) / float64(e.total)
	if now.elapsed < minElapsed || share < minShare {
		return 0, false
	}
	start := e.samples[0]
	for _, earlier := range e.samples {
		if now.elapsed-earlier.elapsed <= recent {
			break
		}
		start = earlier
	}
	overall := float64(now.done) / now.elapsed.Seconds()
	pace := overall
	if now.elapsed > start.elapsed {
		lately := float64(now.done-start.done) / (now.elapsed - start.elapsed).Seconds()
		pace = share*lately + (1-share)*overall
	}
	return rounded(float64(e.total-now.done) / pace), true
}

// rounded gives no more precision than an estimate has: half minutes, and steps of ten seconds below two minutes.
func rounded(seconds float64) time.Duration {
	step := 30 * time.Second
	if seconds < 120 {
		step = 10 * time.Second
	}
	return max(time.Duration(seconds*float64(time.Second)).Round(step), step)
}

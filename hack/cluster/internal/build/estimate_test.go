package build

import (
	"strings"
	"testing"
	"time"
)

// after runs a build up to the given time and returns the last line of progress. done is the number of packages by second.
func after(elapsed time.Duration, total int, done func(seconds int) int) string {
	progress := estimate{total: total}
	var last string
	for now := pause; now <= elapsed; now += pause {
		last = progress.line(now, done(int(now.Seconds())))
	}
	return last
}

func TestSteadyBuildIsEstimatedFromItsPace(t *testing.T) {
	got := after(5*time.Minute, 2400, func(seconds int) int { return 4 * seconds })
	if want := "compiling: 1200 of about 2400 packages, 5m0s, about 5m0s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestSlowerPackagesRaiseTheEstimate(t *testing.T) {
	slowing := func(seconds int) int { return 8*min(seconds, 150) + 2*max(seconds-150, 0) }
	got := after(5*time.Minute, 2400, slowing)
	// The overall pace of 5 packages a second would promise 3m0s, the recent one of 2 says 7m30s.
	if want := "compiling: 1500 of about 2400 packages, 5m0s, about 5m0s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestNoEstimateWithoutEnoughProgress(t *testing.T) {
	for name, line := range map[string]string{
		"after 20 seconds":    after(20*time.Second, 2400, func(seconds int) int { return 20 * seconds }),
		"below two percent":   after(time.Minute, 2400, func(int) int { return 40 }),
		"before any package":  after(time.Minute, 2400, func(int) int { return 0 }),
		"all packages listed": after(time.Minute, 2400, func(int) int { return 2400 }),
	} {
		if strings.Contains(line, "left") {
			t.Errorf("%s: %q", name, line)
		}
	}
	if line := after(time.Minute, 2400, func(int) int { return 2400 }); !strings.HasSuffix(line, ", linking") {
		t.Errorf("%q does not say that it is linking", line)
	}
}

func TestStalledBuildStillHasAnEstimate(t *testing.T) {
	stalled := func(seconds int) int { return min(seconds, 60) * 10 }
	got := after(10*time.Minute, 2400, stalled)
	if want := "compiling: 600 of about 2400 packages, 10m0s, about 40m0s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

package trend

import (
	"math"
	"slices"
	"time"
)

const (
	// minCleanup is the minimum share of the capacity that a cleanup frees at once.
	minCleanup = 0.05
	// maxDip is how many points a temporary file exists.
	maxDip = 6
	// minCycles cleanups are needed for a line through the points before them.
	minCycles = 3
)

// cleanups of a disk.
type cleanups struct {
	// last is the index of the first point after the last cleanup.
	last int
	// regular is set if there were several and the next is not overdue; next is the time until then, in seconds.
	regular bool
	next    float64
	// x and y are the lowest points, before each cleanup; every is the mean time between them and freed what each freed, on average.
	x, y         []float64
	every, freed float64
}

// cleanupsOf finds the cleanups in a history.
func cleanupsOf(x, y []float64, capacity float64) cleanups {
	jumps := cleanings(y, capacity)
	var c cleanups
	if len(jumps) == 0 {
		return c
	}
	c.last = jumps[len(jumps)-1]
	longest := 0.0
	for i, at := range jumps {
		c.x, c.y = append(c.x, x[at-1]), append(c.y, y[at-1])
		c.freed += (y[at] - y[at-1]) / float64(len(jumps))
		if i > 0 {
			longest = math.Max(longest, x[at]-x[jumps[i-1]])
		}
	}
	if len(jumps) == 1 {
		return c
	}
	c.every = (x[c.last] - x[jumps[0]]) / float64(len(jumps)-1)
	c.next = 1.1*longest + x[c.last]
	overdue := -x[c.last] > 2*longest && y[len(y)-1] < slices.Min(c.y)
	c.regular = !overdue
	return c
}

// exhaustion forecasts from the points before each cleanup: the disk is full once the amount that is free then reaches zero.
func (c cleanups) exhaustion(capacity float64, horizon time.Duration) (Forecast, bool) {
	if len(c.x) < minCycles {
		return Forecast{}, false
	}
	x, y := c.x, c.y
	if len(x) > maxFitted {
		x = x[len(x)-maxFitted:]
		y = y[len(y)-maxFitted:]
	}
	fit, ok := theilSen(x, y)
	span := x[len(x)-1] - x[0]
	if !ok || fit.slope >= 0 || span < horizon.Seconds()/4 || -fit.slope*span < minDrop*capacity {
		return Forecast{}, false
	}
	noise := noiseAround(fit, x, y)
	if -fit.slope*span < 3*noise {
		return Forecast{}, false
	}
	until := c.until(fit)
	// The error of a slope over n evenly spaced points is noise·√12 / (span·√n).
	slope := intervalWidth * noise * math.Sqrt(12/float64(len(x))) / span
	level := -fit.slope * until
	forecast := Forecast{
		Until: seconds(until), PerDay: -fit.slope * secondsPerDay, History: seconds(-x[0]), Cycles: len(c.x),
		Earliest: seconds(math.Max(0, level-intervalWidth*noise) / (-fit.slope + slope)),
	}
	if -fit.slope > slope {
		forecast.Latest = seconds((level + intervalWidth*noise) / (-fit.slope - slope))
	}
	return forecast, forecast.Until > 0 && forecast.Until <= horizon
}

// until returns the time until the first cleanup comes too late, in seconds.
func (c cleanups) until(fit line) float64 {
	zero := -fit.at0 / fit.slope
	if c.every <= 0 || zero > maxUntil.Seconds() {
		return zero
	}
	before := c.x[len(c.x)-1] // the first cleanup after the line is at zero
	before += c.every * math.Max(1, math.Ceil((zero-before)/c.every))
	missing := -fit.at(before)
	return math.Max(zero, before-c.every*math.Min(1, missing/math.Max(c.freed, missing)))
}

// cleanings returns the indexes of points at which space was freed at once: more than a share of the capacity, and far more than
// the usual change between points. A rise over several points counts at its end.
func cleanings(y []float64, capacity float64) []int {
	steps := make([]float64, 0, len(y))
	for i := 1; i < len(y); i++ {
		steps = append(steps, math.Abs(y[i]-y[i-1]))
	}
	usual := median(steps)
	var jumps []int
	for i := 1; i < len(y); i++ {
		rise := y[i] - y[i-1]
		if rise <= minCleanup*capacity || rise <= 8*usual {
			continue
		}
		// A return from a dip frees no more than was free before it: a temporary file.
		if y[i]-slices.Max(y[max(0, i-maxDip):i]) < rise/2 {
			continue
		}
		// A rise that reverts at once was a gap in the measurements or a temporary file.
		if i+1 < len(y) && y[i+1]-y[i-1] < rise/2 {
			continue
		}
		if n := len(jumps); n > 0 && jumps[n-1] == i-1 {
			jumps[n-1] = i
			continue
		}
		jumps = append(jumps, i)
	}
	return jumps
}

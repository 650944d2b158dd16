package trend

import (
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxFitted points per fitted line, which bounds the time of a fit: 4,950 pairs.
	maxFitted = 100
	// minFitted points are needed to determine a pace.
	minFitted = 12
	// blocks of the history, to measure how steady the pace is.
	blocks = 12
	// minSteadiness is the minimum ratio of the mean pace to its standard error: Student's t for 11 changes at 99 %, one-sided.
	minSteadiness = 2.718
	// intervalWidth of a forecast in standard errors: Student's t for 10 degrees of freedom at 90 %, two-sided.
	intervalWidth = 1.812
	// minDrop is the minimum loss over the history as a share of the capacity; a smaller one is fluctuation.
	minDrop = 0.01
	// minCleanup is the minimum share of the capacity that a cleanup frees at once.
	minCleanup = 0.05
	// minCycles cleanups count as regular.
	minCycles = 4
	// maxUntil is the longest time of a forecast: about three years.
	maxUntil = 1000 * 24 * time.Hour
)

// Forecast of when a shrinking value, such as the free space of a disk, reaches zero.
type Forecast struct {
	// Until zero at the pace of the fit. Earliest and Latest bound a 90 % interval that allows for a changing pace; Latest is
	// zero if it may never happen.
	Until, Earliest, Latest time.Duration
	// PerDay is the loss per day.
	PerDay float64
	// History is the period of the points used.
	History time.Duration
	// Cycles is the number of cleanups, if they are regular and the forecast is based on the lowest points.
	Cycles int
}

// Exhaustion forecasts when the free part of a capacity reaches zero. The second result is false if there is no reliable forecast:
// too few points, a history since the last cleanup that is shorter than a quarter of the horizon, no decline, a decline that has
// stopped or is too small or too unsteady, or a time beyond the horizon. Points may be in any order; values that are not finite,
// negative or later than now are ignored.
//
// The pace is a Theil-Sen line. The interval is that of a random walk with drift: after h blocks of time it has a standard
// error of s·√(h + h²/(b-1)), where s is the standard deviation of the changes between blocks. It is valid for steady growth with
// noise (where it is wide) and for growth in bursts (where the interval of the line alone would be far too narrow).
func Exhaustion(points []metrics.Point, capacity float64, now time.Time, horizon time.Duration) (Forecast, bool) {
	if horizon <= 0 || !usable(capacity) || capacity <= 0 {
		return Forecast{}, false
	}
	x, y := usablePoints(points, now)
	if len(x) < minFitted || x[len(x)-1] < -horizon.Seconds()/16 { // no longer measured
		return Forecast{}, false
	}
	x, y, cycles := sinceCleaned(x, y, capacity)
	if cycles > 0 {
		return exhaustionOfCycles(x, y, capacity, horizon, cycles)
	}
	if len(x) == 0 {
		return Forecast{}, false
	}
	if forecast, ok := exhaustionOf(x, y, capacity, horizon); ok {
		return forecast, true
	}
	// A recent change of pace is not visible in the whole history.
	from, _ := slices.BinarySearch(x, x[0]*2/5)
	return exhaustionOf(x[from:], y[from:], capacity, horizon)
}

// exhaustionOf forecasts a history without cleanups.
func exhaustionOf(x, y []float64, capacity float64, horizon time.Duration) (Forecast, bool) {
	if len(x) < minFitted || -x[0] < horizon.Seconds()/4 {
		return Forecast{}, false
	}
	// The cheapest test comes first: most disks do not fill up.
	change, deviation, width, ok := paceByBlock(x, y)
	if !ok || change >= 0 || -change < minSteadiness*deviation/math.Sqrt(blocks-1) {
		return Forecast{}, false
	}
	x, y = downsample(x, y, maxFitted)
	fit, ok := theilSen(x, y)
	if !ok || fit.slope >= 0 || -fit.slope*(x[len(x)-1]-x[0]) < minDrop*capacity {
		return Forecast{}, false
	}
	recent, noise, ok := latePace(x, y)
	if !ok || recent > fit.slope/4 { // the decline has stopped
		return Forecast{}, false
	}
	// Start at the current level, which differs from the line if the pace has changed.
	level := level(x, y, fit.slope)
	forecast := Forecast{
		Until: seconds(level / -fit.slope), PerDay: -fit.slope * secondsPerDay, History: seconds(-x[0]),
		Earliest: seconds(width * crossing(level-intervalWidth*noise, math.Min(change, recent*width), deviation, -intervalWidth)),
		Latest:   seconds(width * crossing(level+intervalWidth*noise, change, deviation, intervalWidth)),
	}
	forecast.Earliest = min(forecast.Earliest, forecast.Until)
	if forecast.Latest > 0 {
		forecast.Latest = max(forecast.Latest, forecast.Until)
	}
	return forecast, forecast.Until <= horizon
}

const secondsPerDay = 24 * 60 * 60

// exhaustionOfCycles forecasts a history with regular cleanups from its lowest points.
func exhaustionOfCycles(x, y []float64, capacity float64, horizon time.Duration, cycles int) (Forecast, bool) {
	fit, ok := theilSen(x, y)
	span := x[len(x)-1] - x[0]
	if !ok || fit.slope >= 0 || span < horizon.Seconds()/4 || -fit.slope*span < minDrop*capacity {
		return Forecast{}, false
	}
	noise := noiseAround(fit, x, y)
	level := fit.at(0)
	if -fit.slope*span < 3*noise || level <= 0 {
		return Forecast{}, false
	}
	// The error of a slope over n evenly spaced points is noise·√12 / (span·√n).
	slope := intervalWidth * noise * math.Sqrt(12/float64(len(x))) / span
	forecast := Forecast{
		Until: seconds(level / -fit.slope), PerDay: -fit.slope * secondsPerDay, History: seconds(-x[0]), Cycles: cycles,
		Earliest: seconds(math.Max(0, level-intervalWidth*noise) / (-fit.slope + slope)),
	}
	if -fit.slope > slope {
		forecast.Latest = seconds((level + intervalWidth*noise) / (-fit.slope - slope))
	}
	return forecast, forecast.Until > 0 && forecast.Until <= horizon
}

// usablePoints returns times in seconds relative to now (negative) and values, in order of time.
func usablePoints(points []metrics.Point, now time.Time) (x, y []float64) {
	kept := make([]metrics.Point, 0, len(points))
	for _, p := range points {
		if metrics.Usable(p.Value) && p.Value >= 0 && !p.Time.After(now) && now.Sub(p.Time) < maxUntil {
			kept = append(kept, p)
		}
	}
	slices.SortStableFunc(kept, func(a, b metrics.Point) int { return a.Time.Compare(b.Time) })
	x, y = make([]float64, len(kept)), make([]float64, len(kept))
	for i, p := range kept {
		x[i] = -now.Sub(p.Time).Seconds()
		y[i] = p.Value
	}
	return x, y
}

// sinceCleaned returns the points since the last cleanup. If cleanups are regular and the next one is not overdue, it returns the
// lowest points before each cleanup and their number instead. It returns no points for two or three cleanups, which are too few.
func sinceCleaned(x, y []float64, capacity float64) (xs, ys []float64, cycles int) {
	jumps := cleanings(y, capacity)
	if len(jumps) == 0 {
		return x, y, 0
	}
	last := jumps[len(jumps)-1]
	if len(jumps) == 1 {
		return x[last:], y[last:], 0
	}
	longest := 0.0
	lowest := math.Inf(1)
	for i, at := range jumps {
		xs, ys = append(xs, x[at-1]), append(ys, y[at-1])
		lowest = math.Min(lowest, y[at-1])
		if i > 0 {
			longest = math.Max(longest, x[at]-x[jumps[i-1]])
		}
	}
	if overdue := -x[last] > 2*longest && y[len(y)-1] < lowest; overdue {
		return x[last:], y[last:], 0
	}
	if len(jumps) < minCycles {
		return nil, nil, 0
	}
	xs, ys = downsample(xs, ys, maxFitted)
	return xs, ys, len(jumps)
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

// downsample returns the medians of at most n intervals of equal length.
func downsample(x, y []float64, n int) (xs, ys []float64) {
	if len(x) <= n {
		return x, y
	}
	width := (x[len(x)-1] - x[0]) / float64(n)
	if width <= 0 {
		return x[:n], y[:n]
	}
	var ins []float64
	for i := 0; i < len(x); {
		stretch := min(n-1, int((x[i]-x[0])/width))
		from := i
		for ins = ins[:0]; i < len(x) && min(n-1, int((x[i]-x[0])/width)) == stretch; i++ {
			ins = append(ins, y[i])
		}
		xs, ys = append(xs, (x[from]+x[i-1])/2), append(ys, median(ins))
	}
	return xs, ys
}

// latePace returns the slope over the last third of the time, and the noise around it.
func latePace(x, y []float64) (slope, noise float64, ok bool) {
	from, _ := slices.BinarySearch(x, x[0]+(x[len(x)-1]-x[0])*2/3)
	fit, ok := theilSen(x[from:], y[from:])
	if !ok {
		return 0, 0, false
	}
	return fit.slope, noiseAround(fit, x[from:], y[from:]), true
}

// noiseAround returns the spread of the points around a line.
func noiseAround(fit line, x, y []float64) float64 {
	off := make([]float64, len(x))
	for i := range x {
		off[i] = y[i] - fit.at(x[i])
	}
	return spread(off, 0, nil)
}

// level returns the current level: the median of the last three points, extrapolated to now.
func level(x, y []float64, slope float64) float64 {
	var now []float64
	for i := max(0, len(x)-3); i < len(x); i++ {
		now = append(now, y[i]-slope*x[i])
	}
	return median(now)
}

// paceByBlock splits the time into blocks, of whole days if it is long enough, since most series have a daily pattern. It returns
// the mean change of the median between blocks, its standard deviation, and the length of a block in seconds. It is false if a
// block is empty: steadiness cannot be measured with gaps.
func paceByBlock(x, y []float64) (change, deviation, width float64, ok bool) {
	end := x[len(x)-1]
	width = (end - x[0]) / blocks
	if days := math.Floor(width / secondsPerDay); days >= 1 {
		width = days * secondsPerDay
	}
	var middles []float64
	var ins []float64
	for b := range blocks {
		ins = ins[:0]
		from := end - float64(blocks-b)*width
		to := end - float64(blocks-b-1)*width
		for i := range x {
			if x[i] >= from && (x[i] < to || b == blocks-1) {
				ins = append(ins, y[i])
			}
		}
		if len(ins) == 0 {
			return 0, 0, 0, false
		}
		middles = append(middles, median(ins))
	}
	n := float64(blocks - 1)
	change = (middles[blocks-1] - middles[0]) / n
	for b := 1; b < blocks; b++ {
		d := middles[b] - middles[b-1] - change
		deviation += d * d
	}
	return change, math.Sqrt(deviation / (n - 1)), width, width > 0 && usable(change) && usable(deviation)
}

// crossing returns the number of blocks until a level reaches zero, with a change per block z standard errors from the expected.
// It is zero if that never happens.
func crossing(level, change, deviation, z float64) float64 {
	remains := func(h float64) float64 {
		return level + change*h + z*deviation*math.Sqrt(h+h*h/(blocks-1))
	}
	if level <= 0 {
		return 0
	}
	low, high := 0.0, 1.0
	for range 64 {
		if remains(high) <= 0 {
			break
		}
		low, high = high, high*2
	}
	if remains(high) > 0 {
		return 0
	}
	for range 60 {
		if middle := (low + high) / 2; remains(middle) > 0 {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// seconds converts to a duration of at most maxUntil.
func seconds(s float64) time.Duration {
	if !usable(s) || s > maxUntil.Seconds() {
		return maxUntil
	}
	return time.Duration(math.Max(0, s) * float64(time.Second))
}

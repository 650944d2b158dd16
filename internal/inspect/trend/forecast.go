package trend

import (
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxFitted points per fitted line, which bounds the time of a fit: 4,950 pairs. A point is a day at most.
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
	forecast, ok := usualExhaustion(x, y, capacity, horizon)
	if sudden, found := surge(x, y, capacity, horizon); found && (!ok || sudden.Until < forecast.Until) {
		return sudden, true
	}
	return forecast, ok
}

// usualExhaustion forecasts a history of days or weeks.
func usualExhaustion(x, y []float64, capacity float64, horizon time.Duration) (Forecast, bool) {
	c := cleanupsOf(x, y, capacity)
	x = x[c.last:]
	y = y[c.last:]
	if c.regular {
		if forecast, ok := c.exhaustion(capacity, horizon); ok {
			return forecast, true
		}
		forecast, ok := exhaustionOf(x, y, capacity, horizon)
		return forecast, ok && forecast.Until < seconds(c.next)
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
	lowX, lowY := minima(x, y)
	fit, ok := theilSen(lowX, lowY)
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

// minima returns the lowest point of each day, or of each twelfth of a short history: a disk is full when a temporary file, such as of
// a compaction, does not fit.
func minima(x, y []float64) (xs, ys []float64) {
	end := x[len(x)-1]
	width := math.Min(secondsPerDay, (end-x[0])/minFitted)
	if !(width > 0) {
		return x, y
	}
	for i := 0; i < len(x); {
		in := math.Floor((end - x[i]) / width)
		lowest := i
		for ; i < len(x) && math.Floor((end-x[i])/width) == in; i++ {
			if y[i] < y[lowest] {
				lowest = i
			}
		}
		xs, ys = append(xs, x[lowest]), append(ys, y[lowest])
	}
	return xs, ys
}

// latePace returns the slope over the last third of the time, and the noise around it.
func latePace(x, y []float64) (slope, noise float64, ok bool) {
	from, _ := slices.BinarySearch(x, x[0]+(x[len(x)-1]-x[0])*2/3)
	x, y = thinned(x[from:], y[from:])
	fit, ok := theilSen(x, y)
	if !ok {
		return 0, 0, false
	}
	return fit.slope, noiseAround(fit, x, y), true
}

// thinned returns at most maxFitted of the points, evenly, with the last.
func thinned(x, y []float64) (xs, ys []float64) {
	every := (len(x) + maxFitted - 1) / maxFitted
	if every <= 1 {
		return x, y
	}
	for i := (len(x) - 1) % every; i < len(x); i += every {
		xs, ys = append(xs, x[i]), append(ys, y[i])
	}
	return xs, ys
}

// noiseAround returns the spread of the points around a line.
func noiseAround(fit line, x, y []float64) float64 {
	off := make([]float64, len(x))
	for i := range x {
		off[i] = y[i] - fit.at(x[i])
	}
	return spread(off, 0, nil)
}

// level returns the current level: the lowest of the last day, extrapolated to now.
func level(x, y []float64, slope float64) float64 {
	lowest := math.Inf(1)
	for i := len(x) - 1; i >= 0 && x[i] >= x[len(x)-1]-secondsPerDay; i-- {
		lowest = math.Min(lowest, y[i]-slope*x[i])
	}
	return math.Max(0, lowest)
}

// paceByBlock splits the time into blocks, of whole days if it is long enough, since most series have a daily pattern. It returns
// the mean change of the lowest point between blocks, its standard deviation, and the length of a block in seconds. It is false if a
// block is empty: steadiness cannot be measured with gaps.
func paceByBlock(x, y []float64) (change, deviation, width float64, ok bool) {
	end := x[len(x)-1]
	width = (end - x[0]) / blocks
	if days := math.Floor(width / secondsPerDay); days >= 1 {
		width = days * secondsPerDay
	}
	lows := make([]float64, 0, blocks)
	for b := range blocks {
		lowest := math.Inf(1)
		from := end - float64(blocks-b)*width
		to := end - float64(blocks-b-1)*width
		for i := range x {
			if x[i] >= from && (x[i] < to || b == blocks-1) {
				lowest = math.Min(lowest, y[i])
			}
		}
		if math.IsInf(lowest, 1) {
			return 0, 0, 0, false
		}
		lows = append(lows, lowest)
	}
	n := float64(blocks - 1)
	change = (lows[blocks-1] - lows[0]) / n
	for b := 1; b < blocks; b++ {
		d := lows[b] - lows[b-1] - change
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

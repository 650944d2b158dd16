package trend

import (
	"math"
	"time"
)

const (
	// minSurge is the minimum share of the capacity that a surge takes.
	minSurge = 0.05
	// minSurgeExcess is how many times as much it takes as the disk lost at any time before.
	minSurgeExcess = 1.5
	// minSurgeHistory before a surge is needed to know what is usual.
	minSurgeHistory = 7 * 24 * time.Hour
	// maxSurgeAhead is how far ahead a surge is extrapolated, as a multiple of the time for which it lasts.
	maxSurgeAhead = 4
	// minSurgePoints is needed for a rate.
	minSurgePoints = 4
)

// surges are the times for which a surge may have lasted, the longest first.
func surges() []time.Duration {
	return []time.Duration{48 * time.Hour, 24 * time.Hour, 12 * time.Hour, 6 * time.Hour}
}

// surge forecasts a disk that loses space far faster than ever in its history, which is too short a time for a forecast of days.
func surge(x, y []float64, capacity float64, horizon time.Duration) (Forecast, bool) {
	for _, lasts := range surges() {
		if forecast, ok := surgeOf(x, y, lasts.Seconds(), capacity); ok && forecast.Until <= horizon {
			return forecast, true
		}
	}
	return Forecast{}, false
}

func surgeOf(x, y []float64, lasts, capacity float64) (Forecast, bool) {
	n := len(x)
	from := n - 1
	for from > 0 && x[from-1] >= x[n-1]-lasts-1 {
		from--
	}
	if n-from < minSurgePoints || x[from]-x[0] < minSurgeHistory.Seconds() {
		return Forecast{}, false
	}
	lost := y[from] - y[n-1]
	if lost < minSurge*capacity || !steady(y[from:]) {
		return Forecast{}, false
	}
	lowest, most := before(x[:from+1], y[:from+1], lasts)
	if y[n-1] >= lowest || lost < minSurgeExcess*most {
		return Forecast{}, false
	}
	pace := lost / (x[n-1] - x[from])
	until := math.Max(0, y[n-1]/pace+x[n-1]) // the last point may be some time ago
	if until > maxSurgeAhead*lasts {
		return Forecast{}, false
	}
	fastest := pace
	for i := from + 1; i < n; i++ {
		fastest = math.Max(fastest, (y[i-1]-y[i])/(x[i]-x[i-1]))
	}
	return Forecast{
		Until: seconds(until), Earliest: seconds(math.Max(0, y[n-1]/fastest+x[n-1])), PerDay: pace * secondsPerDay,
		History: seconds(x[n-1] - x[from]),
	}, true
}

// steady reports whether values fall all the time: at least three of four steps, in both halves alike.
func steady(y []float64) bool {
	n := len(y)
	falls := 0
	for i := 1; i < n; i++ {
		if y[i] < y[i-1] {
			falls++
		}
	}
	first, second := y[0]-y[n/2], y[n/2]-y[n-1]
	return 4*falls >= 3*(n-1) && first > 0 && second > first/3
}

// before returns the lowest value of a history, and the most that it lost within a time. The highest values that later ones have not
// exceeded are kept in order, so that it takes linear time.
func before(x, y []float64, within float64) (lowest, most float64) {
	lowest = math.Inf(1)
	highest := make([]int, 0, len(x))
	first := 0
	for i := range x {
		lowest = math.Min(lowest, y[i])
		for len(highest) > first && y[highest[len(highest)-1]] <= y[i] {
			highest = highest[:len(highest)-1]
		}
		highest = append(highest, i)
		for x[highest[first]] < x[i]-within-1 {
			first++
		}
		most = math.Max(most, y[highest[first]]-y[i])
	}
	return lowest, most
}

package trend

import (
	"math"
	"slices"
)

// madScale converts a median absolute deviation to a standard deviation for normal noise: 1/Φ⁻¹(3/4).
const madScale = 1.4826

// meanScale converts a mean absolute deviation: √(π/2).
const meanScale = 1.2533

// median sorts the values and returns their median; NaN if there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return values[middle-1]/2 + values[middle]/2 // halve first: the sum of two huge numbers may overflow
}

// spread returns the median absolute deviation from a center, scaled to a standard deviation. It overwrites scratch.
func spread(values []float64, center float64, scratch []float64) float64 {
	scratch = scratch[:0]
	for _, v := range values {
		scratch = append(scratch, math.Abs(v-center))
	}
	return madScale * median(scratch)
}

// quantile returns quantile q of sorted values by nearest rank.
func quantile(sorted []float64, q float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[max(0, min(i, len(sorted)-1))]
}

// line is a straight line.
type line struct {
	// slope per unit of x, and the value at x = 0.
	slope, at0 float64
}

func (l line) at(x float64) float64 { return l.at0 + l.slope*x }

// theilSen fits the line whose slope is the median of the slopes between all pairs of points; it tolerates up to 29 % outliers
// (Theil 1950, Sen 1968). It evaluates n²/2 pairs: pass at most maxFitted points. The second result is false if there is no line:
// fewer than three points, or all at the same x.
func theilSen(x, y []float64) (line, bool) {
	n := len(x)
	if n < 3 {
		return line{}, false
	}
	slopes := make([]float64, 0, n*(n-1)/2)
	for i := range n {
		for j := i + 1; j < n; j++ {
			if dx := x[j] - x[i]; dx > 0 {
				slopes = append(slopes, (y[j]-y[i])/dx)
			}
		}
	}
	if len(slopes) == 0 {
		return line{}, false
	}
	fit := line{slope: median(slopes)}
	at0 := slopes[:0]
	for i := range n {
		at0 = append(at0, y[i]-fit.slope*x[i])
	}
	fit.at0 = median(at0)
	if !usable(fit.slope) || !usable(fit.at0) {
		return line{}, false
	}
	return fit, true
}

func usable(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

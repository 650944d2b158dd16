package loganalysis

import (
	"math"
	"slices"
)

// Thresholds; see docs/log-analysis.md.
const (
	// minNew events make an error new; a fatal error needs only one.
	minNew = 3
	// minMissed events must be expected in the baseline at the rate of the window. With five expected, the probability of none is
	// below 1 %.
	minMissed = 5
	// A surge has at least minSurge events, minFactor times the 90th percentile of the baseline, and minDeviations robust standard
	// deviations above its median.
	minSurge      = 10
	minFactor     = 3
	minDeviations = 6
	// minCovered is the share of a piece of the baseline that must be read for its rate to count.
	minCovered = 0.02
)

// verdict on a template: usual, new or surging.
type verdict int

const (
	usual verdict = iota
	isNew
	surges
)

// result of a comparison: the verdict and its numbers, in events per window.
type result struct {
	verdict          verdict
	expected, median float64
	// percentile90 of the baseline.
	percentile90 float64
}

// compare compares the events of the window with the pieces of the baseline. covered and shares are how much of each was read; the
// rest is assumed to be similar.
func compare(window int, covered float64, pieces []uint32, shares []float64, fatal bool) result {
	var rates []float64
	seen, read := 0, 0.0
	for i, share := range shares {
		if share < minCovered {
			continue
		}
		n := 0
		if i < len(pieces) {
			n = int(pieces[i])
		}
		seen += n
		read += share
		rates = append(rates, float64(n)/share)
	}
	if covered <= 0 || len(rates) == 0 {
		return result{}
	}
	j := result{expected: float64(window) / covered}
	slices.Sort(rates)
	j.median, j.percentile90 = quantile(rates, 0.5), quantile(rates, 0.9)
	if seen == 0 {
		// Fatal errors are rare: report one even if the part of the baseline that was read may have missed others.
		if fatal && window >= 1 || window >= minNew && j.expected*read >= minMissed {
			j.verdict = isNew
		}
		return j
	}
	minExpected := max(minFactor*j.percentile90, j.median+minDeviations*deviation(rates, j.median))
	if window >= minSurge && j.expected >= minExpected {
		j.verdict = surges
	}
	return j
}

// deviation is a robust standard deviation: 1.4826 times the median absolute deviation, but at least the counting noise (Poisson).
func deviation(sorted []float64, median float64) float64 {
	distances := make([]float64, len(sorted))
	for i, v := range sorted {
		distances[i] = math.Abs(v - median)
	}
	slices.Sort(distances)
	return max(1.4826*quantile(distances, 0.5), math.Sqrt(max(median, 1)))
}

// quantile returns a quantile of sorted values by nearest rank.
func quantile(sorted []float64, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

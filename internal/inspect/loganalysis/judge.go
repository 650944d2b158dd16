package loganalysis

import (
	"math"
	"slices"
)

// Thresholds, as docs/log-analysis.md explains them.
const (
	// minNew events make an error new; of one that ends a program, one does.
	minNew = 3
	// minMissed is how many events would have been expected in the baseline that was read, had it been as frequent there: with
	// five, none at all has a chance below 1 %.
	minMissed = 5
	// minSurge events make a surge, minFactor times the 90th percentile of the baseline, and minDeviations robust deviations above
	// its median.
	minSurge, minFactor, minDeviations = 10, 3, 6
	// minCovered is the share of a piece of the baseline that must have been read for its rate to count.
	minCovered = 0.02
)

// verdict on a template.
type verdict int

const (
	usual verdict = iota
	isNew
	surges
)

// judged is a verdict and the numbers behind it, in events of a whole window.
type judged struct {
	verdict                verdict
	expected, median, most float64
}

// judge compares the events of a window with those of the pieces of the baseline. covered and shares say how much of each was
// read; what is missing is taken to be like the rest.
func judge(window int, covered float64, pieces []uint32, shares []float64, fatal bool) judged {
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
		return judged{}
	}
	j := judged{expected: float64(window) / covered}
	slices.Sort(rates)
	j.median, j.most = quantile(rates, 0.5), quantile(rates, 0.9)
	if seen == 0 {
		least, missed := minNew, j.expected*read
		if fatal {
			// What ends a program is rare by its nature: it is told of even if the baseline may have missed the like.
			least, missed = 1, minMissed
		}
		if window >= least && missed >= minMissed {
			j.verdict = isNew
		}
		return j
	}
	if window >= minSurge && j.expected >= minFactor*j.most && j.expected >= j.median+minDeviations*deviation(rates, j.median) {
		j.verdict = surges
	}
	return j
}

// deviation is a robust standard deviation: 1.4826 times the median of the distances from the median, and no less than what
// counts of random events have anyway, the root of their mean.
func deviation(sorted []float64, median float64) float64 {
	distances := make([]float64, len(sorted))
	for i, v := range sorted {
		distances[i] = math.Abs(v - median)
	}
	slices.Sort(distances)
	return max(1.4826*quantile(distances, 0.5), math.Sqrt(max(median, 1)))
}

// quantile of sorted values: the smallest that at least that share of them does not exceed.
func quantile(sorted []float64, q float64) float64 {
	i := int(math.Ceil(q*float64(len(sorted)))) - 1
	return sorted[min(max(i, 0), len(sorted)-1)]
}

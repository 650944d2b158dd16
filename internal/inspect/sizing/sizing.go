// Package sizing calculates recommended requests from usage, and costs from differences. It only does arithmetic, without a graph or a
// backend. docs/metrics-inspection.md describes the method.
package sizing

import "math"

// Defaults and bounds of the method.
const (
	// DefaultMargin on top of the usage in percent: that of the recommender of the VerticalPodAutoscaler
	// (--recommendation-margin-fraction, 0.15;
	// https://github.com/kubernetes/autoscaler/blob/master/vertical-pod-autoscaler/docs/flags.md).
	DefaultMargin = 15
	// MinCPU in millicores and MinMemory in bytes are the minimum recommendation. The recommender's own (25m and 250Mi) are for whole
	// Pods and more than most sidecars need.
	MinCPU    = 10
	MinMemory = 32 << 20
	// oomMargin on top of the limit at which a container was OOMKilled, in percent: the recommender's --oom-bump-up-ratio, 1.2.
	oomMargin = 20
	// maxCPU is a million cores in millicores, maxMemory an exbibyte.
	maxCPU    = 1_000_000_000
	maxMemory = 1 << 60
)

// Margins in percent.
type Margins struct{ CPU, Memory int64 }

// DefaultMargins returns DefaultMargin for both resources.
func DefaultMargins() Margins { return Margins{CPU: DefaultMargin, Memory: DefaultMargin} }

// CPU returns the recommended request in millicores for a usage in cores: the usage with a margin, rounded up to a sensible step. The
// recommender of the VerticalPodAutoscaler uses the 90th percentile of one-minute averages; callers pass the 95th, since their averages
// cover several minutes.
func CPU(cores float64, margin int64) int64 {
	steps := []step{{100, 10}, {1000, 50}, {4000, 100}, {16_000, 500}, {math.MaxInt64, 1000}}
	return max(MinCPU, roundUp(scale(cores*1000, margin, maxCPU), steps))
}

// Memory returns the recommended request for a peak in bytes: the peak with a margin, but at least oomMargin above killedAt (0 if the
// container was not OOMKilled), rounded up to a sensible step.
func Memory(peak float64, killedAt, margin int64) int64 {
	needed := max(scale(peak, margin, maxMemory), scale(float64(killedAt), oomMargin, maxMemory))
	steps := []step{{256 << 20, 16 << 20}, {1 << 30, 64 << 20}, {4 << 30, 128 << 20}, {16 << 30, 512 << 20}, {math.MaxInt64, 1 << 30}}
	return max(MinMemory, roundUp(needed, steps))
}

// Limit returns the recommended memory limit for a peak in bytes: 25 % above the recommended request.
func Limit(peak float64, killedAt, margin int64) int64 {
	return Memory(float64(Memory(peak, killedAt, margin)), 0, 25)
}

// scale adds a margin in percent, rounds up and limits the result to maximum; it returns zero for NaN and negative values.
func scale(value float64, margin, maximum int64) int64 {
	value = math.Ceil(value * float64(100+margin) / 100)
	switch {
	case math.IsNaN(value) || value <= 0:
		return 0
	case value >= float64(maximum):
		return maximum
	}
	return int64(value)
}

// step: values up to a bound are rounded up to a multiple of by.
type step struct{ to, by int64 }

func roundUp(value int64, steps []step) int64 {
	for _, s := range steps {
		if value <= s.to {
			return (value + s.by - 1) / s.by * s.by
		}
	}
	return value
}

// hoursPerMonth is a twelfth of a year's 8760 hours.
const hoursPerMonth = 730

// Prices per hour in millionths of the currency; zero if unknown.
type Prices struct {
	// Core is the price of one vCPU, GiB that of one GiB of memory.
	Core, GiB int64
	// Currency, for example EUR.
	Currency string
}

// Monthly returns the monthly cost of millicores and bytes in the currency.
func (p Prices) Monthly(millicores, bytes int64) float64 {
	return hoursPerMonth / 1e6 * (float64(p.Core)*float64(millicores)/1000 + float64(p.GiB)*float64(bytes)/(1<<30))
}

// Package sizing turns what containers used into what they should request, and differences into money. It is arithmetic: it
// knows no graph and no back end. docs/metrics-inspection.md describes the method.
package sizing

import "math"

// Defaults and bounds of the method.
const (
	// DefaultMargin is added to what was used, in percent: that of the recommender of the VerticalPodAutoscaler
	// (--recommendation-margin-fraction, 0.15;
	// https://github.com/kubernetes/autoscaler/blob/master/vertical-pod-autoscaler/docs/flags.md).
	DefaultMargin = 15
	// MinCPU in millicores and MinMemory in bytes: nothing smaller is recommended. The recommender's own (25m and 250Mi) are for
	// whole Pods, and more than most sidecars need.
	MinCPU    = 10
	MinMemory = 32 << 20
	// outOfMemory is by how much memory must grow after a container was killed for want of it, in percent: the recommender's
	// --oom-bump-up-ratio, 1.2. What the kill was at is known as the limit.
	outOfMemory = 120
	// most is where quantities end that are reckoned with: a million cores in millicores, and an exbibyte.
	mostCPU    = 1_000_000_000
	mostMemory = 1 << 60
)

// Margins in percent.
type Margins struct{ CPU, Memory int64 }

// DefaultMargins of both resources.
func DefaultMargins() Margins { return Margins{CPU: DefaultMargin, Memory: DefaultMargin} }

// CPU is what to request for a use in cores, in millicores: the use with a margin, and rounded up to a sensible step. The
// recommender of the VerticalPodAutoscaler takes the 90th percentile of the use; callers here give the 95th, since it is of
// averages over some minutes and not over one.
func CPU(cores float64, margin int64) int64 {
	return max(MinCPU, up(scaled(cores*1000, margin, mostCPU), []step{{100, 10}, {1000, 50}, {4000, 100}, {16_000, 500}, {math.MaxInt64, 1000}}))
}

// Memory is what to request for a peak in bytes: the peak with a margin, no less than what makes a kill at killedAt bytes
// unlikely (0 for no kill), and rounded up to a sensible step.
func Memory(peak float64, killedAt, margin int64) int64 {
	needed := max(scaled(peak, margin, mostMemory), scaled(float64(killedAt), outOfMemory-100, mostMemory))
	return max(MinMemory, up(needed, []step{{256 << 20, 16 << 20}, {1 << 30, 64 << 20}, {4 << 30, 128 << 20}, {16 << 30, 512 << 20}, {math.MaxInt64, 1 << 30}}))
}

// Limit of memory for a peak in bytes: a quarter more than what would be requested, so that a limit is not near at once.
func Limit(peak float64, killedAt, margin int64) int64 {
	return Memory(float64(Memory(peak, killedAt, margin)), 0, 25)
}

// scaled is a number with a margin in percent, rounded up and within bounds; what is no number is nothing.
func scaled(value float64, margin, most int64) int64 {
	value = math.Ceil(value * float64(100+margin) / 100)
	switch {
	case math.IsNaN(value) || value <= 0:
		return 0
	case value >= float64(most):
		return most
	}
	return int64(value)
}

// step is what values up to a bound are rounded up to.
type step struct{ to, by int64 }

func up(value int64, steps []step) int64 {
	for _, s := range steps {
		if value <= s.to {
			return (value + s.by - 1) / s.by * s.by
		}
	}
	return value
}

// hoursOfMonth is a year's 8760 hours by twelve.
const hoursOfMonth = 730

// Prices of an hour, in millionths of the currency; zero where nothing is said.
type Prices struct {
	// Core is one vCPU, GiB one GiB of memory, for one hour.
	Core, GiB int64
	// Currency, for example EUR.
	Currency string
}

// Monthly cost of millicores and bytes, in the currency.
func (p Prices) Monthly(millicores, bytes int64) float64 {
	return hoursOfMonth / 1e6 * (float64(p.Core)*float64(millicores)/1000 + float64(p.GiB)*float64(bytes)/(1<<30))
}

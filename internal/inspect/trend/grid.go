package trend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// maxValue of a measurement: what is larger is none, and has no unit in which it could be shown.
const maxValue = 1e300

// onGrid returns the medians of the points in buckets of one step up to now, NaN for empty ones. An empty last bucket is left out,
// since a server may lag.
func onGrid(points []metrics.Point, now time.Time, rules Rules) []float64 {
	if rules.Step <= 0 || rules.Step > 24*time.Hour {
		return nil
	}
	type aged struct {
		back  int // steps before now
		value float64
	}
	kept := make([]aged, 0, len(points))
	for _, p := range points {
		age := now.Sub(p.Time)
		measured := metrics.Usable(p.Value) && math.Abs(p.Value) <= maxValue
		if age < 0 || age >= maxBuckets*rules.Step || !measured || rules.Log && p.Value <= 0 {
			continue
		}
		value := p.Value
		if rules.Log {
			value = math.Log(value)
		}
		kept = append(kept, aged{int(age / rules.Step), value})
	}
	zeroFrom := -1
	if since := now.Sub(rules.ZeroFrom); !rules.ZeroFrom.IsZero() && since >= 0 {
		zeroFrom = int(min(since/rules.Step, maxBuckets-1))
	}
	if len(kept) == 0 && zeroFrom < 0 {
		return nil
	}
	slices.SortStableFunc(kept, func(a, b aged) int { return cmp.Compare(b.back, a.back) })
	oldest := zeroFrom
	if len(kept) > 0 {
		oldest = max(oldest, kept[0].back)
	}
	values := make([]float64, 0, oldest+1)
	var in []float64
	for back, i := oldest, 0; back >= 0; back-- {
		for in = in[:0]; i < len(kept) && kept[i].back == back; i++ {
			in = append(in, kept[i].value)
		}
		switch {
		case len(in) > 0:
			values = append(values, median(in))
		case back <= zeroFrom:
			values = append(values, 0)
		case back > 0:
			values = append(values, math.NaN())
		}
	}
	return values
}

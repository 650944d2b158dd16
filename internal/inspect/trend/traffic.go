package trend

import (
	"math"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// minTraffic requests within a step are usual where a drop is relevant.
	minTraffic = 100
	// A drop leaves at most maxTrafficLeft of the usual requests; a surge is at least minTrafficSurge times as many.
	maxTrafficLeft  = 0.5
	minTrafficSurge = 3
)

// unusualTraffic evaluates the number of requests per second. A drop needs three weeks of history, since traffic is low at weekends.
// An object without samples has no drop: its Pods, or the scraping, may be gone, which other checks report.
func unusualTraffic(ref facts.Ref, metric string, points []metrics.Point, now time.Time) []facts.Anomaly {
	rules := Rules{
		Step: stepRate, Drops: true, Weekly: true,
		Effect: func(now, usual float64) bool {
			return usual*stepRate.Seconds() >= minTraffic && now <= maxTrafficLeft*usual
		},
		Noise: func(usual float64) float64 { return countingNoise(usual*stepRate.Seconds()) / stepRate.Seconds() },
	}
	if found, ok := Anomalous(points, now, rules); ok {
		found.Now = math.Max(0, found.Now)
		return []facts.Anomaly{anomalyOf(ref, facts.AnomalyTrafficDrop, metric, found)}
	}
	rules.Drops = false
	rules.Weekly = false
	rules.Effect = func(now, usual float64) bool {
		return now*stepRate.Seconds() >= minTrafficSurge*minTraffic && now >= minTrafficSurge*usual
	}
	if found, ok := Anomalous(points, now, rules); ok {
		return []facts.Anomaly{anomalyOf(ref, facts.AnomalyTrafficSurge, metric, found)}
	}
	return nil
}

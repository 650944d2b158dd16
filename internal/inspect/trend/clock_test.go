package trend

import (
	"math/rand/v2"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// office is traffic that rises within some hours at eight o'clock local time and falls at five, except at weekends.
func office(r *rand.Rand, local time.Time, ramp float64) float64 {
	hour := float64(local.Hour()) + float64(local.Minute())/60
	level := 5.0
	if day := local.Weekday(); day != time.Saturday && day != time.Sunday {
		level += 95 * min(1, max(0, (hour-8)/ramp)) * min(1, max(0, 1-(hour-17)/ramp))
	}
	return level * (1 + 0.03*r.NormFloat64())
}

// TestClocksThatChangeAreNoAnomaly inspects office hours every hour of the four weeks after the end and the start of summer time. An
// outage is still found.
func TestClocksThatChangeAreNoAnomaly(t *testing.T) {
	history := int(historyRate / stepRate)
	change := time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC)
	for _, shift := range []time.Duration{-time.Hour, time.Hour} {
		for _, ramp := range []float64{0.5, 1, 2, 3} {
			r := rand.New(rand.NewPCG(1, 1))
			var all []metrics.Point
			for at := change.Add(-historyRate); at.Before(change.Add(historyRate)); at = at.Add(stepRate) {
				local := at.Add(2 * time.Hour)
				if at.After(change) {
					local = local.Add(shift)
				}
				all = append(all, metrics.Point{Time: at, Value: office(r, local, ramp)})
			}
			for until := history; until < len(all); until += 2 {
				points := all[until-history : until]
				now := points[history-1].Time
				for _, found := range unusualTraffic(facts.Ref{}, "m", points, now) {
					t.Errorf("%s, %v hours, %s after: %+v", shift, ramp, now.Sub(change), found)
				}
				if since := now.Sub(change); since < 32*time.Hour || since > 36*time.Hour { // the first Monday at noon
					continue
				}
				points = append(points[:history-2:history-2], metrics.Point{Time: now.Add(-stepRate)}, metrics.Point{Time: now})
				if found := unusualTraffic(facts.Ref{}, "m", points, now); len(found) != 1 {
					t.Errorf("%s, %v hours, %s after: an outage is not found", shift, ramp, now.Sub(change))
				}
			}
		}
	}
}

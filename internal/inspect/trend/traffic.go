package trend

import (
	"context"
	"fmt"
	"math"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// minTraffic requests within a step are usual where a drop is relevant.
	minTraffic = 100
	// A drop leaves at most maxTrafficLeft of the usual requests; a surge is at least minTrafficSurge times as many.
	maxTrafficLeft  = 0.5
	minTrafficSurge = 3
	// minSurgeTraffic is the history that a surge needs: to a weekend, a Monday is one.
	minSurgeTraffic = 7 * 24 * time.Hour
	// minMeasured is the share of the usual samples within a step without which a point shows no drop, and historyMeasured the time
	// that tells how many are usual.
	minMeasured     = 0.8
	historyMeasured = 24 * time.Hour
)

// dropRules evaluate drops in requests per second. They need three weeks of history, since traffic is low at weekends.
func dropRules() Rules {
	return Rules{
		Step: stepRate, Drops: true, Weekly: true, Noise: trafficNoise,
		Effect: func(now, usual float64) bool {
			return usual*stepRate.Seconds() >= minTraffic && now <= maxTrafficLeft*usual
		},
	}
}

// surgeRules evaluate surges of requests per second.
func surgeRules() Rules {
	return Rules{
		Step: stepRate, Least: minSurgeTraffic, Noise: trafficNoise,
		Effect: func(now, usual float64) bool {
			return now*stepRate.Seconds() >= minTrafficSurge*minTraffic && now >= minTrafficSurge*usual
		},
	}
}

// trafficNoise is the standard deviation of a number of requests per second.
func trafficNoise(usual float64) float64 {
	return countingNoise(usual*stepRate.Seconds()) / stepRate.Seconds()
}

// unusualTraffic evaluates the number of requests per second. An object without samples has no drop: its Pods, or the scraping, may be
// gone, which other checks report.
func unusualTraffic(ref facts.Ref, metric string, points []metrics.Point, now time.Time) []facts.Anomaly {
	if found, ok := Anomalous(points, now, dropRules()); ok {
		found.Now = math.Max(0, found.Now)
		return []facts.Anomaly{anomalyOf(ref, facts.AnomalyTrafficDrop, metric, found)}
	}
	if found, ok := Anomalous(points, now, surgeRules()); ok {
		return []facts.Anomaly{anomalyOf(ref, facts.AnomalyTrafficSurge, metric, found)}
	}
	return nil
}

// drop is an object with a drop, and all its points.
type drop struct {
	object facts.Ref
	points []metrics.Point
}

// measuredDrops evaluates drops again, without the points of which samples are missing. A rate is of the whole step, so one that was
// scraped for a third of it has a third of the requests: where Prometheus restarted, and where the Pods are gone.
func (r *reader) measuredDrops(ctx context.Context, s shaped, drops []drop) []facts.Anomaly {
	if len(drops) == 0 {
		return nil
	}
	within := r.scope.Everywhere()
	if s.namespace() != "" {
		var namespaces []string
		for _, d := range drops {
			namespaces = append(namespaces, d.object.Namespace)
		}
		within = scope.Selection{Names: merged(namespaces, nil)}
	}
	series, ok := r.series(ctx, question{
		what: "number of samples of " + s.total, checks: r.checksRequiring(facts.SourceTrafficDrop), namespace: s.namespace(),
		within: within, step: stepRate, spans: []time.Duration{historyMeasured}, expression: s.samples,
	})
	if !ok {
		return nil
	}
	counts := map[facts.Ref]map[int64]float64{}
	for _, one := range series {
		if ref, ok := r.objectOf(s, one.Labels); ok {
			counts[ref] = byTime(one.Points)
		}
	}
	var anomalies []facts.Anomaly
	for _, d := range drops {
		points := measured(d.points, counts[d.object], r.end(stepRate).Add(-historyMeasured))
		for _, found := range unusualTraffic(d.object, s.total, points, r.end(stepRate)) {
			if found.Kind == facts.AnomalyTrafficDrop {
				anomalies = append(anomalies, found)
			}
		}
	}
	return anomalies
}

// samples queries how often an object was scraped within a step: the most samples of any of its series.
func (s shaped) samples(matcher string) string {
	count := fmt.Sprintf("count_over_time(%s{%s}[30m])", s.total, trim(s.matchers+matcher))
	return fmt.Sprintf("max by (%s) (%s)", s.by(), s.owner(count))
}

// measured returns the points up to a time, and those after it with about as many samples as the others have.
func measured(points []metrics.Point, counts map[int64]float64, since time.Time) []metrics.Point {
	most := 0.0
	for _, n := range counts {
		most = math.Max(most, n)
	}
	var kept []metrics.Point
	for _, p := range points {
		if n := counts[p.Time.Unix()]; p.Time.Before(since) || n > 0 && n+1 >= minMeasured*most {
			kept = append(kept, p)
		}
	}
	return kept
}

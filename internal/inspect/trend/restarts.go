package trend

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	restartsMetric = "kube_pod_container_status_restarts_total"
	stepRestarts   = time.Hour
	// historyRestarts is the history of restarts to read; the short one is used if it exceeds the query budget.
	historyRestarts      = 15 * 24 * time.Hour
	historyRestartsShort = 5 * 24 * time.Hour
	// maxRestarting Pods with recent restarts are evaluated.
	maxRestarting = 1000
	// An anomaly has at least minRestarts per hour, and minRestartRatio times the usual number.
	minRestarts     = 3
	minRestartRatio = 3
	whatRestarts    = "container restarts"
)

// restarting queries the Pods with recent restarts.
func restarting(matcher string) string {
	recent := fmt.Sprintf("topk(%d, sum by (namespace, pod) (increase(%s{%s}[2h])) >= 1)", maxRestarting, restartsMetric, trim(matcher))
	return marked(recent, suspectLabel, string(facts.AnomalyRestarts))
}

// restarts finds workloads that restart more often than usual, among the Pods with recent restarts.
func (r *reader) restarts(ctx context.Context, restarted metrics.Vector) []facts.Anomaly {
	suspects := map[facts.Ref]bool{}
	counts := map[facts.Ref]float64{}
	var namespaces []string
	for _, sample := range restarted {
		if ref, ok := r.scope.Pod(sample.Labels["namespace"], sample.Labels["pod"]); ok {
			if counts[ref] += sample.Value; counts[ref] >= minRestarts {
				suspects[ref] = true
				namespaces = append(namespaces, ref.Namespace)
			}
		}
	}
	if len(suspects) == 0 {
		r.in.Graph.Provide(facts.SourceRestarts)
		return nil
	}
	series, ok := r.series(ctx, question{
		what: whatRestarts, checks: r.checksRequiring(facts.SourceRestarts), step: stepRestarts, namespace: "namespace",
		within: scope.Selection{Names: merged(namespaces, nil)}, spans: []time.Duration{historyRestarts, historyRestartsShort},
		expression: restartHistory,
	})
	if !ok {
		return nil
	}
	since := measuredSince(series, r.end(stepRestarts))
	r.in.Graph.Provide(facts.SourceRestarts)
	r.noteHistory(facts.SourceRestarts, restartsMetric, facts.Ref{}, since, restartRules().least())
	return r.unusualRestarts(suspects, series, since)
}

// restartHistory queries the restarts of each Pod per hour, without hours that have none, and the number of containers that are
// measured, which has no labels: what has no restarts at such a time had none.
func restartHistory(matcher string) string {
	return fmt.Sprintf("sum by (namespace, pod) (increase(%[1]s{%[2]s}[1h])) > 0 or count(%[1]s{%[2]s})", restartsMetric, trim(matcher))
}

// measuredSince returns the time of the first point of the number of containers; now without one.
func measuredSince(series []metrics.Series, now time.Time) time.Time {
	since := now
	for _, s := range series {
		if s.Labels["pod"] != "" {
			continue
		}
		for _, p := range s.Points {
			if p.Time.Before(since) {
				since = p.Time
			}
		}
	}
	return since
}

// restartRules evaluate restarts per hour.
func restartRules() Rules {
	return Rules{
		Step: stepRestarts, Runs: []Run{{Points: 2, MinScore: minScore}}, Noise: countingNoise,
		Effect: func(now, usual float64) bool { return now >= minRestarts && now >= minRestartRatio*usual },
	}
}

func (r *reader) unusualRestarts(suspects map[facts.Ref]bool, series []metrics.Series, since time.Time) []facts.Anomaly {
	hours := map[facts.Ref]map[time.Time]float64{}
	for _, s := range series {
		ref, ok := r.scope.Pod(s.Labels["namespace"], s.Labels["pod"])
		if !ok || !suspects[ref] {
			continue
		}
		if hours[ref] == nil {
			hours[ref] = map[time.Time]float64{}
		}
		for _, p := range s.Points {
			if metrics.Usable(p.Value) {
				hours[ref][p.Time.UTC()] += p.Value
			}
		}
	}
	var anomalies []facts.Anomaly
	for ref, by := range hours {
		points := make([]metrics.Point, 0, len(by))
		for at, n := range by {
			points = append(points, metrics.Point{Time: at, Value: n})
		}
		rules := restartRules()
		rules.ZeroFrom = since
		// A new workload has no history without restarts.
		if meta := r.in.Graph.MetaOf(ref); meta != nil && meta.Created.After(since) {
			rules.ZeroFrom = meta.Created
		}
		if found, ok := Anomalous(points, r.end(stepRestarts), rules); ok {
			anomalies = append(anomalies, anomalyOf(ref, facts.AnomalyRestarts, restartsMetric, found))
		}
	}
	return sorted(anomalies)
}

// countingNoise is the standard deviation of a count (Poisson). If zero is usual, it is that of one restart in four hours, which
// makes minRestarts an outlier.
func countingNoise(usual float64) float64 { return math.Sqrt(math.Max(usual, 0.25)) }

func anomalyOf(ref facts.Ref, kind facts.AnomalyKind, metric string, found Anomaly) facts.Anomaly {
	return facts.Anomaly{
		Object: ref, Kind: kind, Metric: metric, Now: found.Now, Usual: found.Usual, Score: found.Score,
		Season: string(found.Season), History: found.History, Lasts: found.Lasts,
	}
}

// sorted sorts by object, kind and metric.
func sorted(anomalies []facts.Anomaly) []facts.Anomaly {
	slices.SortFunc(anomalies, func(a, b facts.Anomaly) int {
		return cmp.Or(a.Object.Compare(b.Object), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Metric, b.Metric))
	})
	return anomalies
}

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
)

// restarts finds workloads that restart more often than usual. It only reads the history of Pods with recent restarts, so responses
// are small in a healthy cluster.
func (r *reader) restarts(ctx context.Context, names map[string]bool) []facts.Anomaly {
	const what = "container restarts"
	if !names[restartsMetric] {
		r.missingSamples(ctx, restartsMetric, r.matcher("", nil), "kube-state-metrics", r.checksRequiring(facts.SourceRestarts))
		return nil
	}
	within := r.scope.Within(scope.Workloads()...)
	if within.Empty() {
		r.in.Graph.Provide(facts.SourceRestarts)
		return nil
	}
	checks := r.checksRequiring(facts.SourceRestarts)
	recentQuery := fmt.Sprintf("topk(%d, sum by (namespace, pod) (increase(%s{%s}[2h])) >= 1)",
		maxRestarting, restartsMetric, trim(r.matcher("namespace", within.Names)))
	restarted, ok := r.instant(ctx, what, checks, recentQuery)
	if !ok {
		return nil
	}
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
	namespaces = merged(namespaces, nil)
	series, ok := r.series(ctx, question{
		what: what, checks: r.checksRequiring(facts.SourceRestarts), step: stepRestarts,
		spans: []time.Duration{historyRestarts, historyRestartsShort},
		expression: func(string) string {
			return restartHistory(r.matcher("namespace", namespaces))
		},
	})
	if !ok {
		return nil
	}
	since := r.measuredSince(ctx, what, within)
	r.in.Graph.Provide(facts.SourceRestarts)
	return r.unusualRestarts(suspects, series, since)
}

// restartHistory queries the restarts of each Pod per hour, without hours that have none.
func restartHistory(matcher string) string {
	return fmt.Sprintf("sum by (namespace, pod) (increase(%s{%s}[1h])) > 0", restartsMetric, trim(matcher))
}

// measuredSince returns the time of the first sample of restarts. Later hours without a point had no restarts.
func (r *reader) measuredSince(ctx context.Context, what string, within scope.Selection) time.Time {
	series, _ := r.series(ctx, question{
		what: what, checks: r.checksRequiring(facts.SourceRestarts), step: stepRestarts, namespace: "namespace", within: within,
		spans:      []time.Duration{historyRestarts, historyRestartsShort},
		expression: func(matcher string) string { return "count(" + restartsMetric + "{" + trim(matcher) + "})" },
	})
	since := r.end(stepRestarts)
	for _, s := range series {
		for _, p := range s.Points {
			if p.Time.Before(since) {
				since = p.Time
			}
		}
	}
	return since
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
		rules := Rules{
			Step: stepRestarts, Runs: []Run{{Points: 2, MinScore: minScore}}, ZeroFrom: since,
			Effect: func(now, usual float64) bool { return now >= minRestarts && now >= minRestartRatio*usual },
			Noise:  countingNoise,
		}
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

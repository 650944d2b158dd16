package trend

import (
	"context"
	"fmt"
	"math"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// historyRate is how far back requests are looked at: three weeks of history, the newest day, and some to spare; a shorter one
	// where that is too much.
	historyRate, historyRateShort = 23 * 24 * time.Hour, 8 * 24 * time.Hour
	// minRequests within a step are the fewest that have a rate of errors or a percentile.
	minRequests = 20
	// minErrorRate is the least rate of errors that matters, and the least difference to the usual one; timesErrorRate is how
	// many times the usual it must be; minErrors are the fewest errors in the newest points together.
	minErrorRate, timesErrorRate, minErrors = 0.01, 2, 10
	// minSlower is by how many seconds, and timesSlower by what factor, requests must be slower.
	minSlower, timesSlower = 0.05, 1.5
	// percentile of durations.
	percentile = 0.95
)

// requests finds what fails, or is slow, more than it used to.
func (r *reader) requests(ctx context.Context, names map[string]bool) []facts.Anomaly {
	var anomalies []facts.Anomaly
	for _, s := range sources() {
		if !names[s.total] || s.instead != "" && names[s.instead] {
			continue
		}
		labels, ok := r.labelsOf(ctx, s.total)
		if !ok {
			continue
		}
		fit, ok := shapeOf(s, labels)
		if !ok {
			continue
		}
		if r.wants(facts.SourceErrors) && fit.code != "" {
			anomalies = append(anomalies, r.errorRates(ctx, fit)...)
		}
		if r.wants(facts.SourceLatency) && fit.buckets != "" && names[fit.buckets] {
			anomalies = append(anomalies, r.latencies(ctx, fit)...)
		}
	}
	return sorted(anomalies)
}

// labelsOf are the names of the labels of a metric.
func (r *reader) labelsOf(ctx context.Context, metric string) ([]string, bool) {
	checks, what := r.wanting(facts.SourceErrors, facts.SourceLatency), "the labels of "+metric
	lister, ok := r.in.Provider.(metrics.LabelLister)
	if !ok {
		found, ok := r.instant(ctx, what, checks, "topk(3, "+metric+"{"+trim(r.matcher("", nil))+"})")
		var names []string
		for _, sample := range found {
			for name := range sample.Labels {
				names = append(names, name)
			}
		}
		return merged(names, nil), ok
	}
	if r.dead {
		r.missed(checks)
		return nil, false
	}
	names, err := lister.LabelNames(ctx, []string{metric + "{" + trim(r.matcher("", nil)) + "}"}, r.span(recent))
	if err != nil {
		r.failed(err, what, checks)
		return nil, false
	}
	return names, true
}

// rate is the requests per second of a metric, by object.
func (s shaped) rate(metric, matchers string) string {
	return fmt.Sprintf("sum by (%s) (%s)", s.by(), s.owner(fmt.Sprintf("rate(%s{%s}[30m])", metric, trim(s.matchers+matchers))))
}

// errorRates compares the share of requests that failed.
func (r *reader) errorRates(ctx context.Context, s shaped) []facts.Anomaly {
	q := question{
		what: "the requests in " + s.total, checks: r.wanting(facts.SourceErrors), namespace: s.namespace(), step: stepRate,
		spans: []time.Duration{historyRate, historyRateShort},
	}
	bad := fmt.Sprintf("%s=~%q,", s.code, s.bad)
	q.expression = func(matcher string) string { return s.rate(s.total, bad+matcher) + " > 0" }
	failed, ok := r.series(ctx, q)
	if ok {
		r.in.Graph.Provide(facts.SourceErrors)
	}
	if len(failed) == 0 {
		return nil
	}
	q.expression = func(matcher string) string { return s.rate(s.total, matcher) + " > 0" }
	all, ok := r.series(ctx, q)
	if !ok {
		return nil
	}
	errors := map[facts.Ref]map[int64]float64{}
	for _, series := range failed {
		if ref, ok := r.objectOf(s, series.Labels); ok {
			errors[ref] = byTime(series.Points)
		}
	}
	var anomalies []facts.Anomaly
	for _, series := range all {
		ref, ok := r.objectOf(s, series.Labels)
		if !ok || errors[ref] == nil {
			continue // it has never failed
		}
		if found, ok := unusualErrors(series.Points, errors[ref], r.end(stepRate)); ok {
			anomalies = append(anomalies, anomalyOf(ref, facts.AnomalyErrors, s.total, found))
		}
	}
	return anomalies
}

func byTime(points []metrics.Point) map[int64]float64 {
	values := make(map[int64]float64, len(points))
	for _, p := range points {
		if metrics.Usable(p.Value) {
			values[p.Time.Unix()] = p.Value
		}
	}
	return values
}

// unusualErrors judges the share of failed requests, from requests and errors a second at the same times.
func unusualErrors(requests []metrics.Point, errors map[int64]float64, now time.Time) (Anomaly, bool) {
	share := make([]metrics.Point, 0, len(requests))
	var counts []float64
	newest := 0.0 // errors in the newest points
	for _, p := range requests {
		if count := p.Value * stepRate.Seconds(); metrics.Usable(count) && count >= minRequests {
			failed := errors[p.Time.Unix()]
			share = append(share, metrics.Point{Time: p.Time, Value: math.Min(1, failed/p.Value)})
			counts = append(counts, count)
			if age := now.Sub(p.Time); age >= 0 && age < 3*stepRate {
				newest += failed * stepRate.Seconds()
			}
		}
	}
	if newest < minErrors {
		return Anomaly{}, false
	}
	n := median(counts)
	return Anomalous(share, now, Rules{
		Step: stepRate,
		Effect: func(now, usual float64) bool {
			return now-usual >= minErrorRate && now >= timesErrorRate*usual
		},
		// Of n requests with a chance p to fail each, √(n·p·(1-p)) more or less fail; where none ever did, as if one had.
		Noise: func(usual float64) float64 {
			p := math.Min(0.5, math.Max(usual, 1/n))
			return math.Sqrt(p * (1 - p) / n)
		},
	})
}

// latencies compares a high percentile of the durations of requests.
func (r *reader) latencies(ctx context.Context, s shaped) []facts.Anomaly {
	series, ok := r.series(ctx, question{
		what: "the durations in " + s.buckets, checks: r.wanting(facts.SourceLatency), namespace: s.namespace(), step: stepRate,
		spans: []time.Duration{historyRate, historyRateShort},
		expression: func(matcher string) string {
			buckets := s
			buckets.group = append([]string{"le"}, s.group...)
			return fmt.Sprintf("histogram_quantile(%g, %s) and on (%s) (%s * %g >= %d)", percentile, buckets.rate(s.buckets, matcher),
				s.by(), s.rate(s.total, matcher), stepRate.Seconds(), minRequests)
		},
	})
	if !ok {
		return nil
	}
	r.in.Graph.Provide(facts.SourceLatency)
	var anomalies []facts.Anomaly
	for _, one := range series {
		ref, ok := r.objectOf(s, one.Labels)
		if !ok {
			continue
		}
		rules := Rules{Step: stepRate, Log: true, Effect: func(now, usual float64) bool {
			return now >= timesSlower*usual && (now-usual)*s.seconds >= minSlower
		}}
		if found, ok := Anomalous(one.Points, r.end(stepRate), rules); ok {
			found.Now, found.Usual = found.Now*s.seconds, found.Usual*s.seconds
			anomalies = append(anomalies, anomalyOf(ref, facts.AnomalyLatency, s.buckets, found))
		}
	}
	return anomalies
}

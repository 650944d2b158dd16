package trend

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// historyRate is the history of requests to read: three weeks that an anomaly may last, and the week before. The short one is
	// used if it exceeds the query budget.
	historyRate      = 28 * 24 * time.Hour
	historyRateShort = 8 * 24 * time.Hour
	// minRequests within a step are needed for an error rate or a percentile.
	minRequests = 20
	// An anomaly of errors has an error rate at least minErrorRate above and minErrorRatio times the usual one, and at least
	// minErrors in the newest points together.
	minErrorRate  = 0.01
	minErrorRatio = 2
	minErrors     = 10
	// An anomaly of latency is at least minSlowdown seconds and minSlowdownRatio times slower than usual.
	minSlowdown      = 0.05
	minSlowdownRatio = 1.5
	// percentile of durations.
	percentile = 0.95
)

// requestSources are the sources that are read from requests.
func requestSources() []facts.Source {
	return []facts.Source{facts.SourceErrors, facts.SourceTraffic, facts.SourceTrafficDrop, facts.SourceLatency}
}

// requests finds objects that fail more often, respond more slowly, or get fewer or more requests than usual.
func (r *reader) requests(ctx context.Context, names map[string]bool) []facts.Anomaly {
	var anomalies []facts.Anomaly
	for _, s := range sources() {
		if !names[s.total] || s.unless != "" && names[s.unless] {
			continue
		}
		labels, ok := r.labelsOf(ctx, s)
		if !ok {
			continue
		}
		fit, ok := shapeOf(s, labels)
		if !ok {
			continue
		}
		since := map[facts.Ref]requestedSince{}
		if r.wants(facts.SourceErrors) && fit.code != "" || r.wants(facts.SourceTraffic, facts.SourceTrafficDrop) {
			anomalies = append(anomalies, r.rates(ctx, fit, since)...)
		}
		if r.wants(facts.SourceLatency) && fit.buckets != "" && names[fit.buckets] {
			anomalies = append(anomalies, r.latencies(ctx, fit, since)...)
		}
	}
	return sorted(anomalies)
}

// labelsOf returns the label names of a source's total, of its series in the namespaces to read.
func (r *reader) labelsOf(ctx context.Context, s source) ([]string, bool) {
	selectors := r.selectors(s)
	if len(selectors) == 0 {
		return nil, false
	}
	checks := r.checksRequiring(requestSources()...)
	what := "labels of " + s.total
	lister, ok := r.in.Provider.(metrics.LabelLister)
	if !ok {
		found, ok := r.instant(ctx, what, checks, "topk(3, "+strings.Join(selectors, " or ")+")")
		var names []string
		for _, sample := range found {
			for name := range sample.Labels {
				names = append(names, name)
			}
		}
		return merged(names, nil), ok
	}
	if r.stopped {
		r.addToLastGap(checks)
		return nil, false
	}
	names, err := lister.LabelNames(ctx, selectors, r.span(recent))
	if err != nil {
		r.addErrorGap(err, what, checks)
		return nil, false
	}
	return names, true
}

// selectors of a source's total in the namespaces to read: one for each label that may have the namespace. There are none if there is
// nothing to read.
func (r *reader) selectors(s source) []string {
	within := r.scope.Everywhere()
	if within.All {
		return []string{s.total + "{" + trim(r.matcher("", nil)) + "}"}
	}
	if within.Empty() {
		return nil
	}
	var selectors []string
	for _, group := range s.groups {
		switch {
		case len(group) > 0:
			selectors = append(selectors, s.total+"{"+trim(r.matcher(group[0], within.Names))+"}")
		case r.scope.Cluster():
			selectors = append(selectors, s.total+"{"+trim(r.matcher("", nil))+"}")
		}
	}
	return compact(selectors)
}

// rate queries the requests per second of a metric by object.
func (s shaped) rate(metric, matchers string) string {
	return fmt.Sprintf("sum by (%s) (%s)", s.by(), s.owner(fmt.Sprintf("rate(%s{%s}[30m])", metric, trim(s.matchers+matchers))))
}

// outcomeLabel tells the requests that failed from all requests in the result of one query.
const (
	outcomeLabel  = "kubeops_outcome"
	outcomeFailed = "failed"
	outcomeAll    = "all"
)

// requestRates queries all requests, and those that failed if the source has an outcome.
func (s shaped) requestRates(matcher string) string {
	all := marked(s.rate(s.total, matcher), outcomeLabel, outcomeAll)
	if s.code == "" {
		return all
	}
	return marked(s.rate(s.total, fmt.Sprintf("%s=~%q,", s.code, s.bad)+matcher)+" > 0", outcomeLabel, outcomeFailed) + " or " + all
}

// marked adds a label to the result of an expression.
func marked(expression, label, value string) string {
	return fmt.Sprintf(`label_replace(%s, %q, %q, "", "")`, expression, label, value)
}

// requestedSince is since when the requests of an object are measured, and whether most of the samples since then are missing.
type requestedSince struct {
	first  time.Time
	sparse bool
}

// rates evaluates the number of requests and the share of those that failed. It adds since when each object is measured.
func (r *reader) rates(ctx context.Context, s shaped, since map[facts.Ref]requestedSince) []facts.Anomaly {
	series, ok := r.series(ctx, question{
		what: "requests in " + s.total, namespace: s.namespace(), within: r.scope.Everywhere(), step: stepRate,
		checks: r.checksRequiring(facts.SourceErrors, facts.SourceTraffic, facts.SourceTrafficDrop),
		spans:  []time.Duration{historyRate, historyRateShort}, expression: s.requestRates,
	})
	if !ok {
		return nil
	}
	r.provide([]facts.Source{facts.SourceTraffic, facts.SourceTrafficDrop})
	if s.code != "" {
		r.in.Graph.Provide(facts.SourceErrors)
	}
	errors := map[facts.Ref]map[int64]float64{}
	for _, one := range series {
		if ref, ok := r.objectOf(s, one.Labels); ok && one.Labels[outcomeLabel] == outcomeFailed {
			errors[ref] = byTime(one.Points)
		}
	}
	var anomalies []facts.Anomaly
	var drops []drop
	for _, one := range series {
		ref, ok := r.objectOf(s, one.Labels)
		if !ok || one.Labels[outcomeLabel] != outcomeAll {
			continue
		}
		if first, ok := firstOf(one.Points); ok {
			since[ref] = requestedSince{first, sparse(one.Points, first, r.end(stepRate), Rules{Step: stepRate})}
			r.noteRequests(s, ref, since[ref])
		}
		if r.wants(facts.SourceErrors) && errors[ref] != nil {
			if found, ok := unusualErrors(one.Points, errors[ref], r.end(stepRate)); ok {
				anomalies = append(anomalies, anomalyOf(ref, facts.AnomalyErrors, s.total, found))
			}
		}
		if !r.wants(facts.SourceTraffic, facts.SourceTrafficDrop) {
			continue
		}
		for _, found := range unusualTraffic(ref, s.total, one.Points, r.end(stepRate)) {
			if found.Kind == facts.AnomalyTrafficDrop {
				drops = append(drops, drop{ref, one.Points})
			} else {
				anomalies = append(anomalies, found)
			}
		}
	}
	return append(anomalies, r.measuredDrops(ctx, s, drops)...)
}

// noteRequests notes for each source whether the requests of an object are measured for long enough, and in enough of that time.
func (r *reader) noteRequests(s shaped, ref facts.Ref, since requestedSince) {
	need := map[facts.Source]time.Duration{
		facts.SourceTraffic: surgeRules().least(), facts.SourceTrafficDrop: dropRules().least(),
	}
	if s.code != "" {
		need[facts.SourceErrors] = Rules{Step: stepRate}.least()
	}
	for source, history := range need {
		if long := r.noteHistory(source, s.total, ref, since.first, history); long && since.sparse {
			r.noteSparse(source)
		}
	}
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

// unusualErrors evaluates the share of failed requests, from requests and errors per second at the same times.
func unusualErrors(requests []metrics.Point, errors map[int64]float64, now time.Time) (Anomaly, bool) {
	share := make([]metrics.Point, 0, len(requests))
	var counts []float64
	newest := 0.0 // errors in the newest points
	for _, p := range requests {
		if count := p.Value * stepRate.Seconds(); metrics.Usable(count) && count >= minRequests {
			failed := errors[p.Time.Unix()]
			share = append(share, metrics.Point{Time: p.Time, Value: math.Min(1, failed/p.Value)})
			counts = append(counts, count)
			if age := now.Sub(p.Time); age >= 0 && age < 4*stepRate { // of runs that end within an hour
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
			return now-usual >= minErrorRate && now >= minErrorRatio*usual
		},
		// The standard deviation of a binomial share. If none ever failed, it is computed as if one had.
		Noise: func(usual float64) float64 {
			p := math.Min(0.5, math.Max(usual, 1/n))
			return math.Sqrt(p * (1 - p) / n)
		},
	})
}

// durations queries a high percentile of durations, where there are enough requests for one.
func (s shaped) durations(matcher string) string {
	buckets := s
	buckets.group = append([]string{"le"}, s.group...)
	return fmt.Sprintf("histogram_quantile(%g, %s) and on (%s) (%s * %g >= %d)", percentile, buckets.rate(s.buckets, matcher), s.by(),
		s.rate(s.total, matcher), stepRate.Seconds(), minRequests)
}

// latencies evaluates a high percentile of request durations. Few requests have no percentile, so an object may be measured since long
// before its first one.
func (r *reader) latencies(ctx context.Context, s shaped, since map[facts.Ref]requestedSince) []facts.Anomaly {
	series, ok := r.series(ctx, question{
		what: "durations in " + s.buckets, checks: r.checksRequiring(facts.SourceLatency), namespace: s.namespace(),
		within: r.scope.Everywhere(), step: stepRate, spans: []time.Duration{historyRate, historyRateShort},
		expression: s.durations,
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
		first, ok := firstOf(one.Points)
		if requested, known := since[ref]; known && requested.first.Before(first) {
			first = requested.first
		}
		// Few requests have few percentiles, which is no gap; without requests, there are none.
		if ok && r.noteHistory(facts.SourceLatency, s.buckets, ref, first, Rules{Step: stepRate}.least()) && since[ref].sparse {
			r.noteSparse(facts.SourceLatency)
		}
		rules := Rules{Step: stepRate, Log: true, Effect: func(now, usual float64) bool {
			return now >= minSlowdownRatio*usual && (now-usual)*s.seconds >= minSlowdown
		}}
		if found, ok := Anomalous(one.Points, r.end(stepRate), rules); ok {
			found.Now, found.Usual = found.Now*s.seconds, found.Usual*s.seconds
			anomalies = append(anomalies, anomalyOf(ref, facts.AnomalyLatency, s.buckets, found))
		}
	}
	return anomalies
}

package trend

import (
	"context"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// suspectLabel is the kind of anomaly that an object may have, in the result of one query for several kinds.
	suspectLabel = "kubeops_suspect"
	// measuredBefore is the value of suspectLabel of a result that exists if usage of a week ago is known.
	measuredBefore = "measured"
)

// suspicion is a query for the objects of a source that may have an anomaly.
type suspicion struct {
	source     facts.Source
	what       string
	expression string
}

// suspects returns what restarted lately, and what uses more than a week ago. The history of nothing else is read, so responses are small
// in a healthy cluster. One query serves both; if it fails, each is queried for itself. Only if it takes too long, usage is not queried
// again: it is of a day of all containers, and must not hide restarts. There is a gap for a source without a result.
func (r *reader) suspects(ctx context.Context, names map[string]bool) map[facts.Source]metrics.Vector {
	result := map[facts.Source]metrics.Vector{}
	queries := r.suspicions(ctx, names)
	if len(queries) == 0 {
		return result
	}
	if len(queries) > 1 && !r.stopped {
		expressions := make([]string, len(queries))
		for i, q := range queries {
			expressions[i] = q.expression
		}
		found, err := r.in.Provider.Query(ctx, strings.Join(expressions, " or "), r.in.Graph.Now.UTC())
		if err == nil {
			for _, q := range queries {
				result[q.source] = suspectsOf(q.source, found)
			}
			return result
		}
		if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonTimeout {
			last := queries[len(queries)-1]
			r.addErrorGap(err, last.what, r.checksRequiring(last.source))
			queries = queries[:len(queries)-1]
		}
	}
	for _, q := range queries {
		if found, ok := r.instant(ctx, q.what, r.checksRequiring(q.source), q.expression); ok {
			result[q.source] = suspectsOf(q.source, found)
		}
	}
	return result
}

// suspicions returns the queries for sources with samples, the cheapest first. Without workloads to read, there are none.
func (r *reader) suspicions(ctx context.Context, names map[string]bool) []suspicion {
	within := r.scope.Within(scope.Workloads()...)
	matcher := r.matcher("namespace", within.Names)
	var queries []suspicion
	if r.wants(facts.SourceRestarts) {
		if names[restartsMetric] {
			queries = append(queries, suspicion{facts.SourceRestarts, whatRestarts, restarting(matcher)})
		} else {
			r.missingSamples(ctx, restartsMetric, r.matcher("", nil), "kube-state-metrics", r.checksRequiring(facts.SourceRestarts))
		}
	}
	// Without the metrics, the stage for usage returns the gap.
	if r.wants(facts.SourceLoad) && (names[cpuMetric] || names[memoryMetric]) {
		queries = append(queries, suspicion{facts.SourceLoad, whatLoad, risenUsage(matcher)})
	}
	if within.Empty() {
		for _, q := range queries {
			r.in.Graph.Provide(q.source)
		}
		return nil
	}
	return queries
}

// suspectsOf returns the part of a result that is of a source.
func suspectsOf(source facts.Source, found metrics.Vector) metrics.Vector {
	part := metrics.Vector{}
	for _, sample := range found {
		if (sample.Labels[suspectLabel] == string(facts.AnomalyRestarts)) == (source == facts.SourceRestarts) {
			part = append(part, sample)
		}
	}
	return part
}

package usage

import (
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxParts that one question is split into, and maxLate how many timeouts are waited for in all.
	maxParts = 16
	maxLate  = 3
	// maxNamed is how many namespaces a query of all parts names; a scope of more is asked for as all.
	maxNamed = 100
)

// reader asks one provider during one inspection.
type reader struct {
	in   Input
	gaps []facts.Gap
	// parts are the lists of namespaces that questions are asked by, as the questions before needed it; nil within is all.
	parts [][]string
	// weight of each namespace: its Pods.
	weight map[string]int
	// queries sent, and timeouts among them.
	queries, late int
	// dead is set once the back end is not worth asking any more.
	dead bool

	series index
}

func newReader(in Input) *reader {
	r := &reader{in: in, parts: [][]string{nil}, weight: map[string]int{}}
	if n := len(in.Namespaces); n > 0 && n <= maxNamed {
		r.parts = [][]string{slices.Sorted(slices.Values(in.Namespaces))}
	}
	for _, pod := range in.Graph.Pods {
		r.weight[pod.Namespace]++
	}
	for _, c := range in.Graph.CronJobs { // whose Pods may all be gone
		r.weight[c.Namespace]++
	}
	r.series = newIndex(in.Graph)
	return r
}

// wanting are the checks that need one of the sources.
func (r *reader) wanting(sources ...facts.Source) []string {
	var ids []string
	for _, s := range sources {
		ids = append(ids, r.in.Wanting[s]...)
	}
	return ids
}

// question is a query, and for whom it is asked.
type question struct {
	// what is asked for, in words for a gap.
	what       string
	checks     []string
	expression func(matchers string) string
}

// ask sends a question for all namespaces, in as many parts as the questions before needed and one more split where a part is
// too much. What comes is handed on part by part. ok is true where anything came; what did not is a gap.
func (r *reader) ask(ctx context.Context, q question, each func(metrics.Vector)) (ok bool) {
	if r.dead {
		r.missed(q.checks)
		return false
	}
	waiting := slices.Clone(r.parts)
	var asked [][]string
	var unread []string
	var failure error
	for len(waiting) > 0 {
		part := waiting[0]
		waiting = waiting[1:]
		vector, err := r.query(ctx, q.expression(inNamespaces(part)))
		if err == nil {
			asked, ok = append(asked, part), true
			each(vector)
			continue
		}
		halves := r.halves(part)
		if r.splits(err) && len(halves) == 2 && len(asked)+len(waiting)+2 <= maxParts {
			waiting = append(halves, waiting...)
			continue
		}
		failure, asked, unread = err, append(asked, part), append(unread, part...)
		if r.ends(err) {
			break
		}
	}
	if !r.dead {
		r.parts = asked // the next question need not learn it again
	}
	if failure != nil {
		r.failed(failure, q, unread, ok)
	}
	return ok
}

// query sends one, if there is any left.
func (r *reader) query(ctx context.Context, expression string) (metrics.Vector, error) {
	if r.queries >= MaxQueries {
		return nil, problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil, "the answers are so large that they would take more queries than an inspection may send")
	}
	if err := ctx.Err(); err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonTimeout, err, "the time that the inspection has for metrics was over")
	}
	r.queries++
	return r.in.Provider.Query(ctx, expression, r.in.Graph.Now)
}

// splits says whether less at a time may help: the budget, or the server's own limits. Prometheus answers 422 to a query that
// loads too many samples, which is InvalidQuery.
func (r *reader) splits(err error) bool {
	p := problem.As(err)
	if p == nil || r.queries >= MaxQueries {
		return false
	}
	switch p.Reason {
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonInvalidQuery:
		return true
	case v1alpha1.ReasonTimeout:
		r.late++
		return r.late < maxLate
	}
	return false
}

// ends says whether the back end is asked no further.
func (r *reader) ends(err error) bool {
	p := problem.As(err)
	if p == nil {
		r.dead = true
		return true
	}
	switch p.Reason {
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonInvalidQuery, v1alpha1.ReasonServerError, v1alpha1.ReasonUnhealthy:
		r.dead = r.queries >= MaxQueries
	case v1alpha1.ReasonTimeout:
		r.dead = r.late >= maxLate
	default:
		r.dead = true
	}
	return r.dead
}

// halves of a part, about as many Pods in each; nil where there is nothing to split, or it cannot be: a part that is empty, not nil.
func (r *reader) halves(part []string) [][]string {
	if part != nil && len(part) == 0 {
		return nil
	}
	if part == nil {
		part = r.in.Namespaces
	}
	if len(part) == 0 {
		for name := range r.weight {
			part = append(part, name)
		}
	}
	part = slices.Sorted(slices.Values(part))
	if len(part) < 2 {
		return nil
	}
	total := 0
	for _, name := range part {
		total += r.weight[name] + 1
	}
	sum, at := 0, 0
	for at < len(part)-1 && (at == 0 || 2*sum < total) {
		sum += r.weight[part[at]] + 1
		at++
	}
	return [][]string{part[:at], part[at:]}
}

// discovered is what the back end has.
type discovered struct {
	names                     names
	throttling, owners, nodes bool
}

// discover asks which metrics there are.
func (r *reader) discover(ctx context.Context) (known discovered, ok bool) {
	vector, err := r.query(ctx, discovery(r.in.Options.MatchLabels))
	if err != nil {
		r.ends(err)
		r.failed(err, question{what: "which metrics there are", checks: r.wanting(facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage)}, nil, false)
		return known, false
	}
	for _, sample := range vector {
		switch sample.Labels[mark] {
		case markNew:
			known.names = names{"pod", "container"}
		case markOld:
			if known.names.pod == "" {
				known.names = names{"pod_name", "container_name"}
			}
		case markThrottling:
			known.throttling = true
		case markOwners:
			known.owners = true
		case markNodes:
			known.nodes = true
		}
	}
	return known, true
}

// share is a part of the window.
func share(steps float64, step, window time.Duration) time.Duration {
	if !(steps > 0) {
		return 0
	}
	return time.Duration(min(steps*float64(step), float64(window)))
}

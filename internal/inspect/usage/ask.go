package usage

import (
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxParts of a query.
	maxParts = 16
	// maxTimeouts after which no more queries are sent.
	maxTimeouts = 3
	// maxNamespaces that a query lists, which are tens of KiB. More are queried in several parts; beyond maxLists, a query selects all.
	maxNamespaces = 500
	maxLists      = 4
)

// reader queries one provider during one inspection.
type reader struct {
	in   Input
	gaps []facts.Gap
	// within are the namespaces to read.
	within scope.Selection
	// parts are the namespaces of each part of a query, as split by previous queries; a nil element means all. There are none if there is
	// nothing to read.
	parts [][]string
	// first are the namespaces in which discovery counted; nil means all.
	first []string
	// weight of each namespace: its number of Pods.
	weight map[string]int
	// queries sent, and how many of them timed out.
	queries, timeouts int
	// stopped is set once no more queries are sent.
	stopped bool

	series index
}

func newReader(in Input) *reader {
	if in.Scope == nil {
		in.Scope = scope.New(in.Graph, nil)
	}
	r := &reader{in: in, within: in.Scope.Within(scope.Workloads()...), parts: [][]string{nil}, weight: map[string]int{}}
	if !r.within.All && len(r.within.Names) <= maxNamespaces*maxLists {
		r.parts = slices.Collect(slices.Chunk(r.within.Names, maxNamespaces))
	}
	for _, pod := range in.Graph.Pods {
		r.weight[pod.Namespace]++
	}
	for _, c := range in.Graph.CronJobs { // their Pods may all be gone
		r.weight[c.Namespace]++
	}
	r.series = newIndex(in.Scope)
	return r
}

// checksRequiring returns the checks that need one of the sources.
func (r *reader) checksRequiring(sources ...facts.Source) []string {
	var ids []string
	for _, s := range sources {
		ids = append(ids, r.in.Wanting[s]...)
	}
	return ids
}

// question is a query and the checks that need its result.
type question struct {
	// what is queried, for the message of a gap.
	what       string
	checks     []string
	expression func(matchers string) string
}

// querySplit runs a query for all namespaces, in the parts that previous queries needed, and splits parts that exceed the budget. It
// calls each with the result of every part. ok is true if there is any result; failed parts are a gap.
func (r *reader) querySplit(ctx context.Context, q question, each func(metrics.Vector)) (ok bool) {
	if r.stopped {
		r.addToLastGap(q.checks)
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
			asked = append(asked, part)
			ok = true
			each(vector)
			continue
		}
		halves := r.halves(part)
		if r.splits(err) && len(halves) == 2 && len(asked)+len(waiting)+2 <= maxParts {
			waiting = append(halves, waiting...)
			continue
		}
		failure = err
		asked = append(asked, part)
		unread = append(unread, part...)
		if r.stops(err) {
			break
		}
	}
	if !r.stopped {
		r.parts = asked // the next query starts with the same parts
	}
	if failure != nil {
		r.addErrorGap(failure, q, unread, ok)
	}
	return ok
}

// query sends a query if the limits allow.
func (r *reader) query(ctx context.Context, expression string) (metrics.Vector, error) {
	if r.queries >= MaxQueries {
		return nil, problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil,
			"the results need more than %d queries, the limit per inspection", MaxQueries)
	}
	if err := ctx.Err(); err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonTimeout, err, "the inspection's time for metrics is used up")
	}
	r.queries++
	return r.in.Provider.Query(ctx, expression, r.in.Graph.Now)
}

// splits reports whether smaller queries may succeed: the budget or a limit of the server was exceeded. Prometheus returns 422 for
// a query that loads too many samples, which is InvalidQuery.
func (r *reader) splits(err error) bool {
	p := problem.As(err)
	if p == nil || r.queries >= MaxQueries {
		return false
	}
	switch p.Reason {
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonInvalidQuery:
		return true
	case v1alpha1.ReasonTimeout:
		r.timeouts++
		return r.timeouts < maxTimeouts
	}
	return false
}

// stops reports whether no more queries are sent.
func (r *reader) stops(err error) bool {
	p := problem.As(err)
	if p == nil {
		r.stopped = true
		return true
	}
	switch p.Reason {
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge, v1alpha1.ReasonInvalidQuery, v1alpha1.ReasonServerError,
		v1alpha1.ReasonUnhealthy:
		r.stopped = r.queries >= MaxQueries
	case v1alpha1.ReasonTimeout:
		r.stopped = r.timeouts >= maxTimeouts
	default:
		r.stopped = true
	}
	return r.stopped
}

// halves splits a part into two with about as many Pods each; nil if it cannot be split. An empty part (not nil) cannot be split.
func (r *reader) halves(part []string) [][]string {
	if part != nil && len(part) == 0 {
		return nil
	}
	if part == nil {
		part = r.within.Names
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

// discovered is what the backend has.
type discovered struct {
	names                     names
	throttling, owners, nodes bool
	// current is the number of containers with current samples in the first part of the namespaces.
	current float64
}

// discover queries which metrics exist.
func (r *reader) discover(ctx context.Context) (known discovered, ok bool) {
	var within []string
	if len(r.parts) > 0 {
		within = r.parts[0]
	}
	r.first = within
	vector, err := r.query(ctx, discovery(r.in.Options.MatchLabels, within))
	if err != nil {
		r.stops(err)
		checks := r.checksRequiring(facts.SourceUsage, facts.SourceThrottling, facts.SourceNodeUsage)
		r.addErrorGap(err, question{what: "metric names", checks: checks}, nil, false)
		return known, false
	}
	for _, sample := range vector {
		switch sample.Labels[mark] {
		case markNew:
			known.names = names{"pod", "container"}
			known.current = sample.Value
		case markOld:
			if known.names.pod == "" {
				known.names = names{"pod_name", "container_name"}
				known.current = sample.Value
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

// share converts steps to a duration of at most the window.
func share(steps float64, step, window time.Duration) time.Duration {
	if !(steps > 0) {
		return 0
	}
	return time.Duration(min(steps*float64(step), float64(window)))
}

package trend

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Input of Collect.
type Input struct {
	Provider metrics.Provider
	// Backend is the object of findings about the backend itself.
	Backend facts.Ref
	// Graph of the cluster. Collect joins labels to its objects, sets its Trends and Alerts, and marks sources as provided.
	Graph *facts.Graph
	// Scope of the run. Default: that of Graph, with all namespaces requested.
	Scope *scope.Filter
	// NodeHorizon and ClaimHorizon are how far ahead full filesystems are predicted. Default 7 and 14 days.
	NodeHorizon, ClaimHorizon time.Duration
	// MatchLabels select this cluster's series in a backend with several clusters.
	MatchLabels map[string]string
	// Wanting lists the checks that need each source. Sources without checks are not queried.
	Wanting map[facts.Source][]string
}

// Default horizons.
const (
	NodeHorizon  = 7 * 24 * time.Hour
	ClaimHorizon = 14 * 24 * time.Hour
)

const (
	// stepFill and stepRate are the steps of range queries; both divide a day.
	stepFill = 2 * time.Hour
	stepRate = 30 * time.Minute
	// maxNamespaces that a query lists, which are tens of KiB; with more, it selects all.
	maxNamespaces = 1000
	// parts into which a query that exceeds the budget is split, and maxParted namespaces that are.
	parts     = 4
	maxParted = 400
	// maxTimeouts after which no more queries are sent.
	maxTimeouts = 2
	// maxTime of the stage if the run has no deadline; otherwise it has a third of the remaining time.
	maxTime = time.Minute
)

// Collect reads trends and alerts into the graph. Failed reads are gaps, not errors. It sends no more queries to a backend that does
// not respond or rejects the credentials.
func Collect(ctx context.Context, in Input) []facts.Gap {
	if in.NodeHorizon <= 0 {
		in.NodeHorizon = NodeHorizon
	}
	if in.ClaimHorizon <= 0 {
		in.ClaimHorizon = ClaimHorizon
	}
	r := newReader(in)
	limit := maxTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 3
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if r.wants(facts.SourceAlerts, facts.SourceTargets, facts.SourceRules) {
		r.alerts(ctx)
	}
	if r.wants(trendSources()...) {
		r.trends(ctx)
	}
	return r.gaps
}

// Sources lists everything that Collect can provide.
func Sources() []facts.Source {
	return append(trendSources(), facts.SourceAlerts, facts.SourceTargets, facts.SourceRules)
}

// trendSources are the sources that are read from series.
func trendSources() []facts.Source {
	return []facts.Source{
		facts.SourceClaimFill, facts.SourceClaimFree, facts.SourceNodeFill, facts.SourceErrors, facts.SourceTraffic,
		facts.SourceTrafficDrop, facts.SourceLatency, facts.SourceLoad, facts.SourceRestarts,
	}
}

func (r *reader) trends(ctx context.Context) {
	trends := &facts.Trends{}
	r.in.Graph.SetTrends(trends)
	names, ok := r.metricNames(ctx)
	if !ok {
		return
	}
	if r.wants(facts.SourceClaimFill, facts.SourceClaimFree) {
		trends.Fills = append(trends.Fills, r.claims(ctx, names)...)
	}
	if r.wants(facts.SourceNodeFill) {
		trends.Fills = append(trends.Fills, r.nodes(ctx, names)...)
	}
	suspects := r.suspects(ctx, names)
	if found, ok := suspects[facts.SourceRestarts]; ok {
		trends.Anomalies = append(trends.Anomalies, r.restarts(ctx, found)...)
	}
	if r.wants(requestSources()...) {
		trends.Anomalies = append(trends.Anomalies, r.requests(ctx, names)...)
	}
	if found, ok := suspects[facts.SourceLoad]; ok {
		trends.Anomalies = append(trends.Anomalies, r.load(ctx, found)...)
	}
	r.addHistoryGaps()
}

// reader queries one provider during one inspection.
type reader struct {
	in    Input
	scope *scope.Filter
	gaps  []facts.Gap
	// stopped is set once no more queries are sent.
	stopped  bool
	timeouts int
	// histories that were read for each source, and covered, the time of the last range query that was answered.
	histories map[facts.Source]*histories
	covered   time.Duration
}

func newReader(in Input) *reader {
	if in.Scope == nil {
		in.Scope = scope.New(in.Graph, nil)
	}
	return &reader{in: in, scope: in.Scope, histories: map[facts.Source]*histories{}}
}

// wants reports whether a check needs one of the sources.
func (r *reader) wants(sources ...facts.Source) bool { return len(r.checksRequiring(sources...)) > 0 }

// checksRequiring returns the checks that need one of the sources.
func (r *reader) checksRequiring(sources ...facts.Source) []string {
	var ids []string
	for _, s := range sources {
		ids = merged(ids, r.in.Wanting[s])
	}
	return ids
}

// question is a range query and the checks that need its result.
type question struct {
	// what is queried, for the message of a gap.
	what   string
	checks []string
	// expression for a matcher, which ends in a comma or is empty.
	expression func(matcher string) string
	// namespace is the label to select namespaces by; empty if there is none. Within are the namespaces to select.
	namespace string
	within    scope.Selection
	// spans to try, the longest first; a shorter one is used if a longer one exceeds the budget.
	spans []time.Duration
	step  time.Duration
}

// end of range queries, aligned to the step so that backends can serve them from a cache.
func (r *reader) end(step time.Duration) time.Time { return r.in.Graph.Now.UTC().Truncate(step) }

// series runs a query. If it exceeds the budget, it tries a shorter time, and then parts by namespace. ok is false, and there is a
// gap, if there is no result.
func (r *reader) series(ctx context.Context, q question) (found []metrics.Series, ok bool) {
	if r.stopped {
		r.addToLastGap(q.checks)
		return nil, false
	}
	if q.namespace != "" && q.within.Empty() {
		return nil, true
	}
	var err error
	for _, span := range q.spans {
		r.covered = span
		found, err = r.query(ctx, q, span, r.matcher(q.namespace, q.within.Names))
		if err == nil {
			return found, true
		}
		if !tooMuch(err) {
			break
		}
	}
	if tooMuch(err) && q.namespace != "" {
		found, err = r.inParts(ctx, q)
		if err == nil {
			return found, true
		}
	}
	r.addErrorGap(err, q.what, q.checks)
	return found, len(found) > 0
}

func (r *reader) query(ctx context.Context, q question, span time.Duration, matcher string) ([]metrics.Series, error) {
	end := r.end(q.step)
	return r.in.Provider.QueryRange(ctx, q.expression(matcher), metrics.Range{Start: end.Add(-span), End: end, Step: q.step})
}

// inParts queries groups of namespaces. It keeps the results before a failure.
func (r *reader) inParts(ctx context.Context, q question) (found []metrics.Series, err error) {
	namespaces := q.within.Names
	if q.within.All {
		for _, n := range r.in.Graph.Namespaces {
			namespaces = append(namespaces, n.Name)
		}
	}
	if len(namespaces) < 2 || len(namespaces) > maxParted {
		return nil, problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil, "a query for all namespaces exceeds the query budget")
	}
	size := (len(namespaces) + parts - 1) / parts
	for group := range slices.Chunk(namespaces, size) {
		series, groupErr := r.query(ctx, q, q.spans[len(q.spans)-1], r.matcher(q.namespace, group))
		found = append(found, series...)
		if groupErr != nil {
			err = groupErr
		}
		if groupErr != nil && !tooMuch(groupErr) {
			return found, err
		}
	}
	return found, err
}

// instant runs a query at the time of the graph.
func (r *reader) instant(ctx context.Context, what string, checks []string, expression string) (metrics.Vector, bool) {
	if r.stopped {
		r.addToLastGap(checks)
		return nil, false
	}
	found, err := r.in.Provider.Query(ctx, expression, r.in.Graph.Now.UTC())
	if err != nil {
		r.addErrorGap(err, what, checks)
		return nil, false
	}
	return found, true
}

// matcher selects the series of this cluster, and the namespaces by a label unless none or too many are listed. It ends in a comma or is
// empty.
func (r *reader) matcher(label string, namespaces []string) string {
	var matching strings.Builder
	for _, name := range slices.Sorted(maps.Keys(r.in.MatchLabels)) {
		fmt.Fprintf(&matching, "%s=%s,", name, quoted(r.in.MatchLabels[name]))
	}
	if label == "" || len(namespaces) == 0 || len(namespaces) > maxNamespaces {
		return matching.String()
	}
	quotedNames := make([]string, len(namespaces))
	for i, n := range namespaces {
		quotedNames[i] = regexp.QuoteMeta(n)
	}
	return matching.String() + label + "=~" + quoted(strings.Join(quotedNames, "|")) + ","
}

// quoted returns a PromQL string, which has the same escapes as Go.
func quoted(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "")) }

// tooMuch reports whether a smaller query may succeed.
func tooMuch(err error) bool {
	p := problem.As(err)
	return p != nil && (p.Reason == v1alpha1.ReasonBudgetExceeded || p.Reason == v1alpha1.ReasonResponseTooLarge)
}

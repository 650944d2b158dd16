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
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// Input of Collect.
type Input struct {
	Provider metrics.Provider
	// Backend is the object that stands for the provider, in findings about the back end itself.
	Backend facts.Ref
	// Graph of the cluster, which labels are joined to. Its Trends and Alerts are set, and the sources that came are provided.
	Graph *facts.Graph
	// Namespaces that the inspection reads; empty for all.
	Namespaces []string
	// NodeHorizon and ClaimHorizon are how far ahead the filling of filesystems is told. Default 7 and 14 days.
	NodeHorizon, ClaimHorizon time.Duration
	// MatchLabels are labels that all series of this cluster have in the back end, where it holds several clusters.
	MatchLabels map[string]string
	// Wanting are the checks that need each source. A source that no check needs is not asked for.
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
	// maxNamespaces is how many namespaces a query names; beyond, it asks for all.
	maxNamespaces = 100
	// parts is into how many queries one is split that asks for too much.
	parts = 4
	// patience is how many queries may time out before no more are sent.
	patience = 2
	// maxTime bounds the stage where the run has no deadline; else it has a third of what is left.
	maxTime = time.Minute
)

// Collect reads trends and alerts into the graph. What could not be read is a gap, never an error. A back end that does not
// answer, or lets nobody in, is asked no further.
func Collect(ctx context.Context, in Input) []facts.Gap {
	if in.NodeHorizon <= 0 {
		in.NodeHorizon = NodeHorizon
	}
	if in.ClaimHorizon <= 0 {
		in.ClaimHorizon = ClaimHorizon
	}
	r := &reader{in: in, labeled: facts.NewLabeled(in.Graph)}
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

// Sources are all that Collect can provide.
func Sources() []facts.Source {
	return append(trendSources(), facts.SourceAlerts, facts.SourceTargets, facts.SourceRules)
}

// trendSources are those that are read from series.
func trendSources() []facts.Source {
	return []facts.Source{facts.SourceClaimFill, facts.SourceNodeFill, facts.SourceErrors, facts.SourceLatency, facts.SourceRestarts}
}

func (r *reader) trends(ctx context.Context) {
	trends := &facts.Trends{}
	r.in.Graph.SetTrends(trends)
	names, ok := r.metricNames(ctx)
	if !ok {
		return
	}
	if r.wants(facts.SourceClaimFill) {
		trends.Fills = append(trends.Fills, r.claims(ctx, names)...)
	}
	if r.wants(facts.SourceNodeFill) {
		trends.Fills = append(trends.Fills, r.nodes(ctx, names)...)
	}
	if r.wants(facts.SourceRestarts) {
		trends.Anomalies = append(trends.Anomalies, r.restarts(ctx, names)...)
	}
	if r.wants(facts.SourceErrors, facts.SourceLatency) {
		trends.Anomalies = append(trends.Anomalies, r.requests(ctx, names)...)
	}
}

// reader asks one provider during one inspection.
type reader struct {
	in      Input
	labeled *facts.Labeled
	gaps    []facts.Gap
	// dead is set once the back end is not worth asking any more; late counts its timeouts.
	dead bool
	late int
}

// wants says whether a check needs one of the sources.
func (r *reader) wants(sources ...facts.Source) bool { return len(r.wanting(sources...)) > 0 }

// wanting are the checks that need one of the sources.
func (r *reader) wanting(sources ...facts.Source) []string {
	var ids []string
	for _, s := range sources {
		ids = merged(ids, r.in.Wanting[s])
	}
	return ids
}

// question is a range query, and for whom it is asked.
type question struct {
	// what is asked for, in words for a gap.
	what   string
	checks []string
	// expression with a matcher put in; the matcher ends in a comma, or is empty.
	expression func(matcher string) string
	// namespace is the label by which it can be limited to namespaces; empty where it cannot.
	namespace string
	// spans to try, the longest first, where a longer one is too much for the budget.
	spans []time.Duration
	step  time.Duration
}

// end of range queries: on the step, so that back ends with a cache can use it.
func (r *reader) end(step time.Duration) time.Time { return r.in.Graph.Now.UTC().Truncate(step) }

// series answers a question. Where it is too much for the budget, it asks for less time, and then in parts by namespace. ok is
// false where nothing came; then there is a gap.
func (r *reader) series(ctx context.Context, q question) (found []metrics.Series, ok bool) {
	if r.dead {
		r.missed(q.checks)
		return nil, false
	}
	var err error
	for _, span := range q.spans {
		found, err = r.ask(ctx, q, span, r.matcher(q.namespace, r.in.Namespaces))
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
	r.failed(err, q.what, q.checks)
	return found, len(found) > 0
}

func (r *reader) ask(ctx context.Context, q question, span time.Duration, matcher string) ([]metrics.Series, error) {
	end := r.end(q.step)
	return r.in.Provider.QueryRange(ctx, q.expression(matcher), metrics.Range{Start: end.Add(-span), End: end, Step: q.step})
}

// inParts asks for the namespaces in a few groups. What came before a failure is kept.
func (r *reader) inParts(ctx context.Context, q question) (found []metrics.Series, err error) {
	namespaces := r.in.Namespaces
	if len(namespaces) == 0 {
		for _, n := range r.in.Graph.Namespaces {
			namespaces = append(namespaces, n.Name)
		}
	}
	if len(namespaces) < 2 || len(namespaces) > parts*maxNamespaces {
		return nil, problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil, "asked for all namespaces at once, it is more than the query budget allows")
	}
	size := (len(namespaces) + parts - 1) / parts
	for group := range slices.Chunk(namespaces, size) {
		series, one := r.ask(ctx, q, q.spans[len(q.spans)-1], r.matcher(q.namespace, group))
		found = append(found, series...)
		if one != nil {
			err = one
		}
		if one != nil && !tooMuch(one) {
			return found, err
		}
	}
	return found, err
}

// instant asks a query at the time of the graph.
func (r *reader) instant(ctx context.Context, what string, checks []string, expression string) (metrics.Vector, bool) {
	if r.dead {
		r.missed(checks)
		return nil, false
	}
	found, err := r.in.Provider.Query(ctx, expression, r.in.Graph.Now.UTC())
	if err != nil {
		r.failed(err, what, checks)
		return nil, false
	}
	return found, true
}

// matcher are the labels that all series of the cluster have, and a label limited to namespaces, but where all are read or too
// many to name. It ends in a comma, or is empty.
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

// quoted is a text in PromQL, which has the escapes of Go.
func quoted(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "")) }

// tooMuch says whether less may be asked for.
func tooMuch(err error) bool {
	p := problem.As(err)
	return p != nil && (p.Reason == v1alpha1.ReasonBudgetExceeded || p.Reason == v1alpha1.ReasonResponseTooLarge)
}

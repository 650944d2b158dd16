package loganalysis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/logs"
)

const (
	// slicesOfPeriod and maxPiecesBefore bound the searches of a comparison, which has the time of one call.
	slicesOfPeriod  = 4
	maxPiecesBefore = 6
	// DefaultComparedLines of a comparison.
	DefaultComparedLines = 20_000
	// MaxComparedLines is the maximum setting.
	MaxComparedLines = 100_000
)

// Comparison asks which errors a period has that the time before it has not, without a graph of the cluster.
type Comparison struct {
	Provider logs.Provider
	// Namespaces to read, at least one. Lines of others are dropped, whatever the backend returns.
	Namespaces []string
	// Selects reports whether the lines of a Pod count; nil selects all of the namespaces.
	Selects func(namespace, pod string) bool
	// Start and End of the period.
	Start, End time.Time
	// Baseline is the length of the time to compare with, which ends at BaselineEnd: at Start, if that is zero or later. Lines between
	// BaselineEnd and Start are not read.
	Baseline    time.Duration
	BaselineEnd time.Time
	// Settled is when all Pods were those of the period; Start if it is zero. See NewErrors.Current.
	Settled time.Time
	// MaxLines to read, half of them at most for the period. Default DefaultComparedLines, at most MaxComparedLines.
	MaxLines int
	// Redact removes secrets from templates and examples; nil removes none.
	Redact func(string) string
}

// NewErrors is the result of a comparison.
type NewErrors struct {
	// Workloads with errors that are new, the most severe first. Only the namespace and the name of each are set, which is derived from
	// the names of its Pods.
	Workloads []facts.WorkloadLogs
	// Lines of the period and of the baseline that were read.
	Lines, BaselineLines int
	// Current is how many lines of the period prove that what its Pods log arrives: those since Settled, and all of Pods without lines in
	// the baseline. The others may be the last ones of Pods that are gone.
	Current int
	// Covered and BaselineCovered are the shares of both that were read, 0 to 1: below 1 there were more lines than MaxLines.
	Covered, BaselineCovered float64
}

// Count of new templates.
func (n *NewErrors) Count() int {
	count := 0
	for i := range n.Workloads {
		count += len(n.Workloads[i].New) + n.Workloads[i].MoreNew
	}
	return count
}

// Since finds the errors that are new in a period. An error is new if the baseline has none of its template, though it would be expected to
// have several at the rate of the period; a fatal one is always. Errors are those of the Provider.
func Since(ctx context.Context, c Comparison) (*NewErrors, error) {
	length := c.End.Sub(c.Start)
	if c.MaxLines <= 0 {
		c.MaxLines = DefaultComparedLines
	}
	c.MaxLines = min(c.MaxLines, MaxComparedLines)
	r := newReader(Input{
		Provider: c.Provider, Redact: c.Redact, Options: Options{Window: length, Baseline: c.Baseline, MaxLines: c.MaxLines},
	})
	r.owner = c.owner
	r.arrived = &arrivals{settled: c.Settled, early: map[podKey]int{}}
	period, before := c.plan()
	r.shares = make([]float64, len(before))
	err := r.parts(ctx, period, c.MaxLines/2, c.Namespaces, func(_ part, share float64) {
		r.covered += share / float64(len(period))
	})
	if err == nil {
		err = r.parts(ctx, before, c.MaxLines-r.read, c.Namespaces, func(p part, share float64) { r.shares[p.piece] = share })
	}
	if err != nil {
		return nil, err
	}
	found := &NewErrors{Covered: r.covered, Current: r.arrived.count()}
	for _, share := range r.shares {
		found.BaselineCovered += share
	}
	found.BaselineCovered /= float64(len(r.shares))
	// A piece of the baseline may have another length than the period, and rates are compared per piece.
	r.covered *= float64(length) / float64(before[0].end.Sub(before[0].start))
	for _, g := range r.groups {
		found.Lines += g.window
		found.BaselineLines += g.baseline
		if w, ok := r.evaluate(g); ok && len(w.New) > 0 {
			found.Workloads = append(found.Workloads, w)
		}
	}
	slices.SortFunc(found.Workloads, func(a, b facts.WorkloadLogs) int {
		return cmp.Or(cmp.Compare(rank(b.New[0]), rank(a.New[0])), cmp.Compare(b.New[0].Count, a.New[0].Count),
			cmp.Compare(a.Workload.Namespace, b.Workload.Namespace), cmp.Compare(a.Workload.Name, b.Workload.Name))
	})
	return found, nil
}

// rank of a template: fatal errors come first.
func rank(t facts.LogTemplate) int {
	if t.Fatal {
		return 1
	}
	return 0
}

// owner is the workload of a stream, by the name of its Pod.
func (c *Comparison) owner(key streamKey) (owner, bool) {
	if !slices.Contains(c.Namespaces, key.namespace) || c.Selects != nil && !c.Selects(key.namespace, key.pod) {
		return owner{}, false
	}
	return owner{
		workload: facts.Ref{Namespace: key.namespace, Name: facts.NameOfOwner(key.pod)}, container: key.container,
	}, true
}

// plan splits the period into slices, and the baseline into pieces about as long as the period, the last first.
func (c *Comparison) plan() (period, before []part) {
	length := c.End.Sub(c.Start)
	for i := range slicesOfPeriod {
		period = append(period, part{
			start: c.Start.Add(length * time.Duration(i) / slicesOfPeriod), end: c.Start.Add(length * time.Duration(i+1) / slicesOfPeriod),
			piece: -1,
		})
	}
	last := c.Start
	if !c.BaselineEnd.IsZero() && c.BaselineEnd.Before(last) {
		last = c.BaselineEnd
	}
	pieces := max(1, int(min(maxPiecesBefore, c.Baseline/length)))
	for i := range pieces {
		end := last.Add(-c.Baseline * time.Duration(i) / time.Duration(pieces))
		before = append(before, part{start: end.Add(-c.Baseline / time.Duration(pieces)), end: end, piece: i})
	}
	return period, before
}

package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
)

// maxVersion is the length of a version in the report, in runes.
const maxVersion = 64

// cluster inspects one cluster. It holds a slot for connecting until the API server has answered, or is late to, and memory for reading
// until its facts are dropped.
func (r *run) cluster(ctx context.Context, c *Cluster) (o outcome) {
	connected := sync.OnceFunc(func() { <-r.connecting })
	defer connected()
	late := time.AfterFunc(connectPatience, connected)
	defer late.Stop()
	if c.Err != nil {
		return outcome{err: c.Err}
	}
	start := r.in.Clock.Now()
	o.version, o.err = within(ctx, c.Deadline, func(ctx context.Context) (string, error) {
		return collect.Connect(ctx, c.Input.Source, r.in.Clock)
	})
	o.took = r.in.Clock.Since(start)
	if o.err != nil {
		return o
	}
	connected()
	if r.in.Parts != nil {
		r.elsewhere(ctx, c, &o)
		return o
	}
	place := &place{reading: r.reading, weight: r.weight(c)}
	if o.err = place.take(ctx); o.err != nil {
		return o
	}
	defer place.leave()
	r.read(ctx, c, &o, place.stalled)
	return o
}

// read runs the engine in what is left of the deadline. Stalled is called when the cluster stalls and when it goes on, and may be nil.
func (r *run) read(ctx context.Context, c *Cluster, o *outcome, stalled func(Stall)) {
	in := c.Input
	in.Compare = true
	in.Redactor = r.in.Redactor
	in.Bounds = r.in.Bounds.OfCluster(r.clusters)
	in.Previous = r.previousOf(func(check, cluster string) bool { return cluster == c.name() && !r.comparing(check) })
	in.Ignore = slices.DeleteFunc(slices.Clone(in.Ignore), func(rule v1alpha1.IgnoreRule) bool {
		return rule.Expires != nil && !rule.Expires.After(r.in.Clock.Now()) // reported once, not for each cluster
	})
	if r.in.Progress != nil {
		in.Progress = func(step inspect.Progress) { r.in.Progress(c.name(), step) }
	}
	in, end := watched(in, stalled)
	defer end()
	start := r.in.Clock.Now()
	result, err := within(ctx, c.Deadline-o.took, func(ctx context.Context) (*inspect.Result, error) { return r.in.Engine(ctx, in) })
	o.took += r.in.Clock.Since(start)
	o.finish(result, err)
}

// finish records what was read of the cluster.
func (o *outcome) finish(result *inspect.Result, err error) {
	o.result, o.err = result, err
	if result == nil {
		return
	}
	o.comparison = result.Comparison
	if o.comparison != nil && o.comparison.Version != "" {
		o.version = o.comparison.Version
	}
}

// within calls a function with a deadline. If it does not return soon after the end of its context, it is abandoned.
func within[T any](ctx context.Context, deadline time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	type returned struct {
		value T
		err   error
	}
	done := make(chan returned, 1)
	go func() {
		value, err := call(ctx)
		done <- returned{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
	}
	grace := time.NewTimer(stopGrace)
	defer grace.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-grace.C:
		var none T
		return none, ctx.Err()
	}
}

// previousOf is the part of the previous report that is about some checks and clusters.
func (r *run) previousOf(about func(check, cluster string) bool) *v1alpha1.InspectionReport {
	if r.in.Previous == nil {
		return nil
	}
	part := *r.in.Previous
	part.Findings = slices.DeleteFunc(slices.Clone(part.Findings), func(f v1alpha1.Finding) bool { return !about(f.Check, f.Cluster) })
	part.Unverified = slices.DeleteFunc(slices.Clone(part.Unverified), func(f v1alpha1.UnverifiedFinding) bool {
		return !about(f.Check, f.Cluster)
	})
	part.Fixed = slices.DeleteFunc(slices.Clone(part.Fixed), func(f v1alpha1.FixedFinding) bool { return !about(f.Check, f.Cluster) })
	return &part
}

// comparing reports whether a check of this id compares clusters.
func (r *run) comparing(id string) bool {
	return slices.ContainsFunc(r.in.Checks, func(c check.Check) bool { return c.ID == id && c.Compare != nil })
}

// selects reports whether a check of this id runs in the cluster.
func (c *Cluster) selects(id string) bool {
	return slices.ContainsFunc(c.Input.Checks, func(c check.Check) bool { return c.ID == id }) ||
		slices.ContainsFunc(custom.Checks(c.Input.Custom), func(c check.Check) bool { return c.ID == id })
}

// part is the outcome of a cluster for the report.
func (r *run) part(i int) report.Part {
	o := r.outcomes[i]
	part := report.Part{Cluster: v1alpha1.InspectedCluster{Name: r.in.Clusters[i].name(), Version: facts.Clip(o.version, maxVersion)}}
	part.Cluster.Duration.Duration = o.took.Round(time.Millisecond)
	if o.result != nil {
		part.Report = o.result.Report
		return part
	}
	part.Previous = r.previousOf(func(check, cluster string) bool {
		return cluster == part.Cluster.Name && !r.comparing(check) && r.in.Clusters[i].selects(check)
	})
	gap := r.gap(part.Cluster.Name, o.err)
	part.Gap = &gap
	part.Cluster.NotInspected = gap.Reason
	return part
}

// gap describes why nothing of a cluster was inspected.
func (r *run) gap(cluster string, err error) v1alpha1.Gap {
	message, remediation := describe(cluster, err)
	return v1alpha1.Gap{
		Cluster: cluster, Source: facts.Clip(printable.Line("cluster "+cluster), maxSource), Reason: reasonOf(err),
		Message: facts.Clip(printable.Line(r.in.Redactor.Text(message)), maxMessage), Remediation: remediation,
	}
}

// Limits of the API type, in runes.
const (
	maxSource  = 253
	maxMessage = 2048
)

// describe returns what happened to a cluster, and what to do.
func describe(cluster string, err error) (message, remediation string) {
	switch p := problem.As(err); {
	case p != nil && (p.Reason == v1alpha1.ReasonClusterUnreachable || p.Reason == v1alpha1.ReasonDeadlineExceeded):
		what, then, _ := strings.Cut(p.Message, "; ")
		if !strings.Contains(what, "nothing was inspected") {
			what += ": nothing of it was inspected"
		}
		return sentence(what), sentence(then)
	case p != nil:
		return sentence(p.Message), ""
	case errors.Is(err, context.Canceled):
		return sentence("cluster " + cluster + " was not inspected: interrupted"), ""
	case errors.Is(err, context.DeadlineExceeded):
		return sentence("cluster " + cluster + " did not answer before its deadline: nothing of it was inspected"),
			"Check that its API server is running, or set a longer deadline."
	default:
		return sentence("cluster " + cluster + " was not inspected: " + apierror.Describe(err)), ""
	}
}

// sentence starts a text with a capital and ends it with a period.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}

// reasonOf classifies why nothing of a cluster was inspected.
func reasonOf(err error) v1alpha1.GapReason {
	p := problem.As(err)
	switch {
	case errors.Is(err, context.Canceled):
		return v1alpha1.GapIncomplete
	case apierror.IsTimeout(err) || p != nil && p.Reason == v1alpha1.ReasonDeadlineExceeded:
		return v1alpha1.GapTimedOut
	case apierrors.IsForbidden(err) || p != nil && p.Reason == v1alpha1.ReasonForbidden:
		return v1alpha1.GapForbidden
	default:
		return v1alpha1.GapUnavailable
	}
}

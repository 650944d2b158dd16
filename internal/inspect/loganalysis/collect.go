package loganalysis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis/template"
	"kubeops.io/kubeops/internal/inspect/scope"
	globs "kubeops.io/kubeops/internal/text"
)

// maxReported templates of each kind per workload.
const maxReported = 4

// Collect reads lines and adds new and surging errors to the graph. Failed reads are gaps, not errors.
func Collect(ctx context.Context, in Input) []facts.Gap {
	if len(in.Wanting) == 0 {
		return nil
	}
	in.Options = in.Options.withDefaults()
	if in.Scope == nil {
		in.Scope = scope.New(in.Graph, nil)
	}
	namespaces, ok := namespacesOf(in)
	if !ok {
		return nil
	}
	limit := maxTime
	if deadline, ok := ctx.Deadline(); ok {
		limit = time.Until(deadline) / 3
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	r := newReader(in)
	return r.collect(ctx, limit, namespaces)
}

func (r *reader) collect(ctx context.Context, limit time.Duration, namespaces []string) []facts.Gap {
	window, baseline := plan(r.in.Graph.Now, r.options)
	r.shares = make([]float64, len(baseline))
	var gaps []facts.Gap
	half, cancel := context.WithTimeout(ctx, limit/2) // leave time for the baseline, without which there is no result
	err := r.parts(half, window, r.options.MaxLines/2, namespaces, func(_ part, share float64) {
		r.covered += share / float64(len(window))
	})
	if half.Err() != nil && ctx.Err() == nil && r.covered > 0 {
		gaps = append(gaps, r.errorGap(half.Err()))
		err = nil
	}
	cancel()
	if err == nil {
		// The baseline may also read the lines that the window did not need.
		err = r.parts(ctx, baseline, r.options.MaxLines-r.read, namespaces, func(p part, share float64) {
			r.shares[p.piece] = share
		})
	}
	if err != nil {
		gaps = append(gaps, r.errorGap(err))
	}
	compared := 0.0
	for _, share := range r.shares {
		compared += share
	}
	analyzed := &facts.Logs{
		Window: r.options.Window, Baseline: r.options.Baseline, Covered: r.covered,
		BaselineCovered: compared / float64(len(r.shares)),
	}
	if r.cut && len(gaps) == 0 {
		gaps = append(gaps, r.limitGap(analyzed))
	}
	if r.covered == 0 || compared == 0 {
		return gaps
	}
	for _, g := range r.groups {
		if w, ok := r.evaluate(g); ok {
			analyzed.Workloads = append(analyzed.Workloads, w)
		}
	}
	r.in.Graph.SetLogs(analyzed)
	r.in.Graph.Provide(facts.SourceLogTemplates)
	return slices.Concat(gaps, r.unlabeledGap(ctx), r.unjoinedGap(), r.evictionGap())
}

// evaluate compares the templates of a workload; false if none is new or surging.
func (r *reader) evaluate(g *group) (facts.WorkloadLogs, bool) {
	w := facts.WorkloadLogs{Workload: g.workload, Known: g.baseline > 0}
	if g.miner == nil {
		return w, false
	}
	for _, t := range g.miner.Templates() {
		switch j := compare(t.Data.window, r.covered, t.Data.pieces, r.shares, t.Data.fatal); j.verdict {
		case isNew:
			w.New = append(w.New, r.fact(t, j))
		case surges:
			w.Surging = append(w.Surging, r.fact(t, j))
		}
	}
	w.New, w.MoreNew = worst(w.New)
	w.Surging, w.MoreSurging = worst(w.Surging)
	return w, len(w.New)+len(w.Surging) > 0
}

func (r *reader) fact(t *template.Template[data], j result) facts.LogTemplate {
	slices.Sort(t.Data.containers)
	text := t.String()
	if r.in.Redact != nil {
		text = r.in.Redact(text)
	}
	return facts.LogTemplate{
		Text: cut(text, maxText), Fatal: t.Data.fatal, Trace: t.Data.trace, Count: t.Data.window,
		Expected: j.expected, Usual: j.median, Most: j.percentile90, Containers: t.Data.containers, Examples: t.Data.examples,
	}
}

// worst returns the most severe templates, and how many more there are.
func worst(list []facts.LogTemplate) ([]facts.LogTemplate, int) {
	slices.SortStableFunc(list, func(a, b facts.LogTemplate) int {
		fatal := func(t facts.LogTemplate) int {
			if t.Fatal {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(fatal(a), fatal(b)), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	kept := min(len(list), maxReported)
	return slices.Clone(list[:kept]), len(list) - kept
}

// namespacesOf returns the namespaces for queries; none, which means all, if there are too many. It is false if there is nothing to
// read.
func namespacesOf(in Input) ([]string, bool) {
	within := in.Scope.Within(scope.Workloads()...)
	found := map[string]bool{}
	for _, pod := range in.Graph.Pods {
		found[pod.Namespace] = true
	}
	for _, w := range in.Graph.Workloads { // their Pods may all be gone
		found[w.Namespace] = true
	}
	for _, c := range in.Graph.CronJobs {
		found[c.Namespace] = true
	}
	for _, j := range in.Graph.Jobs {
		found[j.Namespace] = true
	}
	var names []string
	for name := range found {
		if in.reads(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	limit := maxListed
	if within.All && len(names) == len(found) {
		limit = maxNamespaces
	}
	if len(names) > limit {
		return nil, true
	}
	return names, len(names) > 0
}

// reads reports whether the lines of a namespace are analyzed.
func (in Input) reads(namespace string) bool {
	selected := len(in.Options.Namespaces) == 0 || slices.ContainsFunc(in.Options.Namespaces,
		func(entry string) bool { return globs.Match(entry, namespace) })
	return selected && in.Scope.Reads(namespace) && (in.Exclude == nil || !in.Exclude(namespace))
}

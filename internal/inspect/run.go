package inspect

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/lastline"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/inspect/evidence"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/text"
)

// Run runs an inspection. Anything that cannot be read becomes a gap in the report, including everything after the deadline of ctx.
// An error means that there is no report: the cluster is unreachable (a *problem.Problem), or ctx was cancelled.
func Run(ctx context.Context, in Input) (*Result, error) {
	j, err := NewJudge(in)
	if err != nil {
		return nil, err
	}
	timer := newTimer(in)
	collected, err := collect.All(ctx, in.Source, j.Scope(), j.Kinds(), in.Clock, timer.progress)
	if err != nil {
		return nil, err
	}
	if err := cancelled(ctx); err != nil {
		return nil, err
	}
	timer.done(StageCollect)
	return j.judge(ctx, timer, collected, Judging{Previous: in.Previous, Evidence: true})
}

// everythingExcluded is a gap where no namespace is left to report on, which would otherwise look like a cluster without problems.
func everythingExcluded(in Input, g *facts.Graph) []facts.Gap {
	left := func(n *facts.NamespaceNode) bool { return !text.MatchAny(in.ExcludeNamespaces, n.Name) }
	all := slices.ContainsFunc(in.ExcludeNamespaces, func(entry string) bool { return strings.Trim(entry, "*") == "" })
	if len(in.ExcludeNamespaces) == 0 || !all && (len(g.Namespaces) == 0 || slices.ContainsFunc(g.Namespaces, left)) {
		return nil
	}
	return []facts.Gap{{
		Source: "namespaces", Reason: v1alpha1.GapIncomplete,
		Message:     "Every namespace is excluded, so nothing in namespaces was inspected.",
		Remediation: "Exclude fewer namespaces (spec.excludeNamespaces, --exclude-namespaces).",
	}}
}

// kinds are those that the selected checks read. What checks that compare clusters need is read only for a comparison.
func (in Input) kinds() []facts.Kind {
	selected := in.Checks
	if !in.Compare {
		selected = check.OfOneCluster(selected)
	}
	return check.Kinds(slices.Concat(selected, custom.Checks(in.Custom)))
}

// compared is what a comparison with other clusters needs, if it is wanted.
func compared(in Input, g *facts.Graph, linked []causes.Linked) *comparison.Cluster {
	if !in.Compare {
		return nil
	}
	problems := map[facts.Ref]string{}
	worst := map[facts.Ref]v1alpha1.Severity{}
	for _, f := range linked {
		if known, again := worst[f.Object]; f.Class == v1alpha1.ClassProblem && (!again || f.Severity.Rank() < known.Rank()) {
			problems[f.Object] = f.Message
			worst[f.Object] = f.Severity
		}
	}
	return comparison.Of(g, problems)
}

// runCustom runs the custom checks, if there are any.
func runCustom(ctx context.Context, in Input, timer *timer, g *facts.Graph, found []check.Finding) (custom.Result, error) {
	if len(in.Custom) == 0 {
		return custom.Result{}, nil
	}
	result, err := custom.Run(ctx, custom.Input{
		Programs: in.Custom, Source: in.Source, Scope: in.Scope, Graph: g, Found: found, ExcludeNamespaces: in.ExcludeNamespaces,
	})
	timer.done(StageCustom)
	return result, err
}

// cancelled returns an error if ctx was cancelled, but not if its deadline passed.
func cancelled(ctx context.Context) error {
	if err := ctx.Err(); err == context.Canceled {
		return fmt.Errorf("the inspection was cancelled: %w", err)
	}
	return nil
}

// addLogs adds the last log lines of crashed containers as evidence to the root causes that request them. They are read from the
// cluster or else from the log backend, worst findings first, since the number of reads is bounded.
func addLogs(
	ctx context.Context, in Input, g *facts.Graph, filter *scope.Filter, linked []causes.Linked,
) ([]causes.Linked, []facts.Gap) {
	var wanted []int
	for i, f := range linked {
		if f.CausedBy < 0 && f.Logs != nil {
			wanted = append(wanted, i)
		}
	}
	slices.SortStableFunc(wanted, func(a, b int) int {
		return cmp.Compare(linked[a].Severity.Rank(), linked[b].Severity.Rank())
	})
	requests := make([]evidence.Request, len(wanted))
	for n, i := range wanted {
		requests[n] = evidence.Request{LogRef: *linked[i].Logs, Check: linked[i].Check}
	}
	lines, gaps := evidence.ReadClusterLogs(ctx, in.Source, requests)
	gaps = append(gaps, evidence.ReadBackendLogs(ctx, in.Logs, filter, requests, lines, in.Clock.Now())...)
	reader := lastline.NewReader(g, in.Params)
	for n, i := range wanted {
		if lines[n].Text != "" {
			linked[i].Finding = explained(reader, g, linked[i].Finding, lines[n].Text)
			// The first evidence says how the container ended; the log lines say why.
			position := min(1, len(linked[i].Evidence))
			linked[i].Evidence = slices.Insert(slices.Clone(linked[i].Evidence), position,
				check.Evidence{Source: v1alpha1.EvidenceLog, Text: lines[n].Text})
		}
	}
	return linked, gaps
}

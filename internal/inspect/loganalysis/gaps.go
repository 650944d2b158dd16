package loganalysis

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
)

// sourceName in gaps.
const sourceName = "logs: lines of workloads"

// errorGap is the gap of a failed search. Lines that were read before are still evaluated.
func (r *reader) errorGap(err error) facts.Gap {
	message, reason := "unexpected error", ""
	if p := problem.As(err); p != nil {
		message = strings.TrimSuffix(p.Message, ".")
		reason = p.Reason
	}
	gap := facts.Gap{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapUnavailable,
		Message:     fmt.Sprintf("The log backend did not return all lines to analyze: %s.", message),
		Remediation: "See the conditions of the LogBackend in spec.logsRef, or check --logs-url.",
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		gap.Remediation = "Lower spec.logAnalysis.maxLines, or raise spec.timeout of the LogBackend and of the Inspection."
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason = v1alpha1.GapForbidden
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Shorten spec.logAnalysis.window, or list fewer namespaces in spec.logAnalysis.namespaces."
	case v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
	case "":
		gap.Reason = v1alpha1.GapTimedOut
		gap.Message = "The run ended before all lines to analyze were read."
		gap.Remediation = "Lower spec.logAnalysis.maxLines, or raise spec.timeout of the Inspection."
	}
	return gap
}

// limitGap is the gap of lines that were not read because of the limit.
func (r *reader) limitGap(analyzed *facts.Logs) facts.Gap {
	parts := "the window"
	switch {
	case analyzed.Covered >= 1:
		parts = "the baseline"
	case analyzed.BaselineCovered < 1:
		parts = "the window and the baseline"
	}
	return facts.Gap{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf(
			"There are more lines than spec.logAnalysis.maxLines (%d): only the first lines of each part of %s were read, "+
				"and rare errors may be missed.",
			r.options.MaxLines,
			parts,
		),
		Remediation: "Raise spec.logAnalysis.maxLines, shorten window and baseline, or list the relevant namespaces in " +
			"spec.logAnalysis.namespaces.",
	}
}

// unlabeledGap is the gap if no line was found and the backend has none with a namespace: queries by namespace then find nothing, whatever
// is logged.
func (r *reader) unlabeledGap(ctx context.Context) []facts.Gap {
	lister, ok := r.in.Provider.(logs.LabelLister)
	if !ok || r.read > 0 {
		return nil
	}
	now := r.in.Graph.Now
	query := logs.Query{Start: now.Add(-r.options.Window - r.options.Baseline), End: now}
	namespaces, err := lister.LabelValues(ctx, logs.LabelNamespace, query, 1)
	switch {
	case err != nil:
		return []facts.Gap{r.errorGap(err)}
	case len(namespaces) > 0:
		return nil
	}
	return []facts.Gap{{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapNotServed,
		Message: fmt.Sprintf("The log backend has no line with a namespace since %s.", query.Start.UTC().Format("2006-01-02 15:04 UTC")),
		Remediation: "Check that the log collector runs and adds namespaces to lines, and set spec.fields of the LogBackend to its " +
			"fields. docs/backends.md lists the fields that are detected automatically.",
	}}
}

// unjoinedGap is the gap if no line has a Pod of the cluster.
func (r *reader) unjoinedGap() []facts.Gap {
	if r.read == 0 || r.foreign < r.read {
		return nil
	}
	return []facts.Gap{{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapIncomplete,
		Message: "No line was analyzed: none has the labels of a Pod of the cluster.",
		Remediation: "Configure the log collector to add namespace and Pod to lines, and set spec.fields of the LogBackend to their " +
			"fields. " +
			"docs/backends.md lists the fields that are detected automatically.",
	}}
}

// evictionGap is the gap of workloads with more distinct errors than the limit.
func (r *reader) evictionGap() []facts.Gap {
	var names []string
	for _, g := range r.groups {
		if g.miner == nil {
			continue
		}
		if _, lines := g.miner.Evicted(); lines > 0 {
			names = append(names, g.workload.String())
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	const maxNames = 5
	more := ""
	if len(names) > maxNames {
		names, more = names[:maxNames], fmt.Sprintf(" and %d more", len(names)-maxNames)
	}
	return []facts.Gap{{
		Source: "logs: templates of errors", Checks: r.in.Wanting, Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("Too many distinct errors (limit: %d per workload, %d in total); the rarest were dropped: %s%s.",
			maxOfWorkload, maxTemplates, strings.Join(names, ", "), more),
		Remediation: "Log errors with a constant message. Errors that differ in every line, such as those that start with free text, " +
			"cannot be distinguished from new ones.",
	}}
}

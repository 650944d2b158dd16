package loganalysis

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// sourceName is how gaps call it.
const sourceName = "logs: lines of workloads"

// failed is the gap of a search that failed. What was read before it is judged all the same.
func (r *reader) failed(err error) facts.Gap {
	message, reason := "it failed", ""
	if p := problem.As(err); p != nil {
		message, reason = strings.TrimSuffix(p.Message, "."), p.Reason
	}
	gap := facts.Gap{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapUnavailable,
		Message:     fmt.Sprintf("The log back end did not give all lines that were to be analysed: %s.", message),
		Remediation: "See the conditions of the LogBackend that spec.logsRef names, or check what --logs-url names.",
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		gap.Remediation = "Lower spec.logAnalysis.maxLines, or raise spec.timeout of the LogBackend and of the Inspection."
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason = v1alpha1.GapForbidden
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Shorten spec.logAnalysis.window, or name fewer spec.logAnalysis.namespaces."
	case v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
	case "":
		gap.Reason = v1alpha1.GapTimedOut
		gap.Message = "The time of the run did not suffice to read all lines that were to be analysed."
		gap.Remediation = "Lower spec.logAnalysis.maxLines, or raise spec.timeout of the Inspection."
	}
	return gap
}

// incomplete is the gap of a limit on lines that left something unread.
func (r *reader) incomplete(told *facts.Logs) facts.Gap {
	parts := "the window"
	switch {
	case told.Covered >= 1:
		parts = "the baseline"
	case told.BaselineCovered < 1:
		parts = "the window and the baseline"
	}
	return facts.Gap{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("There are more lines than spec.logAnalysis.maxLines (%d), so that of each part of %s only the first were read; "+
			"rare errors may be missed.", r.options.MaxLines, parts),
		Remediation: "Raise spec.logAnalysis.maxLines, shorten window and baseline, or name the namespaces that matter in spec.logAnalysis.namespaces.",
	}
}

// unknown is the gap of lines of which none could be joined to the cluster.
func (r *reader) unknown() []facts.Gap {
	if r.read == 0 || r.foreign < r.read {
		return nil
	}
	return []facts.Gap{{
		Source: sourceName, Checks: r.in.Wanting, Reason: v1alpha1.GapIncomplete,
		Message: "None of the lines that were read names a Pod of the cluster in its labels, so none was analysed.",
		Remediation: "See that the collector adds namespace and Pod to lines, and spec.fields of the LogBackend names where they stand: " +
			"docs/backends.md lists what is found by itself.",
	}}
}

// crowded is the gap of workloads that log more different errors than are kept.
func (r *reader) crowded() []facts.Gap {
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
	const few = 5
	more := ""
	if len(names) > few {
		names, more = names[:few], fmt.Sprintf(" and %d more", len(names)-few)
	}
	return []facts.Gap{{
		Source: "logs: templates of errors", Checks: r.in.Wanting, Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("More different errors are logged than are kept (%d of a workload, %d of all), and the rarest were given up: %s%s.",
			maxOfWorkload, maxTemplates, strings.Join(names, ", "), more),
		Remediation: "Errors that differ in each line, such as ones with free text first, cannot be told apart from new ones: give them a message that stays the same.",
	}}
}

package report

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/printable"
)

const (
	maxGaps      = 200
	maxGapChecks = 256
	maxSource    = 253
)

// newGaps converts gaps to the API type, adding the affected checks, and adds a gap for each expired ignore rule. Optional gaps are
// last. The result is bounded; total counts all gaps, and required those that are not optional.
func newGaps(in Input, expired []v1alpha1.IgnoreRule) (gaps []v1alpha1.Gap, total, required int) {
	sorted := slices.Clone(in.Gaps)
	slices.SortStableFunc(sorted, func(a, b facts.Gap) int {
		return cmp.Or(optionalLast(a, b), strings.Compare(string(a.Reason), string(b.Reason)), strings.Compare(a.Source, b.Source))
	})
	for _, gap := range sorted {
		if !gap.Optional {
			required++
		}
	}
	for _, gap := range sorted[:min(len(sorted), maxGaps)] {
		gaps = append(gaps, v1alpha1.Gap{
			Cluster: in.Graph.Cluster, Source: facts.Clip(printable.Line(gap.Source), maxSource), Reason: gap.Reason,
			Checks: affectedChecks(in, gap), Message: line(in, gap.Message, maxMessage),
			Remediation: block(in, string(gap.Remediation), maxMessage), Optional: gap.Optional,
		})
	}
	for _, rule := range expired {
		gaps = append(gaps, v1alpha1.Gap{
			Source: facts.Clip(describe(rule), maxSource), Reason: v1alpha1.GapIgnoreRuleExpired, Optional: true,
			Message: facts.Clip(
				"The "+describe(rule)+" ("+rule.Reason+") expired on "+day(rule.Expires.Time)+" and is no longer applied.",
				maxMessage,
			),
			Remediation: "Remove the rule from spec.ignore, or set a later date in expires.",
		})
	}
	return gaps[:fitting(gaps, maxGaps, maxGapBytes)], len(sorted) + len(expired), required
}

func optionalLast(a, b facts.Gap) int {
	switch {
	case a.Optional == b.Optional:
		return 0
	case a.Optional:
		return 1
	default:
		return -1
	}
}

// affectedChecks are the ids of the checks that did not run, or did not see all objects, because of the gap.
func affectedChecks(in Input, gap facts.Gap) []string {
	ids := slices.Clone(gap.Checks)
	if len(ids) == 0 {
		for _, check := range in.Checks {
			if slices.ContainsFunc(gap.AllKinds(), func(k facts.Kind) bool {
				return slices.Contains(check.Needs, k) || slices.Contains(check.Uses, k) ||
					(k.IsCustom() && slices.Contains(check.Needs, facts.Custom))
			}) {
				ids = append(ids, check.ID)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), maxGapChecks)]
}

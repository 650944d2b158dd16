package report

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	maxGaps      = 200
	maxGapChecks = 256
	maxSource    = 253
)

// newGaps are the gaps in the form of the API: with the checks that each of them hurts, and one for each expired rule. There
// may be more of them than there is room for; the second result counts them all.
func newGaps(in Input, expired []v1alpha1.IgnoreRule) ([]v1alpha1.Gap, int) {
	read := slices.Clone(in.Gaps)
	slices.SortStableFunc(read, func(a, b facts.Gap) int {
		return cmp.Or(strings.Compare(string(a.Reason), string(b.Reason)), strings.Compare(a.Source, b.Source))
	})
	var gaps []v1alpha1.Gap
	for _, gap := range read[:min(len(read), maxGaps)] {
		gaps = append(gaps, v1alpha1.Gap{
			Cluster: in.Graph.Cluster, Source: facts.Clip(gap.Source, maxSource), Reason: gap.Reason, Checks: hurt(in, gap),
			Message: clean(in, gap.Message, maxMessage), Remediation: clean(in, gap.Remediation, maxMessage),
		})
	}
	for _, rule := range expired {
		gaps = append(gaps, v1alpha1.Gap{
			Source: facts.Clip(describe(rule), maxSource), Reason: v1alpha1.GapIgnoreRuleExpired,
			Message: facts.Clip("The "+describe(rule)+" ("+rule.Reason+") expired on "+day(rule.Expires.Time)+" and hides nothing any more.",
				maxMessage),
			Remediation: "Remove the rule from spec.ignore, or set a later expires if the reason still holds.",
		})
	}
	return gaps[:fitting(gaps, maxGaps, maxGapBytes)], len(read) + len(expired)
}

// hurt are the ids of the checks that did not run, or not on everything, because of the gap.
func hurt(in Input, gap facts.Gap) []string {
	ids := slices.Clone(gap.Checks)
	if len(ids) == 0 {
		for _, check := range in.Checks {
			if slices.ContainsFunc(gap.AllKinds(), func(k facts.Kind) bool {
				return slices.Contains(check.Needs, k) || slices.Contains(check.Uses, k) || (k.Foreign() && slices.Contains(check.Needs, facts.Custom))
			}) {
				ids = append(ids, check.ID)
			}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), maxGapChecks)]
}

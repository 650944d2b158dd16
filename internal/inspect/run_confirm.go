package inspect

import (
	"context"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/evidence"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/hostname"
	"kubeops.io/kubeops/internal/inspect/scope"
)

// maxConfirmed findings are confirmed by logs in one run; the others stay as they are.
const maxConfirmed = 20

// confirm reads the logs that findings need to be confirmed, before causes are searched for: what is not confirmed explains nothing. Where
// no log is read or none is left, what the previous report says stays. It returns the findings, and a gap for logs that cannot be read.
func confirm(
	ctx context.Context, in Input, g *facts.Graph, filter *scope.Filter, findings []check.Finding, how Judging,
) ([]check.Finding, []facts.Gap) {
	var wanted []int
	var requests []evidence.Request
	for i, f := range findings {
		if f.Confirm != nil && len(wanted) < maxConfirmed {
			wanted = append(wanted, i)
			requests = append(requests, evidence.Request{LogRef: f.Confirm.Logs, Check: f.Check})
		}
	}
	if len(wanted) == 0 {
		return findings, nil
	}
	lines := make([]evidence.Lines, len(requests))
	var gaps []facts.Gap
	if how.Evidence {
		lines, gaps = evidence.ReadClusterLogs(ctx, in.Source, requests)
		gaps = append(gaps, evidence.ReadBackendLogs(ctx, in.Logs, filter, requests, lines, in.Clock.Now())...)
	}
	findings = slices.Clone(findings)
	for n, i := range wanted {
		f := &findings[i]
		log := lines[n].Text
		named := log != "" && hostname.Mentions(log, f.Confirm.Host)
		if !named && (log != "" || !confirmedBefore(how.Previous, g, *f)) {
			continue
		}
		f.Severity = f.Confirm.Severity
		f.Confirm = nil
		if named {
			f.Evidence = append(slices.Clone(f.Evidence), check.Evidence{Source: v1alpha1.EvidenceLog, Text: log})
		}
	}
	return findings, gaps
}

// confirmedBefore reports whether a finding was confirmed in the previous report.
func confirmedBefore(previous *v1alpha1.InspectionReport, g *facts.Graph, f check.Finding) bool {
	if previous == nil {
		return false
	}
	id := causes.ID(g.Cluster, f)
	return slices.ContainsFunc(previous.Findings, func(known v1alpha1.Finding) bool {
		return known.ID == id && known.Severity == f.Confirm.Severity
	})
}

// joinGaps adds gaps to others. One with the same source and reason is one gap, which affects the checks of both.
func joinGaps(gaps, more []facts.Gap) []facts.Gap {
	gaps = slices.Clone(gaps)
	for _, gap := range more {
		at := slices.IndexFunc(gaps, func(known facts.Gap) bool { return known.Source == gap.Source && known.Reason == gap.Reason })
		if at < 0 {
			gaps = append(gaps, gap)
			continue
		}
		all := slices.Sorted(slices.Values(slices.Concat(gaps[at].Checks, gap.Checks)))
		gaps[at].Checks = slices.Compact(all)
	}
	return gaps
}

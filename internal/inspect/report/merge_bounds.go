package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// clusterShare is how many times its equal share of a report one cluster may keep until the reports are merged: enough for the
	// worst clusters to use what the others leave.
	clusterShare = 4
	// fixedClusterBytes are for the summary of the report of a cluster.
	fixedClusterBytes = 4 << 10
	// omittedCountBytes are reserved for the number of omitted findings of a cluster.
	omittedCountBytes = 20
)

// OfCluster is the bounds of the report of one of several clusters. Together they keep clusterShare times what the merged report can
// have, whatever one of them reports.
func (b Bounds) OfCluster(clusters int) Bounds {
	findings := cmp.Or(b.Findings, MaxFindings)
	size := cmp.Or(b.Bytes, MaxBytes)
	clusters = max(clusters, 1)
	return Bounds{
		Findings: min(findings, max(clusterShare*findings/clusters, 1)),
		Bytes:    min(size, clusterShare*size/clusters+maxGapBytes+omittedBytes+fixedClusterBytes),
	}
}

// group is a root cause of a cluster with its symptoms, which follow it in the report.
type group struct {
	findings []v1alpha1.Finding
	// kept are the findings that fit.
	kept []bool
}

// shareBounds adds the findings of the parts to a report within its bounds: problems before recommendations. First every cluster has an
// equal share for its problems and their symptoms. What is left goes to root causes and then to symptoms, the worst one of each cluster in
// turn, so a cluster with many problems takes only what the others leave.
func shareBounds(merged *v1alpha1.InspectionReport, parts []Part, bounds Bounds) {
	other, err := json.Marshal(merged)
	if err != nil {
		other = nil
	}
	budget := &Bounds{
		Findings: cmp.Or(bounds.Findings, MaxFindings),
		Bytes:    cmp.Or(bounds.Bytes, MaxBytes) - len(other) - omittedBytes - omittedCountBytes*len(merged.Clusters),
	}
	byPart := make([][]*group, len(parts))
	for i, part := range parts {
		byPart[i] = groups(part.Report)
	}
	for _, problems := range []bool{true, false} {
		queues := make([][]*group, len(parts))
		for i, list := range byPart {
			queues[i] = slices.DeleteFunc(slices.Clone(list), func(g *group) bool { return g.findings[0].IsProblem() != problems })
		}
		if problems {
			takeShares(queues, budget)
		}
		takeTurns(queues, budget, func(g *group) { g.keepRoot(budget) })
		takeTurns(queues, budget, func(g *group) { g.keepSymptoms(budget) })
	}
	merged.Findings = ordered(byPart)
	merged.Omitted = omittedOf(merged, parts, byPart)
	merged.Summary.Truncated = len(merged.Omitted) > 0
}

// groups splits the findings of a report, in which symptoms follow their root cause.
func groups(report *v1alpha1.InspectionReport) []*group {
	if report == nil {
		return nil
	}
	var list []*group
	for _, f := range report.Findings {
		if f.CausedBy == "" || len(list) == 0 {
			list = append(list, &group{})
		}
		last := list[len(list)-1]
		last.findings = append(last.findings, f)
	}
	for _, g := range list {
		g.kept = make([]bool, len(g.findings))
	}
	return list
}

// takeShares keeps of each queue what fits into an equal share of the budget, root causes before symptoms.
func takeShares(queues [][]*group, budget *Bounds) {
	clusters := 0
	for _, queue := range queues {
		if len(queue) > 0 {
			clusters++
		}
	}
	if clusters == 0 {
		return
	}
	equal := Bounds{Findings: budget.Findings / clusters, Bytes: budget.Bytes / clusters}
	for _, queue := range queues {
		left := equal
		for _, g := range queue {
			g.keepRoot(&left)
		}
		for _, g := range queue {
			g.keepSymptoms(&left)
		}
		budget.Findings -= equal.Findings - left.Findings
		budget.Bytes -= equal.Bytes - left.Bytes
	}
}

// takeTurns calls keep for the first group of each queue, then for the second of each, until all were visited or the report is full.
func takeTurns(queues [][]*group, budget *Bounds, keep func(*group)) {
	for round, found := 0, true; found && budget.Findings > 0; round++ {
		found = false
		for _, queue := range queues {
			if round < len(queue) {
				found = true
				keep(queue[round])
			}
		}
	}
}

// keepRoot keeps the root cause if it fits.
func (g *group) keepRoot(budget *Bounds) {
	g.kept[0] = g.kept[0] || budget.take(&g.findings[0])
}

// keepSymptoms keeps the symptoms that fit, and none without its cause.
func (g *group) keepSymptoms(budget *Bounds) {
	if !g.kept[0] {
		return
	}
	kept := map[string]bool{g.findings[0].ID: true}
	for i := 1; i < len(g.findings); i++ {
		f := &g.findings[i]
		if kept[f.CausedBy] && (g.kept[i] || budget.take(f)) {
			g.kept[i] = true
			kept[f.ID] = true
		}
	}
}

// take reports whether a finding fits, and subtracts it.
func (b *Bounds) take(f *v1alpha1.Finding) bool {
	text, err := json.Marshal(f)
	size := len(text) + 1
	if err != nil || b.Findings <= 0 || b.Bytes < size {
		return false
	}
	b.Findings--
	b.Bytes -= size
	return true
}

// ordered returns the findings that were kept in the order of a report; see order.
func ordered(byPart [][]*group) []v1alpha1.Finding {
	var all []*group
	for _, list := range byPart {
		for _, g := range list {
			if g.kept[0] {
				all = append(all, g)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b *group) int { return compareRoots(&a.findings[0], &b.findings[0]) })
	var findings []v1alpha1.Finding
	for _, g := range all {
		for i, f := range g.findings {
			if g.kept[i] {
				findings = append(findings, f)
			}
		}
	}
	return findings
}

func compareRoots(a, b *v1alpha1.Finding) int {
	return cmp.Or(strings.Compare(string(a.ClassOrDefault()), string(b.ClassOrDefault())), // Problem before Recommendation
		cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(b.Affects, a.Affects), strings.Compare(a.Cluster, b.Cluster),
		strings.Compare(a.Object.Namespace, b.Object.Namespace), strings.Compare(a.Object.Kind, b.Object.Kind),
		strings.Compare(a.Object.Name, b.Object.Name), strings.Compare(a.Check, b.Check), strings.Compare(a.ID, b.ID))
}

// omittedOf counts the findings that are not in the report: those that a cluster's own report omitted, and those that were not kept.
func omittedOf(merged *v1alpha1.InspectionReport, parts []Part, byPart [][]*group) []v1alpha1.OmittedFindings {
	byCluster := map[string]int32{}
	var counts []v1alpha1.OmittedFindings
	for i, part := range parts {
		if part.Report == nil {
			continue
		}
		var dropped []v1alpha1.Finding
		for _, g := range byPart[i] {
			for j, f := range g.findings {
				if !g.kept[j] {
					dropped = append(dropped, f)
				}
			}
		}
		for _, o := range slices.Concat(part.Report.Omitted, countOmitted(dropped)) {
			counts = append(counts, o)
			byCluster[part.Cluster.Name] += o.Count
		}
	}
	for i := range merged.Clusters {
		merged.Clusters[i].Omitted = byCluster[merged.Clusters[i].Name]
	}
	return joinOmitted(counts)
}

// joinOmitted adds up the counts of each check, worst first.
func joinOmitted(counts []v1alpha1.OmittedFindings) []v1alpha1.OmittedFindings {
	position := map[string]int{}
	var joined []v1alpha1.OmittedFindings
	for _, o := range counts {
		i, known := position[o.Check]
		if !known {
			position[o.Check] = len(joined)
			joined = append(joined, o)
			continue
		}
		joined[i].Count += o.Count
		if o.Severity.Rank() < joined[i].Severity.Rank() {
			joined[i].Severity = o.Severity
		}
	}
	slices.SortFunc(joined, compareOmitted)
	return joined
}

package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// WorstClusters returns at most a number of clusters, by name: of more, those that were not inspected and those with the most problems.
func WorstClusters(all []v1alpha1.InspectedCluster, limit int) []v1alpha1.InspectedCluster {
	worst := slices.Clone(all)
	slices.SortStableFunc(worst, func(a, b v1alpha1.InspectedCluster) int {
		return cmp.Or(compareInspected(a, b), cmp.Compare(b.Problems.Total, a.Problems.Total), strings.Compare(a.Name, b.Name))
	})
	worst = worst[:min(len(worst), limit)]
	slices.SortFunc(worst, func(a, b v1alpha1.InspectedCluster) int { return strings.Compare(a.Name, b.Name) })
	return worst
}

// compareInspected sorts clusters that were not inspected first.
func compareInspected(a, b v1alpha1.InspectedCluster) int {
	switch {
	case (a.NotInspected == "") == (b.NotInspected == ""):
		return 0
	case a.NotInspected != "":
		return -1
	default:
		return 1
	}
}

// CountClusters counts clusters by how far they were inspected, for example "5 complete, 1 incomplete, 2 not inspected".
func CountClusters(all []v1alpha1.InspectedCluster) string {
	complete, incomplete, missing := 0, 0, 0
	for _, c := range all {
		switch {
		case c.NotInspected != "":
			missing++
		case c.Score == nil:
			incomplete++
		default:
			complete++
		}
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{complete, "complete"}, {incomplete, "incomplete"}, {missing, "not inspected"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return strings.Join(parts, ", ")
}

// DescribeCluster is the result of a cluster in one line.
func DescribeCluster(c v1alpha1.InspectedCluster) string {
	if c.NotInspected != "" {
		return fmt.Sprintf("not inspected: %s, after %.1fs", c.NotInspected, c.Duration.Seconds())
	}
	text := "no score"
	if c.Score != nil {
		text = fmt.Sprintf("score %d", *c.Score)
	}
	text += ": " + Headline(v1alpha1.ReportSummary{
		Problems: c.Problems, Recommendations: v1alpha1.RootCauseCounts{Total: c.Recommendations},
	})
	if c.Gaps > 0 {
		text += ", " + CountGaps(c.Gaps, c.RequiredGaps)
	}
	if c.Omitted > 0 {
		text += fmt.Sprintf(", %d omitted", c.Omitted)
	}
	return text + fmt.Sprintf(", in %.1fs", c.Duration.Seconds())
}

// InCluster puts the cluster before a message that does not name it; for reports about several clusters.
func InCluster(cluster, message string) string {
	if cluster == "" || strings.Contains(message, cluster) {
		return message
	}
	return cluster + ": " + message
}

// several returns a report in which the messages of gaps name their cluster, if it is about several clusters.
func several(report *v1alpha1.InspectionReport) *v1alpha1.InspectionReport {
	if len(report.Clusters) == 0 {
		return report
	}
	named := *report
	named.Gaps = slices.Clone(report.Gaps)
	for i := range named.Gaps {
		named.Gaps[i].Message = InCluster(named.Gaps[i].Cluster, named.Gaps[i].Message)
	}
	return &named
}

// fixedSentence describes a fixed finding in one line.
func fixedSentence(report *v1alpha1.InspectionReport, fixed v1alpha1.FixedFinding) string {
	f := v1alpha1.Finding{Cluster: fixed.Cluster, Object: fixed.Object, Message: fixed.Message}
	return InCluster(clusterOf(report, f), sentence(f))
}

// clusterOf is the cluster of a finding, in one printable line; empty unless the report is about several.
func clusterOf(report *v1alpha1.InspectionReport, f v1alpha1.Finding) string {
	if len(report.Clusters) == 0 {
		return ""
	}
	return oneLine(f.Cluster)
}

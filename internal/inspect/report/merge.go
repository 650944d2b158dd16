package report

import (
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Part is what was found in one cluster.
type Part struct {
	// Cluster has the name, the version, the duration and, where nothing was inspected, the reason. Merge sets the counts. It is empty
	// for the differences between clusters.
	Cluster v1alpha1.InspectedCluster
	// Report of the cluster; nil where nothing was inspected. Merge does not change it.
	Report *v1alpha1.InspectionReport
	// Gap is why nothing was inspected; nil if there is a report.
	Gap *v1alpha1.Gap
	// Previous is the part of the previous report that could not be compared with, because nothing of the cluster was read, or not all
	// clusters of a comparison; nil if there is none.
	Previous *v1alpha1.InspectionReport
}

// MergeInput is the input of a report about several clusters.
type MergeInput struct {
	// Parts of different clusters.
	Parts []Part
	// Start and Duration of the run.
	Start    time.Time
	Duration time.Duration
	// Bounds of the report.
	Bounds Bounds
}

// Merge joins the reports of several clusters. Counts include everything; what does not fit is omitted by shareBounds. The score is the
// lowest one, or absent if a cluster has none.
func Merge(in MergeInput) *v1alpha1.InspectionReport {
	parts := slices.Clone(in.Parts)
	slices.SortStableFunc(parts, func(a, b Part) int { return strings.Compare(a.Cluster.Name, b.Cluster.Name) })
	merged := &v1alpha1.InspectionReport{
		TypeMeta: metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion().String(), Kind: "InspectionReport"},
		Summary: v1alpha1.ReportSummary{
			StartTime: metav1.NewTime(in.Start.Truncate(time.Second)), Score: lowestScore(parts), ChecksRun: checksRun(parts),
			Duration: metav1.Duration{Duration: in.Duration.Round(time.Millisecond)},
		},
	}
	for i := range parts {
		count(&parts[i])
		addSummary(&merged.Summary, &parts[i])
		if parts[i].Cluster.Name != "" && len(merged.Clusters) < v1alpha1.MaxInspectedClusters {
			merged.Clusters = append(merged.Clusters, parts[i].Cluster)
		}
		unverified, fixed := notRead(parts[i].Previous, in.Start)
		merged.Unverified = append(merged.Unverified, unverified...)
		merged.Fixed = append(merged.Fixed, fixed...)
		if report := parts[i].Report; report != nil {
			merged.Unverified = append(merged.Unverified, report.Unverified...)
			merged.Fixed = append(merged.Fixed, report.Fixed...)
			merged.Ignored = append(merged.Ignored, report.Ignored...)
		}
	}
	merged.Fixed = boundFixed(merged.Fixed)
	merged.Unverified = boundUnverified(merged.Unverified)
	merged.Ignored = merged.Ignored[:fitting(merged.Ignored, maxIgnored, maxIgnoredBytes)]
	merged.Gaps = mergeGaps(parts)
	shareBounds(merged, parts, in.Bounds)
	return merged
}

// lowestScore is the lowest score of a cluster; nil if one of them is incomplete, or none was inspected. See
// docs/adr/0019-inspections-of-several-clusters.md.
func lowestScore(parts []Part) *int32 {
	var lowest *int32
	for i := range parts {
		switch report := parts[i].Report; {
		case report == nil || report.Summary.Score == nil:
			return nil
		case lowest == nil || *report.Summary.Score < *lowest:
			score := *report.Summary.Score
			lowest = &score
		}
	}
	return lowest
}

// count sets the counts of a cluster from its report or gap.
func count(part *Part) {
	if part.Report == nil {
		part.Cluster.Gaps, part.Cluster.RequiredGaps = 1, 1
		return
	}
	s := part.Report.Summary
	c := &part.Cluster
	c.Problems = s.Problems
	c.Recommendations = s.Recommendations.Total
	c.Findings = s.Counts.Total()
	c.Gaps = s.Gaps
	c.RequiredGaps = s.RequiredGaps
	c.Objects = s.Objects
	if s.Score != nil {
		score := *s.Score
		c.Score = &score
	}
}

// addSummary adds the counts of a part to those of the whole report.
func addSummary(total *v1alpha1.ReportSummary, part *Part) {
	if part.Report == nil {
		total.Gaps++
		total.RequiredGaps++
		return
	}
	s := part.Report.Summary
	addRootCauses(&total.Problems, s.Problems)
	addRootCauses(&total.Recommendations, s.Recommendations)
	addSeverities(&total.Counts, s.Counts)
	total.Changes.New += s.Changes.New
	total.Changes.Fixed += s.Changes.Fixed
	total.Changes.Persisting += s.Changes.Persisting
	total.Changes.Flapping += s.Changes.Flapping
	total.Changes.NewRootCauses += s.Changes.NewRootCauses
	total.Changes.FixedRootCauses += s.Changes.FixedRootCauses
	total.Ignored += s.Ignored
	total.Starting = addStarting(total.Starting, s.Starting)
	total.Objects += s.Objects
	total.Gaps += s.Gaps
	total.RequiredGaps += s.RequiredGaps
}

// checksRun is how many different checks ran: each cluster has the same, and comparisons have others.
func checksRun(parts []Part) int32 {
	var ofClusters, comparing int32
	for _, part := range parts {
		switch {
		case part.Report == nil:
		case part.Cluster.Name == "":
			comparing = part.Report.Summary.ChecksRun
		default:
			ofClusters = max(ofClusters, part.Report.Summary.ChecksRun)
		}
	}
	return ofClusters + comparing
}

func addRootCauses(total *v1alpha1.RootCauseCounts, n v1alpha1.RootCauseCounts) {
	total.Total += n.Total
	addSeverities(&total.SeverityCounts, n.SeverityCounts)
}

func addSeverities(total *v1alpha1.SeverityCounts, n v1alpha1.SeverityCounts) {
	total.Critical += n.Critical
	total.High += n.High
	total.Medium += n.Medium
	total.Low += n.Low
	total.Info += n.Info
}

// mergeGaps joins gaps: first why clusters were not inspected, then one gap of each cluster after the other, required ones first.
func mergeGaps(parts []Part) []v1alpha1.Gap {
	var gaps []v1alpha1.Gap
	for _, part := range parts {
		if part.Gap != nil {
			gaps = append(gaps, *part.Gap)
		}
	}
	for _, optional := range []bool{false, true} {
		for round := 0; ; round++ {
			found := false
			for _, part := range parts {
				if gap := nth(part.Report, optional, round); gap != nil {
					found = true
					gaps = append(gaps, *gap)
				}
			}
			if !found || len(gaps) > maxGaps {
				break
			}
		}
	}
	return gaps[:fitting(gaps, maxGaps, maxGapBytes)]
}

// nth is the gap of a report at an index, counted among those that are optional or not; nil if it has fewer.
func nth(report *v1alpha1.InspectionReport, optional bool, index int) *v1alpha1.Gap {
	if report == nil {
		return nil
	}
	for i := range report.Gaps {
		if report.Gaps[i].Optional != optional {
			continue
		}
		if index == 0 {
			return &report.Gaps[i]
		}
		index--
	}
	return nil
}

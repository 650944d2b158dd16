package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Bounds of a report. Zero values are the defaults.
type Bounds struct {
	// Findings is the maximum number of findings.
	Findings int
	// Bytes is the maximum size as JSON, without metadata.
	Bytes int
}

// Default bounds. They keep a report well below the limit of etcd, 1.5 MiB.
const (
	// MaxFindings in a report.
	MaxFindings = 500
	// MaxBytes of a report as JSON, without metadata.
	MaxBytes = 512 << 10
	// maxGapBytes is the part of MaxBytes for gaps.
	maxGapBytes = 128 << 10
	// omittedBytes are reserved for the counts of omitted findings.
	omittedBytes = 20 << 10
)

// truncate omits the findings beyond the bounds and counts them by check. It keeps problems before recommendations, root causes before
// symptoms and severe findings before others, and no symptom without its cause. The summary still counts all findings.
func truncate(report *v1alpha1.InspectionReport, bounds Bounds) {
	findings := report.Findings
	report.Findings = nil
	other, err := json.Marshal(report)
	report.Findings = findings
	if err != nil {
		other = nil // marshaling the findings fails below as well
	}
	remaining := Bounds{
		Findings: cmp.Or(bounds.Findings, MaxFindings),
		Bytes:    cmp.Or(bounds.Bytes, MaxBytes) - len(other) - omittedBytes,
	}
	kept := make(map[string]bool, min(len(report.Findings), remaining.Findings))
	keep := func(f *v1alpha1.Finding) {
		text, err := json.Marshal(f)
		if size := len(text) + 1; err == nil && remaining.Findings > 0 && remaining.Bytes >= size {
			remaining.Findings--
			remaining.Bytes -= size
			kept[f.ID] = true
		}
	}
	for _, part := range byClass(report.Findings) {
		for i := range part {
			if f := &part[i]; f.CausedBy == "" {
				keep(f)
			}
		}
		for i := range part { // a cause precedes its symptoms
			if f := &part[i]; f.CausedBy != "" && kept[f.CausedBy] {
				keep(f)
			}
		}
	}
	if len(kept) == len(report.Findings) {
		return
	}
	var included, excluded []v1alpha1.Finding
	for _, f := range report.Findings {
		if kept[f.ID] {
			included = append(included, f)
		} else {
			excluded = append(excluded, f)
		}
	}
	report.Findings = included
	report.Omitted = countOmitted(excluded)
	report.Summary.Truncated = true
}

// byClass splits ordered findings before the first root cause that is a recommendation.
func byClass(findings []v1alpha1.Finding) [][]v1alpha1.Finding {
	for i := range findings {
		if f := &findings[i]; f.CausedBy == "" && !f.IsProblem() {
			return [][]v1alpha1.Finding{findings[:i], findings[i:]}
		}
	}
	return [][]v1alpha1.Finding{findings}
}

// countOmitted counts findings by check, worst first.
func countOmitted(findings []v1alpha1.Finding) []v1alpha1.OmittedFindings {
	position := map[string]int{}
	var counts []v1alpha1.OmittedFindings
	for _, f := range findings {
		i, known := position[f.Check]
		if !known {
			i = len(counts)
			position[f.Check] = i
			counts = append(counts, v1alpha1.OmittedFindings{Check: f.Check, Severity: f.Severity})
		}
		counts[i].Count++
		if f.Severity.Rank() < counts[i].Severity.Rank() {
			counts[i].Severity = f.Severity
		}
	}
	slices.SortFunc(counts, compareOmitted)
	return counts
}

// compareOmitted sorts the worst first.
func compareOmitted(a, b v1alpha1.OmittedFindings) int {
	return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(b.Count, a.Count), strings.Compare(a.Check, b.Check))
}

// fitting returns how many of the first items fit into a maximum number and size as JSON.
func fitting[T any](items []T, maxItems, maxBytes int) int {
	for i := range items {
		text, err := json.Marshal(items[i])
		if err != nil || i >= maxItems {
			return i
		}
		if maxBytes -= len(text) + 1; maxBytes < 0 { // including the comma
			return i
		}
	}
	return len(items)
}

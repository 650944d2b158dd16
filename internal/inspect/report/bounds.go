package report

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Bounds of a report. A bound of zero stands for its default.
type Bounds struct {
	// Findings is how many findings it may have.
	Findings int
	// Bytes is how large the report may be as JSON, its metadata left out.
	Bytes int
}

// Default bounds. etcd refuses objects over 1.5 MiB; a report stays well below, whatever was found.
const (
	// MaxFindings in one report.
	MaxFindings = 500
	// MaxBytes of a report as JSON, its metadata left out.
	MaxBytes = 512 << 10
	// maxGapBytes is how much of that gaps may take.
	maxGapBytes = 128 << 10
	// omittedBytes are set aside for what says which findings were left out.
	omittedBytes = 20 << 10
)

// truncate leaves out the findings beyond the bounds and counts them by check. Root causes stay before what they break,
// and the worst of either before the others; a symptom never stays without its cause. The summary keeps counting all.
func truncate(report *v1alpha1.InspectionReport, bounds Bounds) {
	findings := report.Findings
	report.Findings = nil
	rest, err := json.Marshal(report)
	report.Findings = findings
	if err != nil {
		rest = nil // findings are refused below for the same reason
	}
	// What counts the findings that are left out is still to come.
	room := Bounds{Findings: cmp.Or(bounds.Findings, MaxFindings), Bytes: cmp.Or(bounds.Bytes, MaxBytes) - len(rest) - omittedBytes}
	kept := make(map[string]bool, min(len(report.Findings), room.Findings))
	keep := func(f *v1alpha1.Finding) {
		text, err := json.Marshal(f)
		if size := len(text) + 1; err == nil && room.Findings > 0 && room.Bytes >= size {
			room.Findings--
			room.Bytes -= size
			kept[f.ID] = true
		}
	}
	for i := range report.Findings {
		if f := &report.Findings[i]; f.CausedBy == "" {
			keep(f)
		}
	}
	for i := range report.Findings { // causes come before what they break
		if f := &report.Findings[i]; f.CausedBy != "" && kept[f.CausedBy] {
			keep(f)
		}
	}
	if len(kept) == len(report.Findings) {
		return
	}
	var all, left []v1alpha1.Finding
	for _, f := range report.Findings {
		if kept[f.ID] {
			all = append(all, f)
		} else {
			left = append(left, f)
		}
	}
	report.Findings, report.Omitted, report.Summary.Truncated = all, omitted(left), true
}

// omitted counts findings by check, the worst first.
func omitted(findings []v1alpha1.Finding) []v1alpha1.OmittedFindings {
	at := map[string]int{}
	var counts []v1alpha1.OmittedFindings
	for _, f := range findings {
		i, known := at[f.Check]
		if !known {
			i = len(counts)
			at[f.Check] = i
			counts = append(counts, v1alpha1.OmittedFindings{Check: f.Check, Severity: f.Severity})
		}
		counts[i].Count++
		if f.Severity.Rank() < counts[i].Severity.Rank() {
			counts[i].Severity = f.Severity
		}
	}
	slices.SortFunc(counts, func(a, b v1alpha1.OmittedFindings) int {
		return cmp.Or(cmp.Compare(a.Severity.Rank(), b.Severity.Rank()), cmp.Compare(b.Count, a.Count), strings.Compare(a.Check, b.Check))
	})
	return counts
}

// fitting is how many of the items, from the first on, are within a number and a size as JSON.
func fitting[T any](items []T, most, size int) int {
	for i := range items {
		text, err := json.Marshal(items[i])
		if err != nil || i >= most {
			return i
		}
		if size -= len(text) + 1; size < 0 { // with the comma
			return i
		}
	}
	return len(items)
}

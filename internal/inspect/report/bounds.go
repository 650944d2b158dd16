package report

import (
	"encoding/json"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Bounds of a report. etcd refuses objects over 1.5 MiB; a report stays well below, whatever was found.
const (
	// MaxFindings in one report.
	MaxFindings = 500
	// MaxBytes of a report's findings, as JSON.
	MaxBytes = 512 << 10
)

// truncate drops the findings beyond the bounds. They come last in the report's order, so the worst causes stay, and a
// symptom never stays without its cause. The summary keeps counting all.
func truncate(report *v1alpha1.InspectionReport) {
	size := 0
	for i, f := range report.Findings {
		text, err := json.Marshal(f)
		if err != nil {
			report.Findings, report.Summary.Truncated = report.Findings[:i], true
			return
		}
		if size += len(text) + 1; i >= MaxFindings || size > MaxBytes {
			report.Findings, report.Summary.Truncated = report.Findings[:i], true
			return
		}
	}
}

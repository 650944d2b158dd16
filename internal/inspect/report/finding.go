package report

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Limits of the API type, in runes.
const (
	maxMessage  = 2048
	maxEvidence = 4096
	maxPieces   = 16
)

// newFinding is a finding in the form of the API, all but its cause.
func newFinding(in Input, linked causes.Linked, category v1alpha1.Category, previous map[string]v1alpha1.Finding) v1alpha1.Finding {
	finding := v1alpha1.Finding{
		ID:          linked.ID,
		Check:       linked.Check,
		Category:    category,
		Severity:    linked.Severity,
		Cluster:     in.Graph.Cluster,
		Object:      linked.Object.APIObject(),
		Message:     clean(in, linked.Message, maxMessage),
		Affects:     int32(linked.Affects), //nolint:gosec // bounded by the number of findings
		Remediation: clean(in, linked.Remediation, maxMessage),
		State:       v1alpha1.FindingNew,
	}
	for i, e := range linked.Evidence {
		if i == maxPieces {
			break
		}
		finding.Evidence = append(finding.Evidence, v1alpha1.Evidence{
			ID: fmt.Sprintf("e%d", i+1), Source: e.Source, Text: clean(in, e.Text, maxEvidence),
		})
	}
	seen := metav1.NewTime(in.Start.Truncate(time.Second))
	finding.FirstSeen = &seen
	if before, ok := previous[finding.ID]; ok {
		finding.State = v1alpha1.FindingPersisting
		if before.FirstSeen != nil {
			finding.FirstSeen = before.FirstSeen.DeepCopy()
		}
	}
	return finding
}

// byID indexes the findings of a report, which may be nil.
func byID(report *v1alpha1.InspectionReport) map[string]v1alpha1.Finding {
	index := map[string]v1alpha1.Finding{}
	if report != nil {
		for _, f := range report.Findings {
			index[f.ID] = f
		}
	}
	return index
}

// changes compares with the previous report. A finding that is gone counts as fixed only when its check could judge this
// time: one that is hidden by a gap, an ignore rule or a narrower selection of checks was not fixed by anyone.
func changes(in Input, report *v1alpha1.InspectionReport) v1alpha1.ChangeCounts {
	var counts v1alpha1.ChangeCounts
	for _, f := range report.Findings {
		if f.State == v1alpha1.FindingPersisting {
			counts.Persisting++
		} else {
			counts.New++
		}
	}
	if in.Previous == nil {
		return counts
	}
	judged, found := map[string]bool{}, map[string]bool{}
	for _, c := range in.Checks {
		judged[c.ID] = true
	}
	for _, gap := range report.Gaps {
		for _, id := range gap.Checks {
			judged[id] = false
		}
	}
	for _, f := range in.Findings {
		found[f.ID] = true
	}
	for _, f := range in.Previous.Findings {
		if judged[f.Check] && !found[f.ID] {
			counts.Fixed++
		}
	}
	return counts
}

// clean makes text that came out of a cluster fit to leave: secrets replaced, control characters (which could steer a
// reader's terminal) removed, and short enough for the API type.
func clean(in Input, text string, limit int) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, in.Redact(text))
	return facts.Clip(strings.ToValidUTF8(printable, "\uFFFD"), limit)
}

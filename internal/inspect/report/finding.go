package report

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/printable"
)

// Limits of the API type, in runes.
const (
	maxMessage  = 2048
	maxEvidence = 4096
	maxPieces   = 16
)

// newFinding converts a finding to the API type, without its cause and its history.
func newFinding(in Input, linked causes.Linked, category v1alpha1.Category) v1alpha1.Finding {
	finding := v1alpha1.Finding{
		ID:          linked.ID,
		Check:       linked.Check,
		Category:    category,
		Class:       linked.Class,
		Severity:    linked.Severity,
		Cluster:     in.Graph.Cluster,
		Object:      objectOf(in, linked),
		Message:     line(in, linked.Message, maxMessage),
		Affects:     int32(linked.Affects), //nolint:gosec // bounded by the number of findings
		Remediation: block(in, string(remediation(in.Graph, linked)), maxMessage),
	}
	for i, e := range linked.Evidence {
		if i == maxPieces {
			break
		}
		finding.Evidence = append(finding.Evidence, v1alpha1.Evidence{
			ID: fmt.Sprintf("e%d", i+1), Source: e.Source, Text: block(in, e.Text, maxEvidence),
		})
	}
	return finding
}

// objectOf is the object of a finding as the API names it.
func objectOf(in Input, linked causes.Linked) v1alpha1.ObjectReference {
	object := in.Graph.APIObject(linked.Object)
	if linked.APIVersion != "" {
		object.APIVersion = linked.APIVersion
		object.Kind, _, _ = strings.Cut(object.Kind, ".") // remove the group
	}
	return object
}

// line redacts text from a cluster, makes it one printable line, and truncates it.
func line(in Input, text string, limit int) string {
	return facts.Clip(printable.Line(in.Redact(text)), limit)
}

// block is line for text of several lines.
func block(in Input, text string, limit int) string {
	return facts.Clip(printable.Block(in.Redact(text)), limit)
}

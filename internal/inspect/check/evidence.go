package check

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// FromSpec is evidence from the spec of an object.
func FromSpec(format string, args ...any) Evidence {
	return Evidence{v1alpha1.EvidenceSpec, fmt.Sprintf(format, args...)}
}

// FromCondition is evidence from the status of an object.
func FromCondition(format string, args ...any) Evidence {
	return Evidence{v1alpha1.EvidenceCondition, fmt.Sprintf(format, args...)}
}

// FromMetric is evidence from a metrics backend.
func FromMetric(format string, args ...any) Evidence {
	return Evidence{v1alpha1.EvidenceMetric, fmt.Sprintf(format, args...)}
}

// FromEvent quotes an event.
func FromEvent(e *facts.EventNode) Evidence {
	return Evidence{v1alpha1.EvidenceEvent, e.Reason + ": " + e.Message}
}

// QuoteCondition quotes a status condition.
func QuoteCondition(c facts.Condition) Evidence {
	text := c.Type + "=" + c.Status
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	if c.Message != "" {
		text += ": " + c.Message
	}
	return Evidence{v1alpha1.EvidenceCondition, text}
}

// NewestEvent returns the newest warning about an object with one of the reasons, or nil.
func NewestEvent(g *facts.Graph, ref facts.Ref, reasons ...string) *facts.EventNode {
	for _, e := range g.EventsOf(ref) {
		for _, reason := range reasons {
			if e.Reason == reason {
				return e
			}
		}
	}
	return nil
}

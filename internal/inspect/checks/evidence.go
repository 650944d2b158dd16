package checks

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// spec, condition, metric and event make evidence of one source each.
func spec(format string, args ...any) Evidence {
	return Evidence{v1alpha1.EvidenceSpec, fmt.Sprintf(format, args...)}
}

func condition(format string, args ...any) Evidence {
	return Evidence{v1alpha1.EvidenceCondition, fmt.Sprintf(format, args...)}
}

func metric(format string, args ...any) Evidence {
	return Evidence{v1alpha1.EvidenceMetric, fmt.Sprintf(format, args...)}
}

func event(e *facts.EventNode) Evidence {
	return Evidence{v1alpha1.EvidenceEvent, e.Reason + ": " + e.Message}
}

// conditionEvidence quotes a status condition.
func conditionEvidence(c facts.Condition) Evidence {
	text := c.Type + "=" + c.Status
	if c.Reason != "" {
		text += " (" + c.Reason + ")"
	}
	if c.Message != "" {
		text += ": " + c.Message
	}
	return Evidence{v1alpha1.EvidenceCondition, text}
}

// newestEvent returns the newest warning about an object with one of the reasons, or nil.
func newestEvent(g *facts.Graph, ref facts.Ref, reasons ...string) *facts.EventNode {
	for _, e := range g.EventsOf(ref) {
		for _, reason := range reasons {
			if e.Reason == reason {
				return e
			}
		}
	}
	return nil
}

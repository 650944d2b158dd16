package trend

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

// addErrorGap adds a gap for an error and decides whether to send further queries.
func (r *reader) addErrorGap(err error, what string, checks []string) {
	message, reason := "unexpected error", ""
	if p := problem.As(err); p != nil {
		message, reason = p.Message, p.Reason
	}
	gap := facts.Gap{
		Source: "metrics: " + what, Checks: checks, Reason: v1alpha1.GapUnavailable,
		Message:     "The metrics backend returned no " + what + ": " + strings.TrimSuffix(message, ".") + ".",
		Remediation: "See the conditions of the MetricsBackend in spec.metricsRef, or check --metrics-url.",
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		r.timeouts++
		r.stopped = r.timeouts >= maxTimeouts
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason = v1alpha1.GapForbidden
		r.stopped = true
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Raise spec.queryBudget of the MetricsBackend, or inspect fewer namespaces per Inspection."
	case v1alpha1.ReasonUnreachable, v1alpha1.ReasonNameNotResolved, v1alpha1.ReasonTLSFailed, v1alpha1.ReasonEgressDenied,
		v1alpha1.ReasonRedirected:
		r.stopped = true
	case v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
	}
	r.gap(gap)
}

// addToLastGap adds checks to the gap of the error after which no more queries are sent.
func (r *reader) addToLastGap(checks []string) {
	if n := len(r.gaps); n > 0 {
		r.gaps[n-1].Checks = merged(r.gaps[n-1].Checks, checks)
	}
}

// missingMetric adds a gap for a metric that is not collected.
func (r *reader) missingMetric(metric, from string, checks []string) {
	r.gap(facts.Gap{
		Source: "metrics: " + metric, Checks: checks, Reason: v1alpha1.GapNotServed,
		Message:     "The metrics backend has no metric " + metric + ".",
		Remediation: remedy.Sprintf("Configure it to scrape %s.", from),
	})
}

// gap adds a gap, or adds its checks to an identical one.
func (r *reader) gap(gap facts.Gap) {
	gap.Checks = merged(gap.Checks, nil)
	for i := range r.gaps {
		if known := &r.gaps[i]; known.Source == gap.Source && known.Message == gap.Message {
			known.Checks = merged(known.Checks, gap.Checks)
			return
		}
	}
	r.gaps = append(r.gaps, gap)
}

func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.SortFunc(all, cmp.Compare)
	return slices.Compact(all)
}

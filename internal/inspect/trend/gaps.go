package trend

import (
	"cmp"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// failed notes a gap, and whether the back end is asked any further.
func (r *reader) failed(err error, what string, checks []string) {
	message, reason := "the metrics back end failed", ""
	if p := problem.As(err); p != nil {
		message, reason = p.Message, p.Reason
	}
	gap := facts.Gap{
		Source: "metrics: " + what, Checks: checks, Reason: v1alpha1.GapUnavailable,
		Message:     "The metrics back end did not tell of " + what + ": " + strings.TrimSuffix(message, ".") + ".",
		Remediation: "See the conditions of the MetricsBackend that spec.metricsRef names, or check what --metrics-url names.",
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		r.late++
		r.dead = r.late >= patience
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason, r.dead = v1alpha1.GapForbidden, true
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Raise spec.queryBudget of the MetricsBackend, or inspect fewer namespaces at a time."
	case v1alpha1.ReasonUnreachable, v1alpha1.ReasonNameNotResolved, v1alpha1.ReasonTLSFailed, v1alpha1.ReasonEgressDenied, v1alpha1.ReasonRedirected:
		r.dead = true
	case v1alpha1.ReasonInvalidResponse, v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
	}
	r.gap(gap)
}

// missed adds checks to the gap of what made the back end not worth asking any more.
func (r *reader) missed(checks []string) {
	if n := len(r.gaps); n > 0 {
		r.gaps[n-1].Checks = merged(r.gaps[n-1].Checks, checks)
	}
}

// lacking notes that a metric is not collected.
func (r *reader) lacking(metric, from string, checks []string) {
	r.gap(facts.Gap{
		Source: "metrics: " + metric, Checks: checks, Reason: v1alpha1.GapNotServed,
		Message:     "The metrics back end has no " + metric + ".",
		Remediation: "Let it scrape " + from + ".",
	})
}

// gap adds a gap, or its checks to one that says the same.
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

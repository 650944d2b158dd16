package usage

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// seeBackend is the remediation of most errors.
const seeBackend = "See the conditions of the MetricsBackend in spec.metricsRef, or check --metrics-url."

// addErrorGap adds a gap for a query; namespaces are those that were not read if others were.
func (r *reader) addErrorGap(err error, q question, namespaces []string, partly bool) {
	message, reason := "unexpected error", ""
	if p := problem.As(err); p != nil {
		message = strings.TrimSuffix(p.Message, ".")
		reason = p.Reason
	}
	where := ""
	if partly && len(namespaces) > 0 {
		slices.Sort(namespaces)
		where = " in namespaces " + joinMax(namespaces)
	}
	gap := facts.Gap{
		Source: "metrics: " + q.what, Checks: distinct(q.checks), Reason: v1alpha1.GapUnavailable, Remediation: seeBackend,
		Message: fmt.Sprintf("The metrics backend returned no %s%s: %s.", q.what, where, message),
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		gap.Remediation = "Raise spec.timeout of the MetricsBackend and of the Inspection, or shorten spec.usage.window."
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason = v1alpha1.GapForbidden
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Raise spec.queryBudget of the MetricsBackend, shorten spec.usage.window, or inspect fewer namespaces per " +
			"Inspection."
	case v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
		gap.Remediation = "The query may load too many samples. Shorten spec.usage.window, or raise the server's limit " +
			"(Prometheus: --query.max-samples)."
	case v1alpha1.ReasonInvalidResponse:
		gap.Reason = v1alpha1.GapUnreadable
	}
	r.gap(gap)
}

// addToLastGap adds checks to the gap of the error after which no more queries are sent.
func (r *reader) addToLastGap(ids []string) {
	if n := len(r.gaps); n > 0 {
		r.gaps[n-1].Checks = distinct(slices.Concat(r.gaps[n-1].Checks, ids))
	}
}

// addHistoryGap adds a gap for workloads that have run for longer than a day but have too short a history to evaluate their size.
func (r *reader) addHistoryGap(used *facts.Usage) {
	g := r.in.Graph
	ids := r.checksRequiring(facts.SourceUsage)
	if len(ids) == 0 || !g.Provided(facts.SourceUsage) {
		return
	}
	seen := map[facts.Ref]bool{}
	for i := range used.Containers {
		if c := &used.Containers[i]; c.History >= MinHistory || c.Stopped > 0 { // see addStoppedGap
			seen[c.Workload] = true
		}
	}
	unseen := map[facts.Ref]bool{}
	for _, pod := range g.Pods {
		// For younger Pods, scraping may have started later.
		old := !pod.Started.IsZero() && g.Now.Sub(pod.Started) > MinHistory+2*recent
		owner := g.TopOwner(pod.Ref)
		if old && pod.Phase == "Running" && owner.Kind != facts.Pod && !seen[owner] {
			unseen[owner] = true
		}
	}
	if len(unseen) == 0 {
		return
	}
	var labels []string
	for ref := range unseen {
		labels = append(labels, ref.String())
	}
	slices.Sort(labels)
	r.gap(facts.Gap{
		Source: "metrics: workloads with less than a day of metrics", Checks: distinct(ids), Reason: v1alpha1.GapIncomplete,
		Message: fmt.Sprintf("Workload sizes are not evaluated: less than a day of metrics, although the workloads run for longer: %s.",
			joinMax(labels)),
		Remediation: "Check that the metrics backend scrapes /metrics/cadvisor of all kubelets, and since when.",
	})
}

func (r *reader) gap(gap facts.Gap) { r.gaps = append(r.gaps, gap) }

func distinct(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// joinMax joins the first elements of a list and counts the rest.
func joinMax(list []string) string {
	const limit = 5
	if len(list) <= limit {
		return strings.Join(list, ", ")
	}
	return strings.Join(list[:limit], ", ") + fmt.Sprintf(" and %d more", len(list)-limit)
}

package usage

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// seeBackend is what to do about most failures.
const seeBackend = "See the conditions of the MetricsBackend that spec.metricsRef names, or check what --metrics-url names."

// failed notes a gap for a question; namespaces are those that were not read, where others were.
func (r *reader) failed(err error, q question, namespaces []string, partly bool) {
	message, reason := "the metrics back end failed", ""
	if p := problem.As(err); p != nil {
		message, reason = strings.TrimSuffix(p.Message, "."), p.Reason
	}
	where := ""
	if partly && len(namespaces) > 0 {
		slices.Sort(namespaces)
		where = " in namespaces " + text.List(namespaces, maxNames)
	}
	gap := facts.Gap{
		Source: "metrics: " + q.what, Checks: distinct(q.checks), Reason: v1alpha1.GapUnavailable, Remediation: seeBackend,
		Message: fmt.Sprintf("The metrics back end did not tell of %s%s: %s.", q.what, where, message),
	}
	switch reason {
	case v1alpha1.ReasonTimeout:
		gap.Reason = v1alpha1.GapTimedOut
		gap.Remediation = "Raise spec.timeout of the MetricsBackend and of the Inspection, or shorten spec.usage.window."
	case v1alpha1.ReasonUnauthorized, v1alpha1.ReasonForbidden:
		gap.Reason = v1alpha1.GapForbidden
	case v1alpha1.ReasonBudgetExceeded, v1alpha1.ReasonResponseTooLarge:
		gap.Reason = v1alpha1.GapIncomplete
		gap.Remediation = "Raise spec.queryBudget of the MetricsBackend, shorten spec.usage.window, or inspect fewer namespaces at a time."
	case v1alpha1.ReasonInvalidQuery:
		gap.Reason = v1alpha1.GapUnreadable
		gap.Remediation = "The server may load too many samples for it: shorten spec.usage.window, or raise the server's own limit (Prometheus: --query.max-samples)."
	case v1alpha1.ReasonInvalidResponse:
		gap.Reason = v1alpha1.GapUnreadable
	}
	r.gap(gap)
}

// missed adds checks to the gap of what made the back end not worth asking any more.
func (r *reader) missed(ids []string) {
	if n := len(r.gaps); n > 0 {
		r.gaps[n-1].Checks = distinct(slices.Concat(r.gaps[n-1].Checks, ids))
	}
}

// lacking notes that a metric is not collected.
func (r *reader) lacking(metric string, ids []string) {
	labels := ""
	if len(r.in.Options.MatchLabels) > 0 {
		labels = " and the labels of spec.usage.matchLabels"
	}
	r.gap(facts.Gap{
		Source: "metrics: " + strings.Fields(metric)[0], Checks: distinct(ids), Reason: v1alpha1.GapNotServed,
		Message:     "The metrics back end has no " + metric + labels + ".",
		Remediation: "Let it scrape /metrics/cadvisor of the kubelets, and keep those labels.",
	})
}

// missing notes the workloads that run for longer than a day, and of which too little is known to judge their size.
func (r *reader) missing(used *facts.Usage) {
	g, ids := r.in.Graph, r.wanting(facts.SourceUsage)
	if len(ids) == 0 || !g.Provided(facts.SourceUsage) {
		return
	}
	seen := map[facts.Ref]bool{}
	for i := range used.Containers {
		if c := &used.Containers[i]; c.History >= MinHistory {
			seen[c.Workload] = true
		}
	}
	unseen := map[facts.Ref]bool{}
	for _, pod := range g.Pods {
		old := !pod.Started.IsZero() && g.Now.Sub(pod.Started) > MinHistory+2*recent // of what is younger, the scrapes may have begun later
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
		Source: "metrics: workloads without a day of metrics", Checks: distinct(ids), Reason: v1alpha1.GapIncomplete,
		Message:     fmt.Sprintf("The metrics back end has less than a day of metrics of workloads that run for longer, so their size is not judged: %s.", text.List(labels, maxNames)),
		Remediation: "See whether it scrapes /metrics/cadvisor of all kubelets, and since when.",
	})
}

func (r *reader) gap(gap facts.Gap) { r.gaps = append(r.gaps, gap) }

func distinct(ids []string) []string {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// maxNames of workloads or namespaces in one text.
const maxNames = 5

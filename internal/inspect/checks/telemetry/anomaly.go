package telemetry

import (
	"fmt"
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const anomalyMethod = " The baseline is its own history, by robust statistics: the same hours of earlier weeks with three weeks of " +
	"history, else " +
	"of earlier days, else all of it. docs/trends.md describes the method and its error rate."

func anomalyChecks() []check.Check {
	return []check.Check{
		{
			ID: "error-rate-anomaly", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "Requests fail far more often than usual.",
			Meaning: "For half an hour or longer within the last two hours, the share of requests that end with a server error (HTTP " +
				"5xx, or gRPC Unknown, Internal, Unavailable, DataLoss, DeadlineExceeded) was at least one percentage point above " +
				"the usual share, and at least twice as high." + anomalyMethod,
			Remediation: "Check what changed when it began (a rollout, a dependency, the traffic), and the logs of the " +
				"Pods for the errors.",
			Link: "https://sre.google/sre-book/monitoring-distributed-systems/#xref_monitoring_golden-signals",
			Uses: anomalyKinds(),
			ExplainedBy: slices.Concat(check.WorkloadFailures(), check.ServiceFailures(),
				[]string{"restart-anomaly", "log-new-error", "log-error-surge"}),
			Sources: []facts.Source{facts.SourceErrors},
			Run:     anomalies(facts.AnomalyErrors),
		},
		{
			ID: "latency-anomaly", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "Requests take far longer than usual.",
			Meaning: "For half an hour or longer within the last two hours, the 95th percentile of the response time was at least " +
				"50 % and 50 ms above the usual one." + anomalyMethod,
			Remediation: "Check what changed when it began: a rollout, a slow dependency, CPU throttling, the traffic.",
			Link:        "https://sre.google/sre-book/monitoring-distributed-systems/#xref_monitoring_golden-signals",
			Uses:        anomalyKinds(),
			ExplainedBy: slices.Concat(check.WorkloadFailures(), check.ServiceFailures(),
				[]string{"restart-anomaly", "log-new-error", "log-error-surge"}),
			Sources: []facts.Source{facts.SourceLatency},
			Run:     anomalies(facts.AnomalyLatency),
		},
		{
			ID: "restart-anomaly", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "The containers of a workload restart far more often than usual.",
			Meaning: "In each of the last two hours the containers restarted at least three times, and three times as " +
				"often as usual, counted over all Pods of the workload, including deleted ones." + anomalyMethod,
			Remediation: "Check how the containers ended: `kubectl describe pod <name>` shows the last state, `kubectl " +
				"logs <name> --previous` the last log lines.",
			Link:        "https://kubernetes.io/docs/tasks/debug/debug-application/debug-running-pod/",
			Uses:        anomalyKinds(),
			ExplainedBy: check.PodFailures(),
			Sources:     []facts.Source{facts.SourceRestarts},
			Run:         anomalies(facts.AnomalyRestarts),
		},
	}
}

// anomalyKinds are the kinds to which metrics are joined.
func anomalyKinds() []facts.Kind {
	return []facts.Kind{facts.Pod, facts.Service, facts.Ingress, facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.ReplicaSet}
}

func anomalies(kind facts.AnomalyKind) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, _ check.Params) []check.Finding {
		trends := g.Trends()
		if trends == nil {
			return nil
		}
		var findings []check.Finding
		for _, a := range trends.Anomalies {
			if a.Kind == kind {
				findings = append(findings, anomalyFinding(a))
			}
		}
		return findings
	}
}

func anomalyFinding(a facts.Anomaly) check.Finding {
	words := wordsOf(a.Kind)
	finding := check.Finding{
		Object: a.Object, Discriminator: a.Metric, Message: fmt.Sprintf(words.message, fmt.Sprintf("%s %s", a.Object.Kind, a.Object.Name)),
	}
	if a.Kind == facts.AnomalyErrors && a.Now < 0.05 {
		finding.Severity = v1alpha1.SeverityMedium
	}
	direction := "above"
	if a.Now < a.Usual {
		direction = "below"
	}
	finding.Evidence = []check.Evidence{
		check.FromMetric("%s: %s, usually %s", a.Metric, words.amount(a.Now), words.amount(a.Usual)),
		check.FromMetric("compared by %s over %s", a.Season, span(a.History.Round(time.Hour))),
	}
	if !math.IsInf(a.Score, 0) {
		finding.Evidence[1].Text += fmt.Sprintf("; %s robust deviations %s", figures(math.Min(a.Score, 1000)), direction)
	}
	if a.Lasts > 0 {
		finding.Evidence = append(finding.Evidence, check.FromMetric("for %s", span(a.Lasts.Round(time.Hour))))
	}
	return finding
}

// words of a kind of anomaly: the message about an object, and how its values are written.
type words struct {
	message string
	amount  func(v float64) string
}

func wordsOf(kind facts.AnomalyKind) words {
	in := func(scale float64, unit string) func(float64) string {
		return func(v float64) string { return figures(scale*v) + " " + unit }
	}
	switch kind {
	case facts.AnomalyErrors:
		return words{"Requests to %s fail far more often than usual.", in(100, "%")}
	case facts.AnomalyTrafficDrop:
		return words{"%s gets far fewer requests than usual.", in(1, "a second")}
	case facts.AnomalyTrafficSurge:
		return words{"%s gets far more requests than usual.", in(1, "a second")}
	case facts.AnomalyLatency:
		return words{"Requests to %s take far longer than usual.", in(1000, "ms")}
	case facts.AnomalyCPU:
		return words{"Containers of %s use far more CPU than usual.", in(1, "cores")}
	case facts.AnomalyMemory:
		return words{"Containers of %s use far more memory than usual.", func(v float64) string { return amount(facts.FillSpace, v) }}
	default:
		return words{"Containers of %s restart far more often than usual.", in(1, "an hour")}
	}
}

// figures formats a number with three significant digits.
func figures(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}

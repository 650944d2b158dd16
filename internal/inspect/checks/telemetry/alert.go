package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func alertChecks() []check.Check {
	return []check.Check{
		{
			ID: "alert-firing", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A monitoring alert is firing.",
			Meaning: "The metrics backend reports that the alert is firing. It is reported on the object in its labels; " +
				"once per alert and object, regardless of the number of series. The severity label sets the severity: critical " +
				"and page count as high, because the problem behind the alert may be reported as well. Alerts that always fire " +
				"(Watchdog) are skipped, and so are alerts whose labels name no object that was read. If the whole cluster was " +
				"read, those without an object are reported on the MetricsBackend.",
			Remediation: "Follow the alert's annotations, and the finding that causes it, if any.",
			Link:        "https://prometheus.io/docs/practices/alerting/",
			Uses: []facts.Kind{
				facts.Pod, facts.Node, facts.Namespace, facts.Service, facts.Ingress, facts.Deployment, facts.StatefulSet,
				facts.DaemonSet, facts.ReplicaSet,
				facts.Job, facts.CronJob, facts.PVC, facts.PV, facts.HPA, facts.PDB, facts.ResourceQuota,
			},
			ExplainedBy: causesOfAlerts(),
			Sources:     []facts.Source{facts.SourceAlerts},
			Run:         alertsFiring,
		},
		{
			ID: "scrape-target-down", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A scrape target is down.",
			Meaning: "The last scrape of the target failed: its metrics are missing, and alerts based on them do not " +
				"fire. It is reported on the target's Service or workload. Targets of none that was read are skipped, or if the " +
				"whole cluster was read, reported on the MetricsBackend.",
			Remediation: "Check that the Pods run, and that port, path and scheme of the scrape configuration are " +
				"correct. A NetworkPolicy may block the monitoring.",
			Link: "https://prometheus.io/docs/concepts/jobs_instances/",
			Uses: []facts.Kind{
				facts.Pod,
				facts.Namespace,
				facts.Service,
				facts.Node,
				facts.Deployment,
				facts.StatefulSet,
				facts.DaemonSet,
				facts.ReplicaSet,
			},
			ExplainedBy: slices.Concat(check.WorkloadFailures(), check.ServiceFailures()),
			Sources:     []facts.Source{facts.SourceTargets},
			Run:         targetsDown,
		},
		{
			ID: "alert-rule-failing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "A monitoring rule cannot be evaluated.",
			Meaning: "The metrics backend reports an error for an alerting or recording rule: the alert cannot fire, or " +
				"the recorded series is missing (then low). Rules belong to no namespace, and their errors name series of any: " +
				"they are read only if the whole cluster is.",
			Remediation: "Correct the rule's expression; the evidence has the error.",
			Link:        "https://prometheus.io/docs/prometheus/latest/configuration/recording_rules/",
			Uses:        []facts.Kind{facts.Pod, facts.Node, facts.Namespace},
			Sources:     []facts.Source{facts.SourceRules},
			Run:         rulesFailing,
		},
	}
}

// causesOfAlerts are the findings of which an alert may be a symptom: current failures and exhausted resources of the alert's object
// or its dependencies. Recommendations explain no alert.
func causesOfAlerts() []string {
	return slices.Concat(check.WorkloadFailures(), check.ServiceFailures(), check.NodeFailures(), check.ClaimFailures(), []string{
		"replicaset-unavailable", "cronjob-failing", "cronjob-missed-schedule", "hpa-at-maximum", "hpa-no-metrics", "hpa-target-missing",
		"pdb-blocks-drain", "quota-exhausted", "quota-nearly-used", "ingress-backend-dead", "ingress-backend-missing",
		"apiservice-unavailable",
		"pvc-filling-up", "pvc-nearly-full", "node-disk-filling-up", "error-rate-anomaly", "latency-anomaly", "restart-anomaly",
		"scrape-target-down",
	})
}

func alertsFiring(g *facts.Graph, _ check.Params) []check.Finding {
	alerts := g.Alerts()
	if alerts == nil {
		return nil
	}
	findings := make([]check.Finding, 0, len(alerts.Firing))
	for _, a := range alerts.Firing {
		finding := check.Finding{
			Object: a.Object, Discriminator: a.Name, Severity: alertSeverity(a.Severity),
			Message: fmt.Sprintf("Alert %s is firing for %s %s.", a.Name, a.Object.Kind.Name(), a.Object.Name),
		}
		if a.Object == alerts.Backend {
			finding.APIVersion = backendVersion
			finding.IsRoot = true
			finding.Message = fmt.Sprintf("Alert %s is firing, but its labels match no object that was read.", a.Name)
		}
		for _, text := range a.Summaries {
			finding.Evidence = append(finding.Evidence, check.FromMetric("%s", text))
		}
		finding.Evidence = append(finding.Evidence, check.FromMetric("%s", firing(a)))
		findings = append(findings, finding)
	}
	return findings
}

// firing describes how often, since when and for which labels an alert fires.
func firing(a facts.FiringAlert) string {
	text := "firing"
	if a.Count > 1 {
		text = fmt.Sprintf("firing for %d series", a.Count)
	}
	if !a.Since.IsZero() {
		text += ", since " + a.Since.UTC().Format(time.RFC3339)
	}
	if a.Severity != "" {
		text += "; severity " + a.Severity
	}
	if len(a.Labels) > 0 {
		text += "; " + strings.Join(a.Labels, ", ")
	}
	return text
}

// alertSeverity maps common values of the severity label.
func alertSeverity(label string) v1alpha1.Severity {
	switch strings.ToLower(label) {
	case "critical", "page", "emergency", "fatal", "disaster", "high", "error", "major":
		return v1alpha1.SeverityHigh
	case "minor", "low":
		return v1alpha1.SeverityLow
	case "info", "information", "none", "debug":
		return v1alpha1.SeverityInfo
	default:
		return v1alpha1.SeverityMedium
	}
}

func targetsDown(g *facts.Graph, _ check.Params) []check.Finding {
	alerts := g.Alerts()
	if alerts == nil {
		return nil
	}
	var findings []check.Finding
	for _, target := range alerts.Down {
		finding := check.Finding{
			Object: target.Object, Discriminator: target.Job,
			Message: fmt.Sprintf("Scrape targets of job %s on %s %s are down.", target.Job, target.Object.Kind.Name(),
				target.Object.Name),
		}
		if target.Object == alerts.Backend {
			finding.APIVersion = backendVersion
			finding.IsRoot = true
			finding.Message = fmt.Sprintf("Scrape targets of job %s are down; their labels match no object that was read.", target.Job)
		}
		if target.Job == "" {
			finding.Message = fmt.Sprintf("Scrape targets of %s %s are down.", target.Object.Kind.Name(), target.Object.Name)
		}
		down := fmt.Sprintf("%d down", len(target.Instances)+target.Unnamed)
		if shown := target.Instances[:min(len(target.Instances), 3)]; len(shown) > 0 {
			down += ": " + strings.Join(shown, ", ")
		}
		finding.Evidence = []check.Evidence{check.FromMetric("%s", down)}
		if target.Error != "" {
			finding.Evidence = append(finding.Evidence, check.FromMetric("%s", target.Error))
		}
		findings = append(findings, finding)
	}
	if alerts.MoreDown > 0 && !alerts.Backend.IsZero() {
		findings = append(findings, check.Finding{
			Object: alerts.Backend, APIVersion: backendVersion, Discriminator: "/more",
			Message:     "More scrape targets are down than are listed here.",
			Evidence:    []check.Evidence{check.FromMetric("%d more down", alerts.MoreDown)},
			Remediation: "Open the Targets page of the metrics backend for the full list.",
		})
	}
	return findings
}

func rulesFailing(g *facts.Graph, _ check.Params) []check.Finding {
	alerts := g.Alerts()
	if alerts == nil {
		return nil
	}
	var findings []check.Finding
	for _, rule := range alerts.BrokenRules {
		finding := check.Finding{
			Object: alerts.Backend, APIVersion: backendVersion, Discriminator: rule.Group + "/" + rule.Name,
			Message: fmt.Sprintf("Alert %s of group %s cannot be evaluated and never fires.", rule.Name, rule.Group),
		}
		if !rule.Alerting {
			finding.Severity = v1alpha1.SeverityLow
			finding.Message = fmt.Sprintf("Recording rule %s of group %s cannot be evaluated.", rule.Name, rule.Group)
		}
		if rule.Error != "" {
			finding.Evidence = []check.Evidence{check.FromMetric("%s", rule.Error)}
		}
		findings = append(findings, finding)
	}
	return findings
}

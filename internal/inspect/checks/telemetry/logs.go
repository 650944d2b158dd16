package telemetry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

const logMethod = " Lines are read from the log backend once for all workloads. Numbers, times, addresses, IDs and quoted values are " +
	"masked: " +
	"lines of one log statement become one template, and a stack trace one event. docs/log-analysis.md describes the method, its " +
	"thresholds and limits."

func logChecks() []check.Check {
	return []check.Check{
		{
			ID: "log-new-error", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload logs new errors.",
			Meaning: "In the window of spec.logAnalysis (the last hour), its Pods logged an error at least three times, " +
				"or a fatal one (fatal, panic) once, and never in the baseline (the day before). High for a fatal error, low " +
				"if the workload logged nothing at all in the baseline." + logMethod,
			Remediation: "Check what changed when it began: a rollout, a configuration, a dependency. The examples show " +
				"the error.",
			Link:        "https://kubernetes.io/docs/concepts/cluster-administration/logging/",
			Uses:        logKinds(),
			ExplainedBy: slices.Concat(check.WorkloadFailures(), []string{"pvc-nearly-full", "restart-anomaly"}),
			Sources:     []facts.Source{facts.SourceLogTemplates},
			Run:         newErrors,
		},
		{
			ID: "log-error-surge", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload logs an error far more often than usual.",
			Meaning: "In the window of spec.logAnalysis (the last hour), its Pods logged an error at least ten times, " +
				"three times as often as in 90 % of the equally long periods of the baseline (the day before), and six robust " +
				"deviations above their median." + logMethod,
			Remediation: "Check what changed when it began: the traffic, a rollout, a dependency. The examples show the " +
				"error.",
			Link:        "https://kubernetes.io/docs/concepts/cluster-administration/logging/",
			Uses:        logKinds(),
			ExplainedBy: slices.Concat(check.WorkloadFailures(), []string{"pvc-nearly-full", "restart-anomaly"}),
			Sources:     []facts.Source{facts.SourceLogTemplates},
			Run:         errorSurges,
		},
	}
}

// logKinds are the kinds to which log lines are joined.
func logKinds() []facts.Kind {
	return []facts.Kind{facts.Pod, facts.Deployment, facts.ReplicaSet, facts.StatefulSet, facts.DaemonSet, facts.Job, facts.CronJob}
}

func newErrors(g *facts.Graph, _ check.Params) []check.Finding {
	logs := g.Logs()
	if logs == nil {
		return nil
	}
	var findings []check.Finding
	for _, w := range logs.Workloads {
		if len(w.New) == 0 {
			continue
		}
		finding := check.Finding{
			Object:   w.Workload,
			Message:  fmt.Sprintf("%s %s logs new errors.", w.Workload.Kind, w.Workload.Name),
			Evidence: templateEvidence(w.New, w.MoreNew, func(t facts.LogTemplate) string { return newNumbers(logs, t) }),
		}
		switch {
		case w.New[0].Fatal: // the most severe template comes first
			finding.Severity = v1alpha1.SeverityHigh
			finding.Message = fmt.Sprintf("%s %s logs new fatal errors.", w.Workload.Kind, w.Workload.Name)
		case !w.Known:
			finding.Severity = v1alpha1.SeverityLow
			finding.Message = fmt.Sprintf("%s %s logs errors and logged nothing before.", w.Workload.Kind, w.Workload.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

func errorSurges(g *facts.Graph, _ check.Params) []check.Finding {
	logs := g.Logs()
	if logs == nil {
		return nil
	}
	var findings []check.Finding
	for _, w := range logs.Workloads {
		if len(w.Surging) == 0 {
			continue
		}
		finding := check.Finding{
			Object:   w.Workload,
			Message:  fmt.Sprintf("%s %s logs an error far more often than usual.", w.Workload.Kind, w.Workload.Name),
			Evidence: templateEvidence(w.Surging, w.MoreSurging, func(t facts.LogTemplate) string { return surgeNumbers(logs, t) }),
		}
		if w.Surging[0].Fatal {
			finding.Severity = v1alpha1.SeverityHigh
		}
		findings = append(findings, finding)
	}
	return findings
}

// templateEvidence has one entry for each template: its numbers, its text, and original lines.
func templateEvidence(list []facts.LogTemplate, more int, numbers func(facts.LogTemplate) string) []check.Evidence {
	var evidence []check.Evidence
	for i, t := range list {
		var entry strings.Builder
		entry.WriteString(numbers(t))
		if len(t.Containers) > 0 {
			fmt.Fprintf(&entry, ", in %s %s", phrase.Plural(len(t.Containers), "container", "containers"),
				strings.Join(t.Containers, ", "))
		}
		entry.WriteString(":\n" + t.Text)
		for n, example := range t.Examples {
			if n > 0 && i > 0 {
				break // two examples of the most severe template, one of each other
			}
			entry.WriteString("\nfor example: " + example)
		}
		evidence = append(evidence, check.Evidence{Source: v1alpha1.EvidenceLog, Text: entry.String()})
	}
	if more > 0 {
		evidence = append(evidence, check.Evidence{Source: v1alpha1.EvidenceLog, Text: fmt.Sprintf("and %d other errors", more)})
	}
	return evidence
}

func newNumbers(logs *facts.Logs, t facts.LogTemplate) string {
	return fmt.Sprintf("%s in %s, never in the %s before", howOften(t.Count), length(logs.Window),
		readShare(logs.Baseline, logs.BaselineCovered))
}

func surgeNumbers(logs *facts.Logs, t facts.LogTemplate) string {
	about := ""
	if logs.Covered < 1 {
		about = fmt.Sprintf(" (about %.0f; %d read)", t.Expected, t.Count)
	}
	return fmt.Sprintf("%s in %s%s; usually %s, at most %s in 90 %% of such periods in the %s before",
		howOften(t.Count), length(logs.Window), about, figures(t.Usual), figures(t.Most), readShare(logs.Baseline, logs.BaselineCovered))
}

func howOften(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// readShare formats a duration, and the share of its lines that was read if not all were.
func readShare(d time.Duration, share float64) string {
	if share >= 1 {
		return length(d)
	}
	return fmt.Sprintf("%s (%.2g %% of lines read)", length(d), 100*share)
}

// length formats a duration without zero parts: 1h, 24h, 30m.
func length(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

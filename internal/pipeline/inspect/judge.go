package inspect

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxCauses and maxGaps are shown in a diagnosis: a cause has up to three lines.
	maxCauses = 6
	maxGaps   = 5
)

// judge a report: it fails on new problems, and has no data if gaps could hide some.
func judge(attempt pipeline.Attempt, report *v1alpha1.InspectionReport) pipeline.Observation {
	stage := attempt.Stage.Inspect
	byID := map[string]*v1alpha1.Finding{}
	for i := range report.Findings {
		byID[report.Findings[i].ID] = &report.Findings[i]
	}
	var causes []*v1alpha1.Finding
	count := 0
	for i := range report.Findings {
		f := &report.Findings[i]
		isNew := f.FirstSeen == nil || !f.FirstSeen.Time.Before(attempt.RunStarted)
		if f.ClassOrDefault() != v1alpha1.ClassProblem || f.Severity.Rank() > stage.FailsOn().Rank() || !isNew || !inScope(stage,
			f.Object) {
			continue
		}
		count++
		if cause := rootOf(byID, f); !slices.Contains(causes, cause) {
			causes = append(causes, cause)
		}
	}
	switch gaps := report.NotRead(); {
	case count > 0:
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonNewProblems, Diagnosis: describeCauses(causes),
			Message: fmt.Sprintf("InspectionReport %s has %s of severity %s or higher, first cause: %s %s: %s", report.Name,
				text.CountOf(count, "new problem", "new problems"), stage.FailsOn(), causes[0].Object.Kind, nameOf(causes[0].Object),
				causes[0].Message),
		}
	case len(gaps) > 0:
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonNoData, Diagnosis: describeGaps(gaps),
			Message: fmt.Sprintf("InspectionReport %s has no new problems, but %s that could hide some, first: %s", report.Name,
				text.Count(len(gaps), "gap"), gaps[0].Message),
		}
	case omitsProblems(report):
		return pipeline.Observation{
			State: pipeline.Failed, Reason: v1alpha1.ReasonNoData,
			Message: fmt.Sprintf("InspectionReport %s omits problems, since there are too many for a report", report.Name),
		}
	}
	return pipeline.Observation{
		State: pipeline.Succeeded, Message: fmt.Sprintf("InspectionReport %s has no new problems of severity %s or higher", report.Name,
			stage.FailsOn()),
		Outputs: map[string]string{v1alpha1.OutputReport: report.Name},
	}
}

// inScope reports whether a problem of an object counts.
func inScope(stage *v1alpha1.InspectStage, object v1alpha1.ObjectReference) bool {
	if len(stage.Namespaces)+len(stage.Workloads) == 0 || slices.Contains(stage.Namespaces, object.Namespace) {
		return true
	}
	return slices.Contains(stage.Workloads, v1alpha1.WorkloadReference{Kind: object.Kind, Namespace: object.Namespace, Name: object.Name})
}

// rootOf follows the causes of a finding to the first one that the report has.
func rootOf(byID map[string]*v1alpha1.Finding, f *v1alpha1.Finding) *v1alpha1.Finding {
	for range byID { // a report has no cycle, but it is data
		cause := byID[f.CausedBy]
		if f.CausedBy == "" || cause == nil {
			return f
		}
		f = cause
	}
	return f
}

// omitsProblems reports whether problems did not fit into the report: they come before all recommendations.
func omitsProblems(report *v1alpha1.InspectionReport) bool {
	hasAdvice := slices.ContainsFunc(report.Findings, func(f v1alpha1.Finding) bool {
		return f.ClassOrDefault() == v1alpha1.ClassRecommendation
	})
	return report.Summary.Truncated && !hasAdvice
}

func nameOf(object v1alpha1.ObjectReference) string {
	if object.Namespace == "" {
		return object.Name
	}
	return object.Namespace + "/" + object.Name
}

// describeCauses has the object, the evidence that says most, and the remedy of each cause.
func describeCauses(causes []*v1alpha1.Finding) (lines []string) {
	for _, f := range causes[:min(len(causes), maxCauses)] {
		lines = append(lines, fmt.Sprintf("%s: %s %s: %s (%s)", f.Severity, f.Object.Kind, nameOf(f.Object), oneLine(f.Message), f.Check))
		if source, said := mostTelling(f.Evidence); said != "" {
			lines = append(lines, fmt.Sprintf("  %s: %s", source, said))
		}
		if f.Remediation != "" {
			lines = append(lines, "  fix: "+oneLine(f.Remediation))
		}
	}
	if more := len(causes) - maxCauses; more > 0 {
		lines = append(lines, fmt.Sprintf("and %s", text.CountOf(more, "more cause", "more causes")))
	}
	return lines
}

// mostTelling is the last line of a log, which says why a container ended, or the first evidence in one line.
func mostTelling(evidence []v1alpha1.Evidence) (source v1alpha1.EvidenceSource, said string) {
	for _, e := range evidence {
		if e.Source != v1alpha1.EvidenceLog {
			continue
		}
		text := strings.TrimSpace(e.Text)
		if last := oneLine(text[strings.LastIndexByte(text, '\n')+1:]); last != "" {
			return e.Source, last
		}
	}
	if len(evidence) == 0 {
		return "", ""
	}
	return evidence[0].Source, oneLine(evidence[0].Text)
}

func describeGaps(gaps []v1alpha1.Gap) (lines []string) {
	for _, gap := range gaps[:min(len(gaps), maxGaps)] {
		lines = append(lines, fmt.Sprintf("%s (%s): %s", gap.Source, gap.Reason, oneLine(gap.Message)))
		if gap.Remediation != "" {
			lines = append(lines, "  fix: "+oneLine(gap.Remediation))
		}
	}
	return lines
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

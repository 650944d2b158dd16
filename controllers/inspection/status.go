package inspection

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxRootCauses are the problems that the status names; the report has them all.
	maxRootCauses = 10
	// maxReady is the longest message of Ready for a report, in runes, so that it fits into a column.
	maxReady = 120
	// maxCauseMessage in the status, in runes.
	maxCauseMessage = 256
)

// record puts the result of a finished run into the status.
func record(inspection *v1alpha1.Inspection, run *v1alpha1.InspectionRun, report *v1alpha1.InspectionReport) {
	s := &inspection.Status
	summary := report.Summary
	s.ActiveRun = nil
	s.LastRunGeneration = run.Generation
	switch run.Trigger {
	case triggerRequest:
		s.LastHandledRequest = run.Request
	case triggerSchedule:
		s.LastScheduledTime = run.ScheduledTime
	}
	started := summary.StartTime
	s.LastRunTime = &started
	s.LastReport = report.Name
	s.Changes = &summary.Changes
	recordFindings(inspection, report)
}

// recordFindings puts what was found into the status.
func recordFindings(inspection *v1alpha1.Inspection, report *v1alpha1.InspectionReport) {
	s := &inspection.Status
	summary := report.Summary
	s.Score = summary.Score
	s.Problems = &summary.Problems
	s.Recommendations = &summary.Recommendations
	s.Gaps = summary.Gaps
	s.RootCauses = nil
	for _, f := range report.Findings {
		if f.CausedBy == "" && f.IsProblem() && len(s.RootCauses) < maxRootCauses {
			s.RootCauses = append(s.RootCauses, v1alpha1.RootCause{
				ID: f.ID, Check: f.Check, Severity: f.Severity, Object: objectText(f.Object), Affects: f.Affects,
				Message: text.Clip(f.Message, maxCauseMessage),
			})
		}
	}
}

func objectText(o v1alpha1.ObjectReference) string {
	if o.Namespace == "" {
		return o.Kind + "/" + o.Name
	}
	return o.Kind + "/" + o.Namespace + "/" + o.Name
}

// conclude sets Ready: True if the run read all that it was to inspect, and else False with the first thing that it did not read.
// Gaps that are optional stay out of the message, which has to fit into a column; the report has them.
func conclude(conditions outcome.Conditions, report *v1alpha1.InspectionReport) {
	if report.Summary.Complete() {
		conditions.Succeeded(render.Headline(report.Summary))
		return
	}
	conditions.Incomplete(v1alpha1.ReasonIncomplete, missing(report))
}

// missing names the first thing that an incomplete run did not read, and counts the others.
func missing(report *v1alpha1.InspectionReport) string {
	first := "a part of the cluster"
	if gaps := report.NotRead(); len(gaps) > 0 {
		first = fmt.Sprintf("%s (%s)", gaps[0].Source, gaps[0].Reason)
	}
	line := ""
	if more := int(report.Summary.RequiredGaps) - 1; more > 0 {
		line = fmt.Sprintf(" and %s", text.Count(more, "more gap"))
	}
	line += "; no score; " + render.Headline(report.Summary)
	const prefix = "not read: "
	return prefix + text.Clip(first, maxReady-len(prefix)-len(line)) + line
}

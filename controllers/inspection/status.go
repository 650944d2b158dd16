package inspection

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxRootCauses are the problems that the status names; the report has them all.
	maxRootCauses = 10
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
	s.Score = &summary.Score
	s.Problems = &summary.Problems
	s.Recommendations = &summary.Recommendations
	s.Changes = &summary.Changes
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

// summarize is a report in one short line, for the column that `kubectl get` shows.
func summarize(report *v1alpha1.InspectionReport) string {
	s := report.Summary
	line := render.Headline(s)
	if s.Gaps > 0 {
		line += ", " + text.Count(int(s.Gaps), "gap")
	}
	return line
}

package message

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Verify renders the templates of the spec on sample reports: every kind of message that the mode and the filter allow. A template that
// fails on them would fail on the first real report. Errors are problems that name the field and the line. Templates that need more than
// the limits allow only for a large report still fail then.
func (c *Composer) Verify(ctx context.Context) error {
	if c.spec.Template.Title == "" && c.spec.Template.Text == "" {
		return nil
	}
	report := sampleReport()
	active, fixed := sampleFindings(report)
	if !c.spec.Filter.IncludesFixed() && !c.alerts {
		fixed = nil
	}
	base := notify.Message{
		Key: string(report.UID), Event: notify.EventReport, Time: report.Summary.StartTime.UTC(), Namespace: report.Namespace,
		Inspection: report.Summary.Inspection, Report: report.Name, URL: c.link(report.Namespace, report.Name, ""),
	}
	var messages []notify.Message
	if c.spec.Mode == v1alpha1.DeliverEach && !c.alerts {
		messages = c.onePerFinding(base, active, fixed)
	} else {
		messages = []notify.Message{digest(base, active, fixed), digest(base, active, nil)}
		if len(fixed) > 0 {
			messages = append(messages, digest(base, nil, fixed))
		}
	}
	return c.render(ctx, messages, report)
}

// sampleReport is a report with a problem, a recommendation and a fixed problem.
func sampleReport() *v1alpha1.InspectionReport {
	score := int32(90)
	return &v1alpha1.InspectionReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "sample-g1-00000", UID: "sample"},
		Summary: v1alpha1.ReportSummary{
			Inspection: "sample", StartTime: metav1.NewTime(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)), Score: &score,
			Problems: v1alpha1.RootCauseCounts{Total: 1}, Recommendations: v1alpha1.RootCauseCounts{Total: 1},
		},
	}
}

// sampleFindings of a report, active and fixed.
func sampleFindings(report *v1alpha1.InspectionReport) (active, fixed []notify.Finding) {
	seen := report.Summary.StartTime.UTC()
	problem := notify.Finding{
		ID: "f1", Check: "service-without-endpoints", Category: v1alpha1.CategoryReliability, Class: v1alpha1.ClassProblem,
		Severity: v1alpha1.SeverityHigh, State: string(v1alpha1.FindingNew), FirstSeen: &seen, Affects: 1,
		Object:  v1alpha1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "cart"},
		Message: "no Pod matches the selector app=cart", Remediation: "Correct the selector.", Explanation: "The label was renamed.",
	}
	advice := problem
	advice.ID = "f2"
	advice.Class = v1alpha1.ClassRecommendation
	advice.Severity = v1alpha1.SeverityLow
	advice.Affects = 0
	advice.Check = "service-unused"
	advice.Message = "no Pod names it"
	gone := problem
	gone.ID = "f3"
	gone.State = "fixed"
	gone.FirstSeen = nil
	gone.Remediation = ""
	gone.Explanation = ""
	return []notify.Finding{problem, advice}, []notify.Finding{gone}
}

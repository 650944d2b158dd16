package inspection

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// maxRootCauses that the status names; the report has them all.
	maxRootCauses = 10
	// maxCauseMessage in the status, in runes.
	maxCauseMessage = 256
)

// record puts the result of a finished run into the status.
func record(i *v1alpha1.Inspection, run *v1alpha1.InspectionRun, report *v1alpha1.InspectionReport) {
	s, summary := &i.Status, report.Summary
	s.ActiveRun = nil
	s.LastRunGeneration = run.Generation
	switch run.Trigger {
	case triggerRequest:
		s.LastHandledRequest = run.Request
	case triggerSchedule:
		s.LastScheduledTime = run.ScheduledTime
	}
	started := summary.StartTime
	s.LastRunTime, s.LastReport = &started, report.Name
	score, counts, changes := summary.Score, summary.Counts, summary.Changes
	s.Score, s.Counts, s.Changes, s.Gaps = &score, &counts, &changes, summary.Gaps
	s.RootCauses = nil
	for _, f := range report.Findings {
		if f.CausedBy == "" && len(s.RootCauses) < maxRootCauses {
			s.RootCauses = append(s.RootCauses, v1alpha1.RootCause{
				ID: f.ID, Check: f.Check, Severity: f.Severity, Object: objectText(f.Object), Message: clip(f.Message), Affects: f.Affects,
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

func clip(message string) string {
	runes := []rune(message)
	if len(runes) <= maxCauseMessage {
		return message
	}
	return string(runes[:maxCauseMessage-3]) + "..."
}

// verdict is a report in one short line, for the column that `kubectl get` shows.
func verdict(report *v1alpha1.InspectionReport) string {
	s := report.Summary
	text := "nothing found"
	if s.RootCauses > 0 {
		text = fmt.Sprintf("%s, %s", count(s.RootCauses, "root cause"), count(s.Counts.Total(), "finding"))
	}
	if s.Gaps > 0 {
		text += ", " + count(s.Gaps, "gap")
	}
	return text
}

func count(n int32, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// idle sets the conditions of an Inspection that has nothing to do now.
func (r *Reconciler) idle(i *v1alpha1.Inspection) {
	conditions := r.conditions(i)
	if i.Spec.Suspend {
		i.Status.NextRunTime = nil
		conditions.Suspended("spec.suspend is set: no runs until it is taken away")
		return
	}
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	if ready != nil && ready.Status == metav1.ConditionTrue {
		conditions.Succeeded(ready.Message) // of this generation too: nothing of it is left to do
		return
	}
	// The last run was carried out and a problem since then, such as a suspension or a bad schedule, is gone.
	conditions.Succeeded(strings.TrimSpace("last report " + i.Status.LastReport))
}

// setNext records when the schedule is due next.
func setNext(i *v1alpha1.Inspection, next time.Time) {
	i.Status.NextRunTime = nil
	if !next.IsZero() {
		at := metav1.NewTime(next.UTC())
		i.Status.NextRunTime = &at
	}
}

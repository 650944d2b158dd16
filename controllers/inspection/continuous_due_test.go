package inspection

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/runner"
)

func TestAContinuousReportIsDue(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		interval  time.Duration
		last      time.Duration // before now; 0 without a report
		changes   v1alpha1.ChangeCounts
		compared  string
		scheduled time.Duration // after now
		want      bool
		wait      time.Duration
	}{
		"no report yet":                       {want: true},
		"nothing has changed":                 {last: time.Hour, compared: "r1"},
		"a finding is new":                    {last: time.Hour, compared: "r1", changes: v1alpha1.ChangeCounts{New: 1}, want: true},
		"a finding is fixed":                  {last: time.Hour, compared: "r1", changes: v1alpha1.ChangeCounts{Fixed: 1}, want: true},
		"compared with an older report":       {last: time.Hour, compared: "r0", changes: v1alpha1.ChangeCounts{New: 1}},
		"within the default interval":         {last: 20 * time.Second, compared: "r1", changes: v1alpha1.ChangeCounts{New: 1}, wait: 40 * time.Second},
		"within an interval of its own":       {interval: time.Hour, last: 59 * time.Minute, compared: "r1", changes: v1alpha1.ChangeCounts{New: 1}, wait: time.Minute},
		"the schedule is before the interval": {last: 20 * time.Second, compared: "r1", changes: v1alpha1.ChangeCounts{New: 1}, scheduled: time.Second, wait: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			i := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Name: "i", UID: "u"}}
			if tc.interval > 0 {
				i.Spec.MinInterval = &metav1.Duration{Duration: tc.interval}
			}
			if tc.last > 0 {
				at := metav1.NewTime(now.Add(-tc.last))
				i.Status.LastReport = "r1"
				i.Status.LastRunTime = &at
			}
			var p plan
			if tc.scheduled > 0 {
				p.next = now.Add(tc.scheduled)
			}
			latest := &runner.Judgement{
				For:    runner.Wanted{Previous: tc.compared},
				Report: &v1alpha1.InspectionReport{Summary: v1alpha1.ReportSummary{Changes: tc.changes}},
			}
			run, wait := dueContinuously(i, p, latest, now)
			if (run != nil) != tc.want || wait != tc.wait {
				t.Errorf("run %+v, wait %s; want %v and %s", run, wait, tc.want, tc.wait)
			}
			again, _ := dueContinuously(i, p, latest, now.Add(time.Second))
			if run != nil && run.Report != again.Report {
				t.Errorf("the name of the report changes with time: %s, %s", run.Report, again.Report)
			}
		})
	}
}

package inspection

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/schedule"
)

func TestASpecBeyondALimitIsNotRun(t *testing.T) {
	l := limits.Limits{
		MinScheduleInterval: 10 * time.Minute, MaxRunTimeout: 15 * time.Minute, MaxKeepReports: 20, MaxLogLines: 300_000,
	}
	lines := func(n int32) *v1alpha1.LogAnalysis { return &v1alpha1.LogAnalysis{MaxLines: ptr.To(n)} }
	for name, tc := range map[string]struct {
		spec v1alpha1.InspectionSpec
		want string
	}{
		"nothing set":                       {},
		"at every limit":                    {spec: v1alpha1.InspectionSpec{Schedule: "@every 10m", KeepReports: 20, LogAnalysis: lines(300_000)}},
		"each second":                       {v1alpha1.InspectionSpec{Schedule: "@every 1s"}, `the interval of spec.schedule "@every 1s" is 1s, below the minimum of 10m (limits.minScheduleInterval in the manager's configuration); set at least 10m`},
		"each minute":                       {v1alpha1.InspectionSpec{Schedule: "* * * * *"}, `the interval of spec.schedule "* * * * *" is 1m, below the minimum of 10m`},
		"twice a year":                      {v1alpha1.InspectionSpec{Schedule: "0,5 0 1 1 *"}, "is 5m, below"},
		"over midnight":                     {v1alpha1.InspectionSpec{Schedule: "2,58 0,23 10,11 2 *"}, "is 4m, below"},
		"around midnight":                   {spec: v1alpha1.InspectionSpec{Schedule: "2 0,23 * * *"}},
		"an hour apart":                     {spec: v1alpha1.InspectionSpec{Schedule: "@hourly"}},
		"a leap day":                        {spec: v1alpha1.InspectionSpec{Schedule: "0 0 29 2 *"}},
		"an hour that is skipped in spring": {spec: v1alpha1.InspectionSpec{Schedule: "55 1,3 * * *", TimeZone: "Europe/Berlin"}},
		"no schedule at all":                {spec: v1alpha1.InspectionSpec{Schedule: "every now and then"}},
		"a long run":                        {v1alpha1.InspectionSpec{Timeout: &metav1.Duration{Duration: time.Hour}}, "spec.timeout is 1h, above the maximum of 15m (limits.maxRunTimeout"},
		"many reports":                      {v1alpha1.InspectionSpec{KeepReports: 100}, "spec.keepReports is 100, above the maximum of 20 (limits.maxKeepReports"},
		"many lines":                        {v1alpha1.InspectionSpec{LogAnalysis: lines(5_000_000)}, "spec.logAnalysis.maxLines is 5000000, above the maximum of 300000 (limits.maxLogLines"},
	} {
		t.Run(name, func(t *testing.T) {
			i := &v1alpha1.Inspection{Spec: tc.spec, ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.Now()}}
			p := exceeded(i, l)
			switch {
			case tc.want == "" && p != nil:
				t.Errorf("got %q, want nothing", p.Message)
			case tc.want != "" && (p == nil || !strings.Contains(p.Message, tc.want) || p.Reason != v1alpha1.ReasonLimitExceeded):
				t.Errorf("got %+v, want %q", p, tc.want)
			}
			if p := exceeded(i, limits.Limits{}); p != nil {
				t.Errorf("without limits: %q", p.Message)
			}
		})
	}
}

// TestAHostileScheduleIsCheckedInFewSteps: the check has a bound of its own, whatever a schedule says.
func TestAHostileScheduleIsCheckedInFewSteps(t *testing.T) {
	for _, expression := range []string{"*/59 * * * *", "0 0 29 2 *", "0-59/58 0-23/22 29 2 *", "0 0 1-31 1-12 0-6"} {
		times, err := schedule.Parse(specOf(v1alpha1.InspectionSpec{Schedule: expression, TimeZone: "Australia/Lord_Howe"}, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if got := schedule.Shortest(times, 24*time.Hour); got <= 0 {
			t.Errorf("%s: %v", expression, got)
		}
	}
}

func TestAScheduleBelowTheFloorStallsUntilItIsChanged(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "@every 1s"})
	r := w.reconciler(func(s *setup) { s.env.Limits.MinScheduleInterval = time.Minute })
	if _, err := w.Reconcile(r); problem.As(err) == nil {
		t.Errorf("got %v, want a terminal problem", err)
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonLimitExceeded, "limits.minScheduleInterval")
	if i := w.Get(); i.Status.NextRunTime != nil || len(w.Reports()) != 0 {
		t.Errorf("next run %v, %d reports", i.Status.NextRunTime, len(w.Reports()))
	}
	w.Request("now") // does not get around the limit
	_, _ = w.Reconcile(r)
	if len(w.Reports()) != 0 {
		t.Errorf("%d reports", len(w.Reports()))
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Schedule = "@every 1m" })
	w.Settle(r)
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "")
}

func TestRunsBeyondTheQuotaOfAnHourWait(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	r := w.reconciler(func(s *setup) { s.env.Quotas.RunsPerHour = 2 })
	w.Settle(r)
	w.Clock.SetTime(w.Clock.Now().Add(50 * time.Minute))
	w.Request("second")
	w.Settle(r)
	w.Request("third")
	result := w.Settle(r)
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded,
		"its quota of 2 runs per hour (quotas.runsPerHour in the manager's configuration)")
	if n := len(w.Reports()); n != 2 || result.RequeueAfter != 10*time.Minute {
		t.Errorf("%d reports, next look after %v", n, result.RequeueAfter)
	}
	w.Clock.SetTime(w.Clock.Now().Add(10 * time.Minute))
	w.Settle(r)
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "")
	if n := len(w.Reports()); n != 3 {
		t.Errorf("%d reports, want 3", n)
	}
}

func TestTheQuotaOfAnHourIsSharedInOrderWithinItsNamespace(t *testing.T) {
	q := newRunQuota(3)
	now := time.Unix(1_700_000_000, 0)
	wait := func(namespace string, n int, at time.Time) time.Duration {
		t.Helper()
		key := client.ObjectKey{Namespace: namespace, Name: fmt.Sprint(n)}
		p := problem.As(q.take(key, &v1alpha1.Inspection{}, at))
		if p == nil {
			return 0
		}
		return q.reserved[key].Sub(at)
	}
	for n := range 3 {
		if got := wait("a", n, now.Add(time.Duration(n)*time.Minute)); got != 0 {
			t.Errorf("run %d waits %v", n, got)
		}
	}
	later := now.Add(10 * time.Minute)
	for n, want := range []time.Duration{50 * time.Minute, 51 * time.Minute, 52 * time.Minute, 110 * time.Minute} {
		if got := wait("a", 10+n, later); got != want {
			t.Errorf("run %d waits %v, want %v", n, got, want)
		}
		if got := wait("a", 10+n, later); got != want {
			t.Errorf("run %d waits %v after another look, want %v", n, got, want)
		}
	}
	if got := wait("b", 0, later); got != 0 {
		t.Errorf("another namespace waits %v", got)
	}
	if got := wait("a", 11, later.Add(51*time.Minute)); got != 0 {
		t.Errorf("its time has come, and it waits %v", got)
	}
	started := &v1alpha1.Inspection{Status: v1alpha1.InspectionStatus{ActiveRun: &v1alpha1.InspectionRun{}}}
	if err := q.take(client.ObjectKey{Namespace: "a", Name: "interrupted"}, started, later); err != nil {
		t.Errorf("a run that was interrupted is counted again: %v", err)
	}
	q.forget(client.ObjectKey{Namespace: "a", Name: "10"})
	if len(q.reserved) != 2 {
		t.Errorf("reserved: %v", q.reserved)
	}
}

// TestUndeliveredReportsAreBounded: a channel that accepts nothing keeps some reports for a day, and not all.
func TestUndeliveredReportsAreBounded(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Create(&v1alpha1.NotificationChannel{ObjectMeta: w.Meta("down"), Spec: v1alpha1.NotificationChannelSpec{
		Type: v1alpha1.ChannelWebhook, Webhook: &v1alpha1.WebhookReceiver{URL: "http://x/"},
	}})
	w.Inspection(v1alpha1.InspectionSpec{KeepReports: 1, Channels: []v1alpha1.LocalReference{{Name: "down"}}})
	r := w.reconciler()
	w.Settle(r)
	first := w.Newest()
	for n := range v1alpha1.MaxUndelivered + 1 {
		report := first.DeepCopy()
		report.ObjectMeta = metav1.ObjectMeta{
			Namespace: w.Namespace, Name: fmt.Sprintf("i-old-%03d", n), Labels: first.Labels, OwnerReferences: first.OwnerReferences,
		}
		w.Create(report)
	}
	w.Told()
	w.Request("once more")
	w.Settle(r)
	if n := len(w.Reports()); n != v1alpha1.MaxUndelivered+1 {
		t.Errorf("%d reports, want %d and the newest", n, v1alpha1.MaxUndelivered)
	}
	told := strings.Join(w.Told(), "\n")
	if !strings.Contains(told, corev1.EventTypeWarning+" ReportNotDelivered") ||
		!strings.Contains(told, "because 100 newer ones wait for delivery") {
		t.Errorf("events:\n%s", told)
	}
}

func TestAReportOfAContinuousInspectionIsCountedOnce(t *testing.T) {
	q := newRunQuota(2)
	key := client.ObjectKey{Namespace: "a", Name: "i"}
	now := time.Unix(0, 0)
	for i, step := range []struct {
		report string
		waits  bool
	}{{"r1", false}, {"r1", false}, {"r2", false}, {"r2", false}, {"r3", true}, {"r3", true}} {
		if err := q.takeFor(key, &v1alpha1.Inspection{}, step.report, now); (err != nil) != step.waits {
			t.Errorf("step %d: error %v", i, err)
		}
	}
	if err := q.takeFor(key, &v1alpha1.Inspection{}, "r3", now.Add(time.Hour)); err != nil {
		t.Error("after an hour:", err)
	}
}

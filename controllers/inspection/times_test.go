package inspection

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
)

func TestAScheduleRunsAtItsTimesAndSaysTheNext(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h"})
	r := w.reconciler()
	created := w.Get().CreationTimestamp.Time
	w.Clock.SetTime(created.Add(55 * time.Minute))
	result := w.Settle(r) // waits for the first time
	i := w.Get()
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonScheduled,
		"first run at "+created.Add(time.Hour).UTC().Format(time.RFC3339))
	if result.RequeueAfter != 5*time.Minute || !i.Status.NextRunTime.Time.Equal(created.Add(time.Hour)) || len(w.Reports()) != 0 {
		t.Errorf("looks again after %s, next run %s, %d reports", result.RequeueAfter, i.Status.NextRunTime, len(w.Reports()))
	}
	w.Clock.SetTime(created.Add(3*time.Hour + time.Minute)) // two were missed
	w.Settle(r)
	result = w.Settle(r)
	i = w.Get()
	if len(w.Reports()) != 1 || !i.Status.LastScheduledTime.Time.Equal(created.Add(3*time.Hour)) ||
		!i.Status.NextRunTime.Time.Equal(created.Add(4*time.Hour)) {
		t.Errorf("%d reports, last scheduled %s, next %s", len(w.Reports()), i.Status.LastScheduledTime, i.Status.NextRunTime)
	}
	if result.RequeueAfter != maxSleep {
		t.Errorf("sleeps for %s; a clock that is set meanwhile would not be noticed", result.RequeueAfter)
	}
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
	name := i.Status.LastReport
	want := "i-" + created.Add(3*time.Hour).UTC().Format("20060102t1504")
	if !strings.HasPrefix(name, want) {
		t.Errorf("report %s, want a name that begins with %s", name, want)
	}
	w.Clock.SetTime(created.Add(2 * time.Hour)) // the clock jumps back
	w.Settle(r)
	if n := len(w.Reports()); n != 1 {
		t.Errorf("%d reports after the clock jumped back, want 1", n)
	}
}

func TestAScheduleOfATimeZoneRunsAtItsHour(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "30 6 * * *", TimeZone: "Asia/Kolkata"}) // 01:00 UTC, the whole year
	r := w.reconciler()
	tomorrow := w.Get().CreationTimestamp.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	w.Clock.SetTime(tomorrow.Add(time.Hour - time.Second))
	w.Settle(r)
	before := len(w.Reports())
	w.Clock.SetTime(tomorrow.Add(time.Hour))
	w.Settle(r)
	if i := w.Get(); len(w.Reports()) != before+1 || !i.Status.LastScheduledTime.Time.Equal(tomorrow.Add(time.Hour)) {
		t.Errorf("%d reports, then %d; last scheduled %s", before, len(w.Reports()), i.Status.LastScheduledTime)
	}
}

func TestASpecWithAScheduleIsCheckedWhenItChangesAndRunAtItsTime(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "0 0 1 1 *"})
	r := w.reconciler()
	w.Settle(r)
	w.Change(func(i *v1alpha1.Inspection) {
		i.Spec.Checks = &v1alpha1.CheckSelection{Include: []string{"no-such-check"}}
	})
	if _, err := w.Reconcile(r); err == nil {
		t.Error("want an error of the unknown check")
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonUnknownCheck, "no-such-check")
	w.Change(func(i *v1alpha1.Inspection) {
		i.Spec.Checks = nil
		i.Spec.ServiceAccountName = "missing"
	})
	if result, err := w.Reconcile(r); err != nil || result.RequeueAfter != time.Minute {
		t.Errorf("got %v, %v; want to look again in a minute", result, err)
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound, "missing")
	w.Create(&corev1.ServiceAccount{ObjectMeta: w.Meta("missing")})
	w.Settle(r)
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonScheduled, "first run at ")
	if n := len(w.Reports()); n != 0 {
		t.Errorf("%d reports before the schedule was due", n)
	}
}

func TestARequestRunsAScheduledInspectionNow(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "0 0 1 1 *"})
	r := w.reconciler()
	long := strings.Repeat("please ", 1000)
	for n, value := range []string{"a", "b", long, long + "!", "a"} {
		w.Request(value)
		w.Settle(r)
		w.Settle(r)
		if got := len(w.Reports()); got != min(n+1, 4) { // the name of a request's report follows from its value
			t.Errorf("%d reports after request %d", got, n)
		}
	}
	if i := w.Get(); i.Status.LastHandledRequest != "a" || i.Status.LastScheduledTime != nil {
		t.Errorf("handled %q, last scheduled %v", i.Status.LastHandledRequest, i.Status.LastScheduledTime)
	}
}

func TestASuspendedInspectionRestsAndKeepsWhatItHas(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Suspend: true})
	w.Request("while suspended")
	w.Settle(w.reconciler())
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonSuspended, "spec.suspend")
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = false })
	w.Settle(w.reconciler())
	w.Change(func(i *v1alpha1.Inspection) {
		i.Spec.Suspend = true
		i.Spec.Schedule = "@hourly"
	})
	w.Clock.SetTime(w.Clock.Now().Add(48 * time.Hour))
	w.Settle(w.reconciler())
	i := w.Get()
	testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
	if len(w.Reports()) != 1 || i.Status.NextRunTime != nil {
		t.Errorf("%d reports, next %v", len(w.Reports()), i.Status.NextRunTime)
	}
}

func TestSuspendingCallsOffARunThatWasCutOff(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	if _, err := w.Reconcile(w.reconciler(crashing)); err == nil {
		t.Fatal("the run was not stopped")
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = true })
	w.Settle(w.reconciler())
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonSuspended, "spec.suspend")
	if run := w.Get().Status.ActiveRun; run != nil {
		t.Errorf("still under way: %+v", run)
	}
	w.Change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = false })
	w.Settle(w.reconciler())
	if n := len(w.Reports()); n != 1 {
		t.Errorf("%d reports after resumption, want 1", n)
	}
}

func TestResumingRunsTheLatestRequestAndTheLatestScheduledTime(t *testing.T) {
	for name, tc := range map[string]struct {
		schedule string
		reports  int
	}{
		"with a schedule, one run each":       {"@hourly", 2},
		"without one, the change serves both": {"", 1},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			w.Inspection(v1alpha1.InspectionSpec{Suspend: true, Schedule: tc.schedule})
			for _, request := range []string{"first", "second"} {
				w.Request(request)
				w.Settle(w.reconciler())
			}
			w.Clock.SetTime(w.Clock.Now().Add(48 * time.Hour))
			w.Settle(w.reconciler())
			if i := w.Get(); len(w.Reports()) != 0 || i.Status.LastHandledRequest != "" {
				t.Fatalf("while suspended: %d reports, handled %q", len(w.Reports()), i.Status.LastHandledRequest)
			}
			w.Change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = false })
			w.Settle(w.reconciler())
			w.Settle(w.reconciler())
			if i := w.Get(); len(w.Reports()) != tc.reports || i.Status.LastHandledRequest != "second" ||
				(i.Status.LastScheduledTime != nil) != (tc.schedule != "") {
				t.Errorf("resumed: %d reports, status %+v", len(w.Reports()), i.Status)
			}
		})
	}
}

package inspection

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestAScheduleRunsAtItsTimesAndSaysTheNext(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h"})
	r := w.reconciler()
	created := w.get().CreationTimestamp.Time
	w.clock.SetTime(created.Add(55 * time.Minute))
	result := w.settle(r) // waits for the first time
	i := w.get()
	wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonScheduled, "first run at "+created.Add(time.Hour).UTC().Format(time.RFC3339))
	if result.RequeueAfter != 5*time.Minute || !i.Status.NextRunTime.Time.Equal(created.Add(time.Hour)) || len(w.reports()) != 0 {
		t.Errorf("looks again after %s, next run %s, %d reports", result.RequeueAfter, i.Status.NextRunTime, len(w.reports()))
	}
	w.clock.SetTime(created.Add(3*time.Hour + time.Minute)) // two were missed
	w.settle(r)
	result = w.settle(r)
	i = w.get()
	if len(w.reports()) != 1 || !i.Status.LastScheduledTime.Time.Equal(created.Add(3*time.Hour)) || !i.Status.NextRunTime.Time.Equal(created.Add(4*time.Hour)) {
		t.Errorf("%d reports, last scheduled %s, next %s", len(w.reports()), i.Status.LastScheduledTime, i.Status.NextRunTime)
	}
	if result.RequeueAfter != longestSleep {
		t.Errorf("sleeps for %s; a clock that is set meanwhile would not be noticed", result.RequeueAfter)
	}
	wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
	if name, want := i.Status.LastReport, "i-"+created.Add(3*time.Hour).UTC().Format("20060102t1504"); !strings.HasPrefix(name, want) {
		t.Errorf("report %s, want a name that begins with %s", name, want)
	}
	w.clock.SetTime(created.Add(2 * time.Hour)) // the clock jumps back
	w.settle(r)
	if n := len(w.reports()); n != 1 {
		t.Errorf("%d reports after the clock jumped back, want 1", n)
	}
}

func TestAScheduleOfATimeZoneRunsAtItsHour(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "30 6 * * *", TimeZone: "Asia/Kolkata"}) // 01:00 UTC, the whole year
	r := w.reconciler()
	tomorrow := w.get().CreationTimestamp.UTC().Truncate(24 * time.Hour).Add(24 * time.Hour)
	w.clock.SetTime(tomorrow.Add(time.Hour - time.Second))
	w.settle(r)
	before := len(w.reports())
	w.clock.SetTime(tomorrow.Add(time.Hour))
	w.settle(r)
	if i := w.get(); len(w.reports()) != before+1 || !i.Status.LastScheduledTime.Time.Equal(tomorrow.Add(time.Hour)) {
		t.Errorf("%d reports, then %d; last scheduled %s", before, len(w.reports()), i.Status.LastScheduledTime)
	}
}

func TestASpecWithAScheduleIsCheckedWhenItChangesAndRunAtItsTime(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "0 0 1 1 *"})
	r := w.reconciler()
	w.settle(r)
	w.change(func(i *v1alpha1.Inspection) {
		i.Spec.Checks = &v1alpha1.CheckSelection{Include: []string{"no-such-check"}}
	})
	if _, err := w.reconcile(r); err == nil {
		t.Error("want an error of the unknown check")
	}
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonUnknownCheck, "no-such-check")
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Checks, i.Spec.ServiceAccountName = nil, "somebody" })
	if result, err := w.reconcile(r); err != nil || result.RequeueAfter != time.Minute {
		t.Errorf("got %v, %v; want to look again in a minute", result, err)
	}
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound, "somebody")
	w.create(&corev1.ServiceAccount{ObjectMeta: w.meta("somebody")})
	w.settle(r)
	wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonScheduled, "first run at ")
	if n := len(w.reports()); n != 0 {
		t.Errorf("%d reports before the schedule was due", n)
	}
}

func TestARequestRunsAScheduledInspectionNow(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "0 0 1 1 *"})
	r := w.reconciler()
	long := strings.Repeat("please ", 1000)
	for n, value := range []string{"a", "b", long, long + "!", "a"} {
		w.request(value)
		w.settle(r)
		w.settle(r)
		if got := len(w.reports()); got != min(n+1, 4) { // the name of a request's report follows from its value
			t.Errorf("%d reports after request %d", got, n)
		}
	}
	if i := w.get(); i.Status.LastHandledRequest != "a" || i.Status.LastScheduledTime != nil {
		t.Errorf("handled %q, last scheduled %v", i.Status.LastHandledRequest, i.Status.LastScheduledTime)
	}
}

func TestASuspendedInspectionRestsAndKeepsWhatItHas(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Suspend: true})
	w.request("while suspended")
	w.settle(w.reconciler())
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSuspended, "spec.suspend")
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = false })
	w.settle(w.reconciler())
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Suspend, i.Spec.Schedule = true, "@hourly" })
	w.clock.SetTime(w.clock.Now().Add(48 * time.Hour))
	w.settle(w.reconciler())
	i := w.get()
	wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
	if len(w.reports()) != 1 || i.Status.NextRunTime != nil {
		t.Errorf("%d reports, next %v", len(w.reports()), i.Status.NextRunTime)
	}
}

func TestSuspendingCallsOffARunThatWasCutOff(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{})
	if _, err := w.reconcile(w.reconciler(crashing)); err == nil {
		t.Fatal("the run was not stopped")
	}
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = true })
	w.settle(w.reconciler())
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSuspended, "spec.suspend")
	if run := w.get().Status.ActiveRun; run != nil {
		t.Errorf("still under way: %+v", run)
	}
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = false })
	w.settle(w.reconciler())
	if n := len(w.reports()); n != 1 {
		t.Errorf("%d reports after resumption, want 1", n)
	}
}

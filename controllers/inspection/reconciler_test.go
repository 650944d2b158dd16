package inspection

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
)

// conforms checks what every settled status must be: all conditions and the status speak of the newest generation, Ready is
// there, and Reconciling and Stalled are never both.
func conforms(t *testing.T, i *v1alpha1.Inspection) {
	t.Helper()
	if i.Status.ObservedGeneration != i.Generation {
		t.Errorf("observedGeneration is %d, the generation %d", i.Status.ObservedGeneration, i.Generation)
	}
	for _, c := range i.Status.Conditions {
		if c.ObservedGeneration != i.Generation {
			t.Errorf("condition %s speaks of generation %d, want %d", c.Type, c.ObservedGeneration, i.Generation)
		}
	}
	reconciling := meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionReconciling)
	stalled := meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionStalled)
	ready := meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionReady)
	if meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady) == nil || reconciling && stalled || ready && (reconciling || stalled) {
		t.Errorf("conditions contradict each other: %+v", i.Status.Conditions)
	}
}

// wantReady checks the Ready condition by status, reason and a part of its message.
func wantReady(t *testing.T, i *v1alpha1.Inspection, status metav1.ConditionStatus, reason, message string) {
	t.Helper()
	conforms(t, i)
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	if ready == nil || ready.Status != status || ready.Reason != reason || !strings.Contains(ready.Message, message) {
		t.Errorf("Ready is %+v, want %s, %s and %q", ready, status, reason, message)
	}
}

func TestAnInspectionRunsOnceForEachGenerationAndRequest(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.lostService("lost")
	w.inspection(v1alpha1.InspectionSpec{})
	r := w.reconciler()

	w.settle(r)
	w.settle(r)
	i := w.get()
	wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 root cause, 1 finding")
	if n := len(w.reports()); n != 1 {
		t.Fatalf("%d reports, want 1", n)
	}
	report := w.reports()[0]
	if !metav1.IsControlledBy(&report, i) || report.Name != i.Status.LastReport || report.Summary.Trigger != "generation" || report.Summary.Inspection != "i" {
		t.Errorf("report %+v of %+v", report.Summary, report.ObjectMeta)
	}
	if i.Status.Counts.Total() != 1 || len(i.Status.RootCauses) != 1 || i.Status.RootCauses[0].Object != "Service/"+w.namespace+"/lost" || i.Status.Changes.New != 1 {
		t.Errorf("status %+v", i.Status)
	}

	w.change(func(i *v1alpha1.Inspection) {
		i.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: "now, please"}
	})
	w.settle(r)
	w.settle(r)
	i = w.get()
	if n := len(w.reports()); n != 2 || i.Status.LastHandledRequest != "now, please" || i.Status.Changes.Persisting != 1 || i.Status.Changes.New != 0 {
		t.Errorf("%d reports, handled %q, changes %+v", n, i.Status.LastHandledRequest, i.Status.Changes)
	}

	w.change(func(i *v1alpha1.Inspection) {
		i.Spec.Ignore = []v1alpha1.IgnoreRule{{Name: "lo*", Reason: "known"}}
	})
	w.settle(r)
	i = w.get()
	wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
	if n := len(w.reports()); n != 3 || *i.Status.Score != 100 {
		t.Errorf("%d reports, score %d", n, *i.Status.Score)
	}
}

func TestAScheduleRunsAtItsTimesAndSaysTheNext(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h"})
	r := w.reconciler()
	created := w.get().CreationTimestamp.Time
	w.clock.SetTime(created)
	result := w.settle(r) // the first generation
	if result.RequeueAfter != time.Hour || !w.get().Status.NextRunTime.Time.Equal(created.Add(time.Hour)) {
		t.Errorf("looks again after %s, next run %s", result.RequeueAfter, w.get().Status.NextRunTime)
	}
	w.clock.SetTime(created.Add(3*time.Hour + time.Minute)) // two were missed
	w.settle(r)
	w.settle(r)
	i := w.get()
	if len(w.reports()) != 2 || !i.Status.LastScheduledTime.Time.Equal(created.Add(3*time.Hour)) {
		t.Errorf("%d reports, last scheduled %s", len(w.reports()), i.Status.LastScheduledTime)
	}
	w.clock.SetTime(created.Add(2 * time.Hour)) // the clock jumps back
	w.settle(r)
	if n := len(w.reports()); n != 2 {
		t.Errorf("%d reports after the clock jumped back, want 2", n)
	}
}

func TestWhatOnlyTheUserCanMendIsStalledAndSaysHow(t *testing.T) {
	for name, tc := range map[string]struct {
		spec            v1alpha1.InspectionSpec
		reason, message string
	}{
		"impossible date": {v1alpha1.InspectionSpec{Schedule: "0 0 31 2 *"}, v1alpha1.ReasonInvalidSchedule, "never comes due"},
		"no such zone":    {v1alpha1.InspectionSpec{Schedule: "@daily", TimeZone: "Atlantis/Capital"}, v1alpha1.ReasonInvalidSchedule, "Europe/Berlin"},
		"unknown check": {
			v1alpha1.InspectionSpec{Checks: &v1alpha1.CheckSelection{Include: []string{"service-*", "pvc-lots"}}}, v1alpha1.ReasonUnknownCheck,
			"unknown check pvc-lots (did you mean pvc-lost?)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.account(false)
			w.inspection(tc.spec)
			_, err := w.reconcile(w.reconciler())
			if !errors.Is(err, reconcile.TerminalError(nil)) {
				t.Errorf("got %v, want a terminal error", err)
			}
			wantReady(t, w.get(), metav1.ConditionFalse, tc.reason, tc.message)
			if !meta.IsStatusConditionTrue(w.get().Status.Conditions, v1alpha1.ConditionStalled) || len(w.reports()) != 0 {
				t.Errorf("want Stalled and no report: %+v", w.get().Status.Conditions)
			}
			w.change(func(i *v1alpha1.Inspection) { i.Spec.Schedule, i.Spec.TimeZone, i.Spec.Checks = "", "", nil })
			w.settle(w.reconciler())
			wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
		})
	}
}

func TestAMissingServiceAccountIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.inspection(v1alpha1.InspectionSpec{})
	r := w.reconciler()
	result, err := w.reconcile(r)
	if err != nil || result.RequeueAfter != time.Minute {
		t.Errorf("got %v, %v; want to look again in a minute", result, err)
	}
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound, "ServiceAccount "+w.namespace+"/kubeops")
	w.account(false)
	w.settle(r)
	wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
}

func TestASuspendedInspectionRestsAndKeepsWhatItHas(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Suspend: true, Schedule: "@hourly"})
	w.settle(w.reconciler())
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSuspended, "spec.suspend")
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = false })
	w.settle(w.reconciler())
	w.change(func(i *v1alpha1.Inspection) { i.Spec.Suspend = true })
	w.clock.SetTime(w.clock.Now().Add(48 * time.Hour))
	w.settle(w.reconciler())
	i := w.get()
	if len(w.reports()) != 1 || i.Status.NextRunTime != nil || !meta.IsStatusConditionTrue(i.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("%d reports, next %v, conditions %+v", len(w.reports()), i.Status.NextRunTime, i.Status.Conditions)
	}
}

func TestOnlyTheNewestReportsAreKept(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{KeepReports: 2})
	// A report of somebody else, with the same label, is not ours to delete.
	w.create(&v1alpha1.InspectionReport{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "foreign", Labels: map[string]string{v1alpha1.LabelInspection: "i"}},
	})
	r := w.reconciler()
	for n := range 5 {
		w.change(func(i *v1alpha1.Inspection) {
			i.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: fmt.Sprint(n)}
		})
		w.settle(r)
	}
	var names []string
	for _, report := range w.reports() {
		names = append(names, report.Name)
	}
	if len(names) != 3 || !strings.Contains(strings.Join(names, " "), w.get().Status.LastReport) || !strings.Contains(strings.Join(names, " "), "foreign") {
		t.Errorf("kept %v, the newest is %s", names, w.get().Status.LastReport)
	}
}

func TestARestrictedServiceAccountGivesAReportOfItsNamespaceAndGaps(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.lostService("lost")
	w.create(&v1alpha1.Inspection{ObjectMeta: w.meta("i")}) // all namespaces, as far as the rights go
	w.settle(w.reconciler())
	report := w.reports()[0]
	for _, f := range report.Findings {
		if f.Object.Namespace != w.namespace {
			t.Errorf("a finding outside the namespace: %+v", f.Object)
		}
	}
	if len(report.Findings) != 1 || len(report.Gaps) < 2 {
		t.Errorf("%d findings, gaps %+v", len(report.Findings), report.Gaps)
	}
	for _, gap := range report.Gaps {
		if !strings.Contains(gap.Message, "system:serviceaccount:"+w.namespace+":kubeops") || gap.Remediation == "" || len(gap.Checks) == 0 {
			t.Errorf("gap %+v", gap)
		}
	}
}

// TestACrashAtAnyLineLeavesOneReport stops a run at each of its steps, as a crash would, and lets a new reconciler go on.
func TestACrashAtAnyLineLeavesOneReport(t *testing.T) {
	crash := func() { panic("the process is gone") }
	statusPatches := func(before, after int) interceptor.Funcs {
		n := 0
		return interceptor.Funcs{SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
			n++
			if n == before {
				crash()
			}
			err := c.SubResource(sub).Patch(ctx, o, p, opts...)
			if n == after {
				crash()
			}
			return err
		}}
	}
	for name, broken := range map[string]struct {
		client  interceptor.Funcs
		inspect func(context.Context, inspect.Input) (*inspect.Result, error)
	}{
		"before the run is announced": {client: statusPatches(1, 0)},
		"after the run is announced":  {client: statusPatches(0, 1)},
		"in the middle of the run":    {inspect: func(context.Context, inspect.Input) (*inspect.Result, error) { crash(); return nil, nil }},
		"after the run, before the report is saved": {client: interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
				crash()
				return nil
			},
		}},
		"after the report is saved": {client: interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if err := c.Create(ctx, o, opts...); err != nil {
					return err
				}
				crash()
				return nil
			},
		}},
		"before the result is recorded": {client: statusPatches(2, 0)},
		"after the result is recorded":  {client: statusPatches(0, 2)},
		"the save is answered by an error although it was done": {client: interceptor.Funcs{
			Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				return errors.Join(c.Create(ctx, o, opts...), errors.New("connection reset"))
			},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.account(false)
			w.lostService("lost")
			w.inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h"})
			created := w.get().CreationTimestamp.Time
			w.clock.SetTime(created)
			w.settle(w.reconciler())
			w.clock.SetTime(created.Add(time.Hour + time.Second))

			_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
				r.Client = interceptor.NewClient(w.client, broken.client)
				if broken.inspect != nil {
					r.Inspect = broken.inspect
				}
			}))
			if err == nil {
				t.Fatal("the run was not stopped")
			}
			w.clock.SetTime(created.Add(time.Hour + 10*time.Minute))
			w.settle(w.reconciler())

			scheduled := 0
			for _, report := range w.reports() {
				if report.Summary.Trigger == "schedule" {
					scheduled++
					if !report.Summary.ScheduledTime.Time.Equal(created.Add(time.Hour)) {
						t.Errorf("a report for %s, want %s", report.Summary.ScheduledTime, created.Add(time.Hour))
					}
				}
			}
			i := w.get()
			if scheduled != 1 || i.Status.ActiveRun != nil || !i.Status.LastScheduledTime.Time.Equal(created.Add(time.Hour)) {
				t.Errorf("%d reports, active %+v, last %s", scheduled, i.Status.ActiveRun, i.Status.LastScheduledTime)
			}
			wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 root cause")
		})
	}
}

// TestARunThatWasBegunIsFinishedAlthoughTheNextIsDue is what activeRun is for.
func TestARunThatWasBegunIsFinishedAlthoughTheNextIsDue(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h"})
	created := w.get().CreationTimestamp.Time
	w.clock.SetTime(created)
	w.settle(w.reconciler())
	w.clock.SetTime(created.Add(time.Hour))
	_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
		r.Inspect = func(context.Context, inspect.Input) (*inspect.Result, error) { panic("gone") }
	}))
	if err == nil {
		t.Fatal("the run was not stopped")
	}
	w.clock.SetTime(created.Add(5 * time.Hour))
	w.settle(w.reconciler())
	times := map[time.Time]int{}
	for _, report := range w.reports() {
		if report.Summary.ScheduledTime != nil {
			times[report.Summary.ScheduledTime.UTC()]++
		}
	}
	if len(times) != 2 || times[created.Add(time.Hour).UTC()] != 1 || times[created.Add(5*time.Hour).UTC()] != 1 {
		t.Errorf("reports by scheduled time: %v, want one for the first hour and one for the fifth", times)
	}
}

func TestAnAPIServerThatFailsIsTriedAgainAndNothingIsLost(t *testing.T) {
	reports := schema.GroupResource{Group: v1alpha1.Group, Resource: "inspectionreports"}
	for name, tc := range map[string]struct {
		err     error
		message string
	}{
		"429":                         {apierrors.NewTooManyRequests("slow down", 1), "could not be saved (TooManyRequests)"},
		"500":                         {apierrors.NewInternalError(errors.New("request id 4711")), "could not be saved (InternalError)"},
		"a connection that broke":     {errors.New("read tcp 10.0.0.1:4711: connection reset"), "could not be saved (the API server did not answer)"},
		"a CRD that is not installed": {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1alpha1.Group, Kind: "InspectionReport"}}, "install the CRDs"},
		"a resource that is gone":     {apierrors.NewNotFound(reports, ""), "install the CRDs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.account(false)
			w.inspection(v1alpha1.InspectionSpec{})
			broken := w.reconciler(func(r *Reconciler) {
				r.Client = interceptor.NewClient(w.client, interceptor.Funcs{
					Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return tc.err },
				})
			})
			var messages []string
			for range 2 {
				if _, err := w.reconcile(broken); err == nil {
					t.Fatal("want an error, so that it is tried again")
				}
				wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, tc.message)
				messages = append(messages, meta.FindStatusCondition(w.get().Status.Conditions, v1alpha1.ConditionReady).Message)
			}
			if messages[0] != messages[1] || strings.Contains(messages[0], "4711") {
				t.Errorf("the message does not hold still or shows passing text: %q", messages)
			}
			w.settle(w.reconciler())
			wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
			if n := len(w.reports()); n != 1 {
				t.Errorf("%d reports, want 1", n)
			}
		})
	}
}

func TestAManagerThatStopsLeavesTheRunToTheNextOne(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{})
	ctx, cancel := context.WithCancel(t.Context())
	r := w.reconciler(func(r *Reconciler) {
		r.Inspect = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
			cancel()
			return inspect.Run(ctx, in)
		}
	})
	_, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: w.namespace, Name: "i"}})
	if err == nil || len(w.reports()) != 0 || w.get().Status.ActiveRun == nil {
		t.Errorf("got %v, %d reports, active run %v", err, len(w.reports()), w.get().Status.ActiveRun)
	}
	w.settle(w.reconciler())
	wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
}

func TestAnExpiredIgnoreRuleIsNamedAsAGap(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.lostService("lost")
	past := metav1.NewTime(w.clock.Now().Add(-time.Hour))
	w.inspection(v1alpha1.InspectionSpec{Ignore: []v1alpha1.IgnoreRule{{Name: "lost", Reason: "until the move", Expires: &past}}})
	w.settle(w.reconciler())
	report := w.reports()[0]
	found := false
	for _, gap := range report.Gaps {
		found = found || gap.Reason == v1alpha1.GapIgnoreRuleExpired && strings.Contains(gap.Message, "until the move")
	}
	if !found || len(report.Findings) != 1 {
		t.Errorf("findings %d, gaps %+v", len(report.Findings), report.Gaps)
	}
}

func TestEventsTellOfReportsAndProblems(t *testing.T) {
	w := newWorld(t)
	w.inspection(v1alpha1.InspectionSpec{})
	if _, err := w.reconcile(w.reconciler()); err != nil {
		t.Fatal(err)
	}
	w.account(false)
	w.settle(w.reconciler())
	close(w.events.Events)
	var got []string
	for e := range w.events.Events {
		got = append(got, e)
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], corev1.EventTypeWarning+" "+v1alpha1.ReasonServiceAccountNotFound) ||
		!strings.HasPrefix(got[1], corev1.EventTypeNormal+" ReportSaved Saved InspectionReport i-g1-") {
		t.Errorf("events: %q", got)
	}
}

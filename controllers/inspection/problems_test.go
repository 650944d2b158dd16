package inspection

import (
	"context"
	"errors"
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

func TestAQuotaOnReportsIsToldInTheServersWords(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{})
	denied := apierrors.NewForbidden(schema.GroupResource{Group: v1alpha1.Group, Resource: "inspectionreports"}, "i-g1",
		errors.New("exceeded quota: few, requested: count/inspectionreports.kubeops.io=1, used: 0, limited: 0"))
	_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
		r.Client = interceptor.NewClient(w.client, interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return denied },
		})
	}))
	if err == nil {
		t.Fatal("want an error, so that it is tried again")
	}
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, "exceeded quota: few")
}

// TestAForeignReportOfTheRunsNameIsNotTakenForIts: somebody else may write a report in the namespace, of any name.
func TestAForeignReportOfTheRunsNameIsNotTakenForIts(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{})
	name := begin(w.get(), time.Time{}).Report
	foreign := &v1alpha1.InspectionReport{ObjectMeta: w.meta(name), Summary: v1alpha1.ReportSummary{StartTime: metav1.NewTime(w.clock.Now())}}
	w.create(foreign)
	result, err := w.reconcile(w.reconciler())
	if err != nil || result.RequeueAfter != time.Minute {
		t.Errorf("got %v, %v; want to look again in a minute", result, err)
	}
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, "delete inspectionreport "+name)
	if err := w.client.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	w.settle(w.reconciler())
	wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
}

func TestWithoutTheReportsCRDTheClusterIsNotReadForNothing(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.inspection(v1alpha1.InspectionSpec{})
	_, err := w.reconcile(w.reconciler(crashing, func(r *Reconciler) {
		r.Reader = interceptor.NewClient(w.client, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
				if _, ok := o.(*v1alpha1.InspectionReport); ok {
					return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1alpha1.Group, Kind: "InspectionReport"}}
				}
				return c.Get(ctx, key, o, opts...)
			},
		})
	}))
	if err == nil {
		t.Fatal("want an error, so that it is tried again")
	}
	wantReady(t, w.get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, "install the CRDs")
}

// TestAStatusThatCouldNotBeWrittenIsTriedAgain holds for problems of the user's, too, whose own error is final.
func TestAStatusThatCouldNotBeWrittenIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.inspection(v1alpha1.InspectionSpec{Schedule: "0 0 31 2 *"})
	_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
		r.Client = interceptor.NewClient(w.client, interceptor.Funcs{
			SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
				return apierrors.NewTooManyRequests("slow down", 1)
			},
		})
	}))
	if err == nil || errors.Is(err, reconcile.TerminalError(nil)) || !strings.Contains(err.Error(), "slow down") || !strings.Contains(err.Error(), "never comes due") {
		t.Errorf("got %v; want both errors, and to try again", err)
	}
}

func TestAnInspectionThatIsDeletedOrReplacedInTheMiddleOfARun(t *testing.T) {
	for name, again := range map[string]bool{"deleted": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.account(false)
			w.inspection(v1alpha1.InspectionSpec{})
			_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
				r.Inspect = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
					if err := w.client.Delete(ctx, w.get()); err != nil {
						return nil, err
					}
					if again {
						w.inspection(v1alpha1.InspectionSpec{})
					}
					return inspect.Run(ctx, in)
				}
			}))
			if !again {
				if err != nil {
					t.Errorf("got %v; there is nothing left to do", err)
				}
				return
			}
			if status := w.get().Status; err == nil || status.LastReport != "" || status.LastRunGeneration != 0 {
				t.Errorf("got %v; the new one took over the status of the old: %+v", err, status)
			}
			w.settle(w.reconciler())
			wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
		})
	}
}

func TestASpecThatChangesInTheMiddleOfARunIsRunNext(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.lostService("lost")
	w.inspection(v1alpha1.InspectionSpec{})
	_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
		r.Inspect = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
			w.change(func(i *v1alpha1.Inspection) { i.Spec.Ignore = []v1alpha1.IgnoreRule{{Name: "lost", Reason: "known"}} })
			return inspect.Run(ctx, in)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	i := w.get()
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	if i.Generation != 2 || i.Status.ObservedGeneration != 1 || ready.ObservedGeneration != 1 || !strings.Contains(ready.Message, "1 root cause") {
		t.Errorf("generation %d, observed %d, Ready %+v; the new spec was not used yet", i.Generation, i.Status.ObservedGeneration, ready)
	}
	w.settle(w.reconciler())
	wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "nothing found")
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

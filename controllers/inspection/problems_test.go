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
	"kubeops.io/kubeops/controllers/testsuite"
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
		"unknown check in an ignore rule": {
			v1alpha1.InspectionSpec{Ignore: []v1alpha1.IgnoreRule{{Check: "service-*", Reason: "r"}, {Check: "pvc-lots", Reason: "r"}}},
			v1alpha1.ReasonUnknownCheck, "spec.ignore[1].check: unknown check pvc-lots (did you mean pvc-lost?)",
		},
		"a malformed glob of namespaces": {
			v1alpha1.InspectionSpec{Namespaces: []string{"shop", "a["}}, v1alpha1.ReasonInvalidSpec, `spec.namespaces[1]: "a[" is not a valid glob`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			w.Inspection(tc.spec)
			_, err := w.Reconcile(w.reconciler())
			if !errors.Is(err, reconcile.TerminalError(nil)) {
				t.Errorf("got %v, want a terminal error", err)
			}
			testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, tc.reason, tc.message)
			if !meta.IsStatusConditionTrue(w.Get().Status.Conditions, v1alpha1.ConditionStalled) || len(w.Reports()) != 0 {
				t.Errorf("want Stalled and no report: %+v", w.Get().Status.Conditions)
			}
			w.Change(func(i *v1alpha1.Inspection) {
				i.Spec.Schedule, i.Spec.TimeZone = "", ""
				i.Spec.Checks, i.Spec.Ignore = nil, nil
				i.Spec.Namespaces = []string{w.Namespace}
			})
			w.Settle(w.reconciler())
			testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
		})
	}
}

func TestAMissingServiceAccountIsWaitedFor(t *testing.T) {
	w := newWorld(t)
	w.Inspection(v1alpha1.InspectionSpec{})
	r := w.reconciler()
	result, err := w.Reconcile(r)
	if err != nil || result.RequeueAfter != time.Minute {
		t.Errorf("got %v, %v; want to look again in a minute", result, err)
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonServiceAccountNotFound,
		"ServiceAccount "+w.Namespace+"/kubeops")
	w.Reader(false)
	w.Settle(r)
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
}

func TestAnAPIServerThatFailsIsTriedAgainAndNothingIsLost(t *testing.T) {
	reports := schema.GroupResource{Group: v1alpha1.Group, Resource: "inspectionreports"}
	for name, tc := range map[string]struct {
		err     error
		message string
	}{
		"429":                         {apierrors.NewTooManyRequests("slow down", 1), "(429 TooManyRequests)"},
		"500":                         {apierrors.NewInternalError(errors.New("request id 4711")), "(500 InternalError)"},
		"a connection that broke":     {errors.New("read tcp 10.0.0.1:4711: connection reset"), "(request failed)"},
		"a CRD that is not installed": {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1alpha1.Group, Kind: "InspectionReport"}}, "install the CRDs"},
		"a resource that is gone":     {apierrors.NewNotFound(reports, ""), "install the CRDs"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			w.Inspection(v1alpha1.InspectionSpec{})
			broken := w.reconciler(func(s *setup) {
				s.env.Client = interceptor.NewClient(w.Client, interceptor.Funcs{
					Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return tc.err },
				})
			})
			var messages []string
			for range 2 {
				if _, err := w.Reconcile(broken); err == nil {
					t.Fatal("want an error, so that it is tried again")
				}
				testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, tc.message)
				messages = append(messages, meta.FindStatusCondition(w.Get().Status.Conditions, v1alpha1.ConditionReady).Message)
			}
			if messages[0] != messages[1] || strings.Contains(messages[0], "4711") {
				t.Errorf("the message does not hold still or shows passing text: %q", messages)
			}
			w.Settle(w.reconciler())
			testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
			if n := len(w.Reports()); n != 1 {
				t.Errorf("%d reports, want 1", n)
			}
		})
	}
}

func TestAQuotaOnReportsIsToldInTheServersWords(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	denied := apierrors.NewForbidden(schema.GroupResource{Group: v1alpha1.Group, Resource: "inspectionreports"}, "i-g1",
		errors.New("exceeded quota: few, requested: count/inspectionreports.kubeops.io=1, used: 0, limited: 0"))
	_, err := w.Reconcile(w.reconciler(func(s *setup) {
		s.env.Client = interceptor.NewClient(w.Client, interceptor.Funcs{
			Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error { return denied },
		})
	}))
	if err == nil {
		t.Fatal("want an error, so that it is tried again")
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, "exceeded quota: few")
}

// TestAForeignReportOfTheRunsNameIsNotTakenForIts: somebody else may write a report in the namespace, of any name.
func TestAForeignReportOfTheRunsNameIsNotTakenForIts(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	name := begin(w.Get(), time.Time{}).Report
	foreign := &v1alpha1.InspectionReport{
		ObjectMeta: w.Meta(name),
		Summary:    v1alpha1.ReportSummary{StartTime: metav1.NewTime(w.Clock.Now())},
	}
	w.Create(foreign)
	result, err := w.Reconcile(w.reconciler())
	if err != nil || result.RequeueAfter != time.Minute {
		t.Errorf("got %v, %v; want to look again in a minute", result, err)
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, "delete inspectionreport "+name)
	if err := w.Client.Delete(t.Context(), foreign); err != nil {
		t.Fatal(err)
	}
	w.Settle(w.reconciler())
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
}

func TestWithoutTheReportsCRDTheClusterIsNotReadForNothing(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	_, err := w.Reconcile(w.reconciler(crashing, func(s *setup) {
		s.env.Reader = interceptor.NewClient(w.Client, interceptor.Funcs{
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
	testsuite.WantReady(t, w.Get(), metav1.ConditionFalse, v1alpha1.ReasonSaveFailed, "install the CRDs")
}

// TestAStatusThatCouldNotBeWrittenIsTriedAgain holds for problems of the user's, too, whose own error is final.
func TestAStatusThatCouldNotBeWrittenIsTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "0 0 31 2 *"})
	_, err := w.Reconcile(w.reconciler(func(s *setup) {
		s.env.Client = interceptor.NewClient(w.Client, interceptor.Funcs{
			SubResourcePatch: func(context.Context, client.Client, string, client.Object, client.Patch, ...client.SubResourcePatchOption) error {
				return apierrors.NewTooManyRequests("slow down", 1)
			},
		})
	}))
	if err == nil || errors.Is(err, reconcile.TerminalError(nil)) || !strings.Contains(err.Error(), "slow down") ||
		!strings.Contains(err.Error(), "never comes due") {
		t.Errorf("got %v; want both errors, and to try again", err)
	}
}

func TestAnInspectionThatIsDeletedOrReplacedInTheMiddleOfARun(t *testing.T) {
	for name, again := range map[string]bool{"deleted": false, "replaced": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.Reader(false)
			w.Inspection(v1alpha1.InspectionSpec{})
			_, err := w.Reconcile(w.reconciler(func(s *setup) {
				s.options.Engine = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
					if err := w.Client.Delete(ctx, w.Get()); err != nil {
						return nil, err
					}
					if again {
						w.Inspection(v1alpha1.InspectionSpec{})
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
			if status := w.Get().Status; err == nil || status.LastReport != "" || status.LastRunGeneration != 0 {
				t.Errorf("got %v; the new one took over the status of the old: %+v", err, status)
			}
			w.Settle(w.reconciler())
			testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
		})
	}
}

func TestASpecThatChangesInTheMiddleOfARunIsRunNext(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	w.Inspection(v1alpha1.InspectionSpec{})
	_, err := w.Reconcile(w.reconciler(func(s *setup) {
		s.options.Engine = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
			w.Change(func(i *v1alpha1.Inspection) { i.Spec.Ignore = []v1alpha1.IgnoreRule{{Name: "lost", Reason: "known"}} })
			return inspect.Run(ctx, in)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	i := w.Get()
	ready := meta.FindStatusCondition(i.Status.Conditions, v1alpha1.ConditionReady)
	if i.Generation != 2 || i.Status.ObservedGeneration != 1 || ready.ObservedGeneration != 1 ||
		!strings.Contains(ready.Message, "1 problem") {
		t.Errorf("generation %d, observed %d, Ready %+v; the new spec was not used yet", i.Generation, i.Status.ObservedGeneration, ready)
	}
	w.Settle(w.reconciler())
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
}

func TestEventsTellOfReportsAndProblems(t *testing.T) {
	w := newWorld(t)
	w.Inspection(v1alpha1.InspectionSpec{})
	if _, err := w.Reconcile(w.reconciler()); err != nil {
		t.Fatal(err)
	}
	w.Reader(false)
	w.Settle(w.reconciler())
	close(w.Events.Events)
	var got []string
	for e := range w.Events.Events {
		got = append(got, e)
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], corev1.EventTypeWarning+" "+v1alpha1.ReasonServiceAccountNotFound) ||
		!strings.HasPrefix(got[1], corev1.EventTypeNormal+" ReportSaved Saved InspectionReport i-g1-") {
		t.Errorf("events: %q", got)
	}
}

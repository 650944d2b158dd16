package inspection

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/outcome"
)

// TestACrashAtAnyLineLeavesOneReport stops a run at each of its steps, as a crash would, and lets a new reconciler go on.
func TestACrashAtAnyLineLeavesOneReport(t *testing.T) {
	crash := func() { panic("the process is gone") }
	statusPatches := func(before, after int) interceptor.Funcs {
		n := 0
		return interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch, opts ...client.SubResourcePatchOption) error {
				n++
				if n == before {
					crash()
				}
				err := c.SubResource(sub).Patch(ctx, o, p, opts...)
				if n == after {
					crash()
				}
				return err
			},
		}
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
		"when an old report was deleted": {client: interceptor.Funcs{
			Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
				if err := c.Delete(ctx, o, opts...); err != nil {
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
			w.Reader(false)
			w.LostService("lost")
			w.Inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h", KeepReports: 1})
			w.Request("an older report")
			created := w.Get().CreationTimestamp.Time
			w.Clock.SetTime(created)
			w.Settle(w.reconciler())
			w.Clock.SetTime(created.Add(time.Hour + time.Second))

			_, err := w.Reconcile(w.reconciler(func(s *setup) {
				s.env.Client = interceptor.NewClient(w.Client, broken.client)
				if broken.inspect != nil {
					s.options.Engine = broken.inspect
				}
			}))
			if err == nil {
				t.Fatal("the run was not stopped")
			}
			w.Clock.SetTime(created.Add(time.Hour + 10*time.Minute))
			w.Settle(w.reconciler())

			scheduled := 0
			for _, report := range w.Reports() {
				if report.Summary.Trigger == "schedule" {
					scheduled++
					if !report.Summary.ScheduledTime.Time.Equal(created.Add(time.Hour)) {
						t.Errorf("a report for %s, want %s", report.Summary.ScheduledTime, created.Add(time.Hour))
					}
				}
			}
			i := w.Get()
			if scheduled != 1 || len(w.Reports()) != 1 || i.Status.ActiveRun != nil ||
				!i.Status.LastScheduledTime.Time.Equal(created.Add(time.Hour)) {
				t.Errorf("%d reports for the time of %d, active %+v, last %s", scheduled, len(w.Reports()), i.Status.ActiveRun,
					i.Status.LastScheduledTime)
			}
			testsuite.WantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
		})
	}
}

// TestTwoManagersAtOnceWriteOneReport: the lease keeps them apart but for moments; then the name of the report does.
func TestTwoManagersAtOnceWriteOneReport(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.LostService("lost")
	w.Inspection(v1alpha1.InspectionSpec{})
	_, err := w.Reconcile(w.reconciler(func(s *setup) {
		s.options.Engine = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
			w.Settle(w.reconciler()) // the other is faster
			w.LostService("lost-since")
			return inspect.Run(ctx, in)
		}
	}))
	if !outcome.IsStale(err) {
		t.Fatalf("got %v, want the conflict of the two", err)
	}
	w.Settle(w.reconciler())
	reports := w.Reports()
	if len(reports) != 1 || len(reports[0].Findings) != 1 {
		t.Errorf("%d reports, the first with %d findings", len(reports), len(reports[0].Findings))
	}
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 problem")
}

// TestARunThatWasBegunIsFinishedAlthoughTheNextIsDue is what activeRun is for.
func TestARunThatWasBegunIsFinishedAlthoughTheNextIsDue(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h"})
	created := w.Get().CreationTimestamp.Time
	w.Clock.SetTime(created)
	w.Settle(w.reconciler())
	w.Clock.SetTime(created.Add(time.Hour))
	_, err := w.Reconcile(w.reconciler(crashing))
	if err == nil {
		t.Fatal("the run was not stopped")
	}
	w.Clock.SetTime(created.Add(5 * time.Hour))
	w.Settle(w.reconciler())
	times := map[time.Time]int{}
	for _, report := range w.Reports() {
		if report.Summary.ScheduledTime != nil {
			times[report.Summary.ScheduledTime.UTC()]++
		}
	}
	if len(times) != 2 || times[created.Add(time.Hour).UTC()] != 1 || times[created.Add(5*time.Hour).UTC()] != 1 {
		t.Errorf("reports by scheduled time: %v, want one for the first hour and one for the fifth", times)
	}
}

func TestAManagerThatStopsLeavesTheRunToTheNextOne(t *testing.T) {
	w := newWorld(t)
	w.Reader(false)
	w.Inspection(v1alpha1.InspectionSpec{})
	ctx, cancel := context.WithCancel(t.Context())
	r := w.reconciler(func(s *setup) {
		s.options.Engine = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
			cancel()
			return inspect.Run(ctx, in)
		}
	})
	_, err := r.Reconcile(ctx, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: w.Namespace, Name: "i"}})
	if err == nil || len(w.Reports()) != 0 || w.Get().Status.ActiveRun == nil {
		t.Errorf("got %v, %d reports, active run %v", err, len(w.Reports()), w.Get().Status.ActiveRun)
	}
	w.Settle(w.reconciler())
	testsuite.WantReady(t, w.Get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "no findings")
}

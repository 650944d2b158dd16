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
	"kubeops.io/kubeops/internal/inspect"
)

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
			w.account(false)
			w.lostService("lost")
			w.inspection(v1alpha1.InspectionSpec{Schedule: "@every 1h", KeepReports: 1})
			w.request("an older report")
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
			if scheduled != 1 || len(w.reports()) != 1 || i.Status.ActiveRun != nil || !i.Status.LastScheduledTime.Time.Equal(created.Add(time.Hour)) {
				t.Errorf("%d reports for the time of %d, active %+v, last %s", scheduled, len(w.reports()), i.Status.ActiveRun, i.Status.LastScheduledTime)
			}
			wantReady(t, i, metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 root cause")
		})
	}
}

// TestTwoManagersAtOnceWriteOneReport: the lease keeps them apart but for moments; then the name of the report does.
func TestTwoManagersAtOnceWriteOneReport(t *testing.T) {
	w := newWorld(t)
	w.account(false)
	w.lostService("lost")
	w.inspection(v1alpha1.InspectionSpec{})
	_, err := w.reconcile(w.reconciler(func(r *Reconciler) {
		r.Inspect = func(ctx context.Context, in inspect.Input) (*inspect.Result, error) {
			w.settle(w.reconciler()) // the other is faster
			w.lostService("lost-since")
			return inspect.Run(ctx, in)
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	reports := w.reports()
	if len(reports) != 1 || len(reports[0].Findings) != 1 {
		t.Errorf("%d reports, the first with %d findings", len(reports), len(reports[0].Findings))
	}
	wantReady(t, w.get(), metav1.ConditionTrue, v1alpha1.ReasonSucceeded, "1 root cause, 1 finding")
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
	_, err := w.reconcile(w.reconciler(crashing))
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

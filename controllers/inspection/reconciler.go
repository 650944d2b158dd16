// Package inspection carries out Inspections: it decides whether a run is due, runs the engine with the rights of the
// Inspection's ServiceAccount, saves the report once, and records the result.
package inspection

import (
	"context"
	"unicode/utf8"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/problem"
)

// Reconciler carries out Inspections. All fields are required.
type Reconciler struct {
	// Client writes; Reader reads without a cache. Reports are never cached, since each may be 512 KiB, and the Inspection
	// itself is read anew, so that a run that was just recorded is seen.
	Client client.Client
	Reader client.Reader
	// Config reaches the cluster; each run uses a copy that impersonates.
	Config  *rest.Config
	Clock   clock.PassiveClock
	Events  events.EventRecorder
	Metrics *Metrics
	// Checks is the catalogue.
	Checks []checks.Check
	// Backends opens what spec.metricsRef and spec.logsRef name.
	Backends *backends.Resolver
	// Answers keeps explanations beside the reports; nil keeps none.
	Answers AnswerCache
	// Inspect is the engine: inspect.Run.
	Inspect func(context.Context, inspect.Input) (*inspect.Result, error)
}

// +kubebuilder:rbac:groups=kubeops.io,resources=inspections,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections/finalizers,verbs=update
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile brings an Inspection one run further: it carries out the run that is due, or says when the next one is.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	i := &v1alpha1.Inspection{}
	if err := r.Reader.Get(ctx, request.NamespacedName, i); err != nil {
		if apierrors.IsNotFound(err) {
			r.Metrics.forget(request.Namespace, request.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !i.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // owner references take the reports along
	}
	stored := i.DeepCopy()
	plan, err := due(i, r.Clock.Now())
	setNext(i, plan.next)
	if err != nil {
		return r.failed(ctx, stored, i, err)
	}
	if plan.run == nil {
		return r.withExplanation(ctx, stored, i, plan.next)
	}
	report, err := r.stored(ctx, i, plan.run)
	if err != nil {
		return r.failed(ctx, stored, i, err)
	}
	if report == nil {
		input, err := r.resolve(ctx, i)
		if err != nil {
			return r.failed(ctx, stored, i, err)
		}
		defer closeBackends(input)
		if stored, err = r.announce(ctx, stored, i, plan.run); err != nil {
			return ctrl.Result{}, err
		}
		if report, err = r.run(ctx, i, plan.run, input); err != nil {
			return r.failed(ctx, stored, i, err)
		}
	}
	if err := r.prune(ctx, i, report.Name); err != nil {
		return r.failed(ctx, stored, i, err)
	}
	r.export(ctx, i, report)
	record(i, plan.run, report)
	r.explainLater(i, report)
	r.notified(ctx, i)
	r.conditions(i).Succeeded(verdict(report))
	if err := outcome.PatchStatus(ctx, r.Client, stored, i); err != nil {
		return ctrl.Result{}, err
	}
	r.Metrics.finished(i, report)
	r.tell(i, corev1.EventTypeNormal, "ReportSaved", "Saved InspectionReport "+report.Name+": "+verdict(report))
	return r.again(i), nil
}

// announce records that a run is under way, before slow work begins: after a crash, that run is finished first.
func (r *Reconciler) announce(ctx context.Context, stored, i *v1alpha1.Inspection, run *v1alpha1.InspectionRun) (*v1alpha1.Inspection, error) {
	i.Status.ActiveRun = run
	r.conditions(i).Progressing("Inspecting: " + describe(run))
	if err := outcome.PatchStatus(ctx, r.Client, stored, i); err != nil {
		return nil, err
	}
	return i.DeepCopy(), nil
}

// run inspects and saves the report.
func (r *Reconciler) run(ctx context.Context, i *v1alpha1.Inspection, run *v1alpha1.InspectionRun, input inspect.Input) (*v1alpha1.InspectionReport, error) {
	limited, cancel := context.WithTimeout(ctx, i.Timeout())
	defer cancel()
	result, err := r.Inspect(limited, input)
	switch {
	case err != nil && problem.As(err) == nil && ctx.Err() == nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the inspection ended with an error of its own; the manager's log names it")
	case err != nil:
		return nil, err
	}
	r.Metrics.stages(result.Durations)
	log.FromContext(ctx).Info("Inspected", "report", run.Report, "trigger", run.Trigger,
		"findings", result.Report.Summary.Counts.Total(), "rootCauses", result.Report.Summary.RootCauses, "gaps", len(result.Report.Gaps))
	return r.save(ctx, i, run, result.Report)
}

// failed places a problem in the conditions, and says what happens next. When the manager stops, what fails for that
// reason is no problem of the Inspection: its status stays as it is.
func (r *Reconciler) failed(ctx context.Context, stored, i *v1alpha1.Inspection, err error) (ctrl.Result, error) {
	p := problem.As(err)
	if p == nil || ctx.Err() != nil {
		return ctrl.Result{}, err
	}
	r.Metrics.failed(p.Reason)
	r.tell(i, corev1.EventTypeWarning, p.Reason, p.Message)
	return outcome.Finish(ctx, r.Client, stored, i, r.conditions(i), p)
}

// tell records an event; the API server takes 1024 bytes of text.
func (r *Reconciler) tell(i *v1alpha1.Inspection, eventType, reason, text string) {
	const most = 1024 / utf8.UTFMax
	if len(text) > 1024 {
		text = outcome.Clip(text, most)
	}
	r.Events.Eventf(i, nil, eventType, reason, "Inspect", "%s", text)
}

func (r *Reconciler) conditions(i *v1alpha1.Inspection) outcome.Conditions {
	observeAsides(i)
	return outcome.Conditions{
		List: &i.Status.Conditions, Observed: &i.Status.ObservedGeneration, Generation: i.Generation, Now: r.Clock.Now(),
	}
}

// Package pipeline checks Pipelines, creates runs by their schedules and for commits, shows their runs in the status, and deletes the
// oldest ones. Package pipelinerun executes them.
package pipeline

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=pipelines,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=pipelines/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=pipelineruns,verbs=list;create;delete

const (
	kindName = "Pipeline"
	// parallel Pipelines are checked at the same time.
	parallel = 4
)

// Setup adds the controller to a manager. It wakes when a run is created, is deleted, or changes its phase.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	metrics, err := NewMetrics(e.Settings.Metrics, e.Clock)
	if err != nil {
		return err
	}
	r := New(e, e.Expressions(), metrics)
	toPipeline := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, o client.Object) []reconcile.Request {
		run, ok := o.(*v1alpha1.PipelineRun)
		if !ok {
			return nil
		}
		return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: run.Namespace, Name: run.Spec.PipelineRef.Name}}}
	})
	phase := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		previous, isRun := e.ObjectOld.(*v1alpha1.PipelineRun)
		current, isAlso := e.ObjectNew.(*v1alpha1.PipelineRun)
		return isRun && isAlso && previous.Status.Phase != current.Status.Phase
	}}
	return r.Build(m, "pipeline", kind.Slots{Parallel: parallel}).
		Watches(&v1alpha1.PipelineRun{}, toPipeline, builder.WithPredicates(phase)).
		Complete(r)
}

// New is the reconciler of Pipelines. Without metrics, nothing is measured.
func New(e *environment.Environment, expressions expression.Evaluator, metrics *Metrics) *kind.Reconciler[*v1alpha1.Pipeline] {
	l := &logic{client: e.Client, expressions: expressions, limits: e.Limits, repositories: repositories{e}, metrics: metrics}
	return kind.NewReconciler(e.Environment, kindName, "Check", func() *v1alpha1.Pipeline { return &v1alpha1.Pipeline{} },
		kind.Logic[*v1alpha1.Pipeline](l), nil)
}

type logic struct {
	// client creates and deletes runs, and reads them, from the cache of the manager: they are watched.
	client      client.Client
	expressions expression.Evaluator
	limits      limits.Limits
	// repositories of triggers of type git, and when they were polled.
	repositories repositories
	polls        polls
	metrics      *Metrics
}

// Forget implements kind.Forgetter.
func (l *logic) Forget(key client.ObjectKey) {
	l.polls.forget(key)
	l.metrics.forget(key)
}

// Reconcile implements kind.Logic.
func (l *logic) Reconcile(ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline]) (kind.Result, error) {
	s.HandleRequest()
	if err := l.runs(ctx, s); err != nil {
		return kind.Result{}, err
	}
	ready := s.Condition(v1alpha1.ConditionReady)
	if ready == nil || ready.Status != metav1.ConditionTrue || ready.ObservedGeneration != s.Object.Generation {
		if err := l.check(ctx, s.Object, s.Now); err != nil {
			return kind.Result{}, err
		}
	}
	after, err := l.runSchedules(ctx, s)
	if err != nil {
		return kind.Result{}, err
	}
	if poll := l.pollRepositories(ctx, s); poll > 0 && (after == 0 || poll < after) {
		after = poll
	}
	if s.Object.Spec.Suspend {
		s.Conditions().Succeeded("no run starts, since spec.suspend is set")
		return kind.Result{RequeueAfter: after}, nil
	}
	s.Conditions().Succeeded(text.Count(len(pipeline.All(&s.Object.Spec)), "stage"))
	return kind.Result{RequeueAfter: after}, nil
}

// check whether the stages can be run, as far as that does not depend on a run.
func (l *logic) check(ctx context.Context, p *v1alpha1.Pipeline, now time.Time) error {
	spec := &p.Spec
	plan, err := pipeline.NewPlan(spec)
	if err != nil {
		return err
	}
	if err := pipeline.CheckDefaults(spec); err != nil {
		return err
	}
	if err := l.checkSchedules(p, now); err != nil {
		return err
	}
	if err := l.checkIntervals(p); err != nil {
		return err
	}
	if err := plan.CheckExpressions(ctx, l.expressions); err != nil {
		return err
	}
	return pipeline.CheckTriggers(ctx, spec, l.expressions)
}

// runs counts the runs of the Pipeline, and deletes the oldest that have ended.
func (l *logic) runs(ctx context.Context, s *kind.Scope[*v1alpha1.Pipeline]) error {
	list := &v1alpha1.PipelineRunList{}
	if err := l.client.List(ctx, list, client.InNamespace(s.Object.Namespace)); err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list PipelineRuns (%s)", apierror.Describe(err))
	}
	own := slices.DeleteFunc(list.Items, func(run v1alpha1.PipelineRun) bool { return run.Spec.PipelineRef.Name != s.Object.Name })
	slices.SortFunc(own, func(a, b v1alpha1.PipelineRun) int { // the newest first
		if order := b.CreationTimestamp.Compare(a.CreationTimestamp.Time); order != 0 {
			return order
		}
		return strings.Compare(b.Name, a.Name)
	})
	status := &s.Object.Status
	status.ActiveRuns, status.QueuedRuns = 0, 0
	if len(own) > 0 {
		status.LastRun = own[0].Name
		status.LastRunPhase = own[0].Status.Phase
	}
	keep := int(s.Object.Spec.KeepRuns)
	if keep == 0 {
		keep = v1alpha1.DefaultKeepRuns
	}
	succeeded := slices.IndexFunc(own, func(run v1alpha1.PipelineRun) bool { return run.Status.Phase == v1alpha1.RunSucceeded })
	ended := 0
	for i := range own {
		run := &own[i]
		switch phase := run.Status.Phase; {
		case phase == v1alpha1.RunRunning, phase == v1alpha1.RunFinishing:
			status.ActiveRuns++
		case !phase.Ended():
			status.QueuedRuns++
		default:
			at := run.Status.CompletionTime
			if phase == v1alpha1.RunSucceeded && at != nil && (status.LastSuccessTime == nil || at.After(status.LastSuccessTime.Time)) {
				status.LastSuccessTime = at
			}
			if ended++; ended > keep && i != succeeded && run.DeletionTimestamp == nil {
				if err := l.delete(ctx, run); err != nil {
					return err
				}
			}
		}
	}
	l.metrics.observe(s.Object, own)
	return nil
}

func (l *logic) delete(ctx context.Context, run *v1alpha1.PipelineRun) error {
	err := l.client.Delete(ctx, run, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &run.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete PipelineRun %s, which spec.keepRuns does not keep: %w", run.Name, err)
	}
	return nil
}

package pipelinerun

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

const (
	// again is a wait that means at once.
	again = time.Millisecond
	// recheck is when to look again whether a run can start, without an event.
	recheck = 5 * time.Minute
	// retryStart is when to repeat what failed before a run could start.
	retryStart = 10 * time.Second
)

// admit starts a run whose time has come, or says what it waits for.
func (l *logic) admit(ctx context.Context, s *scope) (kind.Result, error) {
	run := s.Object
	started := run.Status.StartTime != nil // a stage is retried
	if run.Status.Phase == "" {
		run.Status.Phase = v1alpha1.RunPending
	}
	if run.Spec.Cancel {
		l.cancelWaiting(s, v1alpha1.ReasonCanceled, "the run was canceled before it started")
		return kind.Result{}, nil
	}
	if !started && !s.Now.Before(run.StartBefore()) {
		l.fail(s, problem.UserError(v1alpha1.ReasonExpired, nil,
			"the run did not start until %s (spec.startingDeadline); create another PipelineRun",
			run.StartBefore().UTC().Format(time.RFC3339)))
		return kind.Result{}, nil
	}
	result, err := l.start(ctx, s, started)
	p := problem.As(err)
	switch {
	case p == nil:
		return result, err
	case p.Action == problem.UserMustAct:
		l.fail(s, p)
		return kind.Result{}, nil
	}
	run.Status.Phase = v1alpha1.RunWaiting
	if p.Action == problem.Retry { // the deadline ends it, so that it waits for a known time
		p = problem.Waiting(p.Reason, retryStart, "%s", p.Message)
	}
	return kind.Result{}, l.untilDeadline(s, p, started)
}

// untilDeadline wakes a run that waits at its starting deadline.
func (l *logic) untilDeadline(s *scope, p *problem.Problem, started bool) *problem.Problem {
	if left := s.Object.StartBefore().Sub(s.Now); !started && left < p.After {
		p.After = max(left, again)
	}
	return p
}

// start begins a run, if nothing keeps it from starting.
func (l *logic) start(ctx context.Context, s *scope, started bool) (kind.Result, error) {
	run := s.Object
	definition := &v1alpha1.Pipeline{}
	err := l.reader.Get(ctx, client.ObjectKey{Namespace: run.Namespace, Name: run.Spec.PipelineRef.Name}, definition)
	switch {
	case apierrors.IsNotFound(err):
		return kind.Result{}, problem.Waiting(v1alpha1.ReasonPipelineNotFound, recheck, "Pipeline %s/%s does not exist", run.Namespace,
			run.Spec.PipelineRef.Name)
	case err != nil:
		return kind.Result{}, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read Pipeline %s (%s)", run.Spec.PipelineRef.Name,
			apierror.Describe(err))
	}
	if err := l.identify(ctx, run, definition); err != nil {
		return kind.Result{}, err
	}
	if err := pipeline.CheckServed(definition); err != nil {
		return kind.Result{}, err
	}
	if definition.Spec.Suspend {
		return kind.Result{}, problem.Waiting(v1alpha1.ReasonSuspended, recheck,
			"Pipeline %s is suspended; to resume it, remove its spec.suspend",
			definition.Name)
	}
	if started {
		return l.resume(ctx, s)
	}
	plan, parameters, err := prepare(&definition.Spec, run)
	if err != nil {
		return kind.Result{}, err
	}
	waits, err := l.queue(ctx, run, plan.Concurrency())
	if waits.replaced != "" {
		l.cancelWaiting(s, v1alpha1.ReasonReplaced, "PipelineRun "+waits.replaced+" was created later and replaces it")
		return kind.Result{}, nil
	}
	if err != nil {
		return kind.Result{}, err
	}
	if err := waitForWindow(run, plan, s.Now); err != nil {
		return kind.Result{}, err
	}
	if err := l.engine.Check(ctx, run, plan, s.Now); err != nil {
		return kind.Result{}, err
	}
	if err := l.store(ctx, run, &definition.Spec); err != nil {
		return kind.Result{}, err
	}
	run.Status.Parameters = parameters
	pipeline.Begin(run, plan, s.Now)
	s.Conditions().Progressing("the first stages start")
	return kind.Result{RequeueAfter: again}, nil
}

// waitForWindow keeps a run from starting while its first stages cannot. The status has the next opening.
func waitForWindow(run *v1alpha1.PipelineRun, plan *pipeline.Plan, now time.Time) error {
	run.Status.NextOpening = nil
	next, wait := plan.WaitForWindow(now)
	if wait == nil {
		return nil
	}
	if !next.IsZero() {
		at := metav1.NewTime(next)
		run.Status.NextOpening = &at
	}
	return wait
}

// resume starts a run again whose stages were reset.
func (l *logic) resume(ctx context.Context, s *scope) (kind.Result, error) {
	plan, err := l.plan(ctx, s.Object)
	if err != nil {
		return kind.Result{}, err
	}
	if _, err := l.queue(ctx, s.Object, plan.Concurrency()); err != nil {
		return kind.Result{}, err
	}
	pipeline.Resume(s.Object, plan, s.Now)
	s.Conditions().Progressing("a stage is retried")
	return kind.Result{RequeueAfter: again}, nil
}

// prepare checks a spec and the parameters of a run.
func prepare(spec *v1alpha1.PipelineSpec, run *v1alpha1.PipelineRun) (*pipeline.Plan, []v1alpha1.ParameterValue, error) {
	plan, err := pipeline.NewPlan(spec)
	if err != nil {
		return nil, nil, err
	}
	if err := pipeline.CheckDefaults(spec); err != nil {
		return nil, nil, err
	}
	parameters, err := pipeline.Parameters(spec, run.Spec.Parameters)
	return plan, parameters, err
}

// identify marks a run with its own UID, before its first stage. A run that has the UID of another object is a copy: it was restored from a
// backup. The run belongs to its Pipeline, and is deleted with it.
func (l *logic) identify(ctx context.Context, run *v1alpha1.PipelineRun, definition *v1alpha1.Pipeline) error {
	metadata := kind.MetadataOf(kindName)
	if err := l.reader.Get(ctx, client.ObjectKeyFromObject(run), metadata); err != nil {
		return problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read the run (%s)", apierror.Describe(err))
	}
	if at, err := time.Parse(time.RFC3339, metadata.Annotations[v1alpha1.AnnotationCommitTime]); err == nil {
		committed := metav1.NewTime(at)
		run.Status.CommitTime = &committed
	}
	switch marked := metadata.Annotations[v1alpha1.AnnotationRunUID]; marked {
	case string(run.UID):
		return nil
	case "":
	default:
		return problem.UserError(v1alpha1.ReasonExpired, nil,
			"the run was restored from a backup (annotation %s is that of another object), so it does not start; "+
				"create another PipelineRun",
			v1alpha1.AnnotationRunUID)
	}
	owners := slices.Clone(metadata.OwnerReferences)
	// A run of a trigger has its owner since it was created.
	if !slices.ContainsFunc(owners, func(owner metav1.OwnerReference) bool { return owner.UID == definition.UID }) {
		owners = append(owners, metav1.OwnerReference{
			APIVersion: v1alpha1.GroupVersion().String(), Kind: "Pipeline", Name: definition.Name, UID: definition.UID,
		})
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": run.UID, "resourceVersion": metadata.ResourceVersion, "ownerReferences": owners,
		"annotations": map[string]string{v1alpha1.AnnotationRunUID: string(run.UID)},
		"labels":      map[string]string{v1alpha1.LabelPipeline: pipeline.Label(definition.Name)},
	}})
	if err != nil {
		return err
	}
	object := kind.MetadataOf(kindName)
	object.Namespace, object.Name = run.Namespace, run.Name
	if err := l.client.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("mark the run: %w", err)
	}
	return nil
}

// cancelWaiting ends a run that has not started, or whose retry has not.
func (l *logic) cancelWaiting(s *scope, reason, message string) {
	end(s, v1alpha1.RunCanceled)
	s.AfterWrite(func() { l.metrics.ended(s.Object) })
	s.Conditions().Failed(problem.UserError(reason, nil, "%s", message))
	l.Forget(s.Key())
}

func end(s *scope, phase v1alpha1.RunPhase) {
	at := metav1.NewTime(s.Now)
	s.Object.Status.NextOpening = nil
	s.Object.Status.Phase = phase
	s.Object.Status.CompletionTime = &at
}

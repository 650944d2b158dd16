// Package pipelinerun executes PipelineRuns: it decides when a run starts, stores the spec that it uses, and lets package pipeline advance
// its stages.
package pipelinerun

import (
	"context"
	"fmt"
	"strings"
	"sync"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/notificationchannel"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/approval"
	"kubeops.io/kubeops/internal/pipeline/build"
	"kubeops.io/kubeops/internal/pipeline/bundle"
	"kubeops.io/kubeops/internal/pipeline/commit"
	"kubeops.io/kubeops/internal/pipeline/delivery"
	"kubeops.io/kubeops/internal/pipeline/deploy"
	"kubeops.io/kubeops/internal/pipeline/image"
	"kubeops.io/kubeops/internal/pipeline/inspect"
	"kubeops.io/kubeops/internal/pipeline/job"
	"kubeops.io/kubeops/internal/pipeline/logs"
	"kubeops.io/kubeops/internal/pipeline/metrics"
	"kubeops.io/kubeops/internal/pipeline/notify"
	"kubeops.io/kubeops/internal/pipeline/quality"
	"kubeops.io/kubeops/internal/pipeline/wait"
	"kubeops.io/kubeops/internal/problem"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=pipelineruns,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kubeops.io,resources=pipelineruns/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=pipelines,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=approvals,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=kubeops.io,resources=cdproviders,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=ciproviders;metricsbackends;logbackends;notificationchannels,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspections,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kubeops.io,resources=inspectionreports,verbs=get
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;create
// +kubebuilder:rbac:groups="",resources=namespaces,resourceNames=kube-system,verbs=get
// +kubebuilder:rbac:groups=authorization.k8s.io,resources=localsubjectaccessreviews,verbs=create

const (
	kindName = "PipelineRun"
	// parallel runs are advanced at the same time. A pass takes some requests to the API server.
	parallel = 16
)

// Options of the controller, beside its environment. All fields are required, except Metrics.
type Options struct {
	// Drivers of the types of stages.
	Drivers map[v1alpha1.StageType]pipeline.Driver
	// Expressions evaluates CEL.
	Expressions expression.Evaluator
	// Redact replaces secrets in texts that go to the status.
	Redact func(string) string
	// Metrics of the runs; nil measures nothing.
	Metrics *Metrics
}

// Drivers are those of all types of stages. Texts of other systems pass redactText.
func Drivers(e *environment.Environment, redactText func(string) string) map[v1alpha1.StageType]pipeline.Driver {
	approvals := &approval.Driver{Approvals: e.Client, Client: e.Client}
	cluster := (&identity{reader: e.Reader}).get
	gate := func(driver pipeline.Driver) pipeline.Driver {
		return &approval.Gate{Driver: driver, Approvals: approvals}
	}
	return map[v1alpha1.StageType]pipeline.Driver{
		v1alpha1.StageWait:     wait.Driver{},
		v1alpha1.StageApproval: approvals,
		v1alpha1.StageJob:      &job.Driver{Accounts: e.Accounts},
		v1alpha1.StageDeploy:   &deploy.Driver{Reader: e.Reader, Open: e.Backends.OpenDelivery, Cluster: cluster},
		v1alpha1.StageCommit: &commit.Driver{
			Secrets: e.Backends.Secrets, Egress: e.Backends.Egress, Metrics: e.Backends.Telemetry, Memory: e.Backends.Memory,
			Locks: &gitrepo.Locks{}, Redact: redactText,
		},
		v1alpha1.StageBuild: &build.Driver{
			Open: opener{e}.builds, Accounts: e.Accounts, Cluster: cluster, Redact: redactText,
		},
		v1alpha1.StageNotify: &notify.Driver{
			Open: opener{e}.channel, Limit: notificationchannel.NewRateLimiter().Wait, Redact: redactText,
		},
		v1alpha1.StageMetrics: gate(&metrics.Driver{Open: opener{e}.metrics}),
		v1alpha1.StageQuality: gate(&quality.Driver{
			OpenBuilds: opener{e}.builds, Runs: e.Client, Reader: e.Reader,
			Secrets: e.Backends.Secrets, Egress: e.Backends.Egress, Metrics: e.Backends.Telemetry, Memory: e.Backends.Memory,
		}),
		v1alpha1.StageBundle: &bundle.Driver{Accounts: e.Accounts, Client: e.Client},
		v1alpha1.StageLogs:   gate(&logs.Driver{Open: opener{e}.logs, Client: e.Client, Redact: redactText}),
		v1alpha1.StageImage: &image.Driver{
			Secrets: e.Backends.Secrets, Egress: e.Backends.Egress, Metrics: e.Backends.Telemetry, Memory: e.Backends.Memory,
		},
		v1alpha1.StageInspect: gate(&inspect.Driver{Client: e.Client, Reader: e.Reader}),
	}
}

// Setup adds the controller to a manager. It wakes when a run ends or is created for which others wait, when a Pipeline changes, and when a
// stage is approved.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	metrics, err := NewMetrics(e.Settings.Metrics)
	if err != nil {
		return err
	}
	return SetupWith(m, e, Options{Drivers: Drivers(e, e.Redact), Expressions: e.Expressions(), Redact: e.Redact, Metrics: metrics})
}

// SetupWith is Setup with other options.
func SetupWith(m ctrl.Manager, e *environment.Environment, o Options) error {
	r := New(e, o)
	return watch(r.Build(m, "pipelinerun", kind.Slots{Parallel: parallel}), m.GetClient()).Complete(r)
}

// New is the reconciler of PipelineRuns.
func New(e *environment.Environment, o Options) *kind.Reconciler[*v1alpha1.PipelineRun] {
	approvals := &approval.Driver{Approvals: e.Client, Client: e.Client}
	l := &logic{
		client: e.Client, reader: e.Reader, plans: map[client.ObjectKey]stored{}, metrics: o.Metrics,
		engine: &pipeline.Engine{
			Drivers: o.Drivers, Expressions: o.Expressions, Redact: o.Redact,
			Override: approvals.Override, CheckOverride: approvals.Check,
		},
	}
	empty := func() *v1alpha1.PipelineRun { return &v1alpha1.PipelineRun{} }
	return kind.NewReconciler(e.Environment, kindName, "Run", empty, kind.Logic[*v1alpha1.PipelineRun](l), nil)
}

// logic reconciles PipelineRuns.
type logic struct {
	// client writes, and reads what may be as old as the cache; reader reads without it.
	client  client.Client
	reader  client.Reader
	engine  *pipeline.Engine
	metrics *Metrics

	mutex sync.Mutex
	// plans of the runs in progress.
	plans map[client.ObjectKey]stored
}

// stored is the plan of a run, which never changes.
type stored struct {
	revision string
	plan     *pipeline.Plan
}

type scope = kind.Scope[*v1alpha1.PipelineRun]

// Forget implements kind.Forgetter.
func (l *logic) Forget(key client.ObjectKey) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	delete(l.plans, key)
}

// Reconcile implements kind.Logic.
func (l *logic) Reconcile(ctx context.Context, s *scope) (kind.Result, error) {
	s.Exclusive = []string{"phase", "stages"}
	s.HandleRequest()
	run := s.Object
	if run.Status.Phase.Ended() {
		return l.ended(ctx, s)
	}
	if run.Status.Phase == v1alpha1.RunRunning || run.Status.Phase == v1alpha1.RunFinishing {
		return l.advance(ctx, s)
	}
	return l.admit(ctx, s)
}

// ended keeps a run as it is, unless a stage must be retried.
func (l *logic) ended(ctx context.Context, s *scope) (kind.Result, error) {
	run := s.Object
	if run.Status.Phase == v1alpha1.RunFailed && len(run.Spec.Retries) > 0 && run.Status.Revision != "" {
		plan, err := l.plan(ctx, run)
		if err != nil && problem.As(err) == nil {
			return kind.Result{}, err
		}
		if err == nil && pipeline.Retry(run, plan) {
			s.Conditions().Progressing("a stage is retried")
			return kind.Result{RequeueAfter: again}, nil
		}
	}
	l.Forget(s.Key())
	concludeRun(s)
	return kind.Result{}, nil
}

// advance the stages of a run.
func (l *logic) advance(ctx context.Context, s *scope) (kind.Result, error) {
	run := s.Object
	plan, err := l.plan(ctx, run)
	switch p := problem.As(err); {
	case p != nil && p.Action == problem.UserMustAct:
		l.fail(s, p)
		return kind.Result{}, nil
	case err != nil:
		return kind.Result{}, err
	}
	canceled := run.Spec.Cancel
	if !canceled && run.Status.Phase == v1alpha1.RunRunning && plan.Concurrency() == v1alpha1.ConcurrencyCancelPrevious {
		if canceled, err = l.superseded(ctx, run); err != nil {
			return kind.Result{}, err
		}
	}
	after, err := l.engine.Advance(ctx, run, plan, canceled, s.Now, func(ctx context.Context) error { return s.Write(ctx, l.client) })
	if err != nil {
		return kind.Result{}, err
	}
	if run.Status.Phase.Ended() {
		run.Status.Delivery = delivery.Summarize(run)
		s.AfterWrite(func() { l.metrics.ended(run) })
		l.Forget(s.Key())
		concludeRun(s)
		return kind.Result{}, nil
	}
	s.Conditions().Progressing(current(run))
	return kind.Result{RequeueAfter: after}, nil
}

// concludeRun sets the conditions of a run that has ended.
func concludeRun(s *scope) {
	run := s.Object
	ready := s.Condition(v1alpha1.ConditionReady)
	if ready != nil && ready.ObservedGeneration == run.Generation && s.Condition(v1alpha1.ConditionReconciling) == nil {
		return
	}
	switch run.Status.Phase {
	case v1alpha1.RunSucceeded:
		s.Conditions().Succeeded(fmt.Sprintf("%d stages ended", len(run.Status.Stages)))
	case v1alpha1.RunCanceled:
		s.Conditions().Failed(problem.UserError(v1alpha1.ReasonCanceled, nil,
			"the run was canceled; create another PipelineRun to start again"))
	default:
		if len(run.Status.Stages) == 0 && ready != nil {
			s.Conditions().Failed(problem.UserError(ready.Reason, nil, "%s", outcome.Explanation(run.Status.Conditions)))
			return
		}
		s.Conditions().Failed(failure(run))
	}
}

// failure describes the first stage that failed.
func failure(run *v1alpha1.PipelineRun) *problem.Problem {
	for _, stage := range run.Status.Stages {
		if stage.Phase.Failed() || stage.Reason == v1alpha1.ReasonRunTimedOut {
			return problem.UserError(v1alpha1.ReasonStageFailed, nil, "stage %s is %s (%s)%s: %s",
				stage.Name, stage.Phase, stage.Reason, rollbacks(run), stage.Message)
		}
	}
	return problem.UserError(v1alpha1.ReasonStageFailed, nil, "a stage failed")
}

// rollbacks lists the stages of a run that were rolled back, and those that were not.
func rollbacks(run *v1alpha1.PipelineRun) string {
	var undone, left []string
	for _, stage := range run.Status.Stages {
		switch r := stage.Rollback; {
		case r == nil:
		case r.Phase == v1alpha1.StageSucceeded:
			undone = append(undone, stage.Name)
		default:
			left = append(left, fmt.Sprintf("%s (%s)", stage.Name, r.Reason))
		}
	}
	var text string
	if len(undone) > 0 {
		text = "; rolled back: " + strings.Join(undone, ", ")
	}
	if len(left) > 0 {
		text += "; not rolled back: " + strings.Join(left, ", ")
	}
	return text
}

// current describes what a run waits for: the first stage in progress, or the rollback of one.
func current(run *v1alpha1.PipelineRun) string {
	for _, stage := range run.Status.Stages {
		if r := stage.Rollback; r != nil && !r.Phase.Ended() && r.Phase != v1alpha1.StageWaiting {
			return fmt.Sprintf("stage %s is rolled back: %s %s", stage.Name, r.Phase, r.Message)
		}
	}
	for _, stage := range run.Status.Stages {
		if stage.Phase.Ended() || stage.Phase == v1alpha1.StageWaiting && stage.Reason == "" {
			continue
		}
		text := fmt.Sprintf("stage %s is %s", stage.Name, stage.Phase)
		if stage.Message != "" {
			text += ": " + stage.Message
		}
		return text
	}
	return "stages are in progress"
}

// fail ends a run that cannot start, or go on.
func (l *logic) fail(s *scope, p *problem.Problem) {
	end(s, v1alpha1.RunFailed)
	ended := *p
	ended.Action = problem.UserMustAct
	s.Conditions().Failed(&ended)
	s.AfterWrite(func() { l.metrics.ended(s.Object) })
	l.Forget(s.Key())
}

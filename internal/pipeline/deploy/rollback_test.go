package deploy_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/testkit/argocd"
)

const (
	// committed is the commit of the stage before a deployment, and reverted that of its rollback.
	committed = newer
	reverted  = "3333333333333333333333333333333333333333"
)

// check is a stage that fails.
type check struct{}

func (check) Check(context.Context, pipeline.Attempt) error { return nil }

func (check) Start(_ context.Context, a pipeline.Attempt) (string, error) { return a.Key, nil }

func (check) Find(_ context.Context, a pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Found, Handle: a.Key}, nil
}

func (check) Get(context.Context, pipeline.Attempt, string) (pipeline.Observation, error) {
	return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonConditionNotMet, Message: "the check failed"}, nil
}

func (check) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// commits is a stage that commits. Its rollback moves the head of the application, unless the rollback is refused.
type commits struct {
	check
	revision string
	refused  bool
	revert   func()
}

func (c *commits) Get(context.Context, pipeline.Attempt, string) (pipeline.Observation, error) {
	return pipeline.Observation{State: pipeline.Succeeded, Outputs: map[string]string{
		v1alpha1.OutputRevision: c.revision, v1alpha1.OutputPreviousRevision: older, v1alpha1.OutputChanged: "true",
	}}, nil
}

func (c *commits) Previous(context.Context, pipeline.Attempt) (string, error) { return older, nil }

func (c *commits) Rollback() pipeline.Driver { return &revert{c} }

type revert struct{ *commits }

func (r *revert) Start(_ context.Context, a pipeline.Attempt) (string, error) {
	r.revert()
	return a.Key, nil
}

func (r *revert) Get(context.Context, pipeline.Attempt, string) (pipeline.Observation, error) {
	if r.refused {
		return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonValuesChanged, Message: "changed"}, nil
	}
	return pipeline.Observation{State: pipeline.Succeeded, Outputs: map[string]string{v1alpha1.OutputRevision: reverted}}, nil
}

// failing is a deployment before a check that fails and rolls back.
func failing(stage v1alpha1.PipelineStage) []v1alpha1.PipelineStage {
	return []v1alpha1.PipelineStage{stage, {
		Name: "check", Type: v1alpha1.StageJob, After: []string{stage.Name}, OnFailure: v1alpha1.FailureRollback,
		Job: &v1alpha1.JobStage{},
	}}
}

func newFailing(t *testing.T, app argocd.Application, stage v1alpha1.DeployStage) *machine {
	t.Helper()
	return newMachineWith(t, argocd.Plugin(t), app, failing(deployStage(app, stage)),
		map[v1alpha1.StageType]pipeline.Driver{v1alpha1.StageJob: check{}})
}

// rolledBack advances the run to its end, and returns the rollback of the deployment.
func (m *machine) rolledBack() *v1alpha1.RollbackStatus {
	m.t.Helper()
	m.until(func(*v1alpha1.StageStatus) bool { return m.stored.Status.Phase.Ended() })
	if m.stored.Status.Phase != v1alpha1.RunFailed || m.stage().Rollback == nil {
		m.t.Fatalf("the run is %s, and the stage %+v", m.stored.Status.Phase, m.stage())
	}
	return m.stage().Rollback
}

// checked is a run whose check has failed, and whose rollback has not begun.
func (m *machine) checked() {
	m.t.Helper()
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Rollback != nil })
}

func TestADeploymentIsRolledBackToTheRevisionBefore(t *testing.T) {
	m := newFailing(t, manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Start("shop", "carol", older)
	r := m.rolledBack()
	if r.Phase != v1alpha1.StageSucceeded || r.Revision != older || r.Key == m.stage().Key ||
		!slices.Equal(m.fake.Deployed("shop"), []string{older, newer, older}) {
		t.Errorf("rollback %+v, deployed %v", r, m.fake.Deployed("shop"))
	}
	if syncs, _ := m.fake.Syncs(); syncs != 2 {
		t.Errorf("%d syncs", syncs)
	}
}

func TestEveryCrashOfARollbackIsOneSync(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for n := 1; n <= 40; n++ {
			m := newFailing(t, manual(), v1alpha1.DeployStage{Revision: revision(newer)})
			m.fake.Start("shop", "carol", older)
			m.checked()
			m.fake.Crash(n, lost)
			_, before := m.fake.Syncs()
			r := m.rolledBack()
			syncs, calls := m.fake.Syncs()
			if syncs != 2 || r.Phase != v1alpha1.StageSucceeded || !slices.Equal(m.fake.Deployed("shop"), []string{older, newer, older}) {
				t.Fatalf("crash at request %d (lost %t): %d syncs, %+v, deployed %v", n, lost, syncs, r, m.fake.Deployed("shop"))
			}
			if n > len(calls)-len(before) {
				break
			}
			if n == 40 {
				t.Error("the rollback has more requests than are tried")
			}
		}
	}
}

func TestWhatARollbackOfADeploymentLeavesAlone(t *testing.T) {
	selected := &v1alpha1.SyncOptions{Resources: []v1alpha1.SyncResource{{Kind: "ConfigMap", Name: "settings"}}}
	for name, c := range map[string]struct {
		stage  v1alpha1.DeployStage
		first  bool
		before func(*machine)
		phase  v1alpha1.StagePhase
		reason string
		syncs  int
	}{
		"a first deployment": {first: true, phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonHistoryNotAvailable, syncs: 1},
		"a selective sync": {
			stage: v1alpha1.DeployStage{Sync: selected}, phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonHistoryNotAvailable, syncs: 1,
		},
		"a dry run": {
			stage: v1alpha1.DeployStage{Sync: &v1alpha1.SyncOptions{DryRun: true}}, phase: v1alpha1.StageSucceeded,
			reason: "NothingToRollBack", syncs: 1,
		},
		"a deployment of someone else": {
			before: func(m *machine) {
				m.fake.Start("shop", "carol", reverted)
				for err := m.probe(); err != nil; err = m.probe() {
					if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonOperationInProgress {
						m.t.Fatal(err)
					}
					m.now = m.now.Add(time.Second)
				}
			},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonDeployedByOthers, syncs: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.stage.Revision = revision(newer)
			m := newFailing(t, manual(), c.stage)
			if !c.first {
				m.fake.Start("shop", "carol", older)
			}
			m.checked()
			if c.before != nil {
				c.before(m)
			}
			r := m.rolledBack()
			syncs, _ := m.fake.Syncs()
			if r.Phase != c.phase || r.Reason != c.reason || r.Message == "" || syncs != c.syncs {
				t.Errorf("%+v, %d syncs", r, syncs)
			}
		})
	}
}

// probe lets the fake's controller work, until nothing is in progress.
func (m *machine) probe() error {
	m.t.Helper()
	driver := m.engine.Drivers[v1alpha1.StageDeploy].(pipeline.Reverter)
	_, err := driver.Previous(m.t.Context(), pipeline.Attempt{Namespace: "team", Stage: m.deployed})
	return err
}

func TestAFailedSyncIsRolledBack(t *testing.T) {
	app := manual()
	stage := deployStage(app, v1alpha1.DeployStage{Revision: revision(newer)})
	stage.OnFailure = v1alpha1.FailureRollback
	m := newMachineWith(t, argocd.Plugin(t), app, []v1alpha1.PipelineStage{stage}, nil)
	m.fake.Start("shop", "carol", older)
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase == v1alpha1.StageSubmitted })
	m.fake.Set("shop", func(a *argocd.Application) { a.Fail = "one or more objects failed to apply" })
	m.checked()
	m.fake.Set("shop", func(a *argocd.Application) { a.Fail = "" })
	if r := m.rolledBack(); r.Phase != v1alpha1.StageSucceeded || !slices.Equal(m.fake.Deployed("shop"), []string{older, older}) {
		t.Errorf("%+v, deployed %v", r, m.fake.Deployed("shop"))
	}
}

func TestADeploymentThatWasRepeatedIsRolledBackToTheRevisionBeforeItsFirstAttempt(t *testing.T) {
	app := manual()
	app.Health = "Degraded"
	stage := deployStage(app, v1alpha1.DeployStage{Revision: revision(newer)})
	stage.OnFailure = v1alpha1.FailureRollback
	stage.Retry = &v1alpha1.StageRetry{Attempts: 2, Delay: &metav1.Duration{Duration: time.Second}}
	m := newMachineWith(t, argocd.Plugin(t), app, []v1alpha1.PipelineStage{stage}, nil)
	m.fake.Start("shop", "carol", older)
	m.checked()
	m.fake.Set("shop", func(a *argocd.Application) { a.Health = "Healthy" })
	r := m.rolledBack()
	if r.Phase != v1alpha1.StageSucceeded || r.Revision != older ||
		!slices.Equal(m.fake.Deployed("shop"), []string{older, newer, newer, older}) {
		t.Errorf("%+v, deployed %v", r, m.fake.Deployed("shop"))
	}
}

// newAutomated commits, deploys an application that its server syncs, and fails.
func newAutomated(t *testing.T, refused bool) *machine {
	t.Helper()
	app := argocd.Application{Name: "shop", Head: older, Automated: true}
	deployed := deployStage(app, v1alpha1.DeployStage{Revision: &v1alpha1.StageText{Expression: "stages.commit.outputs.revision"}})
	deployed.After = []string{"commit"}
	stages := append([]v1alpha1.PipelineStage{{
		Name: "commit", Type: v1alpha1.StageCommit, Commit: &v1alpha1.CommitStage{
			Repository: "https://git.example.com/shop.git", Branch: "main",
			Changes: []v1alpha1.CommitChange{{File: "a", Path: "b", Value: ptr.To("c")}},
		},
	}}, failing(deployed)...)
	driver := &commits{revision: committed, refused: refused}
	m := newMachineWith(t, argocd.Plugin(t), app, stages,
		map[v1alpha1.StageType]pipeline.Driver{v1alpha1.StageJob: check{}, v1alpha1.StageCommit: driver})
	driver.revert = func() {
		if !refused {
			m.fake.Set("shop", func(a *argocd.Application) { a.Head = reverted })
		}
	}
	m.fake.Set("shop", func(a *argocd.Application) { a.Head = committed })
	return m
}

func TestAnApplicationThatIsSyncedAutomaticallyFollowsTheRollbackOfTheCommit(t *testing.T) {
	m := newAutomated(t, false)
	r := m.rolledBack()
	commit := m.stored.Status.Stage("commit").Rollback
	if r.Phase != v1alpha1.StageSucceeded || r.Revision != reverted || commit.Phase != v1alpha1.StageSucceeded ||
		commit.StartTime.After(r.StartTime.Time) {
		t.Errorf("deploy %+v, commit %+v", r, commit)
	}
	syncs, calls := m.fake.Syncs()
	if syncs != 0 || slices.ContainsFunc(calls, func(c string) bool { return !strings.HasPrefix(c, "GET ") }) {
		t.Errorf("%d syncs, calls %q", syncs, calls)
	}
}

func TestAnApplicationIsNotWaitedForIfItsCommitWasNotRolledBack(t *testing.T) {
	m := newAutomated(t, true)
	if r := m.rolledBack(); r.Phase != v1alpha1.StageFailed || r.Reason != v1alpha1.ReasonCommitNotRolledBack ||
		!strings.Contains(r.Message, committed) {
		t.Errorf("%+v", r)
	}
}

package deploy_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/deploy"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/provider/cd"
	"kubeops.io/kubeops/internal/testkit/argocd"
)

const (
	older = "1111111111111111111111111111111111111111"
	newer = "2222222222222222222222222222222222222222"
)

// reader has one CDProvider.
type reader struct{ client.Reader }

func (reader) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	into.SetNamespace(key.Namespace)
	into.SetName(key.Name)
	return nil
}

// machine drives a run with one deploy stage against a fake of Argo CD. Its stored state is what a crash falls back to.
type machine struct {
	t      *testing.T
	fake   *argocd.Server
	engine *pipeline.Engine
	plan   *pipeline.Plan
	// deployed is the stage that deploys.
	deployed *v1alpha1.PipelineStage
	stored   *v1alpha1.PipelineRun
	now      time.Time
	next     time.Duration
	cancel   bool
}

func newMachine(t *testing.T, pool *plugin.Pool, app argocd.Application, stage v1alpha1.DeployStage) *machine {
	t.Helper()
	return newMachineWith(t, pool, app, []v1alpha1.PipelineStage{deployStage(app, stage)}, nil)
}

// deployStage deploys an application within 5 minutes.
func deployStage(app argocd.Application, stage v1alpha1.DeployStage) v1alpha1.PipelineStage {
	stage.ProviderRef.Name = "argocd"
	stage.Application.Name = app.Name
	return v1alpha1.PipelineStage{
		Name: "deploy", Type: v1alpha1.StageDeploy, Timeout: &metav1.Duration{Duration: 5 * time.Minute}, Deploy: &stage,
	}
}

// newMachineWith has other stages, too, and their drivers.
func newMachineWith(
	t *testing.T, pool *plugin.Pool, app argocd.Application, stages []v1alpha1.PipelineStage, drivers map[v1alpha1.StageType]pipeline.Driver,
) *machine {
	t.Helper()
	m := &machine{t: t, fake: argocd.New(t, app), now: time.Now().Truncate(time.Second)}
	m.fake.SetClock(func() time.Time { return m.now })
	plan, err := pipeline.NewPlan(&v1alpha1.PipelineSpec{Stages: stages})
	if err != nil {
		t.Fatal(err)
	}
	settings, err := cd.Settings(cd.ArgoCD{URL: m.fake.URL}, map[string][]byte{cd.SecretToken: []byte(argocd.Token)})
	if err != nil {
		t.Fatal(err)
	}
	open := func(ctx context.Context, _ *v1alpha1.CDProvider) (*backends.Delivery, error) {
		p, err := cd.Open(ctx, pool, plugin.Target{Socket: v1alpha1.DefaultArgoCDSocket}, settings)
		return &backends.Delivery{Provider: p}, err
	}
	m.plan = plan
	m.deployed = &stages[slices.IndexFunc(stages, func(s v1alpha1.PipelineStage) bool { return s.Deploy != nil })]
	m.engine = &pipeline.Engine{
		Drivers:     map[v1alpha1.StageType]pipeline.Driver{v1alpha1.StageDeploy: &deploy.Driver{Reader: reader{}, Open: open}},
		Expressions: expression.Local{}, Redact: func(text string) string { return text },
	}
	maps.Copy(m.engine.Drivers, drivers)
	m.stored = &v1alpha1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "r", UID: "uid"}}
	pipeline.Begin(m.stored, plan, m.now)
	return m
}

var errCrashed = errors.New("crashed")

// pass advances the run once. What was decided after a crash is lost.
func (m *machine) pass() {
	m.t.Helper()
	run := m.stored.DeepCopy()
	save := func(context.Context) error {
		if m.fake.Down() {
			return errCrashed
		}
		m.stored = run.DeepCopy()
		return nil
	}
	next, err := m.engine.Advance(m.t.Context(), run, m.plan, m.cancel, m.now, save)
	switch {
	case m.fake.Restart():
		m.next = time.Second
	case err != nil:
		m.t.Fatal(err)
	default:
		m.stored = run
		m.next = next
	}
}

func (m *machine) stage() *v1alpha1.StageStatus { return m.stored.Status.Stage("deploy") }

// until the stage is as wanted. Time passes as the engine asks for it.
func (m *machine) until(wanted func(*v1alpha1.StageStatus) bool) {
	m.t.Helper()
	for range 400 {
		if wanted(m.stage()) {
			return
		}
		m.pass()
		m.now = m.now.Add(max(m.next, time.Second))
	}
	m.t.Fatalf("not reached: %+v", m.stage())
}

func (m *machine) end() *v1alpha1.StageStatus {
	m.t.Helper()
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase.Ended() })
	return m.stage()
}

func revision(text string) *v1alpha1.StageText { return &v1alpha1.StageText{Value: &text} }

func manual() argocd.Application { return argocd.Application{Name: "shop", Head: newer} }

func TestARevisionIsSyncedOnceAndWaitedFor(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Start("shop", "carol", older)
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase == v1alpha1.StageSubmitted })
	began := m.now
	s := m.end()
	if s.Phase != v1alpha1.StageSucceeded || s.Outputs["revision"] != newer || s.Outputs["previousRevision"] != older ||
		!strings.HasSuffix(s.ExternalURL, "/applications/argocd/shop") {
		t.Errorf("stage: %+v", s)
	}
	if syncs, _ := m.fake.Syncs(); syncs != 1 || !slices.Equal(m.fake.Deployed("shop"), []string{older, newer}) {
		t.Errorf("%d syncs, deployed %v", syncs, m.fake.Deployed("shop"))
	}
	if stable := m.now.Sub(began); stable < v1alpha1.DefaultStableFor {
		t.Errorf("ended after %s", stable)
	}
}

func TestEveryCrashIsOneSync(t *testing.T) {
	pool := argocd.Plugin(t)
	for _, lost := range []bool{false, true} {
		for n := 1; n <= 40; n++ {
			m := newMachine(t, pool, manual(), v1alpha1.DeployStage{Revision: revision(newer)})
			m.fake.Crash(n, lost)
			s := m.end()
			_, calls := m.fake.Syncs()
			if syncs, _ := m.fake.Syncs(); syncs != 1 || s.Phase != v1alpha1.StageSucceeded || s.Attempt != 1 {
				t.Fatalf("crash at request %d (lost %t): %d syncs, %s %s: %s", n, lost, syncs, s.Phase, s.Reason, s.Message)
			}
			if n > len(calls) {
				break
			}
		}
	}
}

func TestAnotherOperationIsWaitedForAndNamed(t *testing.T) {
	app := manual()
	app.Hold = true
	m := newMachine(t, argocd.Plugin(t), app, v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Start("shop", "carol", older)
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonOperationInProgress })
	if s := m.stage(); !strings.Contains(s.Message, "started by carol") {
		t.Errorf("message: %s", s.Message)
	}
	m.fake.Set("shop", func(a *argocd.Application) { a.Hold = false })
	if s := m.end(); s.Phase != v1alpha1.StageSucceeded || s.Outputs["previousRevision"] != older {
		t.Errorf("stage: %+v", s)
	}
	if syncs, _ := m.fake.Syncs(); syncs != 1 {
		t.Errorf("%d syncs", syncs)
	}
}

func TestARecordThatAnotherOperationReplacedIsNeverSyncedAgain(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Drop()
	m.pass() // the answer to the sync is lost
	m.now = m.now.Add(2 * time.Second)
	m.fake.Start("shop", "carol", older)
	s := m.end()
	if syncs, _ := m.fake.Syncs(); syncs != 1 || s.Phase != v1alpha1.StageFailed || s.Reason != v1alpha1.ReasonTriggerUnknown ||
		!strings.Contains(s.Message, "carol") {
		t.Errorf("%d syncs, stage %+v", syncs, s)
	}
}

func TestAnApplicationThatIsSyncedAutomaticallyIsRefreshedOnly(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), argocd.Application{Name: "shop", Head: newer, Automated: true},
		v1alpha1.DeployStage{Revision: revision(newer)})
	if s := m.end(); s.Phase != v1alpha1.StageSucceeded || s.Outputs["revision"] != newer || s.Outputs["previousRevision"] != "" {
		t.Errorf("stage: %+v", s)
	}
	if syncs, calls := m.fake.Syncs(); syncs != 0 || slices.ContainsFunc(calls, func(c string) bool { return !strings.HasPrefix(c, "GET ") }) {
		t.Errorf("%d syncs, calls %q", syncs, calls)
	}
}

func TestAutomatedSyncThatIsDisabledIsNone(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), argocd.Application{Name: "shop", Head: newer, Automated: true, Disabled: true},
		v1alpha1.DeployStage{Revision: revision(newer)})
	if s := m.end(); s.Phase != v1alpha1.StageSucceeded {
		t.Errorf("stage: %+v", s)
	}
	if syncs, _ := m.fake.Syncs(); syncs != 1 {
		t.Errorf("%d syncs", syncs)
	}
}

func TestCancelTerminatesTheSync(t *testing.T) {
	app := manual()
	app.Hold = true
	m := newMachine(t, argocd.Plugin(t), app, v1alpha1.DeployStage{Revision: revision(newer)})
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase == v1alpha1.StageObserving })
	m.cancel = true
	s := m.end()
	_, calls := m.fake.Syncs()
	if s.Phase != v1alpha1.StageCanceled || !slices.Contains(calls, "DELETE /api/v1/applications/shop/operation") {
		t.Errorf("stage %+v, calls %q", s, calls)
	}
}

func TestHowADeploymentEnds(t *testing.T) {
	pool := argocd.Plugin(t)
	for name, tc := range map[string]struct {
		app       argocd.Application
		stage     v1alpha1.DeployStage
		phase     v1alpha1.StagePhase
		reason    string
		message   string
		diagnosis string
		syncs     int
	}{
		"a failed sync names the resources": {
			app:   argocd.Application{Name: "shop", Head: newer, Fail: "one or more objects failed to apply"},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonSyncFailed, message: "failed to apply",
			diagnosis: "ConfigMap shop/settings: SyncFailed", syncs: 1,
		},
		"a degraded application fails with its resources": {
			app:   argocd.Application{Name: "shop", Head: newer, Health: "Degraded", HealthMessage: "ProgressDeadlineExceeded"},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonApplicationUnhealthy, message: "Degraded",
			diagnosis: "Deployment shop/web: Degraded: ProgressDeadlineExceeded", syncs: 1,
		},
		"one that never becomes healthy fails at the timeout, with the cause": {
			app:   argocd.Application{Name: "shop", Head: newer, Health: "Progressing", HealthMessage: "0 of 1 replicas"},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonApplicationUnhealthy, message: "Progressing",
			diagnosis: "Deployment shop/web: Progressing: 0 of 1 replicas", syncs: 1,
		},
		"an automated application that never gets the revision": {
			app: argocd.Application{Name: "shop", Head: older, Automated: true}, stage: v1alpha1.DeployStage{Revision: revision(newer)},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonRevisionNotDeployed, message: "compares with revision " + older,
		},
		"an automated application and a branch": {
			app: argocd.Application{Name: "shop", Head: older, Automated: true}, stage: v1alpha1.DeployStage{Revision: revision("main")},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonAutomated, message: "neither a full commit hash",
		},
		"an automated application and options": {
			app:   argocd.Application{Name: "shop", Head: older, Automated: true},
			stage: v1alpha1.DeployStage{Sync: &v1alpha1.SyncOptions{Prune: true}},
			phase: v1alpha1.StageFailed, reason: v1alpha1.ReasonAutomated, message: "turn automated sync off",
		},
		"a dry run waits for no health": {
			app:   argocd.Application{Name: "shop", Head: newer, Health: "Degraded"},
			stage: v1alpha1.DeployStage{Sync: &v1alpha1.SyncOptions{DryRun: true}}, phase: v1alpha1.StageSucceeded, syncs: 1,
		},
		"a selective sync": {
			app:   argocd.Application{Name: "shop", Head: newer},
			stage: v1alpha1.DeployStage{Sync: &v1alpha1.SyncOptions{Resources: []v1alpha1.SyncResource{{Kind: "ConfigMap", Name: "settings"}}}},
			phase: v1alpha1.StageSucceeded, syncs: 1,
		},
		"a closed sync window is waited for": {
			app:   argocd.Application{Name: "shop", Head: newer, Closed: true},
			phase: v1alpha1.StageTimedOut, reason: v1alpha1.ReasonStageTimedOut,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, pool, tc.app, tc.stage)
			s := m.end()
			if s.Phase != tc.phase || s.Reason != tc.reason || !strings.Contains(s.Message, tc.message) {
				t.Errorf("stage: %s %s: %s", s.Phase, s.Reason, s.Message)
			}
			if !strings.Contains(strings.Join(s.Diagnosis, "\n"), tc.diagnosis) {
				t.Errorf("diagnosis: %q", s.Diagnosis)
			}
			if syncs, _ := m.fake.Syncs(); syncs != tc.syncs {
				t.Errorf("%d syncs, want %d", syncs, tc.syncs)
			}
		})
	}
}

func TestHealthThatDoesNotLastIsNotCounted(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), manual(), v1alpha1.DeployStage{})
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == "WaitingForStability" })
	m.fake.Set("shop", func(a *argocd.Application) { a.Health = "Progressing" })
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == "WaitingForHealth" })
	m.fake.Set("shop", func(a *argocd.Application) { a.Health = "Healthy" })
	began := m.now
	if s := m.end(); s.Phase != v1alpha1.StageSucceeded || m.now.Sub(began) < v1alpha1.DefaultStableFor {
		t.Errorf("%s after %s", s.Phase, m.now.Sub(began))
	}
}

func TestASyncOfAnotherRevisionWhileWaitingIsReported(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == "WaitingForStability" })
	m.fake.Start("shop", "carol", older)
	if s := m.end(); s.Phase != v1alpha1.StageFailed || s.Reason != v1alpha1.ReasonRevisionNotDeployed ||
		!strings.Contains(s.Message, fmt.Sprintf("replaced by %s", older)) {
		t.Errorf("stage: %+v", s)
	}
}

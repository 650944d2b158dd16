package deploy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/argocd"
)

// every path of the server.
const every = ""

func TestATokenThatIsRevokedHalfwayIsNamedUntilItIsReplaced(t *testing.T) {
	app := manual()
	app.Hold = true
	m := newMachine(t, argocd.Plugin(t), app, v1alpha1.DeployStage{Revision: revision(newer)})
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase == v1alpha1.StageObserving })
	m.fake.Refuse(every, http.StatusUnauthorized)
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonUnauthorized })
	if s := m.stage(); s.Phase.Ended() || strings.Contains(s.Message, argocd.Token) {
		t.Errorf("the stage is %s: %s", s.Phase, s.Message)
	}
	m.fake.Refuse(every, 0)
	m.fake.Set("shop", func(a *argocd.Application) { a.Hold = false })
	s := m.end()
	if syncs, _ := m.fake.Syncs(); s.Phase != v1alpha1.StageSucceeded || syncs != 1 {
		t.Errorf("%d syncs, %s %s: %s", syncs, s.Phase, s.Reason, s.Message)
	}
}

func TestATokenThatIsRevokedBeforeTheAnswerToASyncStartsNoSecondOne(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Drop()
	m.pass() // the answer to the sync is lost
	m.now = m.now.Add(2 * time.Second)
	m.fake.Refuse(every, http.StatusUnauthorized)
	s := m.end()
	if syncs, _ := m.fake.Syncs(); syncs != 1 || s.Phase != v1alpha1.StageFailed || s.Reason != v1alpha1.ReasonTriggerUnknown ||
		!strings.Contains(s.Message, "401") {
		t.Errorf("%d syncs, %s %s: %s", syncs, s.Phase, s.Reason, s.Message)
	}
}

func TestAnApplicationThatIsDeletedHalfwayIsNamed(t *testing.T) {
	app := manual()
	app.Hold = true
	m := newMachine(t, argocd.Plugin(t), app, v1alpha1.DeployStage{Revision: revision(newer)})
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase == v1alpha1.StageObserving })
	m.fake.Delete("shop")
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonApplicationNotFound })
	if s := m.stage(); !strings.Contains(s.Message, "shop") {
		t.Errorf("message: %s", s.Message)
	}
	if syncs, _ := m.fake.Syncs(); syncs != 1 {
		t.Errorf("%d syncs", syncs)
	}
}

func TestASyncThatIsInProgressWhenItsSyncWindowClosesEnds(t *testing.T) {
	app := manual()
	app.Hold = true
	m := newMachine(t, argocd.Plugin(t), app, v1alpha1.DeployStage{Revision: revision(newer)})
	m.until(func(s *v1alpha1.StageStatus) bool { return s.Phase == v1alpha1.StageObserving })
	m.fake.Set("shop", func(a *argocd.Application) { a.Closed = true })
	for range 10 {
		m.pass()
		m.now = m.now.Add(max(m.next, time.Second))
	}
	if s := m.stage(); s.Phase != v1alpha1.StageObserving {
		t.Errorf("the stage is %s %s: %s", s.Phase, s.Reason, s.Message)
	}
	m.fake.Set("shop", func(a *argocd.Application) { a.Hold = false })
	s := m.end()
	if syncs, _ := m.fake.Syncs(); s.Phase != v1alpha1.StageSucceeded || syncs != 1 {
		t.Errorf("%d syncs, %s %s: %s", syncs, s.Phase, s.Reason, s.Message)
	}
}

func TestASyncWhoseAnswerIsLostIsFoundAfterItsSyncWindowClosed(t *testing.T) {
	m := newMachine(t, argocd.Plugin(t), manual(), v1alpha1.DeployStage{Revision: revision(newer)})
	m.fake.Drop()
	m.pass() // the answer to the sync is lost
	m.fake.Set("shop", func(a *argocd.Application) { a.Closed = true })
	s := m.end()
	if syncs, _ := m.fake.Syncs(); s.Phase != v1alpha1.StageSucceeded || syncs != 1 || s.Triggers != 1 {
		t.Errorf("%d syncs, %s %s: %s", syncs, s.Phase, s.Reason, s.Message)
	}
}

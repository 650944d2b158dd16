package build_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// ensured is a stage whose job does not exist before.
func ensured(overwrite bool) v1alpha1.PipelineStage {
	return stage(func(s *v1alpha1.BuildStage) {
		s.Job = "created"
		s.Ensure = &v1alpha1.EnsuredJob{Jenkinsfile: "node {}", Overwrite: overwrite}
	})
}

// wantCreated checks that the job was sent once, and its builds.
func (m *machine) wantCreated(builds int) {
	m.t.Helper()
	if got := len(m.jenkins.Builds("created")); got != builds {
		m.t.Errorf("dies at %d: %d builds, want %d", m.dies, got, builds)
	}
	if got := m.jenkins.Definitions(); got != 1 {
		m.t.Errorf("dies at %d: the job was sent %d times", m.dies, got)
	}
}

func TestAJobIsCreatedBeforeItsFirstBuild(t *testing.T) {
	m := newMachine(t, ensured(false))
	m.want(m.end(), v1alpha1.StageSucceeded, "", 0)
	m.begin("other", ensured(false))
	m.want(m.end(), v1alpha1.StageSucceeded, "", 0)
	m.wantCreated(2)
}

func TestAJobOfAPersonFailsTheStageUnlessItMayBeOverwritten(t *testing.T) {
	m := newMachine(t, ensured(false))
	m.jenkins.Add("created", &fake.Job{Config: "<project><description>mine</description></project>"})
	m.want(m.end(), v1alpha1.StageFailed, v1alpha1.ReasonJobNotManaged, 0)
	if m.jenkins.Definitions() != 0 || len(m.jenkins.Builds("created")) != 0 {
		t.Error("the job of a person was used")
	}
	m.begin("other", ensured(true))
	m.want(m.end(), v1alpha1.StageSucceeded, "", 0)
}

func TestAJobThatPeopleChangedIsReportedOrCorrected(t *testing.T) {
	for policy, tc := range map[v1alpha1.DriftPolicy]struct{ reported, corrected bool }{
		"": {reported: true}, v1alpha1.DriftReport: {reported: true}, v1alpha1.DriftCorrect: {corrected: true}, v1alpha1.DriftIgnore: {},
	} {
		for _, as := range []string{"", conformance.Fail} {
			drifting := stage(behaves(as), func(s *v1alpha1.BuildStage) {
				s.Job = "created"
				s.Ensure = &v1alpha1.EnsuredJob{Jenkinsfile: "node {}", Drift: policy}
			})
			m := newMachine(t, drifting)
			first := m.end()
			if strings.Contains(first.Message, "changed in Jenkins") {
				t.Errorf("%q: a job that no one changed: %s", policy, first.Message)
			}
			m.jenkins.Edit("created", strings.NewReplacer("node {}", "node { sh 'rm' }").Replace)
			m.begin("other", drifting)
			second := m.end()
			if got := strings.Contains(second.Message, "; the job was changed in Jenkins after KubeOps defined it"); got != tc.reported {
				t.Errorf("%q: %s", policy, second.Message)
			}
			if got := !strings.Contains(m.jenkins.Config("created"), "rm"); got != tc.corrected || second.Phase != first.Phase {
				t.Errorf("%q: corrected %t, phases %s and %s", policy, got, first.Phase, second.Phase)
			}
		}
	}
}

func TestAServerThatCannotCreateAJobYetIsWaitedFor(t *testing.T) {
	m := newMachine(t, ensured(false))
	m.jenkins.Refuse("/createItem", http.StatusServiceUnavailable)
	s := m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonServerError })
	if m.want(s, v1alpha1.StageClaimed, v1alpha1.ReasonServerError, 0); s.Triggers != 0 {
		t.Errorf("%d triggers, want 0", s.Triggers)
	}
	m.jenkins.Refuse("/createItem", 0)
	m.want(m.end(), v1alpha1.StageSucceeded, "", 0)
}

func TestACrashWhileTheJobIsCreatedLeavesOneBuild(t *testing.T) {
	for _, after := range []bool{false, true} {
		crashes := 0
		for dies := 1; dies <= 12; dies++ {
			m := newMachine(t, ensured(false))
			m.dies = dies
			m.after = after
			m.want(m.end(), v1alpha1.StageSucceeded, "", 0)
			m.wantCreated(1)
			if m.requests >= dies {
				crashes++
			}
		}
		if crashes < 6 {
			t.Errorf("%d crashes", crashes)
		}
	}
}

func TestAProxyThatDoesNotKnowTheServerIsNoProofThatNoBuildWasTriggered(t *testing.T) {
	m := newMachine(t, ensured(false))
	m.jenkins.Set(func(o *fake.Options) { o.Drop = true })
	paths := []string{"/queue/api/json", "/job/created/api/json", "/createItem"}
	m.until(func(*v1alpha1.StageStatus) bool { _, triggers := m.jenkins.Calls(); return triggers == 1 })
	for _, path := range paths {
		m.jenkins.Refuse(path, http.StatusNotFound)
	}
	for range 10 {
		m.step()
		m.jenkins.Clock.Step(max(m.next, time.Second))
	}
	for _, path := range paths {
		m.jenkins.Refuse(path, 0)
	}
	m.want(m.end(), v1alpha1.StageSucceeded, "", 0)
	m.wantCreated(1)
}

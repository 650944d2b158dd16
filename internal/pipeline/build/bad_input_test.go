package build_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// every path of the server.
const every = ""

func TestATokenThatIsRevokedHalfwayIsNamedUntilItIsReplaced(t *testing.T) {
	m := newMachine(t, stage(behaves(conformance.Hold)))
	m.until(in(v1alpha1.StageObserving))
	m.jenkins.Refuse(every, http.StatusUnauthorized)
	s := m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonUnauthorized })
	if s.Phase.Ended() || strings.Contains(s.Message, fake.Token) {
		t.Errorf("the stage is %s: %s", s.Phase, s.Message)
	}
	m.jenkins.Refuse(every, 0)
	m.jenkins.Change("shop/main", 1, func(b *fake.Build) { b.Finish("SUCCESS") })
	m.want(m.end(), v1alpha1.StageSucceeded, "", 1)
}

func TestATokenThatIsRevokedBeforeTheAnswerToATriggerStartsNoSecondBuild(t *testing.T) {
	short := stage()
	short.Timeout = &metav1.Duration{Duration: 10 * time.Minute}
	m := newMachine(t, short)
	m.dies = 2 // the trigger
	m.after = true
	m.step()
	m.jenkins.Refuse(every, http.StatusUnauthorized)
	s := m.end()
	m.want(s, v1alpha1.StageFailed, v1alpha1.ReasonTriggerUnknown, 1)
	if !strings.Contains(s.Message, s.Key) || !strings.Contains(s.Message, "401") {
		t.Errorf("message: %s", s.Message)
	}
}

func TestATokenThatIsRevokedBeforeTheTriggerFailsTheStage(t *testing.T) {
	m := newMachine(t, stage())
	m.jenkins.Refuse("/buildWithParameters", http.StatusUnauthorized)
	m.want(m.end(), v1alpha1.StageFailed, v1alpha1.ReasonUnauthorized, 0)
}

func TestAJobThatIsDeletedWhileItsBuildWaitsIsNamedAndNotTriggeredAgain(t *testing.T) {
	short := stage()
	short.Timeout = &metav1.Duration{Duration: 10 * time.Minute}
	m := newMachine(t, short)
	m.jenkins.Set(func(o *fake.Options) { o.Frozen = true })
	m.until(in(v1alpha1.StageObserving))
	m.jenkins.Delete("shop/main")
	s := m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonJobNotFound || s.Phase.Ended() })
	if !strings.Contains(s.Message, "shop/main") {
		t.Errorf("%s %s: %s", s.Phase, s.Reason, s.Message)
	}
	m.jenkins.Add("shop/main", &fake.Job{Parameters: map[string][]string{"KUBEOPS_RUN": nil}})
	m.want(m.end(), v1alpha1.StageLost, v1alpha1.ReasonLost, 0)
}

func TestALineOf10MiBTakesBoundedSpaceAndHidesNoOutput(t *testing.T) {
	huge := strings.Repeat("ERROR "+secret+" ", 10<<20/14)
	for name, c := range map[string]struct {
		log, result string
		phase       v1alpha1.StagePhase
	}{
		"an output after it":                   {huge + "\nKUBEOPS_OUTPUT tag=1.2\nFinished: SUCCESS\n", "SUCCESS", v1alpha1.StageSucceeded},
		"a failed build that ends with it":     {huge, "FAILURE", v1alpha1.StageFailed},
		"a failed build that goes on a little": {huge + "\nFinished: FAILURE\n", "FAILURE", v1alpha1.StageFailed},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, stage(behaves(conformance.Hold), func(s *v1alpha1.BuildStage) { s.Outputs = []string{"tag"} }))
			m.until(in(v1alpha1.StageObserving))
			m.jenkins.Change("shop/main", 1, func(b *fake.Build) {
				b.Log += c.log
				b.Finish(c.result)
			})
			s := m.end()
			if s.Phase != c.phase || c.phase == v1alpha1.StageSucceeded && s.Outputs["tag"] != "1.2" {
				t.Fatalf("%s %s: %s, outputs %v", s.Phase, s.Reason, s.Message, s.Outputs)
			}
			shown := strings.Join(s.Diagnosis, "\n")
			if strings.Contains(shown, secret) || len(shown) > 20*512 || c.phase == v1alpha1.StageFailed && shown == "" {
				t.Errorf("the diagnosis has %d bytes: %.300s", len(shown), shown)
			}
		})
	}
}

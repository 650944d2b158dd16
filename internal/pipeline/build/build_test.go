package build_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/build"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// secret stands for what redaction finds.
const secret = "hunter2"

// machine drives one run against a fake Jenkins, whose stored state is a copy that a crash falls back to.
type machine struct {
	t       *testing.T
	jenkins *fake.Server
	proxy   *httptest.Server
	plan    *pipeline.Plan
	stored  *v1alpha1.PipelineRun
	cancel  bool
	next    time.Duration

	mutex sync.Mutex
	// requests to Jenkins so far, and the one at which the process ends; 0 is none. With after, Jenkins has answered it.
	requests, dies int
	after, dead    bool
}

// stage of a job that succeeds at once.
func stage(change ...func(*v1alpha1.BuildStage)) v1alpha1.PipelineStage {
	s := v1alpha1.PipelineStage{Name: "build", Type: v1alpha1.StageBuild, Build: &v1alpha1.BuildStage{
		ProviderRef: v1alpha1.LocalReference{Name: "jenkins"}, Job: "shop/main",
	}}
	for _, f := range change {
		f(s.Build)
	}
	return s
}

func behaves(as string) func(*v1alpha1.BuildStage) {
	return func(s *v1alpha1.BuildStage) {
		s.Parameters = []v1alpha1.StageValue{{Name: conformance.Behaviour, Value: ptr.To(as)}}
	}
}

func newMachine(t *testing.T, stages ...v1alpha1.PipelineStage) *machine {
	t.Helper()
	m := &machine{t: t, jenkins: fake.New(t)}
	m.jenkins.Add("shop/main", &fake.Job{Parameters: map[string][]string{jenkins.Marker: nil, conformance.Behaviour: nil}})
	m.jenkins.Add("plain", &fake.Job{Parameters: map[string][]string{conformance.Behaviour: nil}})
	m.proxy = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.proxy.Close)
	m.begin("uid", stages...)
	return m
}

func (m *machine) begin(uid types.UID, stages ...v1alpha1.PipelineStage) {
	m.t.Helper()
	spec := v1alpha1.PipelineSpec{Stages: stages}
	plan, err := pipeline.NewPlan(&spec)
	if err != nil {
		m.t.Fatal(err)
	}
	m.plan = plan
	m.stored = &v1alpha1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "r", UID: uid}}
	pipeline.Begin(m.stored, plan, m.jenkins.Clock.Now())
}

// serve passes a request on to Jenkins, unless the process that sent it ends.
func (m *machine) serve(w http.ResponseWriter, r *http.Request) {
	m.mutex.Lock()
	m.requests++
	dies := m.requests == m.dies
	m.dead = m.dead || dies
	m.mutex.Unlock()
	if !dies {
		m.jenkins.ServeHTTP(w, r)
		return
	}
	if m.after {
		m.jenkins.ServeHTTP(httptest.NewRecorder(), r)
	}
	panic(http.ErrAbortHandler)
}

func (m *machine) engine() *pipeline.Engine {
	open := func(context.Context, client.ObjectKey) (*backends.Builds, error) {
		p, err := jenkins.New(ci.Settings{
			Endpoint: provider.Endpoint{URL: m.proxy.URL, Auth: provider.Auth{Username: fake.User, Password: fake.Token}},
			Egress:   provider.Egress{AllowLoopback: true}, Timeout: 10 * time.Second, Clock: m.jenkins.Clock,
		})
		redact := func(text string, limit int) string { return text[:min(len(text), limit)] }
		return &backends.Builds{Provider: p, Redactor: redact}, err
	}
	redact := func(text string) string { return strings.ReplaceAll(text, secret, "[redacted]") }
	return &pipeline.Engine{
		Drivers:     map[v1alpha1.StageType]pipeline.Driver{v1alpha1.StageBuild: &build.Driver{Open: open, Redact: redact}},
		Expressions: expression.Local{}, Redact: redact,
	}
}

// step is one pass of a process that read the stored state. A process that ends during the pass stores nothing more.
func (m *machine) step() {
	m.t.Helper()
	run := m.stored.DeepCopy()
	save := func(context.Context) error {
		if !m.hasDied() {
			m.stored = run.DeepCopy()
		}
		return nil
	}
	next, err := m.engine().Advance(m.t.Context(), run, m.plan, m.cancel, m.jenkins.Clock.Now(), save)
	if err != nil {
		m.t.Fatal(err)
	}
	if m.hasDied() {
		m.mutex.Lock()
		m.dead = false
		m.mutex.Unlock()
		return
	}
	m.next = next
	m.stored = run
}

func (m *machine) hasDied() bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.dead
}

// until the run has ended, or a stage has a phase.
func (m *machine) until(wanted func(*v1alpha1.StageStatus) bool) *v1alpha1.StageStatus {
	m.t.Helper()
	for range 500 {
		m.step()
		if s := m.stored.Status.Stage("build"); wanted(s) {
			return s
		}
		m.jenkins.Clock.Step(max(m.next, time.Millisecond))
	}
	m.t.Fatalf("the stage stays %+v", m.stored.Status.Stages)
	return nil
}

func (m *machine) end() *v1alpha1.StageStatus {
	m.t.Helper()
	return m.until(func(s *v1alpha1.StageStatus) bool { return m.stored.Status.Phase.Ended() })
}

func in(phase v1alpha1.StagePhase) func(*v1alpha1.StageStatus) bool {
	return func(s *v1alpha1.StageStatus) bool { return s.Phase == phase }
}

func (m *machine) want(s *v1alpha1.StageStatus, phase v1alpha1.StagePhase, reason string, builds int) {
	m.t.Helper()
	if s.Phase != phase || s.Reason != reason {
		m.t.Errorf("stage is %s/%s (%s), want %s/%s", s.Phase, s.Reason, s.Message, phase, reason)
	}
	if got := len(m.jenkins.Builds("shop/main")) + len(m.jenkins.Builds("plain")); got != builds {
		m.t.Errorf("%d builds, want %d", got, builds)
	}
}

func TestABuildSucceedsWithItsOutputs(t *testing.T) {
	m := newMachine(t, stage(behaves(conformance.Hold), func(s *v1alpha1.BuildStage) { s.Outputs = []string{"image", "tag"} }))
	s := m.until(in(v1alpha1.StageObserving))
	if !strings.HasSuffix(s.ExternalURL, "/job/shop/job/main/1/") || s.Message != "build 1 of job shop/main is in progress" {
		t.Errorf("URL %s, message %q", s.ExternalURL, s.Message)
	}
	m.jenkins.Change("shop/main", 1, func(b *fake.Build) {
		b.Finish("SUCCESS")
		b.Log += strings.Repeat("noise\n", 20_000) + "+ echo KUBEOPS_OUTPUT tag=$TAG\nKUBEOPS_OUTPUT tag=old\nKUBEOPS_OUTPUT tag=1.2\n" +
			"[2026-01-15T12:00:00Z] [linux] KUBEOPS_OUTPUT image=registry.example.com/shop@sha256:01=\nKUBEOPS_OUTPUT other=x\n" +
			"Finished: SUCCESS\n"
	})
	s = m.end()
	m.want(s, v1alpha1.StageSucceeded, "", 1)
	want := map[string]string{
		"number": "1", "url": m.proxy.URL + "/job/shop/job/main/1/", "result": "Succeeded", "tag": "1.2",
		"image": "registry.example.com/shop@sha256:01=",
	}
	if fmt.Sprint(s.Outputs) != fmt.Sprint(want) {
		t.Errorf("outputs %v, want %v", s.Outputs, want)
	}
}

func TestAFailedBuildShowsItsErrorsWithoutSecrets(t *testing.T) {
	m := newMachine(t, stage(behaves(conformance.Hold)))
	m.until(in(v1alpha1.StageObserving))
	m.jenkins.Change("shop/main", 1, func(b *fake.Build) {
		b.Finish("FAILURE")
		b.Log += "[ERROR] cannot find symbol: class Cart\n" + strings.Repeat("[INFO] compiling\n", 3000) + "password is " + secret +
			"\nFinished: FAILURE\n"
	})
	s := m.end()
	m.want(s, v1alpha1.StageFailed, v1alpha1.ReasonBuildFailed, 1)
	shown := strings.Join(s.Diagnosis, "\n")
	for _, wanted := range []string{"[ERROR] cannot find symbol: class Cart", "password is [redacted]", "Finished: FAILURE"} {
		if !strings.Contains(shown, wanted) {
			t.Errorf("the diagnosis lacks %q:\n%s", wanted, shown)
		}
	}
	if strings.Contains(shown, secret) || len(s.Diagnosis) > 20 {
		t.Errorf("%d lines:\n%s", len(s.Diagnosis), shown)
	}
}

func TestAnUnstableBuildPassesOnlyIfTheStageSaysSo(t *testing.T) {
	m := newMachine(t, stage(behaves(conformance.Unstable)))
	s := m.end()
	m.want(s, v1alpha1.StageFailed, v1alpha1.ReasonBuildUnstable, 1)
	if len(s.Diagnosis) == 0 || s.Diagnosis[0] != "1 of 4 tests failed" {
		t.Errorf("diagnosis %q", s.Diagnosis)
	}
	m = newMachine(t, stage(behaves(conformance.Unstable), func(s *v1alpha1.BuildStage) { s.Unstable = v1alpha1.UnstablePass }))
	s = m.end()
	m.want(s, v1alpha1.StageSucceeded, v1alpha1.ReasonBuildUnstable, 1)
	if s.Outputs["result"] != "Unstable" {
		t.Errorf("outputs %v", s.Outputs)
	}
}

func TestAMissingOutputFailsTheStage(t *testing.T) {
	m := newMachine(t, stage(func(s *v1alpha1.BuildStage) { s.Outputs = []string{"image"} }))
	m.want(m.end(), v1alpha1.StageFailed, v1alpha1.ReasonOutputInvalid, 1)
}

// TestACrashAtAnyRequestLeavesOneBuild lets the process end at each of its requests to Jenkins, before Jenkins saw it or after its answer.
func TestACrashAtAnyRequestLeavesOneBuild(t *testing.T) {
	for _, after := range []bool{false, true} {
		crashes := 0
		for dies := 1; dies <= 12; dies++ {
			m := newMachine(t, stage())
			m.dies = dies
			m.after = after
			m.want(m.end(), v1alpha1.StageSucceeded, "", 1)
			if m.requests >= dies {
				crashes++
			}
		}
		if crashes < 6 {
			t.Errorf("%d crashes", crashes)
		}
	}
}

// TestAJenkinsThatLosesItsQueue kills Jenkins while an item is in its queue.
func TestAJenkinsThatLosesItsQueue(t *testing.T) {
	t.Run("before its answer arrived: the build is triggered once more", func(t *testing.T) {
		m := newMachine(t, stage())
		m.jenkins.Set(func(o *fake.Options) { o.Frozen = true })
		m.dies = 2 // the trigger
		m.after = true
		m.step()
		m.jenkins.Kill()
		m.jenkins.Set(func(o *fake.Options) { o.Frozen = false })
		s := m.end()
		m.want(s, v1alpha1.StageSucceeded, "", 1)
		if s.Triggers != 2 {
			t.Errorf("%d triggers, want 2", s.Triggers)
		}
	})
	t.Run("after its answer arrived: the stage is lost, and not triggered again", func(t *testing.T) {
		m := newMachine(t, stage())
		m.jenkins.Set(func(o *fake.Options) { o.Frozen = true })
		m.until(in(v1alpha1.StageObserving))
		m.jenkins.Kill()
		m.jenkins.Set(func(o *fake.Options) { o.Frozen = false })
		m.want(m.end(), v1alpha1.StageLost, v1alpha1.ReasonLost, 0)
	})
	t.Run("and gives the ids of its queue again: the build of another is not taken for the own", func(t *testing.T) {
		m := newMachine(t, stage())
		m.jenkins.Set(func(o *fake.Options) { o.Frozen = true })
		m.until(in(v1alpha1.StageObserving))
		lost := m.stored
		m.jenkins.Kill()
		m.jenkins.Set(func(o *fake.Options) { o.Frozen = false })
		m.begin("other", stage())
		m.want(m.end(), v1alpha1.StageSucceeded, "", 1)
		m.stored = lost
		m.want(m.end(), v1alpha1.StageLost, v1alpha1.ReasonLost, 1)
	})
}

func TestATriggerThatCannotBeToldIsNotRepeated(t *testing.T) {
	m := newMachine(t, stage())
	m.dies = 2
	m.after = true
	m.step()
	m.jenkins.Refuse("/queue/api/json", http.StatusServiceUnavailable)
	s := m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonTriggerUnknown })
	m.want(s, v1alpha1.StageClaimed, v1alpha1.ReasonTriggerUnknown, 1)
	m.want(m.end(), v1alpha1.StageFailed, v1alpha1.ReasonTriggerUnknown, 1)
}

func TestAJobWithoutTheMarkerWaitsForItsTurn(t *testing.T) {
	plain := func(s *v1alpha1.BuildStage) { s.Job = "plain" }
	m := newMachine(t, stage(plain))
	m.want(m.end(), v1alpha1.StageFailed, v1alpha1.ReasonMarkerParameterMissing, 0)

	allowed := func(s *v1alpha1.BuildStage) { s.AllowUnmarked = true }
	m = newMachine(t, stage(plain, allowed, behaves(conformance.Hold)))
	m.until(in(v1alpha1.StageObserving))
	m.begin("other", stage(plain, allowed))
	s := m.until(func(s *v1alpha1.StageStatus) bool { return s.Reason == v1alpha1.ReasonJobBusy })
	m.jenkins.Clock.Step(time.Minute)
	m.step()
	if m.want(s, v1alpha1.StageClaimed, v1alpha1.ReasonJobBusy, 1); s.Triggers != 0 {
		t.Errorf("%d triggers, want 0", s.Triggers)
	}
	m.jenkins.Change("plain", 1, func(b *fake.Build) { b.Finish("SUCCESS") })
	m.want(m.end(), v1alpha1.StageSucceeded, "", 2)
}

func TestACanceledBuildIsStoppedWithStrongerMeans(t *testing.T) {
	m := newMachine(t, stage(behaves(conformance.Hold)))
	m.jenkins.Add("shop/main", &fake.Job{
		Parameters: map[string][]string{jenkins.Marker: nil, conformance.Behaviour: nil}, Pipeline: true, Stubborn: 2,
	})
	m.until(in(v1alpha1.StageObserving))
	m.cancel = true
	m.want(m.end(), v1alpha1.StageCanceled, v1alpha1.ReasonCanceled, 1)
	b := m.jenkins.Builds("shop/main")[0]
	if means := slices.Compact(b.Means); b.Result != "ABORTED" || !slices.Equal(means, []string{"stop", "term", "kill"}) {
		t.Errorf("the build ended as %s by %v", b.Result, means)
	}
}

func TestABuildThatAPersonAbortsFailsTheStage(t *testing.T) {
	m := newMachine(t, stage(behaves(conformance.Hold)))
	m.until(in(v1alpha1.StageObserving))
	m.jenkins.Change("shop/main", 1, func(b *fake.Build) { b.Finish("ABORTED") })
	m.want(m.end(), v1alpha1.StageFailed, v1alpha1.ReasonBuildAborted, 1)
}

// TestManyRunsAtTheSameTime runs 200 builds of four jobs at the same time, on two executors, each with a crash. A job with more than 100
// builds since the claim would end in TriggerUnknown, since Jenkins lists no more.
func TestManyRunsAtTheSameTime(t *testing.T) {
	const runs, jobs = 200, 4
	m := newMachine(t, stage())
	for n := range jobs {
		m.jenkins.Add(fmt.Sprint("job", n), &fake.Job{Parameters: map[string][]string{jenkins.Marker: nil}})
	}
	type started struct {
		run  *v1alpha1.PipelineRun
		plan *pipeline.Plan
	}
	var waiting []started
	for n := range runs {
		m.begin(types.UID(fmt.Sprintf("uid-%d", n)), stage(func(s *v1alpha1.BuildStage) { s.Job = fmt.Sprint("job", n%jobs) }))
		m.requests = 0
		m.dies = n%6 + 1
		m.after = n%2 == 0
		m.step()
		waiting = append(waiting, started{m.stored, m.plan})
	}
	m.dies = 0
	for round := 0; len(waiting) > 0 && round < 400; round++ {
		var left []started
		for _, next := range waiting {
			m.stored = next.run
			m.plan = next.plan
			if m.step(); !m.stored.Status.Phase.Ended() {
				left = append(left, started{m.stored, m.plan})
			} else if m.stored.Status.Phase != v1alpha1.RunSucceeded {
				t.Fatalf("%+v", m.stored.Status.Stages)
			}
		}
		waiting = left
		m.jenkins.Clock.Step(10 * time.Second)
	}
	if len(waiting) > 0 {
		t.Errorf("%d runs did not end", len(waiting))
	}
	keys := map[string]int{}
	for n := range jobs {
		for _, b := range m.jenkins.Builds(fmt.Sprint("job", n)) {
			keys[b.Parameters[jenkins.Marker]]++
		}
	}
	for key, n := range keys {
		if n != 1 {
			t.Errorf("key %s has %d builds", key, n)
		}
	}
	if len(keys) != runs {
		t.Errorf("%d runs have builds, want %d", len(keys), runs)
	}
}

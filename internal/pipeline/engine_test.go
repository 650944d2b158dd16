package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/problem"
)

// server is a strict fake of what does the work: it counts Starts by key, loses answers, and is down.
type server struct {
	starts map[string]int
	states map[string]State
	// down fails every call; loseAnswer executes the next Start and fails; refuse refuses it.
	down, loseAnswer bool
	refuse           error
	// blind makes lookups unknown, and late hides work from that many lookups.
	blind bool
	late  int
	// stubborn work does not end when it is asked to.
	stubborn bool
	finds    int
	// ends is the state of work that Get reports, once it was observed a first time; Running leaves it to the test.
	ends    State
	outputs map[string]string
}

func newServer() *server { return &server{starts: map[string]int{}, states: map[string]State{}} }

func (s *server) unreachable() error {
	if s.down {
		return problem.Retrying("ServerDown", nil, "the server is down")
	}
	return nil
}

func (s *server) Check(context.Context, Attempt) error { return nil }

func (s *server) Start(_ context.Context, a Attempt) (string, error) {
	if err := s.unreachable(); err != nil {
		return "", err
	}
	if s.refuse != nil {
		return "", s.refuse
	}
	s.starts[a.Key]++
	s.states[a.Key] = Running
	if s.loseAnswer {
		s.loseAnswer = false
		return "", problem.Retrying("ServerDown", nil, "no answer")
	}
	return a.Key, nil
}

func (s *server) Find(_ context.Context, a Attempt) (Lookup, error) {
	s.finds++
	if err := s.unreachable(); err != nil {
		return Lookup{}, err
	}
	if s.blind {
		return Lookup{Reason: "the list is cut off"}, nil
	}
	if s.late > 0 {
		s.late--
		return Lookup{Presence: Absent}, nil
	}
	if _, ok := s.states[a.Key]; ok {
		return Lookup{Presence: Found, Handle: a.Key}, nil
	}
	return Lookup{Presence: Absent}, nil
}

func (s *server) Get(_ context.Context, _ Attempt, handle string) (Observation, error) {
	if err := s.unreachable(); err != nil {
		return Observation{}, err
	}
	state, ok := s.states[handle]
	if !ok {
		return Observation{State: Lost, Message: "the work was deleted"}, nil
	}
	if state == Running && s.ends != Running {
		s.states[handle] = s.ends
	}
	return Observation{State: state, Reason: "Worked", Message: "work " + handle, Outputs: s.outputs}, nil
}

func (s *server) Cancel(_ context.Context, _ Attempt, handle string) (bool, error) {
	if err := s.unreachable(); err != nil {
		return false, err
	}
	if s.states[handle] == Running && !s.stubborn {
		s.states[handle] = Aborted
	}
	return false, nil
}

// machine drives one run, whose stored state is a copy that a crash falls back to.
type machine struct {
	t      *testing.T
	server *server
	engine *Engine
	plan   *Plan
	stored *v1alpha1.PipelineRun
	now    time.Time
	cancel bool
	// saves so far, and the one that fails; 0 fails none.
	saves, fails int
	// next is what the last pass asked for.
	next time.Duration
}

// notStored is the error of a store that fails.
type notStored struct{}

func (notStored) Error() string { return "not stored" }

func stage(name string, after ...string) v1alpha1.PipelineStage {
	return v1alpha1.PipelineStage{Name: name, Type: v1alpha1.StageJob, After: after, Job: &v1alpha1.JobStage{}}
}

func newMachine(t *testing.T, spec v1alpha1.PipelineSpec, values ...v1alpha1.ParameterValue) *machine {
	t.Helper()
	plan, err := NewPlan(&spec)
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, server: newServer(), plan: plan, now: time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)}
	m.engine = &Engine{
		Drivers: map[v1alpha1.StageType]Driver{v1alpha1.StageJob: m.server}, Expressions: expression.Local{},
		Redact: func(text string) string { return strings.ReplaceAll(text, "hunter2", "[redacted]") },
	}
	run := &v1alpha1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "r", UID: "uid"}}
	if run.Status.Parameters, err = Parameters(&spec, values); err != nil {
		t.Fatal(err)
	}
	Begin(run, plan, m.now)
	m.stored = run
	return m
}

// step is one pass of a process that read the stored state. Its end is stored, too, unless that fails.
func (m *machine) step() error {
	m.t.Helper()
	run := m.stored.DeepCopy()
	save := func(context.Context) error {
		if m.saves++; m.saves == m.fails {
			return notStored{}
		}
		m.stored = run.DeepCopy()
		return nil
	}
	next, err := m.engine.Advance(m.t.Context(), run, m.plan, m.cancel, m.now, save)
	if err != nil {
		return err
	}
	m.next = next
	return save(m.t.Context())
}

// settle steps until nothing more happens at this time.
func (m *machine) settle() {
	m.t.Helper()
	for range 50 {
		if err := m.step(); err != nil && !errors.Is(err, notStored{}) {
			m.t.Fatal(err)
		}
		if m.next != again && m.saves != m.fails {
			return
		}
	}
	m.t.Fatal("the run never comes to rest")
}

// pass moves the clock, and settles.
func (m *machine) pass(d time.Duration) {
	m.t.Helper()
	m.now = m.now.Add(d)
	m.settle()
}

// finish ends the work of a stage.
func (m *machine) finish(name string, state State) {
	m.t.Helper()
	m.server.states[m.stored.Status.Stage(name).Key] = state
	m.settle()
}

func (m *machine) want(phase v1alpha1.RunPhase, stages ...string) {
	m.t.Helper()
	if got := m.stored.Status.Phase; got != phase {
		m.t.Errorf("the run is %s, want %s", got, phase)
	}
	for _, text := range stages {
		name, state, _ := strings.Cut(text, "=")
		s := m.stored.Status.Stage(name)
		if got := string(s.Phase); got != state && got+"/"+s.Reason != state {
			m.t.Errorf("stage %s is %s/%s (%s), want %s", name, s.Phase, s.Reason, s.Message, state)
		}
	}
}

// wantStarts checks how often each attempt was started.
func (m *machine) wantStarts(attempts int) {
	m.t.Helper()
	if len(m.server.starts) != attempts {
		m.t.Errorf("%d attempts were started, want %d: %v", len(m.server.starts), attempts, m.server.starts)
	}
	for key, n := range m.server.starts {
		if n != 1 {
			m.t.Errorf("attempt %s was started %d times", key, n)
		}
	}
}

func TestStagesRunInTheirOrderAndAtTheSameTime(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{
		Stages:  []v1alpha1.PipelineStage{stage("a"), stage("b"), stage("c", "a", "b"), stage("d", "c")},
		Finally: []v1alpha1.PipelineStage{stage("f"), stage("g")},
	})
	m.settle()
	m.want(v1alpha1.RunRunning, "a=Observing", "b=Observing", "c=Waiting", "d=Waiting")
	m.finish("a", Succeeded)
	m.want(v1alpha1.RunRunning, "a=Succeeded", "c=Waiting")
	m.finish("b", Succeeded)
	m.want(v1alpha1.RunRunning, "b=Succeeded", "c=Observing", "d=Waiting")
	m.finish("c", Succeeded)
	m.finish("d", Succeeded)
	m.want(v1alpha1.RunFinishing, "f=Observing", "g=Observing")
	m.finish("f", Succeeded)
	m.finish("g", Succeeded)
	m.want(v1alpha1.RunSucceeded)
	m.wantStarts(6)
	if m.stored.Status.Progress != "6/6" || m.stored.Status.CompletionTime == nil {
		t.Errorf("progress %s", m.stored.Status.Progress)
	}
}

// TestNoCrashStartsAnAttemptTwice lets every store fail once, with the answer of the next Start lost or not.
func TestNoCrashStartsAnAttemptTwice(t *testing.T) {
	for _, lose := range []bool{false, true} {
		for fails := 1; fails <= 14; fails++ {
			t.Run(fmt.Sprintf("store %d fails, lost answer %v", fails, lose), func(t *testing.T) {
				m := newMachine(t, v1alpha1.PipelineSpec{
					Stages: []v1alpha1.PipelineStage{stage("a"), stage("b", "a")}, Finally: []v1alpha1.PipelineStage{stage("f")},
				})
				m.fails, m.server.loseAnswer = fails, lose
				m.server.ends = Succeeded
				for range 30 {
					m.pass(absenceDelay)
				}
				m.want(v1alpha1.RunSucceeded)
				m.wantStarts(3)
			})
		}
	}
}

func TestAClaimThatIsNotStoredStartsNothing(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	m.fails = 1
	if err := m.step(); !errors.Is(err, notStored{}) {
		t.Fatalf("got %v", err)
	}
	m.wantStarts(0)
}

func TestWorkThatMayHaveStartedIsLookedForTwice(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	m.server.down = true
	m.settle()
	m.want(v1alpha1.RunRunning, "a=Claimed")
	m.server.down = false
	m.pass(absenceDelay)
	if m.wantStarts(0); m.stored.Status.Stage("a").AbsentSince == nil {
		t.Error("the first lookup is not recorded")
	}
	m.pass(absenceDelay / 2)
	m.wantStarts(0)
	m.pass(absenceDelay)
	m.wantStarts(1)
	if got := m.stored.Status.Stage("a").Triggers; got != 2 {
		t.Errorf("%d triggers, want 2", got)
	}
	m.want(v1alpha1.RunRunning, "a=Observing")
}

func TestWorkThatAppearsLateIsNotStartedAgain(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	m.server.loseAnswer = true
	m.server.late = 1
	m.settle()
	m.pass(absenceDelay)
	m.pass(absenceDelay)
	m.want(v1alpha1.RunRunning, "a=Observing")
	m.wantStarts(1)
}

func TestAnUnknownTriggerFailsAtTheDeadlineAndIsNotRepeated(t *testing.T) {
	a := stage("a")
	a.Retry = &v1alpha1.StageRetry{Attempts: 3}
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a}})
	m.server.loseAnswer, m.server.blind = true, true
	m.settle()
	m.pass(absenceDelay)
	m.want(v1alpha1.RunRunning, "a=Claimed/TriggerUnknown")
	m.pass(v1alpha1.DefaultStageTimeout)
	m.want(v1alpha1.RunFailed, "a=Failed/TriggerUnknown")
	if message := m.stored.Status.Stage("a").Message; !strings.Contains(message, m.stored.Status.Stage("a").Key) {
		t.Errorf("the message has no key: %s", message)
	}
	m.wantStarts(1)
}

func TestARefusedStartFailsAtOnce(t *testing.T) {
	a := stage("a")
	a.Retry = &v1alpha1.StageRetry{Attempts: 3}
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a}})
	m.server.refuse = problem.UserError("JobDisabled", nil, "job x is disabled, password hunter2")
	m.settle()
	m.want(v1alpha1.RunFailed, "a=Failed/JobDisabled")
	if message := m.stored.Status.Stage("a").Message; message != "job x is disabled, password [redacted]" {
		t.Errorf("message %q", message)
	}
	if m.server.finds != 0 {
		t.Errorf("%d lookups", m.server.finds)
	}
}

func TestCancelEndsEveryState(t *testing.T) {
	for name, prepare := range map[string]func(*machine){
		"before the first pass": func(*machine) {},
		"claimed, never started": func(m *machine) {
			m.server.down = true
			m.settle()
			m.server.down = false
		},
		"claimed, started":      func(m *machine) { m.server.loseAnswer = true; m.settle() },
		"observing":             func(m *machine) { m.settle() },
		"the server is down":    func(m *machine) { m.settle(); m.server.down = true },
		"stubborn work":         func(m *machine) { m.settle(); m.server.stubborn = true },
		"claimed, lookup blind": func(m *machine) { m.server.loseAnswer, m.server.blind = true, true; m.settle() },
		"waits for a retry": func(m *machine) {
			m.settle()
			m.finish("a", Failed)
			m.want(v1alpha1.RunRunning, "a=Waiting/RetryScheduled")
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := stage("a")
			a.Retry = &v1alpha1.StageRetry{Attempts: 2, Delay: &metav1.Duration{Duration: time.Hour}}
			m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a, stage("b", "a")}})
			prepare(m)
			m.cancel = true
			m.settle()
			for range 20 {
				m.pass(absenceDelay)
			}
			m.want(v1alpha1.RunCanceled, "a=Canceled", "b=Canceled")
			for key, n := range m.server.starts {
				if n != 1 || m.server.states[key] == Running && !m.server.stubborn && !m.server.down && !m.server.blind {
					t.Errorf("attempt %s was started %d times and is %v", key, n, m.server.states[key])
				}
			}
		})
	}
}

func TestFinallyRunsAfterACancellationAndCannotMakeARunSucceed(t *testing.T) {
	for name, tc := range map[string]struct {
		cancel     bool
		work, last State
		want       v1alpha1.RunPhase
	}{
		"canceled":             {true, Running, Succeeded, v1alpha1.RunCanceled},
		"failed":               {false, Failed, Succeeded, v1alpha1.RunFailed},
		"succeeded":            {false, Succeeded, Succeeded, v1alpha1.RunSucceeded},
		"finally fails":        {false, Succeeded, Failed, v1alpha1.RunFailed},
		"canceled, then fails": {true, Running, Failed, v1alpha1.RunCanceled},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}, Finally: []v1alpha1.PipelineStage{stage("f")}})
			m.settle()
			m.cancel = tc.cancel
			m.finish("a", tc.work)
			m.want(v1alpha1.RunFinishing, "f=Observing")
			m.finish("f", tc.last)
			m.want(tc.want)
		})
	}
}

func TestFinallyHasADeadlineOfItsOwn(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{
		Stages: []v1alpha1.PipelineStage{stage("a")}, Finally: []v1alpha1.PipelineStage{stage("f")},
		FinallyTimeout: &metav1.Duration{Duration: time.Minute},
	})
	m.settle()
	m.finish("a", Succeeded)
	m.pass(time.Minute)
	m.want(v1alpha1.RunFailed, "f=TimedOut/StageTimedOut")
}

func TestTimeoutsStopTheWork(t *testing.T) {
	short := &metav1.Duration{Duration: time.Minute}
	for name, tc := range map[string]struct {
		spec  v1alpha1.PipelineSpec
		after time.Duration
		want  []string
	}{
		"of a stage": {
			v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{{
				Name: "a", Type: v1alpha1.StageJob, Timeout: short, Job: &v1alpha1.JobStage{},
			}, stage("b", "a")}},
			time.Minute, []string{"a=TimedOut/StageTimedOut", "b=Skipped/EarlierStageFailed"},
		},
		"of the run": {
			v1alpha1.PipelineSpec{Timeout: short, Stages: []v1alpha1.PipelineStage{stage("a"), stage("b", "a")}},
			time.Minute, []string{"a=TimedOut/StageTimedOut", "b=Skipped/RunTimedOut"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, tc.spec)
			m.settle()
			m.pass(tc.after - time.Second)
			m.want(v1alpha1.RunRunning, "a=Observing")
			m.pass(time.Second)
			m.want(v1alpha1.RunFailed, tc.want...)
			if state := m.server.states[m.stored.Status.Stage("a").Key]; state != Aborted {
				t.Errorf("the work is %v, want Aborted", state)
			}
		})
	}
}

func TestAPassIsDueAtTheNextDeadline(t *testing.T) {
	a := stage("a")
	a.Timeout = &metav1.Duration{Duration: time.Second}
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a}})
	m.settle()
	if m.next != time.Second {
		t.Errorf("the next pass is after %s, want 1s", m.next)
	}
}

func TestRetriesFollowTheResult(t *testing.T) {
	for name, tc := range map[string]struct {
		retry    *v1alpha1.StageRetry
		result   State
		attempts int
		want     string
	}{
		"none":                  {nil, Failed, 1, "a=Failed"},
		"failed":                {&v1alpha1.StageRetry{Attempts: 3}, Failed, 3, "a=Failed"},
		"lost, not asked for":   {&v1alpha1.StageRetry{Attempts: 3}, Lost, 1, "a=Lost"},
		"lost, asked for":       {&v1alpha1.StageRetry{Attempts: 2, On: []v1alpha1.StagePhase{v1alpha1.StageLost}}, Lost, 2, "a=Lost"},
		"failed, not asked for": {&v1alpha1.StageRetry{Attempts: 2, On: []v1alpha1.StagePhase{v1alpha1.StageLost}}, Failed, 1, "a=Failed"},
		"aborted by a person":   {&v1alpha1.StageRetry{Attempts: 2}, Aborted, 2, "a=Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			a := stage("a")
			a.Retry = tc.retry
			m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a}})
			m.server.ends = tc.result
			for range 10 {
				m.pass(time.Minute)
			}
			m.want(v1alpha1.RunFailed, tc.want)
			m.wantStarts(tc.attempts)
		})
	}
}

func TestAFailureStopsOrContinues(t *testing.T) {
	for policy, want := range map[v1alpha1.FailurePolicy][]string{
		"": {"b=Skipped/EarlierStageFailed", "c=Observing"}, v1alpha1.FailureStop: {"b=Skipped/EarlierStageFailed", "c=Observing"},
		v1alpha1.FailureContinue: {"b=Observing", "c=Observing"},
	} {
		a := stage("a")
		a.OnFailure = policy
		m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a, stage("b", "a"), stage("c")}})
		m.settle()
		m.finish("a", Failed)
		m.want(v1alpha1.RunRunning, append(want, "a=Failed")...)
		for _, name := range []string{"b", "c"} {
			if m.stored.Status.Stage(name).Phase == v1alpha1.StageObserving {
				m.finish(name, Succeeded)
			}
		}
		m.want(v1alpha1.RunFailed)
	}
}

func TestAPersonRetriesAStageOfAFailedRun(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{
		Stages: []v1alpha1.PipelineStage{stage("a"), stage("b", "a")}, Finally: []v1alpha1.PipelineStage{stage("f")},
	})
	m.settle()
	m.finish("a", Failed)
	m.finish("f", Succeeded)
	m.want(v1alpha1.RunFailed, "b=Skipped")
	for _, attempt := range []int32{1, 3} {
		m.stored.Spec.Retries = []v1alpha1.StageAttempt{{Stage: "a", Attempt: attempt}}
		if Retry(m.stored, m.plan) {
			t.Errorf("attempt %d is retried", attempt)
		}
	}
	m.stored.Spec.Retries = []v1alpha1.StageAttempt{{Stage: "a", Attempt: 2}}
	if !Retry(m.stored, m.plan) {
		t.Fatal("not retried")
	}
	m.want(v1alpha1.RunWaiting, "a=Waiting", "b=Waiting", "f=Waiting")
	began := m.stored.Status.Stage("a").FirstStartTime
	m.now = m.now.Add(time.Hour)
	Resume(m.stored, m.plan, m.now)
	m.settle()
	if s := m.stored.Status.Stage("a"); began == nil || !began.Equal(s.FirstStartTime) || !s.StartTime.After(began.Add(time.Hour-time.Minute)) {
		t.Errorf("the first attempt started at %v and %v, the second at %v", began, s.FirstStartTime, s.StartTime)
	}
	m.finish("a", Succeeded)
	m.finish("b", Succeeded)
	m.finish("f", Succeeded)
	m.want(v1alpha1.RunSucceeded)
	m.wantStarts(5)
	if Retry(m.stored, m.plan) {
		t.Error("a run that succeeded is retried")
	}
}

func TestExpressionsSkipStagesAndPassValuesOn(t *testing.T) {
	build := stage("build-it")
	build.Job.Outputs = []string{"digest"}
	skipped := stage("skipped")
	skipped.When = "params.n > 3"
	skipped.Job.Outputs = []string{"x"}
	user := stage("user", "build-it", "skipped")
	user.When = "stages.build_it.outputs.digest == 'sha256:1' && stages.skipped.phase == 'Skipped'"
	dependent := stage("dependent", "skipped")
	dependent.Job.Env = []v1alpha1.StageValue{{Name: "X", Expression: "stages.skipped.outputs.x"}}
	m := newMachine(t, v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "n", Type: v1alpha1.ParameterInteger}},
		Stages:     []v1alpha1.PipelineStage{build, skipped, user, dependent},
	}, v1alpha1.ParameterValue{Name: "n", Value: "3"})
	m.server.outputs = map[string]string{"digest": "sha256:1", "undeclared": "y"}
	m.settle()
	m.want(v1alpha1.RunRunning, "skipped=Skipped/ConditionFalse", "dependent=Skipped/OutputNotAvailable", "user=Waiting")
	m.finish("build-it", Succeeded)
	m.want(v1alpha1.RunRunning, "user=Observing")
	if got := m.stored.Status.Stage("build-it").Outputs; len(got) != 1 || got["digest"] != "sha256:1" {
		t.Errorf("outputs %v", got)
	}
	m.finish("user", Succeeded)
	m.want(v1alpha1.RunSucceeded)
}

func TestOutputsAreBounded(t *testing.T) {
	for name, tc := range map[string]struct {
		outputs map[string]string
		want    string
	}{
		"missing":  {map[string]string{"diges": "x"}, `output digest is missing; did you mean "diges"?`},
		"large":    {map[string]string{"digest": strings.Repeat("x", v1alpha1.MaxOutputs)}, "the outputs have more than 4096 bytes"},
		"a secret": {map[string]string{"digest": "hunter2"}, "output digest looks like a secret"},
	} {
		t.Run(name, func(t *testing.T) {
			a := stage("a")
			a.Job.Outputs = []string{"digest"}
			m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{a}})
			m.server.outputs = tc.outputs
			m.settle()
			m.finish("a", Succeeded)
			m.want(v1alpha1.RunFailed, "a=Failed/OutputInvalid")
			if message := m.stored.Status.Stage("a").Message; !strings.Contains(message, tc.want) {
				t.Errorf("message %q, want %q", message, tc.want)
			}
		})
	}
}

func TestLostWorkIsAResult(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	m.settle()
	delete(m.server.states, m.stored.Status.Stage("a").Key)
	m.pass(observeInterval)
	m.want(v1alpha1.RunFailed, "a=Lost/Lost")
	m.wantStarts(1)
}

func TestWhatWaitsBeforeItStartsIsStartedWithoutALookup(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	m.server.refuse = problem.Waiting("Busy", time.Minute, "the job builds already")
	m.server.blind = true
	m.settle()
	m.want(v1alpha1.RunRunning, "a=Claimed/Busy")
	m.pass(time.Second)
	m.want(v1alpha1.RunRunning, "a=Claimed/Busy")
	if s := m.stored.Status.Stage("a"); s.Triggers != 0 || s.RetryTime == nil || m.next > time.Minute {
		t.Errorf("stage %+v, the next pass is after %s", s, m.next)
	}
	m.server.refuse = nil
	m.pass(time.Minute)
	m.want(v1alpha1.RunRunning, "a=Observing")
	m.wantStarts(1)
	if m.server.finds != 0 {
		t.Errorf("%d lookups", m.server.finds)
	}
}

func TestWhatWaitsBeforeItStartsEndsAtItsTimeout(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}})
	m.server.refuse = problem.Waiting("Busy", time.Minute, "the job builds already")
	m.settle()
	m.pass(v1alpha1.DefaultStageTimeout)
	m.want(v1alpha1.RunFailed, "a=TimedOut/StageTimedOut")
	if message := m.stored.Status.Stage("a").Message; !strings.HasSuffix(message, "; its last state: the job builds already") {
		t.Errorf("the message does not say what the stage waited for: %s", message)
	}
	m.wantStarts(0)
}

package jenkins

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/ci"
	fake "kubeops.io/kubeops/internal/testkit/jenkins"
)

// request of a build on the clock of the fake.
func request(s *fake.Server, key, behaviour string) ci.Request {
	return ci.Request{Key: key, Job: "job", Parameters: map[string]string{conformance.Behaviour: behaviour}, Claimed: s.Clock.Now()}
}

func mustStart(t *testing.T, p *Provider, r ci.Request) ci.Handle {
	t.Helper()
	started, err := p.Start(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return started.Handle
}

func mustGet(t *testing.T, p *Provider, h ci.Handle) ci.Status {
	t.Helper()
	status, err := p.Get(t.Context(), h)
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func wantReason(t *testing.T, err error, reason string, action problem.Action) {
	t.Helper()
	if p := problem.As(err); p == nil || p.Reason != reason || p.Action != action {
		t.Errorf("got %v, want %s", err, reason)
	}
}

func TestATriggerWhoseAnswerIsLostIsFoundAndNotRepeated(t *testing.T) {
	s := newFake(t)
	s.Set(func(o *fake.Options) { o.Frozen, o.Drop = true, true })
	p := open(t, s)
	r := request(s, "k1", "")
	_, err := p.Start(t.Context(), r)
	wantReason(t, err, v1alpha1.ReasonUnreachable, problem.Retry)
	lookup, err := p.Find(t.Context(), r)
	if err != nil || lookup.Presence != ci.Found {
		t.Fatalf("%+v: %v", lookup, err)
	}
	// A caller that starts again all the same meets its own item, as long as it waits.
	again := mustStart(t, p, r)
	s.Set(func(o *fake.Options) { o.Frozen = false })
	if one, two := mustGet(t, p, lookup.Handle), mustGet(t, p, again); one.Number != 1 || two.Number != 1 || len(s.Builds("job")) != 1 {
		t.Errorf("%+v, %+v", one, two)
	}
}

func TestIdsThatAreGivenAgainAfterACrashAreNotConfused(t *testing.T) {
	s := newFake(t)
	s.Set(func(o *fake.Options) { o.Frozen = true })
	p := open(t, s)
	mine := mustStart(t, p, request(s, "mine", conformance.Hold))
	s.Kill() // the item was not saved
	other := mustStart(t, p, request(s, "other", conformance.Hold))
	if !strings.Contains(string(mine), `"queue":1`) || !strings.Contains(string(other), `"queue":1`) {
		t.Fatalf("the ids differ: %s and %s", mine, other)
	}
	next, err := p.Cancel(t.Context(), mine)
	if err != nil {
		t.Fatal(err)
	}
	if status := mustGet(t, p, other); status.Phase != ci.Queued {
		t.Errorf("the item of another build was cancelled: %+v", status)
	}
	s.Clock.Step(absence)
	if status := mustGet(t, p, next); status.Phase != ci.Lost || status.Reason == "" {
		t.Errorf("%+v", status)
	}
	if lookup, err := p.Find(t.Context(), request(s, "mine", "")); err != nil || lookup.Presence != ci.Absent {
		t.Errorf("%+v: %v", lookup, err)
	}
}

func TestARestartLosesNoBuildThatWasSaved(t *testing.T) {
	s := newFake(t)
	s.Set(func(o *fake.Options) { o.Frozen = true })
	p := open(t, s)
	waiting := mustStart(t, p, request(s, "k1", conformance.Hold))
	s.Restart()
	status := mustGet(t, p, waiting)
	if status.Phase != ci.Queued || strings.Contains(string(status.Handle), s0(waiting)) {
		t.Errorf("%+v", status)
	}
	s.Set(func(o *fake.Options) { o.Frozen = false })
	if status = mustGet(t, p, status.Handle); status.Phase != ci.Running || status.Number != 1 {
		t.Errorf("%+v", status)
	}
	s.Restart()
	if status = mustGet(t, p, status.Handle); status.Phase != ci.Aborted {
		t.Errorf("a build that a restart cut off: %+v", status)
	}
}

// s0 is the session in a handle.
func s0(h ci.Handle) string {
	decoded, _, _ := decodeHandle(h)
	return decoded.Session
}

func TestABuildBetweenQueueAndListIsQueuedAndThenFound(t *testing.T) {
	s := newFake(t)
	s.Set(func(o *fake.Options) { o.Gap = true })
	p := open(t, s)
	handle := mustStart(t, p, request(s, "k1", ""))
	status := mustGet(t, p, handle)
	if status.Phase != ci.Queued {
		t.Errorf("%+v", status)
	}
	s.Clock.Step(6 * time.Minute) // the item is forgotten
	if status = mustGet(t, p, status.Handle); status.Phase != ci.Queued {
		t.Errorf("lost at the first look: %+v", status)
	}
	s.Clock.Step(absence / 2)
	if status = mustGet(t, p, status.Handle); status.Phase != ci.Queued {
		t.Errorf("lost too soon: %+v", status)
	}
	s.Clock.Step(absence / 2)
	if status = mustGet(t, p, status.Handle); status.Phase != ci.Lost {
		t.Errorf("%+v", status)
	}
}

func TestAnItemThatExpiredIsFoundByItsMarker(t *testing.T) {
	s := newFake(t)
	p := open(t, s)
	handle := mustStart(t, p, request(s, "k1", ""))
	s.Builds("job")
	s.Clock.Step(time.Hour)
	if status := mustGet(t, p, handle); status.Phase != ci.Succeeded || status.Number != 1 {
		t.Errorf("%+v", status)
	}
}

func TestAListThatIsCutOffIsNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		builds  int
		age     time.Duration
		claimed bool
		want    ci.Presence
	}{
		"a few builds":                          {20, time.Minute, false, ci.Absent},
		"two pages":                             {99, time.Minute, false, ci.Absent},
		"more than Jenkins lists":               {100, time.Minute, false, ci.Unknown},
		"more, but older than the claim":        {300, time.Hour, true, ci.Absent},
		"more, and newer than the claim":        {300, 0, true, ci.Unknown},
		"more, within the slack of two clocks":  {300, clockSlack / 2, true, ci.Unknown},
		"more, but the claim is not known here": {300, time.Hour, false, ci.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t)
			s.AddBuilds("job", tc.builds, s.Clock.Now().Add(-tc.age))
			r := request(s, "k1", "")
			if !tc.claimed {
				r.Claimed = time.Time{}
			}
			lookup, err := open(t, s).Find(t.Context(), r)
			if err != nil || lookup.Presence != tc.want || (lookup.Reason != "") != (tc.want == ci.Unknown) {
				t.Errorf("%+v: %v", lookup, err)
			}
		})
	}
}

func TestTheMarkerIsFoundOnTheSecondPage(t *testing.T) {
	s := newFake(t)
	p := open(t, s)
	r := request(s, "k1", "")
	mustStart(t, p, r)
	s.Builds("job")
	s.AddBuilds("job", 70, s.Clock.Now())
	if lookup, err := p.Find(t.Context(), r); err != nil || lookup.Presence != ci.Found {
		t.Errorf("%+v: %v", lookup, err)
	}
}

func TestAJobWithoutTheMarkerBuildsOneAtATime(t *testing.T) {
	s := newFake(t)
	s.Add("plain", &fake.Job{})
	p := open(t, s)
	for _, job := range []string{"unmarked", "plain"} {
		r := ci.Request{Key: "k1", Job: job, AllowUnmarked: true, Claimed: s.Clock.Now()}
		if lookup, err := p.Find(t.Context(), r); err != nil || lookup.Presence != ci.Absent {
			t.Errorf("%s: %+v: %v", job, lookup, err)
		}
		s.Set(func(o *fake.Options) { o.Frozen = true })
		handle := mustStart(t, p, r)
		_, err := p.Start(t.Context(), r)
		wantReason(t, err, v1alpha1.ReasonJobBusy, problem.Wait)
		if lookup, err := p.Find(t.Context(), r); err != nil || lookup.Presence != ci.Unknown {
			t.Errorf("%s waits: %+v: %v", job, lookup, err)
		}
		s.Set(func(o *fake.Options) { o.Frozen = false })
		if status := mustGet(t, p, handle); status.Phase != ci.Succeeded {
			t.Errorf("%s: %+v", job, status)
		}
		if lookup, err := p.Find(t.Context(), r); err != nil || lookup.Presence != ci.Unknown {
			t.Errorf("%s has built: %+v: %v", job, lookup, err)
		}
		s.Clock.Step(time.Hour)
		r.Claimed = s.Clock.Now()
		if lookup, err := p.Find(t.Context(), r); err != nil || lookup.Presence != ci.Absent {
			t.Errorf("%s built long ago: %+v: %v", job, lookup, err)
		}
	}
}

func TestTriggersThatAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(*fake.Server)
		job     string
		value   string
		reason  string
		action  problem.Action
	}{
		"a folder":              {job: "folder", reason: v1alpha1.ReasonNotAJob, action: problem.UserMustAct},
		"a hidden job":          {job: "hidden", reason: v1alpha1.ReasonJobNotFound, action: problem.UserMustAct},
		"another choice":        {job: "choice", value: "c", reason: v1alpha1.ReasonInvalidParameter, action: problem.UserMustAct},
		"a redirect to the job": {prepare: func(s *fake.Server) { s.Set(func(o *fake.Options) { o.Refuse = true }) }, reason: v1alpha1.ReasonTriggerUnknown},
		"409":                   {prepare: refuse("/buildWithParameters", 409), reason: v1alpha1.ReasonJobDisabled, action: problem.UserMustAct},
		"400":                   {prepare: refuse("/buildWithParameters", 400), reason: v1alpha1.ReasonInvalidParameter, action: problem.UserMustAct},
		"403":                   {prepare: refuse("/buildWithParameters", 403), reason: v1alpha1.ReasonForbidden, action: problem.UserMustAct},
		"401":                   {prepare: refuse("/buildWithParameters", 401), reason: v1alpha1.ReasonUnauthorized, action: problem.UserMustAct},
		"404":                   {prepare: refuse("/buildWithParameters", 404), reason: v1alpha1.ReasonJobNotFound, action: problem.UserMustAct},
		"500":                   {prepare: refuse("/buildWithParameters", 500), reason: v1alpha1.ReasonServerError},
		"503 before the check":  {prepare: refuse("/job/job/api/json", 503), reason: v1alpha1.ReasonServerError},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t)
			s.Add("folder", &fake.Job{Folder: true})
			s.Add("hidden", &fake.Job{Parameters: marked(), Hidden: true})
			s.Add("choice", &fake.Job{Parameters: map[string][]string{Marker: nil, conformance.Behaviour: {"a", "b"}}})
			if tc.prepare != nil {
				tc.prepare(s)
			}
			r := request(s, "k1", tc.value)
			if tc.job != "" {
				r.Job = tc.job
			}
			_, err := open(t, s).Start(t.Context(), r)
			wantReason(t, err, tc.reason, tc.action)
			if _, started := s.Calls(); started != 0 {
				t.Error("a build was triggered")
			}
		})
	}
}

func refuse(path string, status int) func(*fake.Server) {
	return func(s *fake.Server) { s.Refuse(path, status) }
}

func TestABranchJobIsEscapedTwice(t *testing.T) {
	s := newFake(t)
	s.Add("shop/cart/feature%2Fx", &fake.Job{Parameters: marked()})
	r := request(s, "k1", "")
	r.Job = "shop/cart/feature%2Fx"
	p := open(t, s)
	status := mustGet(t, p, mustStart(t, p, r))
	if want := s.URL + "/job/shop/job/cart/job/feature%252Fx/1/"; status.Phase != ci.Succeeded || status.URL != want {
		t.Errorf("%+v", status)
	}
	if calls, _ := s.Calls(); !slices.Contains(calls, "POST /job/shop/job/cart/job/feature%252Fx/buildWithParameters") {
		t.Errorf("%q", calls)
	}
}

func TestAStubbornBuildIsTerminatedAndThenKilled(t *testing.T) {
	for name, tc := range map[string]struct {
		pipeline bool
		want     []string
	}{
		"a Pipeline":      {true, []string{stop, stop, term, kill}},
		"another project": {false, []string{stop, stop, stop, stop}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t)
			s.Add("job", &fake.Job{Parameters: marked(), Pipeline: tc.pipeline, Stubborn: 2})
			handle := mustStart(t, open(t, s), request(s, "k1", conformance.Hold))
			for _, step := range []time.Duration{grace / 2, grace / 2, grace, grace} {
				next, err := open(t, s).Cancel(t.Context(), handle) // a new process each time: the handle has what was tried
				if err != nil {
					t.Fatal(err)
				}
				handle = next
				s.Clock.Step(step)
			}
			if b := s.Builds("job")[0]; !slices.Equal(b.Means, tc.want) || b.Building == tc.pipeline {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestAnItemThatCannotBeCancelledIsAProblem(t *testing.T) {
	s := newFake(t)
	s.Set(func(o *fake.Options) { o.Frozen, o.Uncancellable = true, true })
	p := open(t, s)
	_, err := p.Cancel(t.Context(), mustStart(t, p, request(s, "k1", "")))
	wantReason(t, err, v1alpha1.ReasonNotCancellable, problem.Retry)
}

func TestAJobThatWasCreatedAgainHasAnotherBuild(t *testing.T) {
	s := newFake(t)
	p := open(t, s)
	status := mustGet(t, p, mustStart(t, p, request(s, "k1", "")))
	s.Delete("job")
	status = mustGet(t, p, status.Handle)
	s.Clock.Step(unfinished)
	if lost := mustGet(t, p, status.Handle); lost.Phase != ci.Lost {
		t.Errorf("a deleted job: %+v", lost)
	}
	s.Add("job", &fake.Job{Parameters: marked()})
	mustGet(t, p, mustStart(t, p, request(s, "k2", "")))
	if lost := mustGet(t, p, status.Handle); lost.Phase != ci.Lost || !strings.Contains(lost.Reason, "created again") {
		t.Errorf("%+v", lost)
	}
}

func TestPhasesOfBuilds(t *testing.T) {
	s := newFake(t)
	s.Add("job", &fake.Job{Parameters: marked(), Pipeline: true})
	p := open(t, s)
	handle := mustGet(t, p, mustStart(t, p, request(s, "k1", conformance.Hold))).Handle
	for name, tc := range map[string]struct {
		building bool
		result   string
		want     ci.Phase
	}{
		"a result that may change": {true, "FAILURE", ci.Running},
		"not built":                {false, "NOT_BUILT", ci.Failed},
		"another result":           {false, "WHATEVER", ci.Failed},
		"unstable":                 {false, "UNSTABLE", ci.Unstable},
	} {
		s.Change("job", 1, func(b *fake.Build) { b.Building, b.Result = tc.building, tc.result })
		if status := mustGet(t, p, handle); status.Phase != tc.want {
			t.Errorf("%s: %+v", name, status)
		}
	}
	s.Change("job", 1, func(b *fake.Build) {
		b.Building = true
		b.Result = ""
		b.Stages = []fake.Stage{{Name: "Build", Status: "SUCCESS"}, {Name: "Approve", Status: "PAUSED_PENDING_INPUT"}, {Name: "Last", Status: "NOT_EXECUTED"}}
	})
	status := mustGet(t, p, handle)
	want := []ci.Stage{{Name: "Build", Phase: ci.Succeeded}, {Name: "Approve", Phase: ci.Running, Paused: true}, {Name: "Last", Phase: ci.Queued}}
	if !slices.Equal(status.Stages, want) || !strings.Contains(status.Reason, "Approve") {
		t.Errorf("%+v", status)
	}
}

// TestABuildIsLostOnlyIfItsRecordStaysIncomplete by the states that a record has for a moment while a build starts.
func TestABuildIsLostOnlyIfItsRecordStaysIncomplete(t *testing.T) {
	for name, change := range map[string]func(*fake.Build){
		"no result": func(b *fake.Build) { b.Building = false },
		"no record": func(b *fake.Build) { b.Hidden = true },
	} {
		t.Run(name, func(t *testing.T) {
			s := newFake(t)
			p := open(t, s)
			start := mustGet(t, p, mustStart(t, p, request(s, "k1", conformance.Hold)))
			hide := func(hidden bool) {
				s.Change("job", 1, func(b *fake.Build) {
					b.Building = true
					b.Result = ""
					b.Hidden = false
					if hidden {
						change(b)
					}
				})
			}
			get := func(status ci.Status, want ci.Phase) ci.Status {
				t.Helper()
				next := mustGet(t, p, status.Handle)
				if next.Phase != want || (want == ci.Lost) != (strings.Contains(next.Reason, "no result") || strings.Contains(next.Reason, "deleted")) {
					t.Fatalf("%+v", next)
				}
				return next
			}
			hide(true)
			status := get(start, ci.Running)
			s.Clock.Step(unfinished - time.Second)
			status = get(status, ci.Running)
			hide(false) // it was a moment only
			status = get(status, ci.Running)
			s.Clock.Step(unfinished)
			hide(true)
			status = get(status, ci.Running)
			s.Clock.Step(unfinished)
			get(status, ci.Lost)
		})
	}
}

func TestWhatAServerReportsAboutItself(t *testing.T) {
	s := newFake(t)
	d, err := open(t, s).Describe(t.Context())
	if err != nil || d.Version != "2.579" || d.User != fake.User || d.Executors != 2 || !slices.Equal(d.Capabilities,
		[]string{"pipelines", "stages", "tests"}) {
		t.Errorf("%+v: %v", d, err)
	}
	s.Set(func(o *fake.Options) { o.QuietingDown, o.PluginsHidden = true, true })
	p := open(t, s)
	status := mustGet(t, p, mustStart(t, p, request(s, "k1", "")))
	if status.Phase != ci.Queued || status.Reason != "Jenkins is about to shut down" {
		t.Errorf("%+v", status)
	}
	if d, err = p.Describe(t.Context()); err != nil || !d.QuietingDown || d.Queued != 1 || d.Capabilities != nil {
		t.Errorf("%+v: %v", d, err)
	}
	for path, reason := range map[string]string{
		"/whoAmI/api/json": v1alpha1.ReasonServerError, "/queue/api/json": v1alpha1.ReasonServerError,
		"/computer/api/json": v1alpha1.ReasonServerError, "/pluginManager/api/json": v1alpha1.ReasonServerError,
	} {
		s.Refuse(path, http.StatusBadGateway)
		_, err := p.Describe(t.Context())
		wantReason(t, err, reason, problem.Retry)
		s.Refuse(path, 0)
	}
	s.Refuse("/api/json", http.StatusForbidden)
	_, err = p.Describe(t.Context())
	wantReason(t, err, v1alpha1.ReasonForbidden, problem.Retry)
}

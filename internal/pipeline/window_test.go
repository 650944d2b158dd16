package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// opens is a window of a duration.
func opens(of v1alpha1.WindowType, cron string, duration time.Duration, change ...func(*v1alpha1.PipelineWindow)) v1alpha1.PipelineWindow {
	w := v1alpha1.PipelineWindow{
		Name: string(of) + "-" + strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return 'x'
			}
			return r
		}, cron), Type: of, Cron: cron, Duration: metav1.Duration{Duration: duration}, TimeZone: "Europe/Berlin",
	}
	for _, f := range change {
		f(&w)
	}
	return w
}

func noOverrun(w *v1alpha1.PipelineWindow) { w.Overrun = ptr.To(false) }

func onlyFor(stages ...string) func(*v1alpha1.PipelineWindow) {
	return func(w *v1alpha1.PipelineWindow) { w.Stages = stages }
}

// TestWhenAStageCanStart asks at noon UTC, 13:00 in Berlin, of Thursday, 15 January 2026. The stage has a timeout of an hour.
func TestWhenAStageCanStart(t *testing.T) {
	const now = "2026-01-15T12:00:00Z"
	allow := func(cron string, d time.Duration, change ...func(*v1alpha1.PipelineWindow)) v1alpha1.PipelineWindow {
		return opens(v1alpha1.WindowAllow, cron, d, change...)
	}
	deny := func(cron string, d time.Duration, change ...func(*v1alpha1.PipelineWindow)) v1alpha1.PipelineWindow {
		return opens(v1alpha1.WindowDeny, cron, d, change...)
	}
	for name, tc := range map[string]struct {
		windows []v1alpha1.PipelineWindow
		want    string
	}{
		"without windows":                {want: now},
		"in one":                         {[]v1alpha1.PipelineWindow{allow("0 9 * * 1-5", 8*time.Hour)}, now},
		"before one":                     {[]v1alpha1.PipelineWindow{allow("0 22 * * *", time.Hour)}, "2026-01-15T21:00:00Z"},
		"after one":                      {[]v1alpha1.PipelineWindow{allow("0 9 * * 1", time.Hour)}, "2026-01-19T08:00:00Z"},
		"before the first of two":        {[]v1alpha1.PipelineWindow{allow("0 22 * * *", time.Hour), allow("0 18 * * *", time.Hour)}, "2026-01-15T17:00:00Z"},
		"in one that is denied":          {[]v1alpha1.PipelineWindow{deny("0 12 * * *", 2*time.Hour)}, "2026-01-15T13:00:00Z"},
		"denied in one that allows":      {[]v1alpha1.PipelineWindow{allow("0 9 * * *", 8*time.Hour), deny("0 12 * * *", 2*time.Hour)}, "2026-01-15T13:00:00Z"},
		"denied until after the allowed": {[]v1alpha1.PipelineWindow{allow("0 9 * * *", 5*time.Hour), deny("0 12 * * *", 2*time.Hour)}, "2026-01-16T08:00:00Z"},
		"denied one after the other":     {[]v1alpha1.PipelineWindow{deny("0 12 * * *", 2*time.Hour), deny("0 14 * * *", time.Hour)}, "2026-01-15T14:00:00Z"},
		"about another stage":            {[]v1alpha1.PipelineWindow{allow("0 22 * * *", time.Hour, onlyFor("b"))}, now},
		"it may overrun":                 {[]v1alpha1.PipelineWindow{allow("0 12 * * *", 90*time.Minute)}, now},
		"it would overrun":               {[]v1alpha1.PipelineWindow{allow("0 12 * * *", 90*time.Minute, noOverrun)}, "2026-01-16T11:00:00Z"},
		"it ends with the window":        {[]v1alpha1.PipelineWindow{allow("0 12 * * *", 2*time.Hour, noOverrun)}, now},
		"it would overrun into a denial": {[]v1alpha1.PipelineWindow{deny("30 13 * * *", time.Hour, noOverrun)}, "2026-01-15T13:30:00Z"},
		"it may overrun into a denial":   {[]v1alpha1.PipelineWindow{deny("30 13 * * *", time.Hour)}, now},
		"it is always denied":            {[]v1alpha1.PipelineWindow{deny("* * * * *", time.Hour)}, ""},
		"it is denied whenever it is allowed": {
			[]v1alpha1.PipelineWindow{allow("0 22 * * *", time.Hour), deny("0 21 * * *", 3*time.Hour)}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			plan, err := NewPlan(&v1alpha1.PipelineSpec{
				Stages: []v1alpha1.PipelineStage{stage("a"), stage("b")}, Finally: []v1alpha1.PipelineStage{stage("f")}, Windows: tc.windows,
			})
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, now)
			if err != nil {
				t.Fatal(err)
			}
			got := plan.Opening("a", at)
			if text := got.UTC().Format(time.RFC3339); text != tc.want && (tc.want != "" || !got.IsZero()) {
				t.Errorf("it can start at %s, want %q", text, tc.want)
			}
			if f := plan.Opening("f", at); !f.Equal(at) {
				t.Errorf("a stage of finally can start at %s", f)
			}
		})
	}
}

func TestWindowsThatCannotBeAreRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		window v1alpha1.PipelineWindow
		reason string
		says   string
	}{
		"a cron that is none": {opens(v1alpha1.WindowAllow, "61 * * * *", time.Hour), "InvalidSchedule", "window allow-"},
		"a zone that is none": {opens(v1alpha1.WindowAllow, "0 9 * * *", time.Hour, func(w *v1alpha1.PipelineWindow) {
			w.TimeZone = "Europe/Atlantis"
		}), "InvalidSchedule", "is not a time zone"},
		"a date that is none":      {opens(v1alpha1.WindowAllow, "0 9 30 2 *", time.Hour), "InvalidSchedule", "never comes due"},
		"a stage that is none":     {opens(v1alpha1.WindowDeny, "0 9 * * *", time.Hour, onlyFor("aa")), "InvalidPipeline", `"aa" does not exist`},
		"shorter than the timeout": {opens(v1alpha1.WindowAllow, "0 9 * * *", time.Minute, noOverrun), "InvalidPipeline", "could never start"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewPlan(&v1alpha1.PipelineSpec{
				Stages: []v1alpha1.PipelineStage{stage("a")}, Windows: []v1alpha1.PipelineWindow{tc.window},
			})
			if p := problem.As(err); p == nil || p.Reason != tc.reason || !strings.Contains(p.Message, tc.says) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestATimeoutThatNeverFitsIsRefused has a stage with a timeout of an hour.
func TestATimeoutThatNeverFitsIsRefused(t *testing.T) {
	inUTC := func(w *v1alpha1.PipelineWindow) { w.TimeZone = "UTC" }
	allow, deny := v1alpha1.WindowAllow, v1alpha1.WindowDeny
	for name, tc := range map[string]struct {
		windows []v1alpha1.PipelineWindow
		refused bool
	}{
		"each hour is denied for some minutes":    {[]v1alpha1.PipelineWindow{opens(deny, "0 * * * *", 5*time.Minute, noOverrun)}, true},
		"each hour is denied, and it may overrun": {[]v1alpha1.PipelineWindow{opens(deny, "0 * * * *", 5*time.Minute)}, false},
		"each hour of workdays is denied":         {[]v1alpha1.PipelineWindow{opens(deny, "0 * * * 1-5", 5*time.Minute, noOverrun)}, false},
		"each hour is allowed for some minutes":   {[]v1alpha1.PipelineWindow{opens(allow, "0 * * * *", 50*time.Minute, noOverrun)}, true},
		"windows of each hour that join":          {[]v1alpha1.PipelineWindow{opens(allow, "0 * * * *", time.Hour, noOverrun)}, false},
		"a short window, and two that join":       {[]v1alpha1.PipelineWindow{opens(allow, "0 1,9,10 * * *", 40*time.Minute, noOverrun)}, true},
		"two that join after a short one":         {[]v1alpha1.PipelineWindow{opens(allow, "0,30 1,9 * * *", 30*time.Minute, noOverrun)}, false},
		"the rest of a window is denied": {
			[]v1alpha1.PipelineWindow{opens(allow, "0 9 * * *", 2*time.Hour, noOverrun), opens(deny, "45 9 * * *", 30*time.Minute, noOverrun)}, true,
		},
		"windows of one day of a month": {[]v1alpha1.PipelineWindow{opens(allow, "0 9 31 * *", 30*time.Minute, noOverrun)}, true},
		"windows that meet in summer only": {
			[]v1alpha1.PipelineWindow{opens(allow, "0 9 * * *", time.Hour, noOverrun), opens(deny, "30 8 * * *", time.Hour, noOverrun, inUTC)}, false,
		},
		"a freeze":            {[]v1alpha1.PipelineWindow{opens(deny, "* * * * *", time.Hour, noOverrun)}, false},
		"about another stage": {[]v1alpha1.PipelineWindow{opens(deny, "0 * * * *", 5*time.Minute, noOverrun, onlyFor("long"))}, false},
	} {
		spec := &v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a"), stage("long")}, Windows: tc.windows}
		spec.Stages[1].Timeout = &metav1.Duration{Duration: time.Minute}
		_, err := NewPlan(spec)
		if p := problem.As(err); (p != nil) != tc.refused || p != nil && !strings.Contains(p.Message, "stage a: its timeout (1h0m0s)") {
			t.Errorf("%s: got %v", name, err)
		}
		spec.WindowOverride = true
		if _, err := NewPlan(spec); err != nil {
			t.Errorf("%s, with an override: %v", name, err)
		}
	}
}

// The windows of one Pipeline must not keep the controllers of all from their work.
func TestWindowsThatAreCostlyAreReadInABoundedTime(t *testing.T) {
	const most = 10 * time.Second
	for _, cron := range []string{"* * 1-30 * *", "0 * 1-30 * *", "* 0-22 * * *"} {
		spec := &v1alpha1.PipelineSpec{}
		for range 8 {
			spec.Windows = append(spec.Windows, opens(v1alpha1.WindowAllow, cron, time.Minute, noOverrun))
		}
		for n := range 50 {
			s := stage(fmt.Sprint("s", n))
			s.Timeout = &metav1.Duration{Duration: 720*time.Hour - time.Duration(n)*time.Minute}
			spec.Stages = append(spec.Stages, s)
		}
		began := time.Now()
		plan, err := NewPlan(spec)
		took := time.Since(began)
		if err == nil {
			began = time.Now()
			plan.FirstOpening(began)
			took = max(took, time.Since(began))
		}
		if took > most {
			t.Errorf("windows %q took %s", cron, took)
		}
	}
}

func TestAWindowThatNeverClosesHasRoomForAnyTimeout(t *testing.T) {
	long := stage("a")
	long.Timeout = &metav1.Duration{Duration: 720 * time.Hour}
	plan, err := NewPlan(&v1alpha1.PipelineSpec{
		Stages: []v1alpha1.PipelineStage{long}, Windows: []v1alpha1.PipelineWindow{opens(v1alpha1.WindowAllow, "0 * * * *", time.Hour, noOverrun)},
	})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 1, 15, 12, 34, 56, 0, time.UTC)
	if at := plan.Opening("a", now); !at.Equal(now) {
		t.Errorf("it can start at %s", at)
	}
}

func TestAStageWaitsForItsWindowAndEndsAfterIt(t *testing.T) {
	spec := v1alpha1.PipelineSpec{
		Stages:  []v1alpha1.PipelineStage{stage("a"), stage("b", "a")},
		Finally: []v1alpha1.PipelineStage{stage("f")},
		Windows: []v1alpha1.PipelineWindow{opens(v1alpha1.WindowAllow, "0 22 * * *", 10*time.Minute, onlyFor("b"))},
	}
	m := newMachine(t, spec)
	m.settle()
	m.finish("a", Succeeded)
	m.want(v1alpha1.RunRunning, "a=Succeeded", "b=Waiting/WindowClosed")
	b := m.stored.Status.Stage("b")
	if b.NextOpening == nil || !b.NextOpening.Time.Equal(time.Date(2026, 1, 15, 21, 0, 0, 0, time.UTC)) ||
		!strings.Contains(b.Message, "start at 2026-01-15T21:00:00Z") {
		t.Errorf("got %+v", b)
	}
	m.now = b.NextOpening.Time.Add(-time.Second)
	m.settle()
	m.want(v1alpha1.RunRunning, "b=Waiting/WindowClosed")
	m.wantStarts(1)
	m.now = b.NextOpening.Time
	m.settle()
	m.want(v1alpha1.RunRunning, "b=Observing")
	if at := m.stored.Status.Stage("b").NextOpening; at != nil {
		t.Errorf("a stage in progress waits until %s", at)
	}
	m.now = m.now.Add(30 * time.Minute) // the window has closed
	m.settle()
	m.want(v1alpha1.RunRunning, "b=Observing")
	m.finish("b", Succeeded)
	m.finish("f", Succeeded)
	m.want(v1alpha1.RunSucceeded)
}

// TestWindowsOfATenantTakeBoundedTime has as many windows as a Pipeline can have, each for every minute. A search without a bound would look
// at each minute of 400 days.
func TestWindowsOfATenantTakeBoundedTime(t *testing.T) {
	spec := v1alpha1.PipelineSpec{Stages: []v1alpha1.PipelineStage{stage("a")}}
	for i := range 8 {
		spec.Windows = append(spec.Windows, opens(v1alpha1.WindowDeny, "* * * * *", time.Minute, noOverrun, func(w *v1alpha1.PipelineWindow) {
			w.Name = fmt.Sprintf("w%d", i)
		}))
	}
	m := newMachine(t, spec)
	began := time.Now()
	m.settle()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	m.want(v1alpha1.RunRunning, "a=Waiting/WindowClosed")
	a := m.stored.Status.Stage("a")
	if a.NextOpening != nil || a.RetryTime == nil || !strings.Contains(a.Message, "no time within 400 days") {
		t.Errorf("got %+v", a)
	}
}

func TestARunThatWaitsForAWindowCanBeCanceled(t *testing.T) {
	m := newMachine(t, v1alpha1.PipelineSpec{
		Stages:  []v1alpha1.PipelineStage{stage("a")},
		Windows: []v1alpha1.PipelineWindow{opens(v1alpha1.WindowAllow, "0 22 * * *", time.Hour)},
	})
	m.settle()
	m.want(v1alpha1.RunRunning, "a=Waiting/WindowClosed")
	m.cancel = true
	m.settle()
	m.want(v1alpha1.RunCanceled, "a=Canceled")
	m.wantStarts(0)
}

func TestAPersonLetsAStageStartOutsideOfItsWindow(t *testing.T) {
	for name, overridable := range map[string]bool{"as the Pipeline permits": true, "not without its permission": false} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, v1alpha1.PipelineSpec{
				Stages: []v1alpha1.PipelineStage{stage("a")}, WindowOverride: overridable,
				Windows: []v1alpha1.PipelineWindow{opens(v1alpha1.WindowAllow, "0 22 * * *", time.Hour)},
			})
			by := ""
			m.engine.Override = func(_ context.Context, a Attempt) (string, error) {
				if a.Number != 1 || a.Digest == "" {
					t.Errorf("asked about %+v", a)
				}
				return by, nil
			}
			m.settle()
			m.want(v1alpha1.RunRunning, "a=Waiting/WindowClosed")
			digest := m.stored.Status.Stage("a").Digest
			by = "alice: the shop is down, hunter2"
			m.settle()
			if !overridable {
				m.want(v1alpha1.RunRunning, "a=Waiting/WindowClosed")
				return
			}
			m.want(v1alpha1.RunRunning, "a=Observing")
			a := m.stored.Status.Stage("a")
			if a.Override != "alice: the shop is down, [redacted]" || digest == "" {
				t.Errorf("got %+v, approved %s", a, digest)
			}
			if a.Digest == digest {
				t.Error("an Approval of the start outside of the window approves what the stage asks, too")
			}
		})
	}
}

func TestWindowsAreOverriddenOnlyIfApprovalsCanBeReliedOn(t *testing.T) {
	for name, tc := range map[string]struct {
		overridable bool
		about       []string
		want        bool
	}{
		"a window that can be overridden": {true, []string{"a"}, true},
		"one that cannot be":              {false, []string{"a"}, false},
		"one about another stage":         {true, []string{"b"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			spec := v1alpha1.PipelineSpec{
				Stages: []v1alpha1.PipelineStage{stage("a"), stage("b")}, WindowOverride: tc.overridable,
				Windows: []v1alpha1.PipelineWindow{opens(v1alpha1.WindowAllow, "0 22 * * *", time.Hour, onlyFor(tc.about...))},
			}
			m := newMachine(t, spec)
			m.engine.CheckOverride = func(_ context.Context, a Attempt) error {
				if a.Stage.Name != "a" {
					return nil
				}
				return problem.UserError(v1alpha1.ReasonApprovalPolicyMissing, nil, "anyone could approve")
			}
			err := m.engine.Check(t.Context(), m.stored, m.plan, m.now)
			if p := problem.As(err); (p != nil && p.Reason == v1alpha1.ReasonApprovalPolicyMissing) != tc.want {
				t.Errorf("check: %v", err)
			}
		})
	}
}

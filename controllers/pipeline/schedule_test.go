package pipeline_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/pipeline"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// scheduled is a namespace with Pipeline nightly, whose trigger has a schedule, and a reconciler with a clock that stands at 12:00 UTC.
type scheduled struct {
	*tenant.Tenant
	t *testing.T
	r *kind.Reconciler[*v1alpha1.Pipeline]
	// lose is how many creations of runs are executed, and their answers lost.
	lose int
}

func newScheduled(t *testing.T, trigger v1alpha1.ScheduleTrigger, change ...func(*v1alpha1.PipelineSpec)) *scheduled {
	t.Helper()
	w := &scheduled{Tenant: tenant.New(t, realAPI), t: t}
	w.Clock.SetTime(time.Date(2036, 1, 15, 12, 0, 0, 0, time.UTC)) // after the creation time
	env := testsuite.NewEnvironment(t, w.Tenant, prometheus.NewRegistry())
	env.Client = losing{env.Client, w}
	env.Limits.MinScheduleInterval = time.Minute
	w.r = pipeline.New(env, expression.Local{}, nil)
	spec := v1alpha1.PipelineSpec{
		Parameters: []v1alpha1.PipelineParameter{{Name: "at"}}, Stages: []v1alpha1.PipelineStage{wait("a")},
		Triggers: []v1alpha1.PipelineTrigger{{
			Name: "night", Type: v1alpha1.TriggerSchedule, Schedule: &trigger,
			Parameters: []v1alpha1.StageValue{{Name: "at", Expression: "event.time"}},
		}},
	}
	for _, f := range change {
		f(&spec)
	}
	w.Create(&v1alpha1.Pipeline{ObjectMeta: w.Meta("nightly"), Spec: spec})
	return w
}

var errLost = errors.New("the answer is lost")

// losing executes the creation of a run, and loses the answer.
type losing struct {
	client.Client
	of *scheduled
}

func (l losing) Create(ctx context.Context, object client.Object, options ...client.CreateOption) error {
	err := l.Client.Create(ctx, object, options...)
	if l.of.lose > 0 && err == nil {
		l.of.lose--
		return errLost
	}
	return err
}

// pass moves the clock to a time, reconciles, and returns when to reconcile next.
func (w *scheduled) pass(at string) (time.Duration, error) {
	w.t.Helper()
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Clock.SetTime(now)
	result, err := testsuite.Reconcile(w.t, w.r, w.Key("nightly"))
	return result.RequeueAfter, err
}

// times of the runs that exist, as their parameter says.
func (w *scheduled) times() (list []string) {
	w.t.Helper()
	runs := &v1alpha1.PipelineRunList{}
	if err := w.Client.List(w.t.Context(), runs, client.InNamespace(w.Namespace)); err != nil {
		w.t.Fatal(err)
	}
	for _, run := range runs.Items {
		if len(run.OwnerReferences) != 1 || run.Annotations[v1alpha1.AnnotationTrigger] != "night" {
			w.t.Errorf("run %+v", run.ObjectMeta)
		}
		list = append(list, run.Spec.Parameters[0].Value)
	}
	return list
}

func (w *scheduled) want(times ...string) {
	w.t.Helper()
	got := w.times()
	for _, at := range times {
		if strings.Count(strings.Join(got, " "), at) != 1 {
			w.t.Errorf("runs of %v, want one of %s", got, at)
		}
	}
	if len(got) != len(times) {
		w.t.Errorf("runs of %v, want %v", got, times)
	}
}

func (w *scheduled) status() v1alpha1.ScheduleStatus {
	w.t.Helper()
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(w.t.Context(), w.Key("nightly"), p); err != nil {
		w.t.Fatal(err)
	}
	if len(p.Status.Schedules) != 1 {
		w.t.Fatalf("status %+v", p.Status)
	}
	return p.Status.Schedules[0]
}

func TestAScheduleCreatesOneRunForEachTime(t *testing.T) {
	w := newScheduled(t, v1alpha1.ScheduleTrigger{Cron: "30 2 * * *", TimeZone: "Europe/Berlin"})
	for _, c := range []struct {
		at   string
		wake time.Duration
		runs []string
	}{
		{"2036-01-15T12:00:00Z", time.Hour, nil},
		{"2036-01-16T01:00:00Z", 30 * time.Minute, nil},
		{"2036-01-16T01:30:00Z", time.Hour, []string{"2036-01-16T01:30:00Z"}},
		{"2036-01-16T01:30:01Z", time.Hour, []string{"2036-01-16T01:30:00Z"}},
		// Downtime of three days is one run.
		{"2036-01-19T12:00:00Z", time.Hour, []string{"2036-01-16T01:30:00Z", "2036-01-19T01:30:00Z"}},
	} {
		wake, err := w.pass(c.at)
		if err != nil || wake != c.wake {
			t.Errorf("%s: again in %s, %v; want %s", c.at, wake, err, c.wake)
		}
		w.want(c.runs...)
	}
	if s := w.status(); s.LastScheduledTime.UTC().Format(time.RFC3339) != "2036-01-19T01:30:00Z" || s.LastRun == "" || s.Reason != "" ||
		s.NextTime.UTC().Format(time.RFC3339) != "2036-01-20T01:30:00Z" {
		t.Errorf("status %+v", s)
	}
}

func TestATimeThatComesTwiceCreatesOneRun(t *testing.T) {
	w := newScheduled(t, v1alpha1.ScheduleTrigger{Cron: "30 2 * * *", TimeZone: "Europe/Berlin"})
	for _, at := range []string{"2036-10-25T12:00:00Z", "2036-10-26T00:30:00Z", "2036-10-26T01:30:00Z", "2036-10-26T12:00:00Z"} {
		if _, err := w.pass(at); err != nil {
			t.Fatal(err)
		}
	}
	w.want("2036-10-26T00:30:00Z")
}

func TestALostAnswerCreatesNoSecondRun(t *testing.T) {
	w := newScheduled(t, v1alpha1.ScheduleTrigger{Cron: "0 3 * * *"})
	if _, err := w.pass("2036-01-15T12:00:00Z"); err != nil {
		t.Fatal(err)
	}
	w.lose = 1
	if _, err := w.pass("2036-01-16T03:00:00Z"); err == nil {
		t.Error("no error")
	}
	if _, err := w.pass("2036-01-16T03:00:10Z"); err != nil {
		t.Fatal(err)
	}
	w.want("2036-01-16T03:00:00Z")
	if s := w.status(); s.LastRun == "" || s.LastScheduledTime == nil {
		t.Errorf("status %+v", s)
	}
}

func TestATriggerThatFailsTakesNoTimesFromTheOthers(t *testing.T) {
	w := newScheduled(t, v1alpha1.ScheduleTrigger{Cron: "0 3 * * *"}, func(s *v1alpha1.PipelineSpec) {
		first := s.Triggers[0]
		first.Name = "first"
		s.Triggers = append([]v1alpha1.PipelineTrigger{first}, s.Triggers...)
	})
	if _, err := w.pass("2036-01-15T12:00:00Z"); err != nil {
		t.Fatal(err)
	}
	w.lose = 2 // of the first trigger, and of the second
	for _, at := range []string{"2036-01-16T03:00:00Z", "2036-01-16T03:00:10Z"} {
		_, _ = w.pass(at)
		p := &v1alpha1.Pipeline{}
		if err := w.Client.Get(t.Context(), w.Key("nightly"), p); err != nil {
			t.Fatal(err)
		}
		for _, state := range p.Status.Schedules {
			if since := state.Since.UTC().Format(time.RFC3339); since != "2036-01-15T12:00:00Z" {
				t.Errorf("%s: trigger %s forgot the times before %s", at, state.Name, since)
			}
		}
		runs := &v1alpha1.PipelineRunList{}
		if err := w.Client.List(t.Context(), runs, client.InNamespace(w.Namespace)); err != nil {
			t.Fatal(err)
		}
		if len(p.Status.Schedules) != 2 || len(runs.Items) != 2 {
			t.Errorf("%s: %d runs, and schedules %+v", at, len(runs.Items), p.Status.Schedules)
		}
	}
}

func TestATimeThatWasMissedForTooLongCreatesNoRun(t *testing.T) {
	w := newScheduled(t, v1alpha1.ScheduleTrigger{Cron: "0 3 * * *", StartingDeadlineSeconds: ptr.To(int64(600))})
	for _, at := range []string{"2036-01-15T12:00:00Z", "2036-01-16T03:10:01Z"} {
		if _, err := w.pass(at); err != nil {
			t.Fatal(err)
		}
	}
	w.want()
	if s := w.status(); s.Reason != v1alpha1.ReasonTimeMissed || s.LastScheduledTime == nil {
		t.Errorf("status %+v", s)
	}
	if _, err := w.pass("2036-01-17T03:10:00Z"); err != nil {
		t.Fatal(err)
	}
	w.want("2036-01-17T03:00:00Z")
	if s := w.status(); s.Reason != "" || s.Message != "" {
		t.Errorf("status %+v", s)
	}
}

func TestASuspendedPipelineRunsTheLatestTimeOnceItIsResumed(t *testing.T) {
	w := newScheduled(t, v1alpha1.ScheduleTrigger{Cron: "0 3 * * *"}, func(s *v1alpha1.PipelineSpec) { s.Suspend = true })
	for _, at := range []string{"2036-01-15T12:00:00Z", "2036-01-16T03:00:00Z", "2036-01-17T03:00:00Z"} {
		if _, err := w.pass(at); err != nil {
			t.Fatal(err)
		}
		w.want()
	}
	p := &v1alpha1.Pipeline{}
	if err := w.Client.Get(t.Context(), w.Key("nightly"), p); err != nil {
		t.Fatal(err)
	}
	p.Spec.Suspend = false
	w.Update(p)
	if _, err := w.pass("2036-01-17T12:00:00Z"); err != nil {
		t.Fatal(err)
	}
	w.want("2036-01-17T03:00:00Z")
}

func TestSchedulesThatCannotRunAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		trigger      v1alpha1.ScheduleTrigger
		reason, text string
	}{
		"invalid":      {v1alpha1.ScheduleTrigger{Cron: "61 * * * *"}, v1alpha1.ReasonInvalidSchedule, "trigger night: schedule.cron"},
		"a zone":       {v1alpha1.ScheduleTrigger{Cron: "0 3 * * *", TimeZone: "Mars"}, v1alpha1.ReasonInvalidSchedule, "schedule.timeZone"},
		"never":        {v1alpha1.ScheduleTrigger{Cron: "0 0 30 2 *"}, v1alpha1.ReasonInvalidSchedule, "never comes due"},
		"too frequent": {v1alpha1.ScheduleTrigger{Cron: "@every 10s"}, v1alpha1.ReasonLimitExceeded, "trigger night: the interval of schedule.cron is 10s, below the minimum of 1m"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newScheduled(t, c.trigger)
			_, _ = w.pass("2036-01-15T12:00:00Z") // the condition has the problem
			p := &v1alpha1.Pipeline{}
			if err := w.Client.Get(t.Context(), w.Key("nightly"), p); err != nil {
				t.Fatal(err)
			}
			if ready := p.Status.Conditions[0]; ready.Reason != c.reason || !strings.Contains(ready.Message, c.text) {
				t.Errorf("%+v", ready)
			}
			w.want()
		})
	}
}

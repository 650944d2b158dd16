package inspection

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// at reads a time of a winter's week in 2026; the 12th of January is a Monday.
func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestARunIsDueByScheduleRequestOrGeneration(t *testing.T) {
	created := "2026-01-12T00:00:00Z"
	handled := func(text string) func(*v1alpha1.Inspection) {
		return func(i *v1alpha1.Inspection) {
			last := metav1.NewTime(at(t, text))
			i.Status.LastRunGeneration = 1
			i.Status.LastScheduledTime = &last
		}
	}
	ran := func(i *v1alpha1.Inspection) { i.Status.LastRunGeneration = 1 }
	for name, tc := range map[string]struct {
		spec      v1alpha1.InspectionSpec
		change    func(*v1alpha1.Inspection)
		now       string
		wantRun   string // trigger and scheduled time
		wantNext  string
		wantStall string
	}{
		"a new one runs at once":                 {now: "2026-01-12T00:00:00Z", wantRun: "generation"},
		"a new one with a schedule waits for it": {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, now: "2026-01-12T00:00:00Z", wantNext: "2026-01-12T06:00:00Z"},
		"a changed spec with a schedule waits for it": {
			spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, now: "2026-01-12T05:00:00Z", wantNext: "2026-01-12T06:00:00Z",
			change: func(i *v1alpha1.Inspection) { i.Status.LastRunGeneration, i.Generation = 1, 2 },
		},
		"one that ran rests": {change: ran, now: "2026-01-13T00:00:00Z"},
		"a changed spec runs again": {
			change: func(i *v1alpha1.Inspection) { i.Status.LastRunGeneration, i.Generation = 1, 2 }, now: "2026-01-13T00:00:00Z", wantRun: "generation",
		},
		"before the schedule":           {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, change: ran, now: "2026-01-12T05:59:59Z", wantNext: "2026-01-12T06:00:00Z"},
		"at the schedule":               {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, change: ran, now: "2026-01-12T06:00:00Z", wantRun: "schedule 2026-01-12T06:00:00Z", wantNext: "2026-01-13T06:00:00Z"},
		"after it was handled":          {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, change: handled("2026-01-12T06:00:00Z"), now: "2026-01-12T06:00:01Z", wantNext: "2026-01-13T06:00:00Z"},
		"only the latest missed":        {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, change: handled("2026-01-12T06:00:00Z"), now: "2026-01-20T12:00:00Z", wantRun: "schedule 2026-01-20T06:00:00Z", wantNext: "2026-01-21T06:00:00Z"},
		"ten years of missed minutes":   {spec: v1alpha1.InspectionSpec{Schedule: "* * * * *"}, change: handled("2016-01-12T06:00:00Z"), now: "2026-01-20T12:00:30Z", wantRun: "schedule 2026-01-20T12:00:00Z", wantNext: "2026-01-20T12:01:00Z"},
		"once a year, missed long ago":  {spec: v1alpha1.InspectionSpec{Schedule: "0 0 29 2 *"}, change: handled("2023-01-12T06:00:00Z"), now: "2026-01-20T12:00:00Z", wantRun: "schedule 2024-02-29T00:00:00Z", wantNext: "2028-02-29T00:00:00Z"},
		"a clock that jumped back":      {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, change: handled("2026-01-14T06:00:00Z"), now: "2026-01-13T12:00:00Z", wantNext: "2026-01-14T06:00:00Z"},
		"a time zone":                   {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *", TimeZone: "Asia/Shanghai"}, change: ran, now: "2026-01-12T22:30:00Z", wantRun: "schedule 2026-01-12T22:00:00Z", wantNext: "2026-01-13T22:00:00Z"},
		"an hour that summer skips":     {spec: v1alpha1.InspectionSpec{Schedule: "30 2 * * *", TimeZone: "Europe/Berlin"}, change: handled("2026-03-28T01:30:00Z"), now: "2026-03-29T12:00:00Z", wantNext: "2026-03-30T00:30:00Z"},
		"an hour that comes twice":      {spec: v1alpha1.InspectionSpec{Schedule: "30 2 * * *", TimeZone: "Europe/Berlin"}, change: handled("2026-10-25T00:30:00Z"), now: "2026-10-25T12:00:00Z", wantRun: "schedule 2026-10-25T01:30:00Z", wantNext: "2026-10-26T01:30:00Z"},
		"every so often":                {spec: v1alpha1.InspectionSpec{Schedule: "@every 90s"}, change: handled("2026-01-12T00:00:00Z"), now: "2026-01-12T00:01:30Z", wantRun: "schedule 2026-01-12T00:01:30Z", wantNext: "2026-01-12T00:03:00Z"},
		"every so often, from creation": {spec: v1alpha1.InspectionSpec{Schedule: "@every 1h"}, change: handled("2026-01-12T02:00:00Z"), now: "2026-01-12T05:59:00Z", wantRun: "schedule 2026-01-12T05:00:00Z", wantNext: "2026-01-12T06:00:00Z"},
		"every so often, years later":   {spec: v1alpha1.InspectionSpec{Schedule: "@every 1s"}, change: ran, now: "2046-01-12T05:59:00Z", wantRun: "schedule 2046-01-12T05:59:00Z", wantNext: "2046-01-12T05:59:01Z"},
		"before its creation":           {spec: v1alpha1.InspectionSpec{Schedule: "@every 1h"}, now: "2026-01-11T00:00:00Z", wantNext: "2026-01-12T01:00:00Z"},
		"a request comes before others": {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, change: request("x"), now: "2026-01-12T06:00:00Z", wantRun: "request", wantNext: "2026-01-13T06:00:00Z"},
		"a request that was handled": {
			change: func(i *v1alpha1.Inspection) { ran(i); request("x")(i); i.Status.LastHandledRequest = "x" }, now: "2026-01-12T06:00:00Z",
		},
		"a run that was begun comes first": {
			change: func(i *v1alpha1.Inspection) {
				request("x")(i)
				i.Status.ActiveRun = &v1alpha1.InspectionRun{Trigger: "schedule", Report: "r", ScheduledTime: &metav1.Time{Time: at(t, created)}}
			},
			now: "2026-01-12T06:00:00Z", wantRun: "schedule 2026-01-12T00:00:00Z",
		},
		"suspended":          {spec: v1alpha1.InspectionSpec{Suspend: true, Schedule: "nonsense"}, change: request("x"), now: "2026-01-12T06:00:00Z"},
		"nonsense":           {spec: v1alpha1.InspectionSpec{Schedule: "a b c d e"}, now: created, wantStall: `spec.schedule "a b c d e" is invalid`},
		"never":              {spec: v1alpha1.InspectionSpec{Schedule: "0 0 31 2 *"}, now: created, wantStall: `spec.schedule "0 0 31 2 *" never comes due`},
		"no such zone":       {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *", TimeZone: "Mars/Base"}, now: created, wantStall: `spec.timeZone "Mars/Base" is not a time zone`},
		"every nothing":      {spec: v1alpha1.InspectionSpec{Schedule: "@every 0s"}, now: created, wantStall: `spec.schedule "@every 0s" needs a duration of at least 1s`},
		"every way back":     {spec: v1alpha1.InspectionSpec{Schedule: "@every -5h"}, now: created, wantStall: `spec.schedule "@every -5h" needs a duration of at least 1s`},
		"every soon":         {spec: v1alpha1.InspectionSpec{Schedule: "@every soon"}, now: created, wantStall: `spec.schedule "@every soon" needs a duration of at least 1s`},
		"the machine's zone": {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *", TimeZone: "Local"}, now: created, wantStall: `spec.timeZone "Local" is not a time zone`},
	} {
		t.Run(name, func(t *testing.T) {
			i := &v1alpha1.Inspection{
				ObjectMeta: metav1.ObjectMeta{
					Name:              "i",
					UID:               "uid",
					Generation:        1,
					CreationTimestamp: metav1.NewTime(at(t, created)),
				}, Spec: tc.spec,
			}
			if tc.change != nil {
				tc.change(i)
			}
			got, err := due(i, at(t, tc.now))
			if tc.wantStall != "" {
				p := problem.As(err)
				if p == nil || p.Action != problem.UserMustAct || p.Reason != v1alpha1.ReasonInvalidSchedule ||
					!strings.HasPrefix(p.Message, tc.wantStall) {
					t.Errorf("got %v, want %q", err, tc.wantStall)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tc.wantRun, tc.wantNext}, []string{runText(got.run), timeText(got.next)}); diff != "" {
				t.Errorf("run and next (-want +got):\n%s", diff)
			}
		})
	}
}

func request(value string) func(*v1alpha1.Inspection) {
	return func(i *v1alpha1.Inspection) {
		i.Annotations = map[string]string{v1alpha1.AnnotationRequestedAt: value}
	}
}

func runText(run *v1alpha1.InspectionRun) string {
	if run == nil {
		return ""
	}
	if run.ScheduledTime != nil {
		return run.Trigger + " " + timeText(run.ScheduledTime.Time)
	}
	return run.Trigger
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

func TestReportNamesFollowFromTheRunAndAreValid(t *testing.T) {
	named := func(uid types.UID, name string) *v1alpha1.Inspection {
		return &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Name: name, UID: uid, Generation: 3}}
	}
	long := strings.Repeat("a", 199) + "b"
	forms := []*regexp.Regexp{
		regexp.MustCompile(`-g3-[0-9a-f]{5}$`), regexp.MustCompile(`-r-[0-9a-f]{8}$`), regexp.MustCompile(`-20260112t0600-[0-9a-f]{5}$`),
		regexp.MustCompile(`-20260112t060007-[0-9a-f]{5}$`),
	}
	names := map[string]bool{}
	for _, i := range []*v1alpha1.Inspection{named("x", "a.b"), named("y", "a.b"), named("x", long)} {
		requested, scheduled := i.DeepCopy(), i.DeepCopy()
		request(`any value, "even" this 东西`)(requested)
		scheduled.Spec.Schedule = "0 6 * * *"
		for n, run := range []func() *v1alpha1.InspectionRun{
			func() *v1alpha1.InspectionRun { return begin(i, time.Time{}) },
			func() *v1alpha1.InspectionRun { return begin(requested, time.Time{}) },
			func() *v1alpha1.InspectionRun { return begin(scheduled, at(t, "2026-01-12T06:00:00Z")) },
			func() *v1alpha1.InspectionRun { return begin(scheduled, at(t, "2026-01-12T06:00:07Z")) },
		} {
			name := run().Report
			if again := run().Report; again != name {
				t.Errorf("%s and %s differ for one run", name, again)
			}
			if !strings.HasPrefix(name, i.Name) || !forms[n].MatchString(name) {
				t.Errorf("%s is not of the form %s", name, forms[n])
			}
			if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
				t.Errorf("%s: %v", name, problems)
			}
			names[name] = true
		}
	}
	if len(names) != 12 {
		t.Errorf("%d distinct names for 12 runs: %v", len(names), names)
	}
}

// FuzzDue feeds schedules and zones as users may write them: no panic, no endless loop, never a run in the future, and never
// the same run again once it was handled.
func FuzzDue(f *testing.F) {
	for _, schedule := range []string{"0 6 * * *", "@every 1s", "@every -5h", "*/0 * * * *", "0 0 31 2 *", "TZ=UTC 0 6 * * *", "@", "", "60 * * * *", "1-0 * * * *"} {
		f.Add(schedule, "Europe/Berlin", int64(1_770_000_000), int64(1_780_000_000))
	}
	f.Fuzz(func(t *testing.T, schedule, zone string, created, clock int64) {
		i := &v1alpha1.Inspection{
			ObjectMeta: metav1.ObjectMeta{Name: "i", Generation: 1, CreationTimestamp: metav1.Unix(created%2_000_000_000, 0)},
			Spec:       v1alpha1.InspectionSpec{Schedule: schedule, TimeZone: zone},
			Status:     v1alpha1.InspectionStatus{LastRunGeneration: 1},
		}
		now := time.Unix(clock%4_000_000_000, 0)
		p, err := due(i, now)
		if err != nil {
			return
		}
		if !p.next.IsZero() && !p.next.After(now) {
			t.Errorf("next %s is not after %s", p.next, now)
		}
		if p.run == nil {
			return
		}
		if p.run.ScheduledTime.After(now) || p.run.ScheduledTime.Before(&i.CreationTimestamp) {
			t.Errorf("a run for %s at %s, created %s", p.run.ScheduledTime, now, i.CreationTimestamp)
		}
		i.Status.LastScheduledTime = p.run.ScheduledTime
		if again, err := due(i, now); err != nil || again.run != nil {
			t.Errorf("handled, and due again: %+v, %v", again.run, err)
		}
	})
}

package inspection

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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

func TestDue(t *testing.T) {
	created := "2026-01-12T00:00:00Z"
	handled := func(text string) func(*v1alpha1.Inspection) {
		return func(i *v1alpha1.Inspection) {
			last := metav1.NewTime(at(t, text))
			i.Status.LastRunGeneration, i.Status.LastScheduledTime = 1, &last
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
		"a new one runs at once":                      {now: "2026-01-12T00:00:00Z", wantRun: "generation"},
		"a new one with a schedule runs at once, too": {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *"}, now: "2026-01-12T00:00:00Z", wantRun: "generation", wantNext: "2026-01-12T06:00:00Z"},
		"one that ran rests":                          {change: ran, now: "2026-01-13T00:00:00Z"},
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
		"an hour that comes twice":      {spec: v1alpha1.InspectionSpec{Schedule: "30 2 * * *", TimeZone: "Europe/Berlin"}, change: handled("2026-10-25T00:30:00Z"), now: "2026-10-25T12:00:00Z", wantNext: "2026-10-26T01:30:00Z"},
		"every so often":                {spec: v1alpha1.InspectionSpec{Schedule: "@every 90s"}, change: handled("2026-01-12T00:00:00Z"), now: "2026-01-12T00:01:30Z", wantRun: "schedule 2026-01-12T00:01:30Z", wantNext: "2026-01-12T00:03:00Z"},
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
		"nonsense":           {spec: v1alpha1.InspectionSpec{Schedule: "a b c d e"}, now: created, wantStall: `spec.schedule "a b c d e" cannot be understood`},
		"never":              {spec: v1alpha1.InspectionSpec{Schedule: "0 0 31 2 *"}, now: created, wantStall: `spec.schedule "0 0 31 2 *" never comes due`},
		"no such zone":       {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *", TimeZone: "Mars/Base"}, now: created, wantStall: `spec.timeZone "Mars/Base" is not a time zone`},
		"the machine's zone": {spec: v1alpha1.InspectionSpec{Schedule: "0 6 * * *", TimeZone: "Local"}, now: created, wantStall: `spec.timeZone "Local" is not a time zone`},
	} {
		t.Run(name, func(t *testing.T) {
			i := &v1alpha1.Inspection{
				ObjectMeta: metav1.ObjectMeta{Name: "i", UID: "uid", Generation: 1, CreationTimestamp: metav1.NewTime(at(t, created))}, Spec: tc.spec,
			}
			if tc.change != nil {
				tc.change(i)
			}
			got, err := due(i, at(t, tc.now))
			if tc.wantStall != "" {
				p := problem.As(err)
				if p == nil || p.Action != problem.UserMustAct || p.Reason != v1alpha1.ReasonInvalidSchedule || !strings.HasPrefix(p.Message, tc.wantStall) {
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
	inspection := func(uid, name string) *v1alpha1.Inspection {
		i := &v1alpha1.Inspection{ObjectMeta: metav1.ObjectMeta{Name: name, Generation: 3}}
		i.UID = "uid-" + "x"
		if uid != "" {
			i.UID = "uid-" + "y"
		}
		return i
	}
	long := strings.Repeat("a", 199) + "b"
	names := map[string]bool{}
	for _, i := range []*v1alpha1.Inspection{inspection("", "a.b"), inspection("other", "a.b"), inspection("", long)} {
		first, second := begin(i, time.Time{}), begin(i, time.Time{})
		if first.Report != second.Report {
			t.Errorf("%s and %s differ for one run", first.Report, second.Report)
		}
		names[first.Report] = true
		request(`any value, "even" this 东西`)(i)
		names[begin(i, time.Time{}).Report] = true
		i.Annotations, i.Status.LastRunGeneration = nil, 3
		names[begin(i, at(t, "2026-01-12T06:00:00Z")).Report] = true
	}
	if len(names) != 9 {
		t.Errorf("%d distinct names for 9 runs: %v", len(names), names)
	}
	for name := range names {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// FuzzDue feeds schedules and zones as users may write them: no panic, no endless loop, and never a run in the future.
func FuzzDue(f *testing.F) {
	for _, schedule := range []string{"0 6 * * *", "@every 1s", "@every -5h", "*/0 * * * *", "0 0 31 2 *", "TZ=UTC 0 6 * * *", "@", "", "60 * * * *", "1-0 * * * *"} {
		f.Add(schedule, "Europe/Berlin", int64(1_770_000_000))
	}
	f.Fuzz(func(t *testing.T, schedule, zone string, created int64) {
		i := &v1alpha1.Inspection{
			ObjectMeta: metav1.ObjectMeta{Name: "i", Generation: 1, CreationTimestamp: metav1.Unix(created%2_000_000_000, 0)},
			Spec:       v1alpha1.InspectionSpec{Schedule: schedule, TimeZone: zone},
			Status:     v1alpha1.InspectionStatus{LastRunGeneration: 1},
		}
		now := time.Unix(1_780_000_000, 0)
		p, err := due(i, now)
		if err != nil {
			return
		}
		if p.run != nil && p.run.ScheduledTime.After(now) {
			t.Errorf("a run for %s at %s", p.run.ScheduledTime, now)
		}
		if !p.next.IsZero() && !p.next.After(now) {
			t.Errorf("next %s is not after %s", p.next, now)
		}
	})
}

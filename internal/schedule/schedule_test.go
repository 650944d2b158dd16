package schedule

import (
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func TestTimesWhenDaylightSavingStartsAndEnds(t *testing.T) {
	for name, c := range map[string]struct {
		text, zone, from string
		once             bool
		want             []string
	}{
		"a skipped time is omitted": {
			text: "30 2 * * *", zone: "Europe/Berlin", from: "2026-03-28T02:00:00Z", once: true,
			want: []string{"2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"},
		},
		"a time that comes twice counts once": {
			text: "30 2 * * *", zone: "Europe/Berlin", from: "2026-10-24T12:00:00Z", once: true,
			want: []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		},
		"or twice": {
			text: "30 2 * * *", zone: "Europe/Berlin", from: "2026-10-24T12:00:00Z",
			want: []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
		},
		"each hour counts": {
			text: "0 * * * *", zone: "Europe/Berlin", from: "2026-10-25T00:00:00Z", once: true,
			want: []string{"2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		},
		"half an hour that comes twice": { // 02:00 becomes 01:30
			text: "*/15 1 * * *", zone: "Australia/Lord_Howe", from: "2026-04-04T14:40:00Z", once: true,
			want: []string{"2026-04-04T14:45:00Z", "2026-04-05T14:30:00Z"},
		},
		"times of an interval come twice once": {
			text: "*/20 2 * * *", zone: "Europe/Berlin", from: "2026-10-25T00:00:00Z", once: true,
			want: []string{"2026-10-25T00:20:00Z", "2026-10-25T00:40:00Z", "2026-10-26T01:00:00Z"},
		},
		"after the change": {
			text: "30 3 * * *", zone: "Europe/Berlin", from: "2026-10-25T00:00:00Z", once: true, want: []string{"2026-10-25T02:30:00Z"},
		},
		"without daylight saving": {
			text: "30 2 * * *", from: "2026-10-24T12:00:00Z", once: true, want: []string{"2026-10-25T02:30:00Z", "2026-10-26T02:30:00Z"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			schedule, err := Parse(Spec{Text: c.text, Zone: c.zone})
			if err != nil {
				t.Fatal(err)
			}
			if c.once {
				schedule = Once(schedule)
			}
			next := at(t, c.from)
			for _, want := range c.want {
				if next = schedule.Next(next); !next.Equal(at(t, want)) {
					t.Fatalf("%s, want %s", next.UTC().Format(time.RFC3339), want)
				}
			}
		})
	}
}

func TestOnlyTheLatestMissedTimeCounts(t *testing.T) {
	schedule, err := Parse(Spec{Text: "0 6 * * *"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ anchor, now, want string }{
		{"2026-01-12T06:00:00Z", "2026-01-20T12:00:00Z", "2026-01-20T06:00:00Z"},
		{"2016-01-12T06:00:00Z", "2026-01-20T05:00:00Z", "2026-01-19T06:00:00Z"},
		{"2026-01-20T06:00:00Z", "2026-01-20T12:00:00Z", ""},
		{"2026-01-21T06:00:00Z", "2026-01-20T12:00:00Z", ""},
	} {
		got := Latest(Once(schedule), at(t, c.anchor), at(t, c.now))
		if c.want == "" && !got.IsZero() || c.want != "" && !got.Equal(at(t, c.want)) {
			t.Errorf("since %s at %s: %s, want %q", c.anchor, c.now, got, c.want)
		}
	}
}

func TestInvalidSchedulesNameTheirField(t *testing.T) {
	for _, c := range []struct{ text, zone, message string }{
		{"61 * * * *", "", `trigger nightly: schedule "61 * * * *" is invalid`},
		{"0 6 * * *", "Mars/Base", `trigger nightly: timeZone "Mars/Base" is not a time zone`},
		{"0 6 * * *", "Local", `trigger nightly: timeZone "Local" is not a time zone`},
		{"@every 10ms", "", `trigger nightly: schedule "@every 10ms" needs a duration`},
		{"TZ=", "", `trigger nightly: schedule "TZ=" is invalid`},
	} {
		_, err := Parse(Spec{Text: c.text, Zone: c.zone, Field: "trigger nightly: schedule", ZoneField: "trigger nightly: timeZone"})
		p := problem.As(err)
		if p == nil || p.Reason != v1alpha1.ReasonInvalidSchedule || len(p.Message) < len(c.message) || p.Message[:len(c.message)] != c.message {
			t.Errorf("%s: %v", c.text, err)
		}
	}
	never, err := Parse(Spec{Text: "0 0 30 2 *"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Next(Once(never), Spec{Text: "0 0 30 2 *"}, at(t, "2026-01-01T00:00:00Z")); err == nil {
		t.Error("the 30th of February comes due")
	}
}

func TestTheShortestIntervalIsThatOfAnyDay(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0 6 * * *": 24 * time.Hour, "0,30 * * * *": 30 * time.Minute, "@every 90s": 90 * time.Second, "0 0 1 * *": 29 * 24 * time.Hour,
	} {
		schedule, err := Parse(Spec{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		if got := Shortest(Once(schedule), 30*24*time.Hour); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

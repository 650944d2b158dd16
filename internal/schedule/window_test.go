package schedule

import (
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func window(t testing.TB, text, zone string, duration time.Duration) *Window {
	t.Helper()
	w, err := ParseWindow(Spec{Text: text, Zone: zone, Field: "cron", ZoneField: "timeZone"}, duration, moment("2026-01-01T00:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func moment(text string) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return at
}

func TestAWindowOpensByTheClockOfItsZone(t *testing.T) {
	for name, tc := range map[string]struct {
		cron, zone string
		after      string
		want       []string
	}{
		"a winter's day": {"30 22 * * *", "Europe/Berlin", "2026-01-10T00:00:00Z", []string{"2026-01-10T21:30:00Z", "2026-01-11T21:30:00Z"}},
		"a summer's day": {"30 22 * * *", "Europe/Berlin", "2026-07-10T00:00:00Z", []string{"2026-07-10T20:30:00Z"}},
		"the hour that is skipped opens at the next minute that exists": {
			"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		},
		"times within the skipped hour are one opening": {
			"15,45 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:15:00Z"},
		},
		"the hour that comes twice opens once": {
			"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
		},
		"the hour that comes twice, asked within it": {
			"30 2 * * *", "Europe/Berlin", "2026-10-25T00:45:00Z", []string{"2026-10-26T01:30:00Z"},
		},
		"each hour passes twice": {
			"0 * * * *", "Europe/Berlin", "2026-10-24T23:30:00Z", []string{"2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"},
		},
		"half an hour": {
			"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", []string{"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"},
		},
		"UTC":       {"0 6 * * 1", "", "2026-01-01T00:00:00Z", []string{"2026-01-05T06:00:00Z"}},
		"each year": {"0 0 29 2 *", "America/New_York", "2026-01-01T00:00:00Z", []string{"2028-02-29T05:00:00Z"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := window(t, tc.cron, tc.zone, time.Hour)
			at := moment(tc.after)
			for _, want := range tc.want {
				at = w.Next(at)
				if !at.Equal(moment(want)) {
					t.Fatalf("opens at %s, want %s", at.UTC(), want)
				}
			}
		})
	}
}

func TestAWindowIsOpenForItsDuration(t *testing.T) {
	for name, tc := range map[string]struct {
		cron     string
		duration time.Duration
		at       string
		open     bool
		closes   string
	}{
		"before":            {"0 22 * * *", 4 * time.Hour, "2026-01-10T20:59:59Z", false, ""},
		"at its opening":    {"0 22 * * *", 4 * time.Hour, "2026-01-10T21:00:00Z", true, "2026-01-11T01:00:00Z"},
		"after midnight":    {"0 22 * * *", 4 * time.Hour, "2026-01-11T00:59:59Z", true, "2026-01-11T01:00:00Z"},
		"at its end":        {"0 22 * * *", 4 * time.Hour, "2026-01-11T01:00:00Z", false, ""},
		"over a longer day": {"0 1 * * *", 4 * time.Hour, "2026-10-25T02:30:00Z", true, "2026-10-25T03:00:00Z"},
		"over a skipped hour": {
			"30 2 * * *", time.Hour, "2026-03-29T01:59:59Z", true, "2026-03-29T02:00:00Z",
		},
		"openings that overlap": {"0 8,9,10 * * *", 90 * time.Minute, "2026-01-10T07:30:00Z", true, "2026-01-10T10:30:00Z"},
		"a week":                {"0 0 * * 1", 168 * time.Hour, "2026-01-10T12:00:00Z", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := window(t, tc.cron, "Europe/Berlin", tc.duration)
			open, _ := w.Open(moment(tc.at))
			if open != tc.open {
				t.Fatalf("open: %v", open)
			}
			if closes := w.Closes(moment(tc.at)); tc.closes != "" && !closes.Equal(moment(tc.closes)) {
				t.Errorf("closes at %s, want %s", closes.UTC(), tc.closes)
			}
		})
	}
}

func TestWhatIsNoWindowIsRefused(t *testing.T) {
	for _, text := range []string{"@every 1h", "0 0 30 2 *", "nonsense", "61 * * * *", ""} {
		_, err := ParseWindow(Spec{Text: text, Field: "cron", ZoneField: "timeZone"}, time.Hour, moment("2026-01-01T00:00:00Z"))
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidSchedule {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzAWindowOpensAfterTheTimeThatWasAsked(f *testing.F) {
	f.Add("30 2 * * *", "Europe/Berlin", int64(1774746000))
	f.Add("15,45 2 29 3 *", "Australia/Lord_Howe", int64(1774746000))
	f.Add("0 * * * *", "America/St_Johns", int64(1793000000))
	f.Fuzz(func(t *testing.T, text, zone string, seconds int64) {
		at := time.Unix(seconds%4_000_000_000, 0)
		w, err := ParseWindow(Spec{Text: text, Zone: zone, Field: "cron", ZoneField: "timeZone"}, time.Hour, at)
		if err != nil {
			return
		}
		next := w.Next(at)
		if next.IsZero() {
			return
		}
		if !next.After(at) {
			t.Fatalf("%q in %q opens at %s after %s", text, zone, next, at)
		}
		if open, closes := w.Open(next); !open || closes.Before(next.Add(time.Hour)) {
			t.Fatalf("%q in %q is not open at its opening %s", text, zone, next)
		}
	})
}

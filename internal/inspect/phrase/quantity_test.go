package phrase

import (
	"testing"
	"time"
)

func TestDurationsAreRoundedToSeconds(t *testing.T) {
	cases := map[string]struct {
		duration time.Duration
		want     string
	}{
		"seconds":            {45*time.Second + 300*time.Millisecond, "45s"},
		"whole minutes":      {10 * time.Minute, "10m"},
		"whole hours":        {2 * time.Hour, "2h"},
		"hours and minutes":  {90 * time.Minute, "1h30m"},
		"ten seconds":        {10 * time.Second, "10s"},
		"a minute and ten":   {70 * time.Second, "1m10s"},
		"next to nothing":    {time.Millisecond, "less than a second"},
		"an hour and second": {time.Hour + time.Second, "1h0m1s"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Duration(c.duration); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

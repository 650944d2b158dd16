package limits

import (
	"testing"
	"time"

	"kubeops.io/kubeops/internal/problem"
)

func TestAProblemNamesTheFieldItsValueTheLimitAndTheSetting(t *testing.T) {
	for name, tc := range map[string]struct {
		got  *problem.Problem
		want string
	}{
		"a duration below": {MinDuration("spec.interval", 5*time.Second, time.Minute, "limits.minProbeInterval"),
			"spec.interval is 5s, below the minimum of 1m (limits.minProbeInterval in the manager's configuration); set at least 1m"},
		"a duration at the minimum":        {MinDuration("f", time.Minute, time.Minute, "s"), ""},
		"no minimum":                       {MinDuration("f", 0, 0, "s"), ""},
		"a duration above":                 {MaxDuration("f", 90*time.Minute, time.Hour, "s"), "f is 1h30m, above the maximum of 1h (s in the manager's configuration); set at most 1h"},
		"a duration at the maximum":        {MaxDuration("f", time.Hour, time.Hour, "s"), ""},
		"no maximum":                       {MaxDuration("f", time.Hour, 0, "s"), ""},
		"a number above":                   {MaxNumber("f", 101, 100, "s"), "f is 101, above the maximum of 100 (s in the manager's configuration); set at most 100"},
		"a number at the maximum":          {MaxNumber("f", 100, 100, "s"), ""},
		"a number without a maximum":       {MaxNumber("f", 1<<40, 0, "s"), ""},
		"a duration with all of its parts": {MinDuration("f", time.Second, time.Hour+time.Minute+time.Second, "s"), "f is 1s, below the minimum of 1h1m1s (s in the manager's configuration); set at least 1h1m1s"},
	} {
		got := ""
		if tc.got != nil {
			got = tc.got.Message
			if tc.got.Action != problem.UserMustAct {
				t.Errorf("%s: %v", name, tc.got.Action)
			}
		}
		if got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
}

package probe

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestTheNextRoundTripIsNeverHotAndNeverLaterThanTheInterval(t *testing.T) {
	const most, least = 0.0, 0.999999
	for name, tc := range map[string]struct {
		interval time.Duration
		problems int
		chance   float64
		want     time.Duration
	}{
		"a success":                           {time.Minute, 0, most, time.Minute},
		"a success, with chance":              {time.Minute, 0, 0.5, 57 * time.Second},
		"a success, with all chance":          {time.Minute, 0, least, 54 * time.Second},
		"the first problem":                   {time.Minute, 1, most, 5 * time.Second},
		"the second":                          {time.Minute, 2, most, 10 * time.Second},
		"the third":                           {time.Minute, 3, most, 20 * time.Second},
		"the fourth":                          {time.Minute, 4, most, 40 * time.Second},
		"the fifth":                           {time.Minute, 5, most, time.Minute},
		"a thousand":                          {time.Minute, 1000, most, time.Minute},
		"a thousand, of a long interval":      {time.Hour, 1000, most, time.Hour},
		"a problem, of the shortest interval": {5 * time.Second, 1, most, 5 * time.Second},
		"the tenth, of the shortest interval": {5 * time.Second, 10, 0.5, 4750 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wait(tc.interval, tc.problems, tc.interval, tc.chance).Round(time.Millisecond); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}

func TestProblemsInARowAreCountedForEachGeneration(t *testing.T) {
	c := NewCadence(func() float64 { return 0 })
	wrong := &problem.Problem{Reason: v1alpha1.ReasonUnauthorized}
	down := &problem.Problem{Reason: v1alpha1.ReasonUnreachable}
	key, other := client.ObjectKey{Namespace: "a", Name: "b"}, client.ObjectKey{Namespace: "a", Name: "c"}
	for n, step := range []struct {
		key        client.ObjectKey
		generation int64
		failed     *problem.Problem
		want       time.Duration
	}{
		{key, 1, wrong, 5 * time.Second},
		{key, 1, wrong, 10 * time.Second},
		{other, 1, wrong, 5 * time.Second}, // each back end has a row of its own
		{key, 1, wrong, 20 * time.Second},
		{key, 2, wrong, 5 * time.Second}, // a new spec begins anew
		{key, 2, nil, time.Minute},
		{key, 2, wrong, 5 * time.Second}, // a success ends the row
		{key, 2, down, 8 * time.Second},  // what comes up again is seen soon
		{key, 2, down, 8 * time.Second},
	} {
		if got := c.next(step.key, step.generation, time.Minute, step.failed); got != step.want {
			t.Errorf("step %d: got %s, want %s", n, got, step.want)
		}
	}
	c.forget(key)
	c.forget(other)
	if len(c.failures) != 0 {
		t.Errorf("rows are left: %v", c.failures)
	}
}

func TestAMeasuredTimeIsNotWrittenForALittle(t *testing.T) {
	ms := func(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Millisecond} }
	for name, tc := range map[string]struct {
		stored   *metav1.Duration
		measured time.Duration
		want     *metav1.Duration
	}{
		"the first":              {nil, 12345 * time.Microsecond, ms(12)},
		"within the slack":       {ms(3), 7 * time.Millisecond, ms(3)},
		"beyond the slack":       {ms(3), 9 * time.Millisecond, ms(9)},
		"a quarter more":         {ms(100), 125 * time.Millisecond, ms(100)},
		"more than a quarter":    {ms(100), 126 * time.Millisecond, ms(126)},
		"less than nothing":      {nil, -time.Second, ms(0)},
		"much less than it was":  {ms(100), 20 * time.Millisecond, ms(20)},
		"a little less than was": {ms(100), 90 * time.Millisecond, ms(100)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Steady(tc.stored, tc.measured, time.Millisecond, 5*time.Millisecond); *got != *tc.want {
				t.Errorf("got %s, want %s", got.Duration, tc.want.Duration)
			}
		})
	}
}

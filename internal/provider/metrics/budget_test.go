package metrics_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

func TestBudgetFitsTheStepAndRefusesWhatIsTooLong(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, c := range map[string]struct {
		length, step time.Duration
		budget       metrics.Budget
		want         time.Duration
		reason       string
	}{
		"a coarse step stays":                   {length: time.Hour, step: time.Minute, want: time.Minute},
		"a fine step becomes the smallest":      {length: time.Hour, step: time.Second, want: 15 * time.Second},
		"no step becomes the smallest":          {length: time.Hour, want: 15 * time.Second},
		"a negative step becomes the smallest":  {length: time.Hour, step: -time.Hour, want: 15 * time.Second},
		"thirty days have at most 11000 points": {length: 30 * day, step: 15 * time.Second, want: 236 * time.Second},
		"a long budget keeps to 11000, too": {length: 366 * day, step: time.Second,
			budget: metrics.Budget{MaxRange: 366 * day, MinStep: time.Second}, want: 2876 * time.Second},
		"exactly 11000 points stay": {length: 10_999 * time.Minute, step: time.Minute, want: time.Minute},
		"one more does not":         {length: 11_000 * time.Minute, step: time.Minute, want: 61 * time.Second},
		"no length is one point":    {length: 0, step: time.Minute, want: time.Minute},
		"too long":                  {length: 31 * day, step: time.Hour, reason: v1alpha1.ReasonBudgetExceeded},
		"backwards":                 {length: -time.Hour, step: time.Minute, reason: v1alpha1.ReasonInvalidQuery},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			got, err := c.budget.Fit(metrics.Range{Start: start, End: start.Add(c.length), Step: c.step})
			if c.reason != "" {
				if p := problem.As(err); p == nil || p.Reason != c.reason {
					t.Fatalf("got %v, want reason %s", err, c.reason)
				}
				return
			}
			if err != nil || got.Step != c.want {
				t.Fatalf("got step %s, %v, want %s", got.Step, err, c.want)
			}
			if points := c.length/got.Step + 1; points > metrics.MaxPoints {
				t.Errorf("a series would have %d points", points)
			}
		})
	}
	if _, err := (metrics.Budget{}).Fit(metrics.Range{End: time.Now()}); problem.As(err) == nil {
		t.Errorf("a range without a start is asked: %v", err)
	}
	if err := (metrics.Budget{}).FitSpan(metrics.Range{}); err != nil {
		t.Errorf("no range for series: %v", err)
	}
}

func TestSlotsLetNoMoreInThanTheBudgetSays(t *testing.T) {
	t.Parallel()
	slots := metrics.NewSlots(metrics.Budget{MaxConcurrent: 1})
	release, err := slots.Take(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = slots.Take(over)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonBudgetExceeded ||
		!strings.Contains(p.Message, "spec.queryBudget.maxConcurrent") {
		t.Fatalf("got %v, want BudgetExceeded that names the field", err)
	}
	release()
	release, err = slots.Take(over)
	if err != nil {
		t.Fatalf("a free slot is not given: %v", err)
	}
	release()
}

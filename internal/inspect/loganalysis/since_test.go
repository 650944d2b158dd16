package loganalysis

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/testkit"
)

// since compares the last ten minutes of a store with the hour before, in namespace shop.
func since(t *testing.T, provider logs.Provider, change func(*Comparison)) (*NewErrors, error) {
	t.Helper()
	c := Comparison{
		Provider: provider, Namespaces: []string{"shop"}, Start: testkit.Now().Add(-10 * time.Minute), End: testkit.Now(),
		Baseline: time.Hour,
		Redact:   func(text string) string { return strings.ReplaceAll(text, "hunter", "[redacted:3fa9]") },
	}
	if change != nil {
		change(&c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return Since(ctx, c)
}

// templates of a result, one a line.
func templates(found *NewErrors) string {
	var b strings.Builder
	for _, w := range found.Workloads {
		for _, n := range w.New {
			fmt.Fprintf(&b, "%s/%s %d %s\n", w.Workload.Namespace, w.Workload.Name, n.Count, n.Text)
		}
	}
	return b.String()
}

// everyMinute adds a line to each minute of the time between two ages.
func (s *store) everyMinute(from, until time.Duration, pod, line string) {
	for ago := from; ago > until; ago -= time.Minute {
		s.add(ago, time.Second, "shop", pod, line)
	}
}

func TestErrorsSinceATimeAreThoseThatTheTimeBeforeHasNot(t *testing.T) {
	const old, current = "cart-7d9f8b6c5d-x2x4z", "cart-6c5d7d9f8b-b2b4b"
	usual := func(s *store) {
		s.everyMinute(70*time.Minute, 10*time.Minute, old, "INFO done")
		s.everyMinute(10*time.Minute, 0, current, "INFO done")
	}
	for name, tc := range map[string]struct {
		write  func(*store)
		change func(*Comparison)
		want   string
	}{
		"nothing but information": {},
		"an error that was there before, of a Pod that is gone": {write: func(s *store) {
			s.everyMinute(70*time.Minute, 10*time.Minute, old, "ERROR order 1 failed")
			s.everyMinute(10*time.Minute, 0, current, "ERROR order 2 failed")
		}},
		"a new error": {
			write: func(s *store) { s.everyMinute(5*time.Minute, 0, current, "ERROR order 2 failed: hunter") },
			want:  "shop/cart 5 ERROR order <num> failed: [redacted]\n",
		},
		"an error that is too rare to be new": {
			write: func(s *store) { s.add(time.Minute, time.Second, "shop", current, "ERROR order 2 failed") },
		},
		"one fatal error": {
			write: func(s *store) { s.add(time.Minute, time.Second, "shop", current, "FATAL no configuration") },
			want:  "shop/cart 1 FATAL no configuration\n",
		},
		"a new error of another namespace": {
			write: func(s *store) {
				s.add(5*time.Minute, time.Second, "bank", "ledger-0", "FATAL vault 1", "FATAL vault 2", "FATAL vault 3")
			},
		},
		"a new error of a workload that is not selected": {
			write:  func(s *store) { s.everyMinute(5*time.Minute, 0, "web-0", "ERROR page 2 failed") },
			change: func(c *Comparison) { c.Selects = func(_, pod string) bool { return strings.HasPrefix(pod, "cart-") } },
		},
		"an error after the end": {
			write:  func(s *store) { s.everyMinute(3*time.Minute, 0, current, "FATAL order 2 failed") },
			change: func(c *Comparison) { c.End = c.End.Add(-5 * time.Minute) },
		},
		"a baseline that is shorter than the period": {
			write: func(s *store) { s.everyMinute(10*time.Minute, 0, current, "ERROR order 2 failed") },
			change: func(c *Comparison) {
				c.Baseline = 5 * time.Minute
			},
			want: "shop/cart 10 ERROR order <num> failed\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{t: t}
			usual(s)
			if tc.write != nil {
				tc.write(s)
			}
			// A backend that returns lines of everyone, whatever it is asked for, changes nothing.
			for _, provider := range []logs.Provider{s.sorted(), leaking{s}} {
				found, err := since(t, provider, tc.change)
				if err != nil {
					t.Fatal(err)
				}
				if got := templates(found); got != tc.want {
					t.Errorf("got %q, want %q", got, tc.want)
				}
				if found.Lines == 0 || found.BaselineLines == 0 || found.Covered != 1 || found.BaselineCovered != 1 {
					t.Errorf("%d and %d lines, covered %v and %v", found.Lines, found.BaselineLines, found.Covered, found.BaselineCovered)
				}
			}
		})
	}
}

// leaking ignores the namespaces of a query.
type leaking struct{ *store }

func (l leaking) Search(ctx context.Context, q logs.Query) (logs.Page, error) {
	q.AnyOf = nil
	return l.store.Search(ctx, q)
}

func TestWhatABaselineHasEndsBeforeThePeriod(t *testing.T) {
	const pod = "cart-7d9f8b6c5d-x2x4z"
	for name, tc := range map[string]struct {
		end  time.Duration // of the baseline, before the end of the period; 0 is not set
		want string
	}{
		"at the start of the period, where the error is":    {},
		"before the error, which an earlier attempt logged": {end: 30 * time.Minute, want: "shop/cart 10 ERROR order <num> failed\n"},
		"not after the start of the period":                 {end: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{t: t}
			s.everyMinute(90*time.Minute, 0, pod, "INFO done")
			s.everyMinute(20*time.Minute, 0, pod, "ERROR order 2 failed")
			found, err := since(t, s.sorted(), func(c *Comparison) {
				if tc.end > 0 {
					c.BaselineEnd = testkit.Now().Add(-tc.end)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if got := templates(found); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func TestOnlyLinesOfNewPodsAndLaterOnesAreCurrent(t *testing.T) {
	const old, added = "cart-7d9f8b6c5d-x2x4z", "cart-6c5d7d9f8b-b2b4b"
	for name, tc := range map[string]struct {
		write func(*store)
		want  int
	}{
		"an old Pod until it ended":      {write: func(s *store) { s.everyMinute(10*time.Minute, 8*time.Minute, old, "INFO done") }},
		"an old Pod that goes on":        {write: func(s *store) { s.everyMinute(10*time.Minute, 0, old, "INFO done") }, want: 8},
		"a new Pod that starts":          {write: func(s *store) { s.add(9*time.Minute, time.Second, "shop", added, "INFO open") }, want: 1},
		"a new Pod of another namespace": {write: func(s *store) { s.add(9*time.Minute, time.Second, "bank", added, "INFO open") }},
		"a new Pod that starts and goes on": {
			write: func(s *store) { s.everyMinute(9*time.Minute, 5*time.Minute, added, "INFO done") }, want: 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &store{t: t}
			s.everyMinute(70*time.Minute, 10*time.Minute, old, "INFO done")
			tc.write(s)
			found, err := since(t, s.sorted(), func(c *Comparison) { c.Settled = c.Start.Add(2 * time.Minute) })
			if err != nil {
				t.Fatal(err)
			}
			if found.Current != tc.want || found.BaselineLines != 60 {
				t.Errorf("%d of %d lines are current, want %d; %d lines before", found.Current, found.Lines, tc.want, found.BaselineLines)
			}
		})
	}
}

func TestAComparisonIsBounded(t *testing.T) {
	s := &store{t: t, pages: 100}
	for second := range 3600 {
		s.add(70*time.Minute-time.Duration(second)*time.Second, time.Second, "shop", "cart-0", "INFO done")
	}
	for second := range 600 {
		s.add(10*time.Minute-time.Duration(second)*time.Second, time.Second, "shop", "cart-0", "ERROR order 1 failed")
	}
	found, err := since(t, s.sorted(), func(c *Comparison) { c.MaxLines = 1000 })
	if err != nil {
		t.Fatal(err)
	}
	if found.Lines != 500 || found.BaselineLines != 500 || found.Covered < 0.8 || found.Covered >= 1 || found.BaselineCovered > 0.2 {
		t.Errorf("%d and %d lines, covered %v and %v", found.Lines, found.BaselineLines, found.Covered, found.BaselineCovered)
	}
	if found.Count() != 1 || len(found.Workloads) != 1 {
		t.Errorf("got %q", templates(found))
	}
}

func TestAComparisonWithoutLinesHasNoData(t *testing.T) {
	found, err := since(t, (&store{t: t}).sorted(), nil)
	if err != nil || found.Lines != 0 || found.BaselineLines != 0 || found.Count() != 0 {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestAComparisonThatCannotReadIsAnError(t *testing.T) {
	s := &store{t: t, fail: func(searches int) error {
		if searches > 2 {
			return context.DeadlineExceeded
		}
		return nil
	}}
	if found, err := since(t, s, nil); err == nil {
		t.Errorf("got %+v", found)
	}
}

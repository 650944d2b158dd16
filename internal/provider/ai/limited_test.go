package ai

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// script is a model that answers by a function.
type script struct {
	ask   func(ctx context.Context, n int) (Answer, error)
	mutex sync.Mutex
	calls int
}

func (s *script) Probe(context.Context) (Health, error) { return Health{Model: "m"}, nil }

func (s *script) Close() {}

func (s *script) Ask(ctx context.Context, _ Request) (Answer, error) {
	s.mutex.Lock()
	s.calls++
	n := s.calls
	s.mutex.Unlock()
	return s.ask(ctx, n)
}

func cheap(context.Context, int) (Answer, error) {
	return Answer{Text: "{}", InputTokens: 10, OutputTokens: 5}, nil
}

func small() Request { return Request{System: "s", User: "u", MaxTokens: 50} }

func refused(reason string, after time.Duration) error {
	p := problem.Retrying(reason, nil, "no")
	p.After = after
	return p
}

func TestABudgetIsNeverExceededAndRestarts(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 30, 23, 0, 0, 0, time.UTC))
	meter := NewMeter(now)
	daily, monthly := int64(110), int64(1000)
	meter.Set(Rates{Daily: &daily, Monthly: &monthly})
	model := &script{ask: cheap}
	l := &Limited{Model: model, Meter: meter, Name: "p"}
	answered := 0
	for range 10 {
		if _, err := l.Ask(t.Context(), small()); err == nil {
			answered++
		} else if Reason(err) != v1alpha1.ReasonBudgetExceeded {
			t.Fatal(err)
		}
	}
	// Each may cost 84 at most and costs 15: two leave 80, which is too little for one more.
	if answered != 2 || model.calls != 2 || meter.Usage().Today != 30 || *meter.Left() != 80 {
		t.Errorf("answered %d, asked %d, usage %+v, left %d", answered, model.calls, meter.Usage(), *meter.Left())
	}
	now.SetTime(now.Now().Add(2 * time.Hour)) // the next day
	if _, err := l.Ask(t.Context(), small()); err != nil {
		t.Error(err)
	}
	if u := meter.Usage(); u.Today != 15 || u.ThisMonth != 45 || u.Day != "2026-01-31" {
		t.Errorf("usage %+v", u)
	}
	now.SetTime(now.Now().Add(24 * time.Hour)) // the next month
	if u := meter.Usage(); u.Today != 0 || u.ThisMonth != 0 || u.Requests != 3 {
		t.Errorf("usage %+v", u)
	}
	now.SetTime(now.Now().Add(-48 * time.Hour)) // a clock that was put back
	if u := meter.Usage(); u.Day != "2026-02-01" {
		t.Errorf("an old day restarted: %+v", u)
	}
}

func TestUsageIsStoredBeforeAndAfterAQuestion(t *testing.T) {
	meter := NewMeter(clock.RealClock{})
	daily := int64(1000)
	meter.Set(Rates{Daily: &daily})
	var stored []int64
	model := &script{ask: cheap}
	l := &Limited{Model: model, Meter: meter, Save: func(context.Context) error {
		stored = append(stored, meter.Usage().Today)
		return nil
	}}
	if _, err := l.Ask(t.Context(), small()); err != nil {
		t.Fatal(err)
	}
	if len(stored) != 2 || stored[0] != small().Estimate() || stored[1] != 15 {
		t.Errorf("stored %v", stored)
	}
	l.Save = func(context.Context) error { return errors.New("the API server is unavailable") }
	if _, err := l.Ask(t.Context(), small()); err == nil || model.calls != 1 || meter.Usage().Today != 15 {
		t.Errorf("a question was asked that could not be counted: %v, %d calls, %+v", err, model.calls, meter.Usage())
	}
}

func TestStoredUsageCountsAfterARestart(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC))
	meter := NewMeter(now)
	meter.Merge(
		Usage{
			Day: "2026-01-15", Month: "2026-01", Today: 70, ThisMonth: 700, Requests: 7, CacheHits: 3,
			Dropped: map[string]int64{"InvalidJSON": 2},
		},
	)
	meter.Merge(
		Usage{Day: "2026-01-14", Month: "2026-01", Today: 999, ThisMonth: 650, Requests: 6, Dropped: map[string]int64{"InvalidJSON": 1}},
	)
	if u := meter.Usage(); u.Today != 70 || u.ThisMonth != 700 || u.Requests != 7 || u.CacheHits != 3 || u.Dropped["InvalidJSON"] != 2 {
		t.Errorf("got %+v", u)
	}
}

func TestRequestsAreRetriedWhereTheServerMayRecover(t *testing.T) {
	for name, tc := range map[string]struct {
		fail  error
		until int
		calls int
		ok    bool
		waits []time.Duration
	}{
		"429 with a time":           {refused(v1alpha1.ReasonRateLimited, 7*time.Second), 1, 2, true, []time.Duration{7 * time.Second}},
		"429 without a time, twice": {refused(v1alpha1.ReasonRateLimited, 0), 2, 3, true, []time.Duration{time.Second, 4 * time.Second}},
		"429 for an hour":           {refused(v1alpha1.ReasonRateLimited, time.Hour), 1, 1, false, nil},
		"5xx":                       {refused(v1alpha1.ReasonServerError, 0), 1, 2, true, []time.Duration{time.Second}},
		"5xx forever":               {refused(v1alpha1.ReasonServerError, 0), 99, 3, false, []time.Duration{time.Second, 4 * time.Second}},
		"401":                       {refused(v1alpha1.ReasonUnauthorized, 0), 1, 1, false, nil},
		"402":                       {refused(v1alpha1.ReasonPaymentRequired, 0), 1, 1, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			model := &script{ask: func(ctx context.Context, n int) (Answer, error) {
				if n <= tc.until {
					return Answer{}, tc.fail
				}
				return cheap(ctx, n)
			}}
			var waits []time.Duration
			meter := NewMeter(clock.RealClock{})
			l := &Limited{
				Model: model, Meter: meter, Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil },
			}
			_, err := l.Ask(t.Context(), small())
			if (err == nil) != tc.ok || model.calls != tc.calls || len(waits) != len(tc.waits) {
				t.Fatalf("got %v after %d calls and waits of %v", err, model.calls, waits)
			}
			for i := range waits {
				if waits[i] != tc.waits[i] {
					t.Errorf("waited %v, want %v", waits, tc.waits)
				}
			}
			if spent := meter.Usage().Today; !tc.ok && spent != 0 {
				t.Errorf("what was refused cost %d", spent)
			}
		})
	}
}

func TestRatesDelayQuestions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inFlight, maxInFlight := 0, 0
		var mutex sync.Mutex
		model := &script{ask: func(ctx context.Context, n int) (Answer, error) {
			mutex.Lock()
			inFlight++
			maxInFlight = max(maxInFlight, inFlight)
			mutex.Unlock()
			select { // an answer takes a second
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
			mutex.Lock()
			inFlight--
			mutex.Unlock()
			return cheap(ctx, n)
		}}
		meter := NewMeter(clock.RealClock{})
		meter.Set(Rates{Concurrency: 2, RequestsPerMinute: 6})
		l := &Limited{Model: model, Meter: meter}
		began := time.Now()
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if _, err := l.Ask(t.Context(), small()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if maxInFlight != 2 {
			t.Errorf("%d at once, want 2", maxInFlight)
		}
		// Six at once, and the two others ten seconds apart.
		if took := time.Since(began); took < 20*time.Second || took > 25*time.Second {
			t.Errorf("took %s", took)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.Ask(short, small()); Reason(err) != v1alpha1.ReasonTimeout {
			t.Errorf("got %v, want a problem that names the limits", err)
		}
	})
}

func TestAFallbackIsAskedIfItCanHelp(t *testing.T) {
	for reason, want := range map[string]bool{
		v1alpha1.ReasonUnreachable: true, v1alpha1.ReasonUnauthorized: true, v1alpha1.ReasonBudgetExceeded: true,
		v1alpha1.ReasonRateLimited:     true,
		v1alpha1.ReasonPaymentRequired: true, v1alpha1.ReasonContextTooLong: false, v1alpha1.ReasonModelRefused: false,
	} {
		first := &script{ask: func(context.Context, int) (Answer, error) { return Answer{}, refused(reason, 0) }}
		second := &script{ask: cheap}
		_, err := firstOf(t, first, second)
		if (err == nil) != want || second.calls > 1 || (second.calls == 1) != want {
			t.Errorf("%s: got %v, the second was asked %d times", reason, err, second.calls)
		}
	}
	down := &script{ask: func(context.Context, int) (Answer, error) { return Answer{}, refused(v1alpha1.ReasonTimeout, 0) }}
	_, err := firstOf(t, down, down)
	if Reason(err) != v1alpha1.ReasonTimeout {
		t.Errorf("got %v", err)
	}
}

func firstOf(t *testing.T, models ...Model) (Answer, error) {
	answer, _, err := FirstOf(
		t.Context(), len(models), func(ctx context.Context, i int) (Answer, error) { return models[i].Ask(ctx, small()) },
	)
	return answer, err
}

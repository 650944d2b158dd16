package ai

import (
	"context"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Rates bound what is sent to one model. Zero values mean no limit, except Concurrency, whose default is 1.
type Rates struct {
	Concurrency       int
	RequestsPerMinute int
	TokensPerMinute   int64
	// Daily and Monthly budget of tokens, in UTC; nil means no limit.
	Daily, Monthly *int64
}

// Usage is what was spent on one model. It only grows within its day and month, so that of two copies the larger is the newer.
type Usage struct {
	// Day such as 2026-01-15 and Month such as 2026-01, of UTC.
	Day, Month       string
	Today, ThisMonth int64
	Requests         int64
	CacheHits        int64
	Dropped          map[string]int64
}

// Meter counts and bounds what is sent to one model, by everybody in this process. It is safe for concurrent use.
type Meter struct {
	clock clock.PassiveClock

	mutex  sync.Mutex
	usage  Usage
	rates  Rates
	busy   chan struct{}
	calls  *rate.Limiter
	tokens *rate.Limiter

	answered time.Time

	saving sync.Mutex
}

// NewMeter makes a meter without limits.
func NewMeter(clock clock.PassiveClock) *Meter {
	m := &Meter{clock: clock}
	m.Set(Rates{})
	return m
}

// Set changes the limits. Those that stay the same keep their count.
func (m *Meter) Set(r Rates) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	before := m.rates
	m.rates = r
	if m.busy == nil || before.Concurrency != r.Concurrency {
		m.busy = make(chan struct{}, max(r.Concurrency, 1))
	}
	if m.calls == nil || before.RequestsPerMinute != r.RequestsPerMinute {
		m.calls = perMinute(int64(r.RequestsPerMinute))
	}
	if m.tokens == nil || before.TokensPerMinute != r.TokensPerMinute {
		m.tokens = perMinute(r.TokensPerMinute)
	}
}

func perMinute(n int64) *rate.Limiter {
	if n <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(n)/60), int(n))
}

// Merge takes over what was stored before, where that is more than is known.
func (m *Meter) Merge(stored Usage) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.turn()
	u := &m.usage
	if stored.Day == u.Day {
		u.Today = max(u.Today, stored.Today)
	}
	if stored.Month == u.Month {
		u.ThisMonth = max(u.ThisMonth, stored.ThisMonth)
	}
	u.Requests, u.CacheHits = max(u.Requests, stored.Requests), max(u.CacheHits, stored.CacheHits)
	for reason, n := range stored.Dropped {
		u.drop(reason, max(n-u.Dropped[reason], 0))
	}
}

// Usage as it is now.
func (m *Meter) Usage() Usage {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.turn()
	u := m.usage
	u.Dropped = maps.Clone(u.Dropped)
	return u
}

// Left of the budget, nil without one.
func (m *Meter) Left() *int64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.turn()
	return m.left()
}

// Hit counts answers that need not be asked for.
func (m *Meter) Hit(n int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.usage.CacheHits += n
}

// Answered is when the model answered last, the zero time when it did not yet.
func (m *Meter) Answered() time.Time {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.answered
}

func (m *Meter) answer() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.answered = m.clock.Now()
}

// Drop counts an answer that was thrown away.
func (m *Meter) Drop(reason string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.usage.drop(reason, 1)
}

// Saving holds off all others that store the usage, until the function is over: of two that store, the later one has the larger
// numbers.
func (m *Meter) Saving(store func(Usage, *int64) error) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mutex.Lock()
	m.turn()
	u, left := m.usage, m.left()
	u.Dropped = maps.Clone(u.Dropped)
	m.mutex.Unlock()
	return store(u, left)
}

func (u *Usage) drop(reason string, n int64) {
	if u.Dropped == nil {
		u.Dropped = map[string]int64{}
	}
	u.Dropped[reason] += n
}

// turn begins a new day or month. A clock that went back begins no old one anew.
func (m *Meter) turn() {
	now := m.clock.Now().UTC()
	if day := now.Format(time.DateOnly); day > m.usage.Day {
		m.usage.Day, m.usage.Today = day, 0
	}
	if month := now.Format("2006-01"); month > m.usage.Month {
		m.usage.Month, m.usage.ThisMonth = month, 0
	}
}

func (m *Meter) left() *int64 {
	var left *int64
	for _, part := range []struct {
		budget *int64
		spent  int64
	}{{m.rates.Daily, m.usage.Today}, {m.rates.Monthly, m.usage.ThisMonth}} {
		if part.budget == nil {
			continue
		}
		rest := max(*part.budget-part.spent, 0)
		if left == nil || rest < *left {
			left = &rest
		}
	}
	return left
}

// reserve takes the most that a request may cost from the budget.
func (m *Meter) reserve(most int64) (reservation, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.turn()
	if left := m.left(); left != nil && *left < most {
		return reservation{}, overBudget(m.rates, m.usage, most)
	}
	m.usage.Today += most
	m.usage.ThisMonth += most
	m.usage.Requests++
	return reservation{m.usage.Day, m.usage.Month, most}, nil
}

// reservation of tokens, in the day and month that it counts for.
type reservation struct {
	day, month string
	tokens     int64
}

// settle corrects a reservation to what was spent.
func (m *Meter) settle(r reservation, spent int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.turn()
	if r.day == m.usage.Day {
		m.usage.Today = max(m.usage.Today+spent-r.tokens, 0)
	}
	if r.month == m.usage.Month {
		m.usage.ThisMonth = max(m.usage.ThisMonth+spent-r.tokens, 0)
	}
}

func overBudget(r Rates, u Usage, most int64) *problem.Problem {
	if r.Daily != nil && *r.Daily-u.Today < most {
		return problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil,
			"the token budget of the day is spent, or what is left is too little for one more question; it begins anew at midnight UTC, or raise spec.budget.daily")
	}
	return problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil,
		"the token budget of the month is spent, or what is left is too little for one more question; it begins anew on the first of the month, or raise spec.budget.monthly")
}

// enter waits for a turn: a free place, and what the minute allows. A turn that would come after the deadline is a problem.
func (m *Meter) enter(ctx context.Context, tokens int64) (leave func(), err error) {
	m.mutex.Lock()
	busy, calls, rates := m.busy, m.calls, m.tokens
	m.mutex.Unlock()
	select {
	case busy <- struct{}{}:
	case <-ctx.Done():
		return nil, late(ctx.Err())
	}
	leave = func() { <-busy }
	if err := calls.Wait(ctx); err != nil {
		leave()
		return nil, late(err)
	}
	if rates.Limit() != rate.Inf {
		tokens = min(tokens, int64(rates.Burst())) // one question may take the minute whole
	}
	if err := rates.WaitN(ctx, int(tokens)); err != nil {
		leave()
		return nil, late(err)
	}
	return leave, nil
}

func late(cause error) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonTimeout, cause,
		"the limits of the AIProvider leave no room for the question in time; raise spec.concurrency, spec.requestsPerMinute or spec.tokensPerMinute")
}

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

// Rates limit what is sent to one model. Zero means no limit, except for Concurrency, whose default is 1.
type Rates struct {
	Concurrency       int
	RequestsPerMinute int
	TokensPerMinute   int64
	// Daily and Monthly budget of tokens, in UTC; nil means no limit.
	Daily, Monthly *int64
}

// Usage of one model. Within a day and month it only grows: of two copies, the larger is the newer.
type Usage struct {
	// Day such as 2026-01-15 and Month such as 2026-01, of UTC.
	Day, Month       string
	Today, ThisMonth int64
	Requests         int64
	CacheHits        int64
	Dropped          map[string]int64
}

// Meter counts and limits what this process sends to one model. It is safe for concurrent use.
type Meter struct {
	clock clock.PassiveClock

	mutex    sync.Mutex
	usage    Usage
	rates    Rates
	slots    chan struct{}
	requests *rate.Limiter
	tokens   *rate.Limiter
	answered time.Time

	saving sync.Mutex
}

// NewMeter returns a meter without limits.
func NewMeter(clock clock.PassiveClock) *Meter {
	m := &Meter{clock: clock}
	m.Set(Rates{})
	return m
}

// Set changes the limits. A limit that does not change keeps its count.
func (m *Meter) Set(rates Rates) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	previous := m.rates
	m.rates = rates
	if m.slots == nil || previous.Concurrency != rates.Concurrency {
		m.slots = make(chan struct{}, max(rates.Concurrency, 1))
	}
	if m.requests == nil || previous.RequestsPerMinute != rates.RequestsPerMinute {
		m.requests = perMinute(int64(rates.RequestsPerMinute))
	}
	if m.tokens == nil || previous.TokensPerMinute != rates.TokensPerMinute {
		m.tokens = perMinute(rates.TokensPerMinute)
	}
}

// Rates are the limits of the meter.
func (m *Meter) Rates() Rates {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.rates
}

func perMinute(n int64) *rate.Limiter {
	if n <= 0 {
		return rate.NewLimiter(rate.Inf, 0)
	}
	return rate.NewLimiter(rate.Limit(float64(n)/60), int(n))
}

// Merge adopts stored usage where it is larger than the present one.
func (m *Meter) Merge(stored Usage) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.startPeriods()
	usage := &m.usage
	if stored.Day == usage.Day {
		usage.Today = max(usage.Today, stored.Today)
	}
	if stored.Month == usage.Month {
		usage.ThisMonth = max(usage.ThisMonth, stored.ThisMonth)
	}
	usage.Requests = max(usage.Requests, stored.Requests)
	usage.CacheHits = max(usage.CacheHits, stored.CacheHits)
	for reason, count := range stored.Dropped {
		usage.drop(reason, max(count-usage.Dropped[reason], 0))
	}
}

// Usage at present.
func (m *Meter) Usage() Usage {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.startPeriods()
	usage := m.usage
	usage.Dropped = maps.Clone(usage.Dropped)
	return usage
}

// Left is the rest of the budget in tokens, nil without a budget.
func (m *Meter) Left() *int64 {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.startPeriods()
	return m.left()
}

// Hit counts answers from the cache.
func (m *Meter) Hit(n int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.usage.CacheHits += n
}

// Answered is the time of the last answer, or zero.
func (m *Meter) Answered() time.Time {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.answered
}

func (m *Meter) recordAnswer() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.answered = m.clock.Now()
}

// Drop counts a discarded answer.
func (m *Meter) Drop(reason string) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.usage.drop(reason, 1)
}

// Saving calls store with the usage and what is left of the budget. Calls do not overlap, which ensures that a later one stores the
// larger numbers.
func (m *Meter) Saving(store func(Usage, *int64) error) error {
	m.saving.Lock()
	defer m.saving.Unlock()
	m.mutex.Lock()
	m.startPeriods()
	usage := m.usage
	usage.Dropped = maps.Clone(usage.Dropped)
	left := m.left()
	m.mutex.Unlock()
	return store(usage, left)
}

func (u *Usage) drop(reason string, n int64) {
	if u.Dropped == nil {
		u.Dropped = map[string]int64{}
	}
	u.Dropped[reason] += n
}

// startPeriods starts a new day or month. If the clock went back, the present ones continue.
func (m *Meter) startPeriods() {
	now := m.clock.Now().UTC()
	if day := now.Format(time.DateOnly); day > m.usage.Day {
		m.usage.Day = day
		m.usage.Today = 0
	}
	if month := now.Format("2006-01"); month > m.usage.Month {
		m.usage.Month = month
		m.usage.ThisMonth = 0
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
		remaining := max(*part.budget-part.spent, 0)
		if left == nil || remaining < *left {
			left = &remaining
		}
	}
	return left
}

// reserve charges the maximum cost of a request to the budget.
func (m *Meter) reserve(maxTokens int64) (reservation, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.startPeriods()
	if left := m.left(); left != nil && *left < maxTokens {
		return reservation{}, overBudget(m.rates, m.usage, maxTokens)
	}
	m.usage.Today += maxTokens
	m.usage.ThisMonth += maxTokens
	m.usage.Requests++
	return reservation{m.usage.Day, m.usage.Month, maxTokens}, nil
}

// reservation of tokens, and the day and month it is charged to.
type reservation struct {
	day, month string
	tokens     int64
}

// settle replaces a reservation with the tokens that were spent.
func (m *Meter) settle(reserved reservation, spent int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.startPeriods()
	if reserved.day == m.usage.Day {
		m.usage.Today = max(m.usage.Today+spent-reserved.tokens, 0)
	}
	if reserved.month == m.usage.Month {
		m.usage.ThisMonth = max(m.usage.ThisMonth+spent-reserved.tokens, 0)
	}
}

func overBudget(rates Rates, usage Usage, maxTokens int64) *problem.Problem {
	if rates.Daily != nil && *rates.Daily-usage.Today < maxTokens {
		return problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil,
			"the daily token budget is used up, or too small for another question; wait for midnight UTC, or raise spec.budget.daily")
	}
	return problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil,
		"the monthly token budget is used up, or too small for another question; wait for the next month, or raise spec.budget.monthly")
}

// enter waits for a free slot and for the limits per minute. It fails if that would take longer than the deadline.
func (m *Meter) enter(ctx context.Context, tokens int64) (leave func(), err error) {
	m.mutex.Lock()
	slots, requestLimit, tokenLimit := m.slots, m.requests, m.tokens
	m.mutex.Unlock()
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, limitsExceeded(ctx.Err())
	}
	leave = func() { <-slots }
	if err := requestLimit.Wait(ctx); err != nil {
		leave()
		return nil, limitsExceeded(err)
	}
	if tokenLimit.Limit() != rate.Inf {
		tokens = min(tokens, int64(tokenLimit.Burst())) // a larger question uses a whole minute
	}
	if err := tokenLimit.WaitN(ctx, int(tokens)); err != nil {
		leave()
		return nil, limitsExceeded(err)
	}
	return leave, nil
}

func limitsExceeded(cause error) *problem.Problem {
	return problem.Retrying(v1alpha1.ReasonTimeout, cause,
		"the limits of the AIProvider did not allow the question in time; raise spec.concurrency, spec.requestsPerMinute or "+
			"spec.tokensPerMinute")
}

package trend

import (
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxBuckets bounds the history (32 days in steps of half an hour) and the time per series.
	maxBuckets = 1536
	// minHistory values are needed to evaluate a series.
	minHistory = 48
	// minWeekly days of history show how weekdays differ.
	minWeekly = 21
	// minPeers values at the same hours are needed for a season.
	minPeers = 6
	// minScore is the minimum deviation in spreads at each of several consecutive points.
	minScore = 6.0
	// minSpread as a share of the usual value: otherwise any change of a constant series would be an anomaly.
	minSpread = 0.05
)

// Season is the set of values that the newest ones are compared with.
type Season string

// Seasons, by the length of the history.
const (
	// ByHourOfWeek: the same hours of earlier weeks; from three weeks on.
	ByHourOfWeek Season = "hour of week"
	// ByHourOfDay: the same hours of earlier days; from four days on.
	ByHourOfDay Season = "hour of day"
	// Plain: all earlier values.
	Plain Season = "all earlier values"
)

// Rules for anomalies in one kind of series.
type Rules struct {
	// Step between the points of the series, a day at most.
	Step time.Duration
	// Runs of consecutive points that are anomalies, if they end within the newest hour. Default: three points at 6 spreads, two at 8.4,
	// or one at 12.
	Runs []Run
	// Drops evaluates values lower than usual, instead of those that are higher.
	Drops bool
	// Weekly needs a history of three weeks, for series that differ between weekdays.
	Weekly bool
	// Least history to evaluate the series, beside minHistory.
	Least time.Duration
	// Effect reports whether a difference is relevant, however unusual it is; nil accepts all.
	Effect func(now, usual float64) bool
	// Noise is the standard deviation of counting around a usual value, a lower bound of the spread; nil is zero.
	Noise func(usual float64) float64
	// Log compares ratios instead of differences: for latencies, whose spread grows with the value.
	Log bool
	// ZeroFrom is set for series that omit zeros: from then on, missing points are zero.
	ZeroFrom time.Time
}

// Run is a number of consecutive points that are an anomaly together.
type Run struct {
	Points int
	// MinScore of each of them, in spreads.
	MinScore float64
}

// defaultRuns need a larger deviation of fewer points, so an outage of half an hour, which is in one point or in parts of two, is found.
func defaultRuns() []Run { return []Run{{3, minScore}, {2, 8.4}, {1, 12}} }

// Anomaly is a run of newest values that deviate from the series' history.
type Anomaly struct {
	// Now is the median of the newest values, Usual the median of the values compared with.
	Now, Usual float64
	// Score is the smallest deviation among the newest values, in spreads.
	Score float64
	// Season that was compared, and the length of the history.
	Season  Season
	History time.Duration
	// Lasts is how long the values have deviated if that is longer than a day; zero otherwise.
	Lasts time.Duration
}

// Anomalous reports whether values of the newest hour of a series differ from what its history predicts. The second result is false if
// they do not, or if this cannot be determined: the history is too short, or the newest points are missing.
//
// A value's score is its distance from the median of the values at the same hours (of the week, of the day, or all), divided
// by the spread: the maximum of the median absolute deviation at these hours, that of the whole history, the counting noise, and a
// share of the usual value. The smallest score of a run must exceed a bound and what the history reached but for its worst day, and the
// difference must be relevant. The newest day (an eighth of a short history) is not part of the history, so an anomaly persists
// for that long; one that began at once and lasts is compared with the history before it.
func Anomalous(points []metrics.Point, now time.Time, rules Rules) (Anomaly, bool) {
	if len(rules.Runs) == 0 {
		rules.Runs = defaultRuns()
	}
	values := onGrid(points, now, rules)
	n := len(values)
	longest := longestOf(rules.Runs)
	if n < minHistory+longest {
		return Anomaly{}, false
	}
	guard := rules.guard(n, longest)
	b := newBaseline(rules, values, n-guard)
	if found, ok := b.anomaly(); ok {
		return found, true
	}
	return lasting(rules, values, guard)
}

// least is the shortest history in which Anomalous evaluates a series, with the points that are evaluated.
func (r Rules) least() time.Duration {
	runs := r.Runs
	if len(runs) == 0 {
		runs = defaultRuns()
	}
	needed := max(minHistory, int(r.Least/r.Step))
	if r.Weekly {
		needed = max(needed, r.days(minWeekly)-r.days(1)/4)
	}
	n := needed
	for n-r.guard(n, longestOf(runs)) < needed {
		n++
	}
	return time.Duration(n) * r.Step
}

// guard is the number of the newest of n points that are not part of the history.
func (r Rules) guard(n, longest int) int { return max(longest, min(r.days(1), n/8)) }

func longestOf(runs []Run) int {
	longest := 0
	for _, run := range runs {
		longest = max(longest, run.Points)
	}
	return longest
}

// days is the number of points in so many days.
func (r Rules) days(n int) int { return n * int(24*time.Hour/r.Step) }

// anomaly evaluates the runs that end within the newest hour.
func (b *baseline) anomaly() (Anomaly, bool) {
	if tooFew(count(b.values[:b.history]), b.history) {
		return Anomaly{}, false // too few measurements
	}
	if b.history < int(b.rules.Least/b.rules.Step) {
		return Anomaly{}, false
	}
	b.season()
	if b.rules.Weekly && b.kind != ByHourOfWeek || !b.couldBe() {
		return Anomaly{}, false
	}
	b.wholeHistory()
	for _, run := range b.rules.Runs {
		reached := math.NaN() // computed once it is needed
		for _, from := range b.newest(run) {
			score := b.lowest(from, run.Points)
			if !(score >= run.MinScore) { // including NaN
				continue
			}
			if math.IsNaN(reached) {
				reached = b.reached(run.Points)
			}
			if score <= reached {
				continue
			}
			found := b.describe(from, run, score)
			if b.rules.Effect == nil || b.rules.Effect(found.Now, found.Usual) && b.relevantBeside(from, run, found.Now) {
				return found, true
			}
		}
	}
	return Anomaly{}, false
}

// newest returns where runs begin that end within the newest hour.
func (b *baseline) newest(run Run) []int {
	var from []int
	for end := len(b.values); end > len(b.values)-max(1, int(time.Hour/b.rules.Step)) && end-run.Points >= b.history; end-- {
		from = append(from, end-run.Points)
	}
	return from
}

// couldBe is a quick test, false for most series: it compares the newest values with the spread at their places only.
func (b *baseline) couldBe() bool {
	for _, run := range b.rules.Runs {
		for _, from := range b.newest(run) {
			if b.lowest(from, run.Points) >= run.MinScore {
				return true
			}
		}
	}
	return false
}

func (b *baseline) describe(from int, run Run, score float64) Anomaly {
	usual := make([]float64, 0, run.Points)
	for i := from; i < from+run.Points; i++ {
		usual = append(usual, b.usualAt(i))
	}
	return Anomaly{
		Now: b.outside(median(slices.Clone(b.values[from : from+run.Points]))), Usual: b.outside(median(usual)), Score: score,
		Season: b.kind, History: time.Duration(b.history) * b.rules.Step,
	}
}

// relevantBeside reports whether the difference from what is usual an hour earlier and an hour later is relevant too. When the clocks
// change, all that follows the local time is an hour early or late, until the history has more weeks after the change than before.
func (b *baseline) relevantBeside(from int, run Run, now float64) bool {
	if b.period == 1 {
		return true
	}
	hour := max(1, int(time.Hour/b.rules.Step))
	for _, shift := range []int{-hour, hour} {
		usual := make([]float64, 0, run.Points)
		for i := from; i < from+run.Points; i++ {
			if v := b.usualAt(max(0, i+shift)); !math.IsNaN(v) {
				usual = append(usual, v)
			}
		}
		if len(usual) > 0 && !b.rules.Effect(now, b.outside(median(usual))) {
			return false
		}
	}
	return true
}

// outside converts an internal value back to one of the series.
func (b *baseline) outside(v float64) float64 {
	if b.rules.Log {
		return math.Exp(v)
	}
	return v
}

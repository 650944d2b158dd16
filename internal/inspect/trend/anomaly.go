package trend

import (
	"cmp"
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
	// minPeers values at the same hours are needed for a season.
	minPeers = 6
	// minScore is the minimum deviation in spreads at each of several consecutive points.
	minScore = 6.0
	// maxRecurrence is the share of the history that may have deviated as much: what happens every week is not an anomaly.
	maxRecurrence = 0.005
	// minExcess is the factor by which the score must exceed the rest of the history.
	minExcess = 1.25
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

// Rules for anomalies in one kind of series. Only values higher than usual are anomalies.
type Rules struct {
	// Step between the points of the series, a day at most.
	Step time.Duration
	// MinConsecutive newest points must deviate. Default 3.
	MinConsecutive int
	// Effect reports whether a difference is relevant, however unusual it is; nil accepts all.
	Effect func(now, usual float64) bool
	// Noise is the standard deviation of counting around a usual value, a lower bound of the spread; nil is zero.
	Noise func(usual float64) float64
	// Log compares ratios instead of differences: for latencies, whose spread grows with the value.
	Log bool
	// ZeroFrom is set for series that omit zeros: from then on, missing points are zero.
	ZeroFrom time.Time
}

// Anomaly is a run of newest values that deviate from the series' history.
type Anomaly struct {
	// Now is the median of the newest values, Usual the median of the values compared with.
	Now, Usual float64
	// Score is the smallest deviation among the newest values, in spreads.
	Score float64
	// Season that was compared, and the length of the history.
	Season  Season
	History time.Duration
}

// Anomalous reports whether the newest values of a series are higher than its history predicts. The second result is false if they
// are not, or if this cannot be determined: the history is too short, or the newest points are missing.
//
// A value's score is its distance from the median of the values at the same hours (of the week, of the day, or all), divided
// by the spread: the maximum of the median absolute deviation at these hours, that of the whole history, the counting noise, and a
// share of the usual value. The smallest score of the newest points must exceed a bound and almost all of the history, and the
// difference must be relevant. The newest day (an eighth of a short history) is not part of the history, so an anomaly persists
// for that long.
func Anomalous(points []metrics.Point, now time.Time, rules Rules) (Anomaly, bool) {
	if rules.MinConsecutive <= 0 {
		rules.MinConsecutive = 3
	}
	values := onGrid(points, now, rules)
	n := len(values)
	if n < minHistory+rules.MinConsecutive {
		return Anomaly{}, false
	}
	newest := values[n-rules.MinConsecutive:]
	if slices.ContainsFunc(newest, math.IsNaN) {
		return Anomaly{}, false
	}
	guard := max(rules.MinConsecutive, min(int(24*time.Hour/rules.Step), n/8))
	e := &evaluation{rules: rules, values: values, history: n - guard}
	if known := count(values[:e.history]); known < minHistory || 3*known < e.history {
		return Anomaly{}, false // too few measurements
	}
	e.season()
	if !e.couldBe() {
		return Anomaly{}, false
	}
	e.wholeHistory()
	return e.evaluate()
}

// evaluation of one series.
type evaluation struct {
	rules  Rules
	values []float64
	// history is the number of values, from the oldest, that are the history.
	history int
	// kind of season and its period in buckets; 1 for none.
	kind   Season
	period int
	// usual is the median and near the spread at each place of the season, computed on first use.
	usual, near []place
	// far is the spread around the usual values over the whole history.
	far     float64
	scratch []float64
}

// place of a season; known reports whether its value has been computed.
type place struct {
	known bool
	value float64
}

func count(values []float64) int {
	n := 0
	for _, v := range values {
		if !math.IsNaN(v) {
			n++
		}
	}
	return n
}

// season chooses the season by the length of the history.
func (e *evaluation) season() {
	day := int(24 * time.Hour / e.rules.Step)
	e.kind = Plain
	e.period = 1
	switch {
	case day > 0 && e.history >= 3*7*day-day/4:
		e.kind = ByHourOfWeek
		e.period = 7 * day
	case day > 0 && e.history >= 4*day-day/4:
		e.kind, e.period = ByHourOfDay, day
	}
	e.usual, e.near = make([]place, e.period), make([]place, e.period)
}

// couldBe is a quick test, false for most series: it compares the newest values with the spread at their places only.
func (e *evaluation) couldBe() bool {
	for i := len(e.values) - e.rules.MinConsecutive; i < len(e.values); i++ {
		if score := e.score(i); math.IsNaN(score) || score < minScore {
			return false
		}
	}
	return true
}

// wholeHistory computes the spread of the whole history.
func (e *evaluation) wholeHistory() {
	off := make([]float64, 0, e.history)
	for i, v := range e.values[:e.history] {
		if d := v - e.usualAt(i); !math.IsNaN(d) {
			off = append(off, d)
		}
	}
	e.far = spread(off, 0, nil)
	if e.far == 0 { // more than half are constant: use the mean instead of the median (Iglewicz and Hoaglin 1993)
		for _, v := range off {
			e.far += meanScale * math.Abs(v) / float64(len(off))
		}
	}
}

// usualAt returns the median of the history within an hour of the place of an index; NaN if there are too few values.
func (e *evaluation) usualAt(i int) float64 {
	known := &e.usual[i%e.period]
	if !known.known {
		peers := e.peers(i, func(k int) float64 { return e.values[k] })
		*known = place{true, math.NaN()}
		if len(peers) >= minPeers {
			known.value = median(peers)
		}
	}
	return known.value
}

// nearAt returns the spread at the place of an index. Each value around it is compared with what is usual at its own place, since
// a steep season would otherwise inflate the spread.
func (e *evaluation) nearAt(i int) float64 {
	known := &e.near[i%e.period]
	if !known.known {
		for _, around := range e.around(i) { // compute the medians first: they share the scratch buffer
			e.usualAt(around)
		}
		off := e.peers(i, func(k int) float64 { return math.Abs(e.values[k] - e.usualAt(k)) })
		*known = place{true, madScale * median(off)}
	}
	return known.value
}

// around returns the places within an hour of an index, as indexes in the first season.
func (e *evaluation) around(i int) []int {
	if e.period == 1 {
		return []int{0}
	}
	reach := max(1, int(time.Hour/e.rules.Step))
	places := make([]int, 0, 2*reach+1)
	for d := -reach; d <= reach; d++ {
		places = append(places, ((i+d)%e.period+e.period)%e.period)
	}
	return places
}

// peers returns the values of a function at the place of an index and around it over the history, without NaN. The next call
// overwrites the result.
func (e *evaluation) peers(i int, of func(k int) float64) []float64 {
	e.scratch = e.scratch[:0]
	for _, first := range e.around(i) {
		for k := first; k < e.history; k += e.period {
			if v := of(k); !math.IsNaN(v) {
				e.scratch = append(e.scratch, v)
			}
		}
	}
	return e.scratch
}

// score returns the deviation of the value at an index in spreads; NaN if unknown.
func (e *evaluation) score(i int) float64 {
	usual := e.usualAt(i)
	floor := minSpread * math.Abs(usual)
	if e.rules.Log {
		floor = minSpread
	}
	if e.rules.Noise != nil {
		floor = math.Max(floor, e.rules.Noise(usual))
	}
	width := math.Max(math.Max(e.nearAt(i), e.far), floor)
	if off := e.values[i] - usual; off != 0 { // including NaN
		return off / width // infinite if the series was constant
	}
	return 0
}

func (e *evaluation) evaluate() (Anomaly, bool) {
	n := len(e.values)
	row := e.rules.MinConsecutive
	minimum := math.Inf(1)
	usual := make([]float64, 0, row)
	for i := n - row; i < n; i++ {
		score := e.score(i)
		if math.IsNaN(score) || score < minScore {
			return Anomaly{}, false
		}
		minimum = math.Min(minimum, score)
		usual = append(usual, e.usualAt(i))
	}
	if minimum <= minExcess*e.reached(row) {
		return Anomaly{}, false
	}
	anomaly := Anomaly{
		Now: e.outside(median(slices.Clone(e.values[n-row:]))), Usual: e.outside(median(usual)), Score: minimum, Season: e.kind,
		History: time.Duration(e.history) * e.rules.Step,
	}
	return anomaly, e.rules.Effect == nil || e.rules.Effect(anomaly.Now, anomaly.Usual)
}

// reached returns the score that only a small share of the runs of so many points in the history reached.
func (e *evaluation) reached(row int) float64 {
	var scores []float64
	for i := 0; i+row <= e.history; i++ {
		minimum := math.Inf(1)
		for k := i; k < i+row; k++ {
			minimum = math.Min(minimum, e.score(k))
		}
		if !math.IsNaN(minimum) {
			scores = append(scores, minimum)
		}
	}
	if len(scores) == 0 {
		return math.Inf(1)
	}
	slices.Sort(scores)
	return quantile(scores, 1-maxRecurrence)
}

// outside converts an internal value back to one of the series.
func (e *evaluation) outside(v float64) float64 {
	if e.rules.Log {
		return math.Exp(v)
	}
	return v
}

// onGrid returns the medians of the points in buckets of one step up to now, NaN for empty ones. An empty last bucket is left out,
// since a server may lag.
func onGrid(points []metrics.Point, now time.Time, rules Rules) []float64 {
	if rules.Step <= 0 || rules.Step > 24*time.Hour {
		return nil
	}
	type aged struct {
		back  int // steps before now
		value float64
	}
	kept := make([]aged, 0, len(points))
	for _, p := range points {
		age := now.Sub(p.Time)
		if age < 0 || age >= maxBuckets*rules.Step || !metrics.Usable(p.Value) || rules.Log && p.Value <= 0 {
			continue
		}
		value := p.Value
		if rules.Log {
			value = math.Log(value)
		}
		kept = append(kept, aged{int(age / rules.Step), value})
	}
	zeroFrom := -1
	if since := now.Sub(rules.ZeroFrom); !rules.ZeroFrom.IsZero() && since >= 0 {
		zeroFrom = int(min(since/rules.Step, maxBuckets-1))
	}
	if len(kept) == 0 && zeroFrom < 0 {
		return nil
	}
	slices.SortStableFunc(kept, func(a, b aged) int { return cmp.Compare(b.back, a.back) })
	oldest := zeroFrom
	if len(kept) > 0 {
		oldest = max(oldest, kept[0].back)
	}
	values := make([]float64, 0, oldest+1)
	var in []float64
	for back, i := oldest, 0; back >= 0; back-- {
		for in = in[:0]; i < len(kept) && kept[i].back == back; i++ {
			in = append(in, kept[i].value)
		}
		switch {
		case len(in) > 0:
			values = append(values, median(in))
		case back <= zeroFrom:
			values = append(values, 0)
		case back > 0:
			values = append(values, math.NaN())
		}
	}
	return values
}

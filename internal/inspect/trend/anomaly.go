package trend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxBuckets bounds the history: 32 days in steps of half an hour, and the time that one series takes.
	maxBuckets = 1536
	// minHistory is the fewest values of a history that make it one.
	minHistory = 48
	// minPeers is the fewest values at the same hours that make a season.
	minPeers = 6
	// wide is how many of its own spreads a value must stand off, at each of several points in a row.
	wide = 6.0
	// rare is the share of the history that may have stood off as far: what happens every week is no anomaly.
	rare = 0.005
	// beyond is by what factor the rest of it must be surpassed.
	beyond = 1.25
	// smallest is the least spread, as a share of the usual value: a series that never moves does not make every trifle one.
	smallest = 0.05
)

// Season says with what the newest values were compared.
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

// Rules of what counts as an anomaly of one kind of series. Only what is higher than usual is one.
type Rules struct {
	// Step between the points of the series, a day at most.
	Step time.Duration
	// InARow is how many of the newest points must stand off. Default 3.
	InARow int
	// Effect says whether a difference matters at all, however unusual it is; nil takes every one.
	Effect func(now, usual float64) bool
	// Noise is the standard deviation that counting alone gives around a usual value, a lower bound of the spread; nil is none.
	Noise func(usual float64) float64
	// Log compares ratios instead of differences: right for latencies, whose spread grows with them.
	Log bool
	// ZeroFrom is set for series that lack the points where they are zero: from then on what lacks is zero.
	ZeroFrom time.Time
}

// Anomaly is a stretch of newest values that stand off from the series' own history.
type Anomaly struct {
	// Now is the median of the newest values, Usual the median of the values they are compared with.
	Now, Usual float64
	// Score is by how many spreads the least of the newest values stands off.
	Score float64
	// Season that it was compared by, and how long the history is.
	Season  Season
	History time.Duration
}

// Anomalous says whether the newest values of a series are higher than its own history lets expect. The second result is
// false where they are not, and where nothing can be said: too short a history, a series that has ended or whose newest
// points lack.
//
// A value's score is its distance from the median of the values at the same hours (of the week, of the day, or all), divided
// by the spread: the larger of the median absolute deviation there and over the whole history, of what counting noise gives,
// and of a share of the usual value. The least score of the newest points must pass a bound, must be one that hardly any
// stretch of the history reached, and the difference must matter. The newest day (an eighth of a short history) is not taken
// into the history, so that what began within it stays an anomaly for that long.
func Anomalous(points []metrics.Point, now time.Time, rules Rules) (Anomaly, bool) {
	if rules.InARow <= 0 {
		rules.InARow = 3
	}
	values := onGrid(points, now, rules)
	n := len(values)
	if n < minHistory+rules.InARow {
		return Anomaly{}, false
	}
	newest := values[n-rules.InARow:]
	if slices.ContainsFunc(newest, math.IsNaN) {
		return Anomaly{}, false
	}
	guard := max(rules.InARow, min(int(24*time.Hour/rules.Step), n/8))
	j := &judge{rules: rules, values: values, history: n - guard}
	if known := count(values[:j.history]); known < minHistory || 3*known < j.history {
		return Anomaly{}, false // hardly ever measured
	}
	j.season()
	if !j.couldBe() {
		return Anomaly{}, false
	}
	j.wholeHistory()
	return j.judge()
}

// judge holds one series while it is judged.
type judge struct {
	rules  Rules
	values []float64
	// history is how many of the values, from the oldest, are the history.
	history int
	// kind of season and its period in buckets; 1 for none.
	kind   Season
	period int
	// usual is the median at each place of the season, and near the spread there, once they were asked for.
	usual, near []place
	// far is the spread around what is usual, over the whole history.
	far     float64
	scratch []float64
}

// place of a season; known says whether its value was worked out.
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

// season chooses by what the values are compared.
func (j *judge) season() {
	day := int(24 * time.Hour / j.rules.Step)
	j.kind, j.period = Plain, 1
	switch {
	case day > 0 && j.history >= 3*7*day-day/4:
		j.kind, j.period = ByHourOfWeek, 7*day
	case day > 0 && j.history >= 4*day-day/4:
		j.kind, j.period = ByHourOfDay, day
	}
	j.usual, j.near = make([]place, j.period), make([]place, j.period)
}

// couldBe is false for most series: the newest values do not stand off by the spread at their own places.
func (j *judge) couldBe() bool {
	for i := len(j.values) - j.rules.InARow; i < len(j.values); i++ {
		if score := j.score(i); math.IsNaN(score) || score < wide {
			return false
		}
	}
	return true
}

// wholeHistory finds the spread over all of it.
func (j *judge) wholeHistory() {
	off := make([]float64, 0, j.history)
	for i, v := range j.values[:j.history] {
		if d := v - j.usualAt(i); !math.IsNaN(d) {
			off = append(off, d)
		}
	}
	j.far = spread(off, 0, nil)
	if j.far == 0 { // more than half never moved: the mean sees what the median does not (Iglewicz and Hoaglin 1993)
		for _, v := range off {
			j.far += meanScale * math.Abs(v) / float64(len(off))
		}
	}
}

// usualAt is the median of the history at the place of an index, and within an hour around it. NaN where too little is known.
func (j *judge) usualAt(i int) float64 {
	known := &j.usual[i%j.period]
	if !known.known {
		peers := j.peers(i, func(k int) float64 { return j.values[k] })
		*known = place{true, math.NaN()}
		if len(peers) >= minPeers {
			known.value = median(peers)
		}
	}
	return known.value
}

// nearAt is the spread at the place of an index: of how far the values around it are from what is usual at their own places,
// since where the season rises steeply, the hours before and after are no measure.
func (j *judge) nearAt(i int) float64 {
	known := &j.near[i%j.period]
	if !known.known {
		for _, around := range j.around(i) { // their medians first: they use the same scratch
			j.usualAt(around)
		}
		off := j.peers(i, func(k int) float64 { return math.Abs(j.values[k] - j.usualAt(k)) })
		*known = place{true, madScale * median(off)}
	}
	return known.value
}

// around are the places within an hour of an index, as indexes of the first season.
func (j *judge) around(i int) []int {
	if j.period == 1 {
		return []int{0}
	}
	reach := max(1, int(time.Hour/j.rules.Step))
	places := make([]int, 0, 2*reach+1)
	for d := -reach; d <= reach; d++ {
		places = append(places, ((i+d)%j.period+j.period)%j.period)
	}
	return places
}

// peers are the values of a function over the history at the place of an index and around it, NaN left out. The next call
// overwrites them.
func (j *judge) peers(i int, of func(k int) float64) []float64 {
	j.scratch = j.scratch[:0]
	for _, first := range j.around(i) {
		for k := first; k < j.history; k += j.period {
			if v := of(k); !math.IsNaN(v) {
				j.scratch = append(j.scratch, v)
			}
		}
	}
	return j.scratch
}

// score is by how many spreads the value at an index stands off; NaN where nothing is known.
func (j *judge) score(i int) float64 {
	usual := j.usualAt(i)
	floor := smallest * math.Abs(usual)
	if j.rules.Log {
		floor = smallest
	}
	if j.rules.Noise != nil {
		floor = math.Max(floor, j.rules.Noise(usual))
	}
	width := math.Max(math.Max(j.nearAt(i), j.far), floor)
	if off := j.values[i] - usual; off != 0 { // NaN among them
		return off / width // infinite where nothing ever moved
	}
	return 0
}

func (j *judge) judge() (Anomaly, bool) {
	n, row := len(j.values), j.rules.InARow
	least := math.Inf(1)
	usual := make([]float64, 0, row)
	for i := n - row; i < n; i++ {
		score := j.score(i)
		if math.IsNaN(score) || score < wide {
			return Anomaly{}, false
		}
		least = math.Min(least, score)
		usual = append(usual, j.usualAt(i))
	}
	if least <= beyond*j.reached(row) {
		return Anomaly{}, false
	}
	anomaly := Anomaly{
		Now: j.outside(median(slices.Clone(j.values[n-row:]))), Usual: j.outside(median(usual)), Score: least, Season: j.kind,
		History: time.Duration(j.history) * j.rules.Step,
	}
	return anomaly, j.rules.Effect == nil || j.rules.Effect(anomaly.Now, anomaly.Usual)
}

// reached is the score that only a rare share of the stretches of the history reached, in a row of so many points.
func (j *judge) reached(row int) float64 {
	var scores []float64
	for i := 0; i+row <= j.history; i++ {
		least := math.Inf(1)
		for k := i; k < i+row; k++ {
			least = math.Min(least, j.score(k))
		}
		if !math.IsNaN(least) {
			scores = append(scores, least)
		}
	}
	if len(scores) == 0 {
		return math.Inf(1)
	}
	slices.Sort(scores)
	return quantile(scores, 1-rare)
}

// outside turns a value of the judge back into one of the series.
func (j *judge) outside(v float64) float64 {
	if j.rules.Log {
		return math.Exp(v)
	}
	return v
}

// onGrid puts points into buckets of one step, up to now: their median in each, NaN where there is none. The last bucket may
// still be empty, since a server may lag; then it is left out.
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

package trend

import (
	"math"
	"slices"
	"time"
)

// baseline of a series: what is usual at each place of its season, and how much it varies there.
type baseline struct {
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

func newBaseline(rules Rules, values []float64, history int) *baseline {
	return &baseline{rules: rules, values: values, history: history}
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
func (b *baseline) season() {
	day := int(24 * time.Hour / b.rules.Step)
	b.kind = Plain
	b.period = 1
	switch {
	case day > 0 && b.history >= minWeekly*day-day/4:
		b.kind = ByHourOfWeek
		b.period = 7 * day
	case day > 0 && b.history >= 4*day-day/4:
		b.kind, b.period = ByHourOfDay, day
	}
	b.usual, b.near = make([]place, b.period), make([]place, b.period)
}

// wholeHistory computes the spread of the whole history.
func (b *baseline) wholeHistory() {
	off := make([]float64, 0, b.history)
	for i, v := range b.values[:b.history] {
		if d := v - b.usualAt(i); !math.IsNaN(d) {
			off = append(off, d)
		}
	}
	b.far = spread(off, 0, nil)
	if b.far == 0 { // more than half are constant: use the mean instead of the median (Iglewicz and Hoaglin 1993)
		off = withoutWorst(off)
		for _, v := range off {
			b.far += meanScale * math.Abs(v) / float64(len(off))
		}
	}
}

// withoutWorst removes the largest deviation and those next to it: a mean is not robust against an incident.
func withoutWorst(off []float64) []float64 {
	worst := 0
	for i, v := range off {
		if math.Abs(v) > math.Abs(off[worst]) {
			worst = i
		}
	}
	from, to := worst, worst
	for from > 0 && off[from-1] != 0 {
		from--
	}
	for to < len(off) && off[to] != 0 {
		to++
	}
	return slices.Delete(off, from, to)
}

// usualAt returns what is usual at the place of an index: the median of the history at each place within an hour, and the median of
// those. An incident in one season then moves it less than a median of all values does where they are steep. It is NaN if there are
// too few values.
func (b *baseline) usualAt(i int) float64 {
	known := &b.usual[i%b.period]
	if !known.known {
		*known = place{true, math.NaN()}
		peers := 0
		middles := make([]float64, 0, 5)
		for _, first := range b.around(i) {
			values := b.scratch[:0]
			for k := first; k < b.history; k += b.period {
				if !math.IsNaN(b.values[k]) {
					values = append(values, b.values[k])
				}
			}
			b.scratch = values
			if peers += len(values); len(values) > 0 {
				middles = append(middles, median(values))
			}
		}
		if peers >= minPeers {
			known.value = median(middles)
		}
	}
	return known.value
}

// nearAt returns the spread at the place of an index. Each value around it is compared with what is usual at its own place, since
// a steep season would otherwise inflate the spread.
func (b *baseline) nearAt(i int) float64 {
	known := &b.near[i%b.period]
	if !known.known {
		for _, around := range b.around(i) { // compute the medians first: they share the scratch buffer
			b.usualAt(around)
		}
		off := b.peers(i, func(k int) float64 { return math.Abs(b.values[k] - b.usualAt(k)) })
		*known = place{true, madScale * median(off)}
	}
	return known.value
}

// around returns the places within an hour of an index, as indexes in the first season.
func (b *baseline) around(i int) []int {
	if b.period == 1 {
		return []int{0}
	}
	reach := max(1, int(time.Hour/b.rules.Step))
	places := make([]int, 0, 2*reach+1)
	for d := -reach; d <= reach; d++ {
		places = append(places, ((i+d)%b.period+b.period)%b.period)
	}
	return places
}

// peers returns the values of a function at the place of an index and around it over the history, without NaN. The next call
// overwrites the result.
func (b *baseline) peers(i int, of func(k int) float64) []float64 {
	b.scratch = b.scratch[:0]
	for _, first := range b.around(i) {
		for k := first; k < b.history; k += b.period {
			if v := of(k); !math.IsNaN(v) {
				b.scratch = append(b.scratch, v)
			}
		}
	}
	return b.scratch
}

// score returns the deviation of the value at an index in spreads; NaN if unknown.
func (b *baseline) score(i int) float64 {
	usual := b.usualAt(i)
	floor := minSpread * math.Abs(usual)
	if b.rules.Log {
		floor = minSpread
	}
	if b.rules.Noise != nil {
		floor = math.Max(floor, b.rules.Noise(usual))
	}
	width := math.Max(math.Max(b.nearAt(i), b.far), floor)
	if off := b.values[i] - usual; off != 0 { // including NaN
		return off / width // infinite if the series was constant
	}
	return 0
}

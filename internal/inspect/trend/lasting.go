package trend

import (
	"math"
	"time"
)

const (
	// minLasting is the share of the values since an onset that deviate.
	minLasting = 0.8
	// minJump is the share of a difference that appeared within the day around its onset; otherwise it is a trend.
	minJump = 0.5
	// minBefore days of history are needed before an onset.
	minBefore = 7
)

// guards are the days that are left out of the history in turn to find an anomaly that lasts: otherwise it becomes its own history.
func guards() []int { return []int{3, 7, 14, 21} }

// lasting finds an anomaly that began more than the shortest guard ago and lasts.
func lasting(rules Rules, values []float64, shortest int) (Anomaly, bool) {
	n := len(values)
	within := shortest
	for _, days := range guards() {
		guard := rules.days(days)
		if n-guard < rules.days(minBefore) {
			break
		}
		if guard <= within { // the steps are so long that a day has few
			continue
		}
		b := newBaseline(rules, values, n-guard)
		if found, ok := b.anomaly(); ok {
			if onset, ok := b.onset(n - within); ok {
				found.Lasts = time.Duration(n-onset) * rules.Step
				return found, true
			}
		}
		within = guard
	}
	return Anomaly{}, false
}

// onset returns where the deviation of the newest values began, before an index. The second result is false if it did not last since
// then, is not known to have, or grew slowly.
func (b *baseline) onset(before int) (int, bool) {
	n := len(b.values)
	row := b.rules.Runs[0].Points
	deviating, known := make([]int, n+1), make([]int, n+1)
	for i := n - 1; i >= b.history; i-- {
		deviating[i], known[i] = deviating[i+1], known[i+1]
		if score := b.lowest(i, 1); !math.IsNaN(score) {
			known[i]++
			if score >= normalScore {
				deviating[i]++
			}
		}
	}
	for i := b.history; i < before; i++ {
		if float64(known[i]) < minMeasuredTime*float64(n-i) {
			continue
		}
		if b.lowest(i, row) >= normalScore && float64(deviating[i]) >= minLasting*float64(known[i]) {
			return i, b.jumps(i)
		}
	}
	return 0, false
}

// jumps reports whether most of the newest values' difference from the usual appeared within the day around an index.
func (b *baseline) jumps(at int) bool {
	half := b.rules.days(1) / 2
	n := len(b.values)
	change := b.difference(at, min(n, at+half)) - b.difference(max(0, at-half), at)
	now := b.difference(n-max(1, min(half, b.rules.Runs[0].Points)), n)
	if b.rules.Drops {
		change, now = -change, -now
	}
	return change >= minJump*now
}

// difference is the median distance of values from the usual ones; NaN if none is known.
func (b *baseline) difference(from, to int) float64 {
	var off []float64
	for i := from; i < to; i++ {
		if d := b.values[i] - b.usualAt(i); !math.IsNaN(d) {
			off = append(off, d)
		}
	}
	return median(off)
}

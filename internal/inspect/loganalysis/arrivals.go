package loganalysis

import "time"

// podKey identifies a Pod by the labels of its lines.
type podKey struct{ namespace, pod string }

// arrivals counts the lines of a period that are not of Pods which may be gone.
type arrivals struct {
	settled time.Time
	// current lines for certain.
	current int
	// early is how many lines each Pod has before settled, without those of Pods that the baseline has, too.
	early map[podKey]int
}

// period adds a line of the period.
func (a *arrivals) period(key streamKey, at time.Time) {
	pod := podKey{key.namespace, key.pod}
	if _, known := a.early[pod]; !at.Before(a.settled) || !known && len(a.early) >= maxStreams {
		a.current++
		return
	}
	a.early[pod]++
}

// baseline adds a line of the baseline, which is read after the period.
func (a *arrivals) baseline(key streamKey) { delete(a.early, podKey{key.namespace, key.pod}) }

// count of the current lines.
func (a *arrivals) count() int {
	count := a.current
	for _, lines := range a.early {
		count += lines
	}
	return count
}

package loganalysis

import "time"

// part is a stretch of time that is read at once, from its start on.
type part struct {
	start, end time.Time
	// piece of the baseline that it is, or -1 for a part of the window.
	piece int
}

// plan splits the window into slices and the baseline into pieces that are as long as the window. Of a baseline with more than
// maxPieces of those, pieces at equal distances stand for all; the last one of a day is the same hour of the day before. The
// window comes first, and of the baseline the newest: what time or budget does not suffice for is the least that matters.
func plan(now time.Time, o Options) (window, baseline []part) {
	start := now.Add(-o.Window)
	for i := range slicesOfWindow {
		window = append(window, part{
			start: start.Add(o.Window * time.Duration(i) / slicesOfWindow), end: start.Add(o.Window * time.Duration(i+1) / slicesOfWindow), piece: -1,
		})
	}
	pieces := int(min(maxPieces, o.Baseline/o.Window))
	for i := range pieces {
		end := start.Add(-o.Baseline * time.Duration(i) / time.Duration(pieces))
		baseline = append(baseline, part{start: end.Add(-o.Window), end: end, piece: i})
	}
	return window, baseline
}

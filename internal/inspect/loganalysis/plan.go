package loganalysis

import "time"

// part is a period that is read from its start on.
type part struct {
	start, end time.Time
	// piece is the index in the baseline, or -1 for a part of the window.
	piece int
}

// plan splits the window into slices and the baseline into pieces as long as the window. A baseline longer than maxPieces is sampled
// at equal distances; the last piece of a day is the same hour of the previous day. The window comes first, then the newest pieces,
// so that the least important ones are missing if time or budget runs out.
func plan(now time.Time, o Options) (window, baseline []part) {
	start := now.Add(-o.Window)
	for i := range slicesOfWindow {
		window = append(window, part{
			start: start.Add(o.Window * time.Duration(i) / slicesOfWindow),
			end:   start.Add(o.Window * time.Duration(i+1) / slicesOfWindow),
			piece: -1,
		})
	}
	pieces := int(min(maxPieces, o.Baseline/o.Window))
	for i := range pieces {
		end := start.Add(-o.Baseline * time.Duration(i) / time.Duration(pieces))
		baseline = append(baseline, part{start: end.Add(-o.Window), end: end, piece: i})
	}
	return window, baseline
}

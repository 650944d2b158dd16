package usage

import (
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

const (
	// complete is the share of a window from which its history counts as complete: samples are counted in steps, and a scrape may fail.
	complete = 0.95
	// day is the window of throttling.
	day = 24 * time.Hour
)

// history describes the data that a number was calculated from: over 3 days 4 hours of data (less than the window of 7 days).
func (sized *sizedContainer) history(window time.Duration) string {
	observed := min(sized.used.History, window)
	if float64(observed) >= complete*float64(window) {
		observed = window
	}
	text := "over " + phrase.Span(observed) + " of data"
	var remarks []string
	if observed < window && sized.Owner.Kind != facts.CronJob { // whose Pods run for a part of the time only
		remarks = append(remarks, "less than the window of "+phrase.Span(window))
	}
	if sized.used.Stopped > 0 {
		remarks = append(remarks, "last sample "+phrase.Span(sized.used.Stopped)+" before the end of the window")
	}
	if len(remarks) > 0 {
		text += " (" + strings.Join(remarks, "; ") + ")"
	}
	return text
}

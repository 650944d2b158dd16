// Package schedule reads the schedules of CronJobs as kube-controller-manager does.
package schedule

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// scheduleError says that a time zone is not known, or that a schedule cannot be read.
type scheduleError struct{ text string }

// Error says what cannot be read.
func (e *scheduleError) Error() string { return e.text }

// Parse reads the schedule as kube-controller-manager does: with the standard parser of robfig/cron, in the time
// zone of the spec. Without one it is that of kube-controller-manager, which nearly everywhere is UTC.
func Parse(c *facts.CronJobNode) (schedule cron.Schedule, err error) {
	defer func() {
		if recover() != nil { // the parser panics on some malformed TZ= prefixes
			err = &scheduleError{fmt.Sprintf("the schedule %q cannot be read", c.Schedule)}
		}
	}()
	zone := cmp.Or(c.TimeZone, "UTC")
	if !zoneKnown(zone) {
		if zoneKnown("Europe/London") { // else there is no zone database here to judge by
			return nil, &scheduleError{fmt.Sprintf("the time zone %q is not known", zone)}
		}
		zone = "UTC"
	}
	text := c.Schedule
	if !strings.Contains(text, "TZ") { // an old way to name the zone, which wins
		text = "TZ=" + zone + " " + text
	}
	schedule, err = cron.ParseStandard(text)
	if err != nil {
		return nil, &scheduleError{fmt.Sprintf("the schedule %q cannot be read: %v", c.Schedule, err)}
	}
	return schedule, nil
}

func zoneKnown(name string) bool {
	_, err := time.LoadLocation(name)
	return err == nil
}

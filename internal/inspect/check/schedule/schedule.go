// Package schedule parses the schedules of CronJobs as kube-controller-manager does.
package schedule

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// scheduleError is an unknown time zone or an invalid schedule.
type scheduleError struct{ text string }

// Error describes what is invalid.
func (e *scheduleError) Error() string { return e.text }

// Parse parses the schedule as kube-controller-manager does: with the standard parser of robfig/cron, in the time
// zone of the spec. The default is the zone of kube-controller-manager, which is almost always UTC.
func Parse(c *facts.CronJobNode) (schedule cron.Schedule, err error) {
	defer func() {
		if recover() != nil { // the parser panics on some malformed TZ= prefixes
			err = &scheduleError{fmt.Sprintf("the schedule %q cannot be read", c.Schedule)}
		}
	}()
	zone := cmp.Or(c.TimeZone, "UTC")
	if !zoneKnown(zone) {
		if zoneKnown("Europe/London") { // otherwise this machine has no time zone database
			return nil, &scheduleError{fmt.Sprintf("the time zone %q is not known", zone)}
		}
		zone = "UTC"
	}
	text := c.Schedule
	if !strings.Contains(text, "TZ") { // the deprecated way to set the zone, which takes precedence
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

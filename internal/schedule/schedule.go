// Package schedule reads schedules of resources, and computes their times: cron expressions in time zones, and equal steps.
package schedule

import (
	"errors"
	"math"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Spec is a schedule as a resource has it.
type Spec struct {
	// Text is a cron expression with five fields, @hourly and the like, or @every DURATION.
	Text string
	// Zone of the IANA database. Default UTC.
	Zone string
	// From is where the times of @every start.
	From time.Time
	// Field and ZoneField are where Text and Zone come from, for messages, such as spec.schedule.
	Field, ZoneField string
}

// Schedule is a sequence of times.
type Schedule interface {
	// Next is the first time after another; zero if there is none.
	Next(after time.Time) time.Time
}

// Parse reads a schedule. The error is a problem of reason InvalidSchedule.
func Parse(spec Spec) (Schedule, error) {
	zone := spec.Zone
	if zone == "" {
		zone = "UTC"
	}
	// "Local" is a zone to Go, but means the manager's machine, which the resource does not show.
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return nil, Invalid("%s %q is not a time zone; use a name of the IANA database such as Europe/Berlin", spec.ZoneField, zone)
	}
	if text, found := strings.CutPrefix(spec.Text, "@every "); found {
		period, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil || period < time.Second {
			return nil, Invalid("%s %q needs a duration of at least 1s, for example \"@every 6h\"", spec.Field, spec.Text)
		}
		return every{period: period.Truncate(time.Second), from: spec.From.Truncate(time.Second)}, nil
	}
	schedule, err := parseCron("CRON_TZ=" + zone + " " + spec.Text)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSchedule, err,
			"%s %q is invalid (%v); an example is \"30 6 * * 1-5\"", spec.Field, spec.Text, err)
	}
	return schedule, nil
}

// Next is the first time of a schedule after now. The error is a problem: the schedule never comes due.
func Next(schedule Schedule, spec Spec, now time.Time) (time.Time, error) {
	next := schedule.Next(now)
	if next.IsZero() {
		return next, Invalid("%s %q never comes due; use a date that exists, such as \"0 0 28 2 *\"", spec.Field, spec.Text)
	}
	return next, nil
}

// Invalid is a problem of reason InvalidSchedule.
func Invalid(format string, args ...any) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonInvalidSchedule, nil, format, args...)
}

// every is a schedule of equal steps. The one of the cron library steps from the time that it is asked about, which would
// move its times at every reconcile.
type every struct {
	period time.Duration
	from   time.Time
}

// Next is the first time after t.
func (e every) Next(t time.Time) time.Time {
	if t.Before(e.from) {
		return e.from.Add(e.period)
	}
	return t.Add(e.period - t.Sub(e.from)%e.period)
}

// parseCron keeps a parser that panics on some malformed input from ending the manager.
func parseCron(text string) (schedule cron.Schedule, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.New("malformed expression")
		}
	}()
	return cron.ParseStandard(text)
}

// Latest is the last time of the schedule after the anchor and not after now, or zero. It looks back in growing steps, so
// that years of downtime cost no more than a day's.
func Latest(schedule Schedule, anchor, now time.Time) time.Time {
	const day = 24 * time.Hour
	for _, back := range []time.Duration{10 * time.Minute, time.Hour, day, 35 * day, 366 * day, 10 * 366 * day} {
		from := now.Add(-back)
		if from.Before(anchor) {
			from = anchor
		}
		var last time.Time
		for t := schedule.Next(from); !t.IsZero() && !t.After(now); t = schedule.Next(t) {
			last = t
		}
		if !last.IsZero() || !from.After(anchor) {
			return last
		}
	}
	return time.Time{}
}

// Shortest is the shortest time between two times of a schedule, or some time that is not below the minimum.
func Shortest(schedule Schedule, minimum time.Duration) time.Duration {
	if o, is := schedule.(once); is {
		schedule = o.SpecSchedule
	}
	if e, is := schedule.(every); is {
		return e.period
	}
	// Times of a cron expression are whole minutes, and the same on each of its days.
	fields, is := schedule.(*cron.SpecSchedule)
	if !is || minimum <= time.Minute {
		return math.MaxInt64
	}
	inUTC := *fields // where every day has 24 hours
	inUTC.Location = time.UTC
	const fourYears = 4 * 366 * 24 * time.Hour
	first := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)
	last := inUTC.Next(first)
	shortest := time.Duration(math.MaxInt64)
	const maxSteps = 3000 // two days of a run each minute, four years of one or two a day
	for range maxSteps {
		next := inUTC.Next(last)
		if next.IsZero() || next.Sub(first) > fourYears || shortest < minimum {
			break
		}
		shortest = min(shortest, next.Sub(last))
		last = next
	}
	return shortest
}

// Once is a schedule without the second of two times that have the same date and time of day, which are an hour apart when daylight saving
// ends. Expressions for each hour keep both.
func Once(schedule Schedule) Schedule {
	const anyHour = 1 << 63 // the bit of a star
	if fields, is := schedule.(*cron.SpecSchedule); is && fields.Hour&anyHour == 0 {
		return once{fields}
	}
	return schedule
}

type once struct{ *cron.SpecSchedule }

// Next is the first time after t.
func (o once) Next(t time.Time) time.Time {
	const maxRepeated = 4 * 60 // of a time zone that goes back by 4 hours, each minute
	next := o.SpecSchedule.Next(t)
	for range maxRepeated {
		if next.IsZero() || !repeated(next.In(o.Location)) {
			return next
		}
		next = o.SpecSchedule.Next(next)
	}
	return next
}

// repeated reports whether a local time is the second with its date and time of day.
func repeated(t time.Time) bool {
	const longest = 3 * time.Hour
	_, before := t.Add(-longest).Zone()
	_, now := t.Zone()
	if before <= now {
		return false
	}
	const wall = "2006-01-02 15:04:05"
	return t.Add(-time.Duration(before-now)*time.Second).Format(wall) == t.Format(wall)
}

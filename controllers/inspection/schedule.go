package inspection

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
)

// Triggers of a run.
const (
	triggerSchedule   = "schedule"
	triggerRequest    = "request"
	triggerGeneration = "generation"
	// triggerChange is a change of findings, of an Inspection that is continuous.
	triggerChange = "change"
)

// plan is what to do now, and when the schedule is due next.
type plan struct {
	// run that is due, or nil.
	run *v1alpha1.InspectionRun
	// next time of the schedule after now; zero without a schedule.
	next time.Time
}

// due decides whether a run is due at the time now. It reads nothing else and changes nothing.
//
// A run that was started and not finished comes first, then a request by annotation. Without a schedule, each generation of
// the spec runs once; with one, only the schedule decides, from its first time after creation, as for CronJobs: a changed
// spec is checked at once and used at the next time. One run covers all reasons for it: a requested run uses the newest
// generation, too. Of the scheduled times that have passed, only the latest runs; they count from the last one handled, or
// from creation, which keeps a clock that jumps back from repeating one.
func due(i *v1alpha1.Inspection, now time.Time) (plan, error) {
	if i.Spec.Suspend {
		return plan{}, nil
	}
	var p plan
	var missed time.Time
	if i.Spec.Schedule != "" {
		schedule, err := parse(i.Spec, i.CreationTimestamp.Time)
		if err != nil {
			return plan{}, err
		}
		if p.next = schedule.Next(now); p.next.IsZero() {
			return plan{}, invalidSchedule("spec.schedule %q never comes due; use a date that exists, such as \"0 0 28 2 *\"",
				i.Spec.Schedule)
		}
		anchor := i.CreationTimestamp.Time
		if i.Status.LastScheduledTime != nil {
			anchor = i.Status.LastScheduledTime.Time
		}
		missed = latest(schedule, anchor, now)
	}
	p.run = i.Status.ActiveRun
	if p.run == nil {
		p.run = begin(i, missed)
	}
	return p, nil
}

// begin is the run that is due, or nil.
func begin(i *v1alpha1.Inspection, missed time.Time) *v1alpha1.InspectionRun {
	run := &v1alpha1.InspectionRun{Generation: i.Generation}
	request := kind.Request(i)
	var part, key string
	switch {
	case request != "" && request != i.Status.LastHandledRequest:
		run.Trigger, run.Request = triggerRequest, request
		part = "r"
		key = request
	case i.Spec.Schedule == "" && i.Generation != i.Status.LastRunGeneration:
		run.Trigger = triggerGeneration
		key = strconv.FormatInt(i.Generation, 10)
		part = "g" + key
	case !missed.IsZero():
		at := metav1.NewTime(missed.UTC())
		run.Trigger = triggerSchedule
		run.ScheduledTime = &at
		part = timePart(missed.UTC())
		key = missed.UTC().Format(time.RFC3339)
	default:
		return nil
	}
	run.Report = reportName(i, run.Trigger, part, key)
	return run
}

// timePart is a scheduled time within a report's name; seconds only where there are any, which is with @every alone.
func timePart(at time.Time) string {
	if at.Second() == 0 {
		return at.Format("20060102t1504")
	}
	return at.Format("20060102t150405")
}

// reportName follows from the Inspection and the trigger alone, so that a run that is tried again writes the same report.
// The UID keeps a new Inspection of an old name from meeting the old one's reports. A request has no other part of the
// name that tells it from others, so that it gets a longer hash. A change of findings is identified by the report before it.
func reportName(i *v1alpha1.Inspection, trigger, part, key string) string {
	sum := sha256.Sum256([]byte(string(i.UID) + "\x00" + trigger + "\x00" + key))
	digits := 5
	switch trigger {
	case triggerRequest:
		digits = 8
	case triggerChange:
		digits = 12
	}
	return i.Name + "-" + part + "-" + hex.EncodeToString(sum[:])[:digits]
}

// parse reads schedule and time zone. Times of @every count from creation.
func parse(spec v1alpha1.InspectionSpec, created time.Time) (cron.Schedule, error) {
	zone := spec.TimeZone
	if zone == "" {
		zone = "UTC"
	}
	// "Local" is a zone to Go, but means the manager's machine, which the resource does not show.
	if _, err := time.LoadLocation(zone); err != nil || zone == "Local" {
		return nil, invalidSchedule("spec.timeZone %q is not a time zone; use a name of the IANA database such as Europe/Berlin", zone)
	}
	if text, found := strings.CutPrefix(spec.Schedule, "@every "); found {
		period, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil || period < time.Second {
			return nil, invalidSchedule("spec.schedule %q needs a duration of at least 1s, for example \"@every 6h\"", spec.Schedule)
		}
		return every{period: period.Truncate(time.Second), from: created.Truncate(time.Second)}, nil
	}
	schedule, err := parseCron("CRON_TZ=" + zone + " " + spec.Schedule)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSchedule, err,
			"spec.schedule %q is invalid (%v); an example is \"30 6 * * 1-5\"", spec.Schedule, err)
	}
	return schedule, nil
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

func invalidSchedule(format string, args ...any) *problem.Problem {
	return problem.UserError(v1alpha1.ReasonInvalidSchedule, nil, format, args...)
}

// latest is the last time of the schedule after the anchor and not after now, or zero. It looks back in growing steps, so
// that years of downtime cost no more than a day's.
func latest(schedule cron.Schedule, anchor, now time.Time) time.Time {
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

// describe says what a run is for.
func describe(run *v1alpha1.InspectionRun) string {
	switch run.Trigger {
	case triggerSchedule:
		return fmt.Sprintf("scheduled run of %s", run.ScheduledTime.UTC().Format(time.RFC3339))
	case triggerRequest:
		return "requested run"
	default:
		return fmt.Sprintf("run for generation %d", run.Generation)
	}
}

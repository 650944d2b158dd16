package inspection

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/schedule"
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
		spec := specOf(i.Spec, i.CreationTimestamp.Time)
		times, err := schedule.Parse(spec)
		if err != nil {
			return plan{}, err
		}
		if p.next, err = schedule.Next(times, spec, now); err != nil {
			return plan{}, err
		}
		anchor := i.CreationTimestamp.Time
		if i.Status.LastScheduledTime != nil {
			anchor = i.Status.LastScheduledTime.Time
		}
		missed = schedule.Latest(times, anchor, now)
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

// specOf is the schedule of an Inspection. Times of @every count from creation.
func specOf(spec v1alpha1.InspectionSpec, created time.Time) schedule.Spec {
	return schedule.Spec{Text: spec.Schedule, Zone: spec.TimeZone, From: created, Field: "spec.schedule", ZoneField: "spec.timeZone"}
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

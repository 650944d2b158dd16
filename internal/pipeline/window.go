package pipeline

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/schedule"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxSteps and maxAhead bound the search for the next time at which a stage can start: tenants write windows, such as one for each
	// minute.
	maxSteps = 64
	maxAhead = 400 * 24 * time.Hour
	// maxProof bounds the search for a stage that never starts, for all stages of a Pipeline together, and maxSearch that for the time at
	// which a run or a stage can start. They count windows, and openings of windows that follow each other.
	maxProof  = 8192
	maxSearch = 32_768
	// windowCheck is when to look again at a stage that waits for a window, at the latest.
	windowCheck = time.Hour
)

// window of a Pipeline with its times.
type window struct {
	*schedule.Window
	spec *v1alpha1.PipelineWindow
}

// parseWindows reads the windows of a spec.
func parseWindows(spec *v1alpha1.PipelineSpec, names []string) ([]window, error) {
	var windows []window
	for i := range spec.Windows {
		w := &spec.Windows[i]
		field := "window " + w.Name + ": "
		// A spec that never opens is refused whenever it is read: the time matters for expressions that are about a date only.
		parsed, err := schedule.ParseWindow(schedule.Spec{
			Text: w.Cron, Zone: w.TimeZone, Field: field + "cron", ZoneField: field + "timeZone",
		}, w.Duration.Duration, time.Unix(0, 0))
		if err != nil {
			return nil, err
		}
		for _, name := range w.Stages {
			if !slices.Contains(names, name) {
				return nil, invalid("window %s: stages: stage %q does not exist, or is one of finally%s", w.Name, name,
					suggestion(names, name))
			}
		}
		windows = append(windows, window{parsed, w})
	}
	return windows, nil
}

// about reports whether a window is about a stage.
func (w window) about(stage string) bool {
	return len(w.spec.Stages) == 0 || slices.Contains(w.spec.Stages, stage)
}

// windowed reports whether windows are about a stage.
func (p *Plan) windowed(stage string) bool {
	return !p.final[stage] && slices.ContainsFunc(p.windows, func(w window) bool { return w.about(stage) })
}

// checkOverruns refuses stages that could start but for their timeout, which fits in no time that windows without overrun leave. What
// cannot be proven within a bounded search is permitted, and so is what people can start outside of the windows.
func (p *Plan) checkOverruns() error {
	if p.spec.WindowOverride {
		return nil
	}
	budget := maxProof
	for i := range p.spec.Stages {
		stage := &p.spec.Stages[i]
		timeout := stage.AttemptTimeout()
		tooLong := p.windowed(stage.Name) && p.neverStarts(stage.Name, timeout, &budget) && !p.neverStarts(stage.Name, 0, &budget)
		if tooLong && budget > 0 {
			return invalid("stage %s: its timeout (%s) is longer than each time that its windows without overrun leave, so it could never "+
				"start; lower timeout, or change spec.windows", stage.Name, timeout)
		}
	}
	return nil
}

// neverStarts looks for a time at which a stage can start. There is none if windows that are the same each week permit none in a week, and
// others none in the time that Opening looks at.
func (p *Plan) neverStarts(stage string, timeout time.Duration, budget *int) bool {
	period := maxAhead
	if p.weekly(stage) {
		period = 8 * 24 * time.Hour // a week, and what a window of the week before leaves open
	}
	begin := time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC) // the same whenever it is read, in a year with daylight saving
	for at := begin; *budget > 0; {
		next := p.earliest(stage, timeout, at, budget)
		switch {
		case next.Equal(at):
			return false
		case next.IsZero(), next.Sub(begin) > period:
			return true
		}
		at = next
	}
	return false
}

// weekly reports whether the windows of a stage are the same each week: in several zones, daylight saving moves them against each other.
func (p *Plan) weekly(stage string) bool {
	zone := ""
	first := true
	for _, w := range p.windows {
		if !w.about(stage) {
			continue
		}
		if !w.Weekly() || !first && w.spec.TimeZone != zone {
			return false
		}
		zone = w.spec.TimeZone
		first = false
	}
	return true
}

// Opening is when a stage can start, by the windows of the Pipeline: now or later; zero if no such time was found within 400 days.
func (p *Plan) Opening(stage string, now time.Time) time.Time {
	budget := maxSearch
	return p.opening(stage, now, &budget)
}

func (p *Plan) opening(stage string, now time.Time, budget *int) time.Time {
	if p.final[stage] {
		return now
	}
	timeout := p.stages[stage].AttemptTimeout()
	at := now
	for steps := 0; steps < maxSteps && *budget > 0; steps++ {
		next := p.earliest(stage, timeout, at, budget)
		switch {
		case next.IsZero(), next.Sub(now) > maxAhead:
			return time.Time{}
		case next.Equal(at):
			return at
		}
		at = next
	}
	return time.Time{}
}

// earliest is a time before which a stage cannot start: the given one if it can start then. Zero says that there is none. What it looked at
// is taken from the budget.
func (p *Plan) earliest(stage string, timeout time.Duration, at time.Time, budget *int) time.Time {
	allows, allowed := false, false
	var opens, denied time.Time
	for _, w := range p.windows {
		if !w.about(stage) {
			continue
		}
		*budget--
		open, _ := w.Open(at)
		next := w.Next(at)
		switch {
		case w.spec.Type == v1alpha1.WindowAllow:
			allows = true
			if !allowed && open && !w.spec.Overruns() {
				covers, looked := w.Covers(at, at.Add(timeout))
				*budget -= looked
				allowed = covers
			}
			allowed = allowed || open && w.spec.Overruns()
			if opens.IsZero() || !next.IsZero() && next.Before(opens) {
				opens = next
			}
		case open:
			denied = later(denied, w.Closes(at))
		case !w.spec.Overruns() && !next.IsZero() && next.Before(at.Add(timeout)):
			denied = later(denied, w.Closes(next))
		}
	}
	switch {
	case !denied.IsZero():
		return denied
	case allows && !allowed:
		return opens
	}
	return at
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// FirstOpening is when the first of the stages that begin a run can start, and one of them; zero if none can. A Pipeline whose windows can
// be overridden starts its runs at any time.
func (p *Plan) FirstOpening(now time.Time) (first time.Time, stage string) {
	budget := maxSearch
	if p.spec.WindowOverride || len(p.windows) == 0 {
		return now, ""
	}
	for i := range p.spec.Stages {
		s := &p.spec.Stages[i]
		if len(s.After) > 0 {
			continue
		}
		if at := p.opening(s.Name, now, &budget); stage == "" || first.IsZero() || !at.IsZero() && at.Before(first) {
			first = at
			stage = s.Name
		}
	}
	return first, stage
}

// WaitForWindow is the problem of a run whose first stages cannot start now; nil if one can. next is when one can, zero if never.
func (p *Plan) WaitForWindow(now time.Time) (next time.Time, wait *problem.Problem) {
	at, stage := p.FirstOpening(now)
	if at.Equal(now) {
		return at, nil
	}
	after := windowCheck
	if !at.IsZero() {
		after = min(after, at.Sub(now))
	}
	return at, problem.Waiting(v1alpha1.ReasonWindowClosed, after, "%s", closedText(stage, at))
}

// closedText says until when a stage waits.
func closedText(stage string, opens time.Time) string {
	if opens.IsZero() {
		return fmt.Sprintf("found no time within 400 days at which stage %s can start; correct spec.windows of the Pipeline", stage)
	}
	return fmt.Sprintf("the windows of the Pipeline let stage %s start at %s", stage, opens.UTC().Format(time.RFC3339))
}

// held reports whether a stage that could start waits for a window. The next opening is in its status.
func (p *pass) held(s *v1alpha1.StageStatus) bool {
	if len(p.plan.windows) == 0 || p.undo != nil {
		return false
	}
	var opens time.Time
	if s.NextOpening != nil && p.now.Before(s.NextOpening.Time) { // computed before
		opens = s.NextOpening.Time
	} else {
		opens = p.plan.Opening(s.Name, p.now)
	}
	s.NextOpening = nil
	wait := windowCheck
	switch next := metav1.NewTime(p.now.Add(wait)); {
	case opens.Equal(p.now):
		return false
	case !opens.IsZero():
		at := metav1.NewTime(opens)
		s.NextOpening = &at
		wait = min(wait, opens.Sub(p.now))
	case !p.plan.spec.WindowOverride:
		s.RetryTime = &next // not computed in each pass
	}
	message := closedText(s.Name, opens)
	if p.plan.spec.WindowOverride && p.Override != nil {
		s.Digest = p.overrideDigest(s.Name, s.Attempt+1)
		by, err := p.overridden(s)
		if by != "" {
			s.NextOpening = nil
			p.overrides[s.Name] = text.Clip(p.Redact(by), maxMessage)
			return false
		}
		if err != nil {
			wait = retryInterval
		}
		message += "; to start it now, a person with the verb approve on the Pipeline approves it with a comment"
	}
	p.note(s, v1alpha1.ReasonWindowClosed, message)
	p.after(wait)
	return true
}

// overridden asks whether people let a stage start outside of its windows, and who.
func (p *pass) overridden(s *v1alpha1.StageStatus) (string, error) {
	attempt := p.attempt(s)
	attempt.Number++
	return p.Override(p.ctx, attempt)
}

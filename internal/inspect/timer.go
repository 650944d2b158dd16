package inspect

import "time"

// timer measures the stages of a run and tells of their progress.
type timer struct {
	in          Input
	start, last time.Time
	durations   map[Stage]time.Duration
}

func newTimer(in Input) *timer {
	now := in.Clock.Now()
	return &timer{in: in, start: now, last: now, durations: map[Stage]time.Duration{}}
}

// begin tells that a stage begins that may take a while.
func (t *timer) begin(stage Stage) {
	if t.in.Progress != nil {
		t.in.Progress(Progress{Stage: stage, Total: 1})
	}
}

// done ends a stage.
func (t *timer) done(stage Stage) {
	now := t.in.Clock.Now()
	t.durations[stage] = now.Sub(t.last)
	t.last = now
	if t.in.Progress != nil && stage != StageCollect {
		t.in.Progress(Progress{Stage: stage, Done: 1, Total: 1})
	}
}

// progress passes on how far the collecting is.
func (t *timer) progress(done, total, objects int) {
	if t.in.Progress != nil {
		t.in.Progress(Progress{Stage: StageCollect, Done: done, Total: total, Objects: objects})
	}
}

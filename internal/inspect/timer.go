package inspect

import "time"

// timer measures the stages of a run and reports progress.
type timer struct {
	in          Input
	start, last time.Time
	durations   map[Stage]time.Duration
}

func newTimer(in Input) *timer {
	now := in.Clock.Now()
	return &timer{in: in, start: now, last: now, durations: map[Stage]time.Duration{}}
}

// begin reports the start of a stage that may take a while.
func (t *timer) begin(stage Stage) {
	if t.in.Progress != nil {
		t.in.Progress(Progress{Stage: stage, Total: 1})
	}
}

// done records the end of a stage.
func (t *timer) done(stage Stage) {
	now := t.in.Clock.Now()
	t.durations[stage] = now.Sub(t.last)
	t.last = now
	if t.in.Progress != nil && stage != StageCollect {
		t.in.Progress(Progress{Stage: stage, Done: 1, Total: 1})
	}
}

// progress reports the progress of StageCollect.
func (t *timer) progress(done, total, objects int) {
	if t.in.Progress != nil {
		t.in.Progress(Progress{Stage: StageCollect, Done: done, Total: total, Objects: objects})
	}
}

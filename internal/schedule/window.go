package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// Window opens at the times of a cron expression, and closes after a duration. In the hour that daylight saving skips, it opens at the next
// minute that exists; in the hour that comes twice, it opens once. One for each hour opens in each hour that passes.
type Window struct {
	openings Schedule
	duration time.Duration
	weekly   bool
}

// ParseWindow reads the schedule of a window: a cron expression with five fields or @hourly and the like. The error is a problem of reason
// InvalidSchedule.
func ParseWindow(spec Spec, duration time.Duration, now time.Time) (*Window, error) {
	parsed, err := Parse(spec)
	if err != nil {
		return nil, err
	}
	fields, is := parsed.(*cron.SpecSchedule)
	if !is {
		return nil, Invalid("%s %q has no time of day to open at; an example is \"0 22 * * 1-5\"", spec.Field, spec.Text)
	}
	if _, err := Next(parsed, spec, now); err != nil {
		return nil, err
	}
	const star = 1 << 63 // the bit of a field with any value
	w := &Window{openings: fields, duration: duration, weekly: fields.Dom&star != 0 && fields.Month&star != 0}
	if fields.Hour&star == 0 {
		w.openings = wallClock{fields}
	}
	return w, nil
}

// Duration from an opening until the window closes.
func (w *Window) Duration() time.Duration { return w.duration }

// Next is the first opening after a time; zero if there is none within five years.
func (w *Window) Next(after time.Time) time.Time { return w.openings.Next(after) }

// Open reports whether the window is open, and when it closes if it does not open again before that.
func (w *Window) Open(at time.Time) (bool, time.Time) {
	last := Latest(w.openings, at.Add(-w.duration), at)
	if last.IsZero() {
		return false, time.Time{}
	}
	closes := last.Add(w.duration)
	return closes.After(at), closes
}

// Closes is when a window that is open closes, with its openings before that. It looks ahead by a bounded number of openings.
func (w *Window) Closes(at time.Time) time.Time {
	const ahead = 16
	_, closes := w.Open(at)
	for range ahead {
		last := Latest(w.openings, at, closes)
		if last.IsZero() || !last.After(at) {
			break
		}
		at = last
		closes = last.Add(w.duration)
	}
	return closes
}

// Covers reports whether a window that is open stays open until a time, with its openings before that, and how many of them it looked at.
// Their number is bounded: it is that of more than 30 days if there is one for each hour.
func (w *Window) Covers(at, until time.Time) (covers bool, looked int) {
	const ahead = 1024
	_, closes := w.Open(at)
	for ; looked < ahead; looked++ {
		if !closes.Before(until) {
			return true, looked
		}
		last := Latest(w.openings, at, closes)
		if !last.After(at) {
			return false, looked
		}
		at = last
		closes = last.Add(w.duration)
	}
	return false, looked
}

// Weekly reports whether the times of each week are the same, without what daylight saving changes.
func (w *Window) Weekly() bool { return w.weekly }

// wallClock has the times that the clock on the wall shows, each once.
type wallClock struct{ *cron.SpecSchedule }

// Next is the first time after t.
func (c wallClock) Next(t time.Time) time.Time {
	plain := *c.SpecSchedule // of a clock that is never set
	plain.Location = time.UTC
	_, offset := t.In(c.Location).Zone()
	wall := t.UTC().Add(time.Duration(offset) * time.Second)
	for {
		wall = plain.Next(wall)
		if wall.IsZero() {
			return wall
		}
		if at := instant(wall, c.Location); at.After(t) {
			return at
		}
	}
}

// instant at which a clock first shows what wall shows in UTC; if it never does, when it was set forward.
func instant(wall time.Time, location *time.Location) time.Time {
	const day = 24 * time.Hour
	_, before := wall.Add(-day).In(location).Zone()
	_, after := wall.Add(day).In(location).Zone()
	early := wall.Add(-time.Duration(max(before, after)) * time.Second)
	late := wall.Add(-time.Duration(min(before, after)) * time.Second)
	for _, at := range []time.Time{early, late} {
		if _, offset := at.In(location).Zone(); at.Add(time.Duration(offset) * time.Second).Equal(wall) {
			return at
		}
	}
	start, _ := late.In(location).ZoneBounds()
	return start.UTC()
}

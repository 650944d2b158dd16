package pace

import (
	"fmt"
	"testing"
	"time"
)

func TestMoreStagesLookLessOften(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name   string
		stages int
		age    time.Duration
		want   time.Duration
	}{
		{"one that started", 1, 0, time.Second},
		{"as many as may look each second", 20, 0, time.Second},
		{"twice as many", 40, 0, 2 * time.Second},
		{"more than a server can bear", 200, 0, 5 * time.Second},
		{"one that takes long", 1, 2 * time.Minute, 2 * time.Second},
		{"many that take long", 60, time.Hour, 3 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			var p Pacer
			var got time.Duration
			for n := range c.stages {
				got = p.Next("server", fmt.Sprint(n), now.Add(-c.age), now)
			}
			if got != c.want {
				t.Errorf("looks again after %s, want %s", got, c.want)
			}
			if got := p.Next("server", "0", now.Add(-c.age), now); got != c.want {
				t.Errorf("a second look of the same stage is after %s, want %s", got, c.want)
			}
		})
	}
}

func TestServersDoNotCountForEachOther(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var p Pacer
	for n := range 200 {
		p.Next("busy", fmt.Sprint(n), now, now)
	}
	if got := p.Next("idle", "a", now, now); got != time.Second {
		t.Errorf("looks again after %s beside the stages of another server", got)
	}
}

func TestStagesThatEndedCountNoLonger(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	var p Pacer
	for n := range 200 {
		p.Next("server", fmt.Sprint(n), now, now)
		p.Next("left", fmt.Sprint(n), now, now)
	}
	later := now.Add(forgotten)
	if got := p.Next("server", "0", later, later); got != time.Second {
		t.Errorf("looks again after %s once the others have ended", got)
	}
	if len(p.seen) != 1 || len(p.seen["server"]) != 1 {
		t.Errorf("kept: %v", p.seen)
	}
}

package fleet

import (
	"sync"
	"time"

	"kubeops.io/kubeops/internal/inspect"
)

// stallPatience is how long a cluster may take for one step of its inspection, such as the list of a kind, before it counts as stalled.
const stallPatience = 2 * time.Second

// stall notices that a cluster does not advance, and that it does again.
type stall struct {
	changed func(stalled bool)

	mutex          sync.Mutex
	timer          *time.Timer
	stalled, ended bool
}

// watchStall calls changed when the cluster stalls and when it goes on, one call at a time, until end.
func watchStall(changed func(stalled bool)) *stall {
	s := &stall{changed: changed}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.timer = time.AfterFunc(stallPatience, s.expire)
	return s
}

func (s *stall) expire() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.ended && !s.stalled {
		s.stalled = true
		s.changed(true)
	}
}

// advance records a step.
func (s *stall) advance() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return
	}
	s.timer.Reset(stallPatience)
	if s.stalled {
		s.stalled = false
		s.changed(false)
	}
}

func (s *stall) end() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ended = true
	s.timer.Stop()
}

// watched is the input of a cluster whose steps are watched for Input.Stalled, until end.
func (r *run) watched(in inspect.Input) (watched inspect.Input, end func()) {
	if r.in.Stalled == nil {
		return in, func() {}
	}
	name := in.Source.Cluster
	s := watchStall(func(stalled bool) { r.in.Stalled(name, stalled) })
	report := in.Progress
	in.Progress = func(step inspect.Progress) {
		s.advance()
		if report != nil {
			report(step)
		}
	}
	return in, s.end
}

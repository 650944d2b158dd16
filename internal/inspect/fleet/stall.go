package fleet

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"kubeops.io/kubeops/internal/inspect"
)

// stallPatience is how long a cluster may take for one step of its inspection, such as the list of a kind, before it counts as stalled.
const stallPatience = 2 * time.Second

// Stall says that a cluster does not advance, or that it does again.
type Stall struct {
	Cluster string
	// Stalled is set while it does not advance.
	Stalled bool
	// Objects of it that were read so far.
	Objects int64
}

// Memory is what a cluster that stalls needs in place of Part.Memory, in bytes: nothing of its lists is in work.
func (s *Stall) Memory() int64 { return stalledWeight + s.Objects*objectWeight }

// stall notices that a cluster does not advance, and that it does again.
type stall struct {
	changed func(Stall)

	mutex sync.Mutex
	timer *time.Timer
	now   Stall
	ended bool
}

// watchStall calls changed when the cluster stalls and when it goes on, one call at a time, until end.
func watchStall(cluster string, changed func(Stall)) *stall {
	s := &stall{changed: changed, now: Stall{Cluster: cluster}}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.timer = time.AfterFunc(stallPatience, s.expire)
	return s
}

func (s *stall) expire() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.ended && !s.now.Stalled {
		s.now.Stalled = true
		s.changed(s.now)
	}
}

// advance records a step.
func (s *stall) advance(step inspect.Progress) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.ended {
		return
	}
	s.timer.Reset(stallPatience)
	s.now.Objects = max(s.now.Objects, int64(step.Objects))
	if s.now.Stalled {
		s.now.Stalled = false
		s.changed(s.now)
	}
}

func (s *stall) end() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.ended = true
	s.timer.Stop()
}

// watched is the input of a cluster whose stalls are reported to changed, until end. It may be nil.
func watched(in inspect.Input, changed func(Stall)) (watched inspect.Input, end func()) {
	if changed == nil {
		return in, func() {}
	}
	s := watchStall(in.Source.Cluster, changed)
	report := in.Progress
	in.Progress = func(step inspect.Progress) {
		s.advance(step)
		if report != nil {
			report(step)
		}
	}
	return in, s.end
}

// place is what a cluster takes of the memory of this process. One that stalls leaves most of it to others, and goes on in any case: what
// is free then is taken again.
type place struct {
	reading *semaphore.Weighted
	weight  int64
	// held is what is taken now. An abandoned engine may still report a stall.
	mutex sync.Mutex
	held  int64
	left  bool
}

func (p *place) take(ctx context.Context) error {
	if err := p.reading.Acquire(ctx, p.weight); err != nil {
		return err
	}
	p.held = p.weight
	return nil
}

func (p *place) stalled(s Stall) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	switch rest := p.weight - min(s.Memory(), p.weight); {
	case p.left:
	case s.Stalled && p.held == p.weight:
		p.reading.Release(rest)
		p.held -= rest
	case !s.Stalled && p.reading.TryAcquire(p.weight-p.held):
		p.held = p.weight
	}
}

func (p *place) leave() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.left = true
	p.reading.Release(p.held)
}

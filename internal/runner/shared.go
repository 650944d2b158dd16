package runner

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/inspect/fleet"
)

const (
	// factsPart of the limit of a process is what the clusters in it may take by their estimates: the rest is for the program, its garbage,
	// and clusters that have grown.
	factsPart = 2
	// smallPart of what the clusters in a process may take is the most that one of them may.
	smallPart = 2
	// abandonDelay is how long after its deadline a part may hold up the process that it shares.
	abandonDelay = 7 * time.Second
	// turn is how long a process has its memory while another namespace waits for it: it takes no more parts then, and ends with those that
	// it has.
	turn = 10 * time.Second
)

// errAlone is a part that its process did not finish. It is done again in a process of its own, so that what ended the process is told
// apart from what was in its way.
var errAlone = errors.New("the process that the part shared has ended")

// sharedProcesses do the parts of one run: those of small clusters in processes that do several at the same time, which saves the start of
// a process for each, and the wait for a network for all. A part whose process ends is done again in a process of its own, as are those of
// clusters that are large or unknown.
type sharedProcesses struct {
	child *Child
	group sync.WaitGroup

	mutex sync.Mutex
	// waiting are parts that no process has taken.
	waiting []*sharedPart
	// processes that were started; starting is how many of them have not asked for a part yet, and idle how many wait for one.
	processes, starting, idle int
	// closed is set at the end of the run: no process starts after it.
	closed bool
	// changed is closed, and replaced, when a process that waits may go on.
	changed chan struct{}
}

// sharedPart is one part.
type sharedPart struct {
	work   Work
	target Target
	taken  time.Time
	// overdue ends the process, since the part does not end; late is set then.
	overdue *time.Timer
	late    bool
	// stalled is what its cluster needs while it does not advance, in bytes; 0 while it does.
	stalled int64
	// done is closed with the result.
	done   chan struct{}
	result fleet.PartResult
	err    error
}

func newShared(c *Child) *sharedProcesses {
	return &sharedProcesses{child: c, changed: make(chan struct{})}
}

// close starts no more processes, and waits for the end of those that were started, which is that of the context of the run at the latest.
func (s *sharedProcesses) close() {
	s.mutex.Lock()
	s.closed = true
	s.mutex.Unlock()
	s.group.Wait()
}

// memory of the clusters in one process, in bytes by their estimates; 0 if processes have no limit, and are not shared.
func (s *sharedProcesses) memory() int64 { return s.child.Command.Memory / factsPart }

// Do implements Parts.
func (s *sharedProcesses) Do(ctx context.Context, work Work, started func(context.Context) error) (fleet.PartResult, error) {
	if work.Part == nil || work.Part.Memory() == 0 || work.Part.Memory() > s.memory()/smallPart {
		return s.child.Do(ctx, work, started)
	}
	target, err := s.child.target(ctx, work)
	if err == nil {
		err = started(ctx)
	}
	if err != nil {
		return fleet.PartResult{}, err
	}
	part := &sharedPart{work: work, target: target, done: make(chan struct{})}
	s.add(ctx, part)
	select {
	case <-part.done:
	case <-ctx.Done():
		s.remove(part)
		return fleet.PartResult{}, ctx.Err()
	}
	if errors.Is(part.err, errAlone) {
		return s.child.Do(ctx, work, nothingToAnnounce)
	}
	return part.result, part.err
}

// add a part, and start a process for it unless one will ask for it.
func (s *sharedProcesses) add(ctx context.Context, part *sharedPart) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.waiting = slices.Insert(s.waiting, s.place(part), part)
	s.start(ctx, part.work)
	s.wake()
}

// place of a part among those that wait: those that were late the last time are behind all others, which they may hold up again.
func (s *sharedProcesses) place(part *sharedPart) int {
	late := slices.IndexFunc(s.waiting, func(other *sharedPart) bool { return other.work.Part.Late })
	if part.work.Part.Late || late < 0 {
		return len(s.waiting)
	}
	return late
}

// remove a part that no one waits for any more.
func (s *sharedProcesses) remove(part *sharedPart) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(other *sharedPart) bool { return other == part })
	s.wake()
}

// start one more process if parts wait, none is about to ask for them, and memory can hold another one.
func (s *sharedProcesses) start(ctx context.Context, work Work) {
	if s.closed || len(s.waiting) <= s.idle || s.starting > 0 || s.processes >= s.child.Memory.processes() {
		return
	}
	s.processes++
	s.starting++
	s.group.Go(func() { s.process(ctx, work) })
}

// wake processes that wait for a part.
func (s *sharedProcesses) wake() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// process runs one process once there is memory for it. What it leaves is done by others.
func (s *sharedProcesses) process(ctx context.Context, work Work) {
	here := &sharing{shared: s, run: ctx, work: work, held: map[string]*sharedPart{}, starting: true}
	defer here.end(ctx)
	key := processKey{inspection: client.ObjectKeyFromObject(work.Inspection), shared: true}
	given, release, err := s.child.Memory.acquire(ctx, key)
	if err != nil {
		return
	}
	var peak int64
	defer func() { release(peak) }()
	if !s.hasWaiting() {
		return // others were faster
	}
	limited, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	here.kill = kill
	here.began = time.Now()
	here.resolving = time.AfterFunc(resolveTimeout, func() { kill(child.ErrDeadline) })
	defer here.resolving.Stop()
	talk := newConversation(limited, s.child, work.Inspection, func() error { return nil })
	talk.work = work
	talk.sharing = here
	talk.job.Shared = true
	command := s.child.Command
	short := given > 0 && given < command.Memory
	if short {
		command.Memory = given
	}
	command.Ended = func(used int64) { peak = used }
	err = command.Run(limited, talk.hold)
	here.failed = err != nil
	switch {
	case err == nil:
		talk.observe()
		return
	case errors.Is(err, child.ErrMemory):
		peak = s.child.Command.Memory
	}
	if ctx.Err() == nil {
		log.FromContext(ctx).Info("A process for several clusters ended early; the rest of them have one each", "reason", err.Error(),
			"clusters", here.names())
	}
}

func (s *sharedProcesses) hasWaiting() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return len(s.waiting) > 0
}

// sharing is one process with the parts that it does.
type sharing struct {
	shared *sharedProcesses
	// run is the context of the run, for processes that outlive this one.
	run  context.Context //nolint:containedctx // that of process, for what its conversation calls
	work Work
	kill context.CancelCauseFunc
	// resolving ends a process that does not ask for a part in time.
	resolving *time.Timer
	// began is when the process got its memory.
	began time.Time
	// The rest is guarded by the mutex of shared. held are the parts by their clusters.
	held     map[string]*sharedPart
	starting bool
	// failed is set if the process did not end well.
	failed bool
}

// next part for the process, once there is memory for it; nil if it is to end: no part waits, and it has none, or another namespace waits
// for its memory.
func (p *sharing) next(ctx context.Context) *sharedPart {
	s := p.shared
	s.mutex.Lock()
	defer s.mutex.Unlock()
	p.resolving.Stop()
	p.started()
	for ctx.Err() == nil {
		if len(s.waiting) > 0 && p.hadItsTurn() {
			s.start(p.run, p.work) // it waits for memory behind the others
			return nil
		}
		if len(s.waiting) > 0 && p.fits(s.waiting[0]) {
			part := s.waiting[0]
			s.waiting = s.waiting[1:]
			p.hold(part)
			s.start(p.run, p.work)
			return part
		}
		if len(p.held) == 0 && len(s.waiting) == 0 {
			return nil
		}
		s.start(p.run, p.work) // what does not fit here has another process, if there may be one
		changed := s.changed
		idle := len(s.waiting) == 0
		if idle {
			s.idle++
		}
		s.mutex.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		s.mutex.Lock()
		if idle {
			s.idle--
		}
	}
	return nil
}

// started records that the process asks for parts, or never will.
func (p *sharing) started() {
	if p.starting {
		p.starting = false
		p.shared.starting--
	}
}

// hadItsTurn reports whether the process is to leave its memory to another namespace.
func (p *sharing) hadItsTurn() bool {
	return time.Since(p.began) >= turn && p.shared.child.Memory.wanted(p.work.Inspection.Namespace)
}

// fits reports whether the process may do one more part now. Those that stall keep no others from being read.
func (p *sharing) fits(part *sharedPart) bool {
	used := part.work.Part.Memory()
	reading := 0
	for _, held := range p.held {
		if held.stalled > 0 {
			used += min(held.stalled, held.work.Part.Memory())
			continue
		}
		used += held.work.Part.Memory()
		reading++
	}
	return len(p.held) == 0 || reading < fleet.MaxReading && used <= p.shared.memory()
}

// hold a part. One that does not begin or end in time ends the process: its work ignores its deadline.
func (p *sharing) hold(part *sharedPart) {
	part.taken = time.Now()
	p.held[part.work.Part.Cluster] = part
	part.overdue = time.AfterFunc(resolveTimeout, func() {
		p.shared.mutex.Lock()
		part.late = true
		p.shared.mutex.Unlock()
		p.kill(child.ErrDeadline)
	})
}

// begin the deadline of a part; unknown ones are ignored.
func (p *sharing) begin(cluster string) {
	p.shared.mutex.Lock()
	defer p.shared.mutex.Unlock()
	if part := p.held[cluster]; part != nil && part.overdue.Stop() {
		part.overdue.Reset(part.work.Part.Deadline + abandonDelay)
	}
}

// stall records that the cluster of a part does not advance, or does again; unknown ones are ignored.
func (p *sharing) stall(stall fleet.Stall) {
	p.shared.mutex.Lock()
	defer p.shared.mutex.Unlock()
	part := p.held[stall.Cluster]
	if part == nil {
		return
	}
	part.stalled = 0
	if stall.Stalled {
		part.stalled = stall.Memory()
	}
	p.shared.wake()
}

// finish a part; unknown ones are ignored.
func (p *sharing) finish(cluster string, outcome *Outcome) {
	p.shared.mutex.Lock()
	defer p.shared.mutex.Unlock()
	part := p.held[cluster]
	if part == nil {
		return
	}
	delete(p.held, cluster)
	part.overdue.Stop()
	part.result, part.err = outcome.Result()
	part.result.Took = time.Since(part.taken)
	close(part.done)
	p.shared.wake()
}

// end of the process. Its parts are done alone, but for those that ended it by being late, and those that wait by another process, unless
// this one failed before it asked for any: another one would, too.
func (p *sharing) end(ctx context.Context) {
	s := p.shared
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p.starting && p.failed {
		for _, part := range s.waiting {
			part.err = errAlone
			close(part.done)
		}
		s.waiting = nil
	}
	p.started()
	s.processes--
	for _, part := range p.held {
		part.overdue.Stop()
		part.err = errAlone
		if part.late {
			part.err = s.child.toProblem(ctx, part.work, child.ErrDeadline)
			part.result.Took = time.Since(part.taken)
		}
		close(part.done)
	}
	p.held = nil
	if ctx.Err() == nil {
		s.start(ctx, p.work)
	}
}

// names of the clusters whose parts the process has, sorted.
func (p *sharing) names() []string {
	p.shared.mutex.Lock()
	defer p.shared.mutex.Unlock()
	all := make([]string, 0, len(p.held))
	for name := range p.held {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

package live

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// parallelLists is how many lists are read at the same time. Each holds one page in memory.
	parallelLists = 4
	// grace is how long facts are used that cannot be renewed: a watch that is interrupted usually continues, and an API server that has
	// just started may refuse what it allows a second later.
	grace = 10 * time.Second
)

// Options of a session. All fields are required.
type Options struct {
	Source collect.Source
	Scope  collect.Scope
	Kinds  []facts.Kind
	Clock  clock.Clock
}

// Session follows one cluster until its context ends.
type Session struct {
	options  Options
	follower *collect.Follower
	facts    Facts
	slots    chan struct{}
	// changed has an element while there is something new to judge.
	changed chan struct{}
	// tried is closed once each list was read or failed.
	tried    chan struct{}
	allTried sync.Once
	streams  sync.WaitGroup

	mutex   sync.Mutex
	plan    collect.Plan
	states  map[*collect.Stream]*state
	untried int
	// redefined: CustomResourceDefinitions have changed since the plan was made.
	redefined bool
	// missing are namespaces of the scope that do not exist.
	missing []collect.Failure
	// down is true while the API server answers no stream; up is when it last began to answer again.
	down bool
	up   time.Time
}

// state of one stream.
type state struct {
	list  List
	tried bool
	// end stops the stream.
	end context.CancelFunc
	// err is why the list is not followed now, since when. Nil if it is.
	err   error
	since time.Time
}

// Start connects to a cluster and begins to follow it. The error is a *problem.Problem if the configuration is invalid, the server is
// unreachable or rejects the credentials. Another error means that ctx was cancelled.
func Start(ctx context.Context, o Options) (*Session, error) {
	follower, err := collect.Follow(o.Source, o.Scope, o.Clock)
	if err != nil {
		return nil, err
	}
	plan, err := follower.Plan(ctx, o.Kinds)
	if err != nil {
		return nil, err
	}
	s := &Session{
		options: o, follower: follower, slots: make(chan struct{}, parallelLists), changed: make(chan struct{}, 1),
		tried: make(chan struct{}), states: map[*collect.Stream]*state{},
	}
	s.adopt(ctx, plan)
	return s, nil
}

// adopt follows the lists of a plan: those that are followed already go on, and those that are not in it end.
func (s *Session) adopt(ctx context.Context, plan collect.Plan) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	followed := map[List]*collect.Stream{}
	for stream, st := range s.states {
		followed[st.list] = stream
	}
	for i, stream := range plan.Streams {
		of := List{stream.Kind(), stream.Namespace()}
		if known := followed[of]; known != nil {
			plan.Streams[i] = known
			delete(followed, of)
			continue
		}
		own, end := context.WithCancel(ctx)
		s.states[stream] = &state{list: of, end: end}
		s.untried++
		s.streams.Go(func() { s.follow(own, stream, of) })
	}
	for of, stream := range followed {
		s.states[stream].end()
		s.try(s.states[stream])
		delete(s.states, stream)
		s.facts.Drop(of)
	}
	s.plan = plan
	if s.untried == 0 {
		s.allTried.Do(func() { close(s.tried) })
	}
}

// Refresh finds what has changed with time and is not watched: the kinds of custom resources, if their definitions have changed, and
// namespaces of the scope that do not exist. It takes requests for these.
func (s *Session) Refresh(ctx context.Context) {
	s.mutex.Lock()
	redefined := s.redefined
	s.redefined = false
	s.mutex.Unlock()
	if redefined {
		plan, err := s.follower.Plan(ctx, s.options.Kinds)
		if err == nil {
			s.adopt(ctx, plan)
		} else {
			s.mutex.Lock()
			s.redefined = true
			s.mutex.Unlock()
		}
	}
	s.checkNamespaces(ctx)
}

// Tried is closed once each list was read, or could not be read.
func (s *Session) Tried() <-chan struct{} { return s.tried }

// Changed delivers a value when facts have changed, or are known no longer, since the last one.
func (s *Session) Changed() <-chan struct{} { return s.changed }

// Down reports whether the API server answers nothing now. The facts are then those of before.
func (s *Session) Down() bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.down
}

// Size of what is kept.
func (s *Session) Size() Size { return s.facts.Size() }

// Wait returns once all streams have ended, after the context has.
func (s *Session) Wait() { s.streams.Wait() }

// refreshTimeout bounds the requests for the namespaces of the scope.
const refreshTimeout = 10 * time.Second

// checkNamespaces finds namespaces of the scope that do not exist. It sends a request for each in which nothing was found.
func (s *Session) checkNamespaces(ctx context.Context) {
	if len(s.options.Scope.Namespaces) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, refreshTimeout)
	defer cancel()
	_, failed, _ := s.known()
	missing := s.follower.MissingNamespaces(ctx, s.facts.Populated(), failed)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.missing = missing
}

// Collected is what a run would collect now. The graph must not be used any more once this is called again. The error is a
// *problem.Problem where nothing of what the scope selects can be read.
func (s *Session) Collected() (collect.Collected, error) {
	covered, failed, read := s.known()
	s.mutex.Lock()
	failed = append(failed, s.missing...)
	plan := s.plan
	s.mutex.Unlock()
	gaps, err := s.follower.Gaps(append(failed, plan.Failures...), read)
	if err != nil {
		return collect.Collected{}, err
	}
	graph := s.facts.Graph(Source{
		Cluster: s.options.Source.Cluster, Version: plan.Version, Now: s.options.Clock.Now(), Covered: covered, Absent: plan.Absent,
	})
	return collect.Collected{
		Graph: graph, Gaps: slices.Concat(gaps, plan.Gaps), Namespaces: slices.Sorted(slices.Values(s.options.Scope.Namespaces)),
	}, nil
}

// known are the lists that are followed, those that are not, and how many of what the scope selects are.
func (s *Session) known() (covered []List, failed []collect.Failure, read int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	now := s.options.Clock.Now()
	for _, stream := range s.plan.Streams {
		st := s.states[stream]
		listed := s.facts.Has(st.list)
		lost := st.err != nil && (!listed || now.Sub(later(st.since, s.up)) >= grace)
		switch {
		case !lost && listed:
			covered = append(covered, st.list)
			if !stream.Context() {
				read++
			}
		case lost && !stream.Context() && !stream.Gone(st.err):
			failed = append(failed, stream.Failure(st.err))
		}
	}
	return covered, failed, read
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// follow reads a list and watches it, until ctx ends.
func (s *Session) follow(ctx context.Context, stream *collect.Stream, of List) {
	pause := backoff{clock: s.options.Clock}
	for ctx.Err() == nil {
		if s.facts.Version(of) == "" {
			if err := s.read(ctx, stream, of); err != nil {
				s.failed(stream, err)
				pause.wait(ctx, err)
				continue
			}
			s.followed(stream)
		}
		err := s.watch(ctx, stream, of)
		switch {
		case collect.Expired(err):
			s.facts.Expire(of)
		case err != nil:
			s.failed(stream, err)
		default:
			pause.reset() // it is continued at once, but not in a busy loop
		}
		pause.wait(ctx, err)
	}
}

// read reads the whole list.
func (s *Session) read(ctx context.Context, stream *collect.Stream, of List) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	reading := s.facts.Read(of)
	version, err := stream.List(ctx, reading.Take, reading.Restart)
	if err != nil {
		return err
	}
	if version == "" {
		return errNoVersion
	}
	reading.Done(version)
	return nil
}

// errNoVersion is the error of a list that cannot be watched.
var errNoVersion = errors.New("the list has no resource version")

// watch continues where the list, or the last watch, ended.
func (s *Session) watch(ctx context.Context, stream *collect.Stream, of List) error {
	return stream.Watch(ctx, s.facts.Version(of), func() { s.followed(stream) }, func(event collect.Event) bool {
		changed, room := s.facts.Apply(of, event)
		if changed {
			s.factChanged(of)
		}
		return room
	})
}

// followed records that a list is known, or followed again.
func (s *Session) followed(stream *collect.Stream) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	st := s.states[stream]
	if st == nil {
		return // the stream ends
	}
	first := s.try(st)
	recovered := st.err != nil
	st.err = nil
	if s.down {
		s.down = false
		s.up = s.options.Clock.Now()
	}
	if first || recovered {
		s.notify()
	}
}

// failed records why a list is not followed. Its facts are used for a while.
func (s *Session) failed(stream *collect.Stream, err error) {
	if errors.Is(err, context.Canceled) {
		return // the session ends
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	st := s.states[stream]
	if st == nil {
		return // the stream ends
	}
	s.try(st)
	if st.err == nil {
		st.since = s.options.Clock.Now()
	}
	st.err = err
	s.down = true
	for _, other := range s.states {
		s.down = s.down && other.tried && collect.Unreachable(other.err)
	}
	s.notify()
}

// try counts the first attempt of a stream, and reports whether this is it.
func (s *Session) try(st *state) bool {
	if st.tried {
		return false
	}
	st.tried = true
	if s.untried--; s.untried == 0 {
		s.allTried.Do(func() { close(s.tried) })
	}
	return true
}

// factChanged notes that a fact of a list has changed.
func (s *Session) factChanged(of List) {
	if of.Kind == facts.CRD {
		s.mutex.Lock()
		s.redefined = true
		s.mutex.Unlock()
	}
	s.notify()
}

func (s *Session) notify() {
	select {
	case s.changed <- struct{}{}:
	default: // it is notified already
	}
}

package runner

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/inspect/live"
	"kubeops.io/kubeops/internal/problem"
)

// How long to wait before a child that ended is started again: at first, and at most. A child that lived for settled starts over with
// the first.
const (
	minRestart = 5 * time.Second
	maxRestart = 5 * time.Minute
	// maxProblemRestart is for a child that found a problem before it watched, such as an API server that does not answer.
	maxProblemRestart = 30 * time.Second
	settled           = 10 * time.Minute
)

// firstListTimeout is how long a child may take from its start to its first judgement: as long as the lists of a large cluster take.
const firstListTimeout = 10 * time.Minute

// Watches keep one child process for each Inspection that is continuous. All fields but Max and PerNamespace are required.
type Watches struct {
	// Child starts the processes.
	Child *Child
	// Max is how many there may be. Default 0: none.
	Max int
	// PerNamespace is how many of them may be of one namespace. Default 0: all.
	PerNamespace int
	// Wake is called when the state of an Inspection has changed. It must not block.
	Wake  func(client.ObjectKey)
	Clock clock.Clock

	mutex   sync.Mutex
	started map[client.ObjectKey]*watched
	// closed: no more children are started, since the manager ends.
	closed  bool
	running sync.WaitGroup
}

// Watched is the state of an Inspection that is continuous.
type Watched struct {
	// Problem is why it is not watched now. The child is started again without another call.
	Problem *problem.Problem
	// Latest judgement, or nil before the first.
	Latest *Judgement
	// Evidence is the latest judgement with evidence that was made for Want, or nil.
	Evidence *Judgement
	// Referents that Ensure got.
	Referents []string
}

// ErrTooMany is the error where Max Inspections are watched.
var ErrTooMany = errors.New("the maximum number of Inspections is watched")

// ErrTooManyOfNamespace is the error where PerNamespace Inspections of the namespace are watched.
var ErrTooManyOfNamespace = errors.New("the maximum number of Inspections of the namespace is watched")

// room is the error of one more Inspection, if there is no room for it.
func (w *Watches) room(namespace string) error {
	own := 0
	for key := range w.started {
		if key.Namespace == namespace {
			own++
		}
	}
	switch {
	case len(w.started) >= w.Max:
		return ErrTooMany
	case w.PerNamespace > 0 && own >= w.PerNamespace:
		return ErrTooManyOfNamespace
	}
	return nil
}

// Start implements manager.Runnable: it ends all children with ctx.
func (w *Watches) Start(ctx context.Context) error {
	<-ctx.Done()
	w.mutex.Lock()
	w.closed = true
	for key := range w.started {
		w.stop(key)
	}
	w.mutex.Unlock()
	w.running.Wait()
	return nil
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (*Watches) NeedLeaderElection() bool { return true }

// Has reports whether an Inspection is watched.
func (w *Watches) Has(key client.ObjectKey) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.started[key] != nil
}

// Ensure watches an Inspection, and returns the state. A changed spec starts a new child. With referents, the states of what the
// Inspection refers to, check is called before a child is started and when they have changed; without, each time. Its error ends the child,
// unless it is one of a server that may recover: that is no reason to read the cluster again.
func (w *Watches) Ensure(inspection *v1alpha1.Inspection, referents []string, check func() error) (Watched, error) {
	key := client.ObjectKeyFromObject(inspection)
	w.mutex.Lock()
	known := w.started[key]
	var full error
	if known == nil {
		full = w.room(key.Namespace)
	}
	w.mutex.Unlock()
	switch {
	case full != nil:
		return Watched{}, full
	case known.holds(inspection, referents):
		return known.state(), nil
	}
	same := known != nil && known.is(inspection)
	if err := check(); err != nil {
		if p := problem.As(err); same && (p == nil || p.Action == problem.Retry) {
			return known.state(), nil
		}
		w.Stop(key)
		return Watched{}, err
	}
	if same {
		known.mutex.Lock()
		known.referents = referents
		known.mutex.Unlock()
		return known.state(), nil
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.stop(key)
	if w.closed {
		return Watched{}, context.Canceled
	}
	if full := w.room(key.Namespace); full != nil {
		return Watched{}, full
	}
	if w.started == nil {
		w.started = map[client.ObjectKey]*watched{}
	}
	ctx, cancel := context.WithCancel(log.IntoContext(context.Background(), log.Log.WithValues("inspection", key)))
	begun := &watched{
		watches: w, key: key, uid: inspection.UID, generation: inspection.Generation, inspection: inspection.DeepCopy(),
		cancel: cancel, referents: referents, wanted: Wanted{Previous: inspection.Status.LastReport}, changed: make(chan struct{}),
	}
	w.started[key] = begun
	w.running.Go(func() { begun.keep(ctx) })
	return begun.state(), nil
}

// Want asks the child of an Inspection to compare with the last report, and, if evidence is set, for a judgement with evidence. It is
// asked for once until one is there.
func (w *Watches) Want(key client.ObjectKey, lastReport string, evidence bool) {
	w.mutex.Lock()
	known := w.started[key]
	w.mutex.Unlock()
	if known != nil {
		known.want(lastReport, evidence)
	}
}

// Stop ends the child of an Inspection, if there is one.
func (w *Watches) Stop(key client.ObjectKey) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.stop(key)
}

func (w *Watches) stop(key client.ObjectKey) {
	if known := w.started[key]; known != nil {
		known.cancel()
		delete(w.started, key)
	}
}

// Sizes is what the children keep of their clusters.
func (w *Watches) Sizes() (children int, size live.Size) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, known := range w.started {
		if latest := known.state().Latest; latest != nil {
			size.Objects += latest.Objects
			size.Bytes += latest.Bytes
		}
	}
	return len(w.started), size
}

// watched is one Inspection with its child.
type watched struct {
	watches    *Watches
	key        client.ObjectKey
	uid        types.UID
	generation int64
	inspection *v1alpha1.Inspection
	cancel     context.CancelFunc

	mutex            sync.Mutex
	referents        []string
	problem          *problem.Problem
	latest, evidence *Judgement
	wanted           Wanted
	// answered is the last wanted.Evidence that was delivered.
	answered int64
	// changed is closed and replaced when wanted changes.
	changed chan struct{}
	// settled stops the deadline of the first judgement.
	settled func()
}

// is reports whether the child was started for this state of the Inspection.
func (w *watched) is(i *v1alpha1.Inspection) bool {
	return w.uid == i.UID && w.generation == i.Generation
}

// holds reports whether nothing has changed since the last check. Without referents that is unknown.
func (w *watched) holds(i *v1alpha1.Inspection, referents []string) bool {
	if w == nil || !w.is(i) || referents == nil {
		return false
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return slices.Equal(w.referents, referents)
}

func (w *watched) state() Watched {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return Watched{Problem: w.problem, Latest: w.latest, Evidence: w.evidence, Referents: w.referents}
}

// keep runs a child until ctx ends, and starts another one when it ends.
func (w *watched) keep(ctx context.Context) {
	pause := minRestart
	for ctx.Err() == nil {
		began := w.watches.Clock.Now()
		err := w.run(ctx)
		if ctx.Err() != nil {
			return
		}
		if w.watches.Clock.Since(began) >= settled {
			pause = minRestart
		}
		w.ended(w.watches.Child.toWatchProblem(ctx, err, pause))
		timer := w.watches.Clock.NewTimer(pause)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
		}
		pause = min(2*pause, maxRestart)
		if problem.As(err) != nil {
			pause = min(pause, maxProblemRestart)
		}
	}
}

// run runs one child.
func (w *watched) run(ctx context.Context) error {
	limited, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	deadline := time.AfterFunc(firstListTimeout, func() { kill(child.ErrDeadline) })
	defer deadline.Stop()
	w.mutex.Lock()
	inspection := w.inspection.DeepCopy()
	inspection.Status.LastReport = w.wanted.Previous
	w.settled = func() { deadline.Stop() }
	w.mutex.Unlock()
	talk := newConversation(limited, w.watches.Child, inspection, func() error { return nil })
	talk.job.Watch = true
	talk.watched = w
	err := w.watches.Child.Command.Run(limited, talk.hold)
	switch {
	case err != nil:
		return err
	case talk.outcome.Problem != nil:
		return talk.outcome.Problem.Described()
	}
	return errors.New("the process ended without a problem")
}

// ended records why there is no child. Its judgements are void: they are of a cluster that is not watched any more.
func (w *watched) ended(p *problem.Problem) {
	w.mutex.Lock()
	w.problem = p
	w.latest, w.evidence = nil, nil
	w.mutex.Unlock()
	w.watches.Wake(w.key)
}

// judged records a judgement.
func (w *watched) judged(j *Judgement) {
	w.mutex.Lock()
	w.settled()
	w.problem = nil
	w.latest = j
	if j.Report == nil {
		w.evidence = nil // it is of before the problem
	}
	if j.Evidence {
		w.answered = j.For.Evidence
		if j.Report != nil && j.For.Previous == w.wanted.Previous {
			w.evidence = j
		}
	}
	w.mutex.Unlock()
	w.watches.Wake(w.key)
}

// want changes what the child is asked for. Evidence is asked for again only once it was delivered and used. What is there and not wanted
// any more is dropped: a report that is due later must not be of that time.
func (w *watched) want(previous string, evidence bool) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	next := Wanted{Previous: previous, Evidence: w.wanted.Evidence}
	if previous != w.wanted.Previous || !evidence {
		w.evidence = nil
	}
	if evidence && w.evidence == nil && w.answered == w.wanted.Evidence {
		next.Evidence++
	}
	if next == w.wanted {
		return
	}
	w.wanted = next
	close(w.changed)
	w.changed = make(chan struct{})
}

// await returns what is wanted, once that differs from what the child knows.
func (w *watched) await(ctx context.Context, known Wanted) (Wanted, error) {
	for {
		w.mutex.Lock()
		wanted, changed := w.wanted, w.changed
		w.mutex.Unlock()
		if wanted != known {
			return wanted, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return known, ctx.Err()
		}
	}
}

// toWatchProblem describes the end of a child that watches, which is started again after a while.
func (c *Child) toWatchProblem(ctx context.Context, err error, after time.Duration) *problem.Problem {
	crash := (*child.CrashError)(nil)
	p := problem.As(err)
	switch {
	case p != nil:
		return p
	case errors.Is(err, child.ErrMemory):
		limit := resource.NewQuantity(c.Command.Memory, resource.BinarySI)
		return problem.Waiting(v1alpha1.ReasonMemoryLimitExceeded, after, "the process that watches the cluster was stopped because it "+
			"needed more than %s of memory; narrow spec.namespaces or spec.checks, or ask the operator to raise "+
			"inspections.memoryLimit", limit)
	case errors.Is(err, child.ErrDeadline):
		return problem.Waiting(v1alpha1.ReasonDeadlineExceeded, after, "the cluster was not read within %s; narrow spec.namespaces or "+
			"spec.checks", firstListTimeout)
	case errors.As(err, &crash):
		log.FromContext(ctx).Error(nil, "The process of a continuous Inspection ended early", "state", crash.State, "text", crash.Text)
		return problem.Waiting(v1alpha1.ReasonRetrying, after,
			"the process that watches the cluster ended early and is started again; see the manager's log")
	}
	log.FromContext(ctx).Error(err, "The process of a continuous Inspection failed")
	return problem.Waiting(v1alpha1.ReasonRetrying, after,
		"cannot watch the cluster in a process of its own; it is tried again; see the manager's log")
}

package workqueue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// lookInterval is how often the leader looks for a result whose notification was lost.
	lookInterval = 10 * time.Second
	// resultTimeout of reading one result, of up to maxResult bytes.
	resultTimeout = 30 * time.Second
	// pingTimeout is how long workers may take to say that they are there, and pingInterval how often they are asked.
	pingTimeout  = 2 * time.Second
	pingInterval = 5 * time.Second
	// patience of a part in the queue with a server that is away, before it ends the run.
	patience = 45 * time.Second
	// absence of all workers after which a run ends, instead of waiting.
	absence = time.Minute
	// retryWithoutWorkers is when to try again.
	retryWithoutWorkers = 30 * time.Second
	// maxAttempts of a message id within the time in which the server knows it.
	maxAttempts = 20
	// refused is the answer to a worker whose run must not start.
	refused = "refused"
	// noSpace is what a worker says that cannot store a result, since the bucket is full, and givenBack one that leaves a part to others.
	noSpace   = "full"
	givenBack = "given back"
	// retryFull is when to try again.
	retryFull = 2 * time.Minute
)

var _ runner.Parts = (*Queue)(nil)

// Do implements runner.Parts: it queues the part, unless it is queued or done already, and waits for its result.
func (q *Queue) Do(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
	release, err := q.turns.take(ctx, &work)
	if err != nil {
		return fleet.PartResult{}, err
	}
	defer release()
	message := taskOf(work)
	w := &waiter{queue: q, ctx: ctx, id: message.id(), task: message, started: started, done: make(chan struct{}, 1),
		stopped: make(chan struct{}), began: time.Now()}
	unsubscribe, err := w.subscribe()
	if err != nil {
		return fleet.PartResult{}, q.unavailable(err)
	}
	defer w.leave()
	defer unsubscribe()
	for {
		outcome, err := w.step()
		next := lookInterval
		switch {
		case ctx.Err() != nil:
			return fleet.PartResult{}, ctx.Err()
		case err != nil && w.bridges(err):
			next = reconnectWait
		case err != nil:
			return fleet.PartResult{}, err
		case outcome != nil:
			return w.finish(outcome)
		default:
			w.reached = time.Now()
		}
		look := time.NewTimer(next)
		select {
		case <-w.done:
		case <-w.stopped:
		case <-look.C:
		case <-ctx.Done():
		}
		look.Stop()
	}
}

// waiter waits for the result of one part.
type waiter struct {
	queue   *Queue
	ctx     context.Context //nolint:containedctx // that of Do, for what a subscription calls
	id      string
	task    task
	started func(context.Context) error
	// done has an entry when a worker has stored the result; stopped is closed when started refused.
	done    chan struct{}
	stopped chan struct{}
	// full is set when a worker could not store the result; done has an entry then, too.
	full atomic.Bool

	// began is when Do was called, and reached when the part was last seen to be in the queue.
	began, reached time.Time

	once    sync.Once
	refusal error
}

// bridges reports whether to wait for a server that has just gone, such as one that is restarted: workers do the part meanwhile. At the
// beginning, one that had a connection a moment ago is waited for, and one that was never reached is reported at once. A request without an
// answer in time is repeated then, too: the server, or the other side, may have lost one message.
func (w *waiter) bridges(err error) bool {
	unanswered := errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded)
	away := errors.Is(err, errNotConnected) || errors.Is(err, nats.ErrNoResponders) || !w.queue.Connected()
	if w.reached.IsZero() {
		return time.Since(w.began) < patience && (unanswered || away && w.queue.lostWithin(patience))
	}
	return time.Since(w.reached) < patience && (unanswered || away)
}

// subscribe to what workers say about the part.
func (w *waiter) subscribe() (unsubscribe func(), err error) {
	done, err := w.queue.conn.Subscribe(w.queue.subject("done", w.id), func(*nats.Msg) {
		select {
		case w.done <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	failed, err := w.queue.conn.Subscribe(w.queue.subject("failed", w.id), func(m *nats.Msg) {
		switch string(m.Data) {
		case noSpace:
			w.full.Store(true)
		case givenBack: // it is queued again
		default:
			return
		}
		select {
		case w.done <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, errors.Join(err, done.Unsubscribe())
	}
	started, err := w.queue.conn.Subscribe(w.queue.subject("started", w.id), func(m *nats.Msg) {
		answer := ""
		if w.begin() != nil {
			answer = refused
		}
		_ = m.Respond([]byte(answer)) // a worker that hears nothing goes on, and its result is dropped
	})
	if err != nil {
		return nil, errors.Join(err, done.Unsubscribe(), failed.Unsubscribe())
	}
	return func() { _ = errors.Join(done.Unsubscribe(), failed.Unsubscribe(), started.Unsubscribe()) }, nil
}

// begin announces the run once.
func (w *waiter) begin() error {
	w.once.Do(func() {
		if w.refusal = w.started(w.ctx); w.refusal != nil {
			close(w.stopped)
		}
	})
	return w.refusal
}

// errLeft is the refusal of a run that no one waits for any more.
var errLeft = errors.New("no one waits for the run")

// leave waits for an announcement that is in progress, and allows no other: what it writes belongs to the caller of Do.
func (w *waiter) leave() { w.once.Do(func() { w.refusal = errLeft }) }

// step returns the result if there is one, and otherwise sees to it that the part is queued.
func (w *waiter) step() (*runner.Outcome, error) {
	select {
	case <-w.stopped:
		return nil, w.refusal
	default:
	}
	q := w.queue
	opened, err := q.open(w.ctx)
	if err != nil {
		return nil, q.unavailable(err)
	}
	outcome, err := w.result(opened)
	if err == nil && outcome == nil && w.full.Swap(false) {
		freed, err := q.free(w.ctx, opened)
		switch {
		case err != nil:
			q.forget()
			return nil, q.unavailable(err)
		case freed:
			return nil, nil // the worker tries again, and says so if that did not suffice
		}
		return nil, problem.Waiting(v1alpha1.ReasonWorkQueueFull, retryFull, "a worker could not store a result in the work queue at %s: "+
			"bucket %s-results is full; raise workQueue.resultsStorage of the manager's configuration, and the storage of the NATS "+
			"server, or wait until results of other runs are removed, which takes %s at most", q.servers, q.name, keepResults)
	}
	if err == nil && outcome == nil {
		err = w.enqueue()
	}
	if err != nil {
		q.forget()
		return nil, q.unavailable(err)
	}
	if outcome == nil && q.abandoned() {
		return nil, problem.Waiting(v1alpha1.ReasonNoWorkers, retryWithoutWorkers, "no worker takes work from the work queue at %s, so "+
			"nothing was inspected; check that Deployment kubeops-worker has ready Pods, and their logs", q.servers)
	}
	return outcome, nil
}

// finish with an outcome. A run whose beginning no worker could announce is announced now.
func (w *waiter) finish(outcome *runner.Outcome) (fleet.PartResult, error) {
	done, err := outcome.Result()
	if err == nil {
		w.queue.keepRead(w.id)
		err = w.begin()
	}
	return done, err
}

// enqueue the part, unless it is queued. A message id that the server knows of an earlier attempt is skipped.
func (w *waiter) enqueue() error {
	content, err := json.Marshal(w.task)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(w.ctx, requestTimeout)
	defer cancel()
	for attempt := range maxAttempts {
		ack, err := w.queue.stream.Publish(ctx, w.queue.subject("parts", w.id), content,
			jetstream.WithMsgID(fmt.Sprintf("%s-%d", w.id, attempt)))
		switch {
		case isQueued(err):
			return nil
		case err != nil:
			return err
		case !ack.Duplicate:
			return nil
		}
	}
	return nil // the part is repeated too fast; the next look tries again
}

// isQueued reports whether a message was refused since there is one on its subject.
func isQueued(err error) bool {
	refused := refusalOf(err)
	return refused != nil && strings.Contains(refused.Description, "per subject")
}

// abandoned reports whether no worker has answered for a while.
func (q *Queue) abandoned() bool {
	q.mutex.Lock()
	due := time.Since(q.checked) >= pingInterval
	if time.Since(q.checked) >= absence { // they may have been there since
		q.absentSince = time.Time{}
	}
	if due {
		q.checked = time.Now()
	}
	q.mutex.Unlock()
	if due {
		_, err := q.conn.Request(q.subject("ping", "workers"), nil, pingTimeout)
		q.mutex.Lock()
		switch {
		case err == nil:
			q.absentSince = time.Time{}
		case q.absentSince.IsZero():
			q.absentSince = time.Now()
		}
		q.mutex.Unlock()
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return !q.absentSince.IsZero() && time.Since(q.absentSince) >= absence
}

// unavailable describes an error of the queue. The message is stable between attempts.
func (q *Queue) unavailable(err error) error {
	if problem.As(err) != nil {
		return err
	}
	if isFull(err) {
		return problem.Retrying(v1alpha1.ReasonWorkQueueFull, err, "the work queue at %s has no space (%s); raise workQueue.partsStorage, "+
			"and the storage of the NATS server, which must be more than partsStorage and resultsStorage together", q.servers,
			q.describe(err))
	}
	return problem.Retrying(v1alpha1.ReasonWorkQueueUnavailable, err, "cannot use the work queue at %s: %s; check workQueue in the "+
		"manager's configuration, and the NATS server", q.servers, q.describe(err))
}

func (q *Queue) describe(err error) string {
	refused := refusalOf(err)
	last := q.conn.LastError()
	switch {
	case errors.Is(err, errNotConnected) && (errors.Is(last, nats.ErrAuthorization) || errors.Is(last, nats.ErrAuthExpired)):
		return "it rejects the credentials"
	case errors.Is(err, errNotConnected):
		return "there is no connection"
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrJetStreamNotEnabled):
		return "JetStream is not enabled there"
	case absent(err):
		return "it is not there; a manager that leads creates it"
	case refused != nil:
		return fmt.Sprintf("JetStream refuses a request (error code %d)", refused.ErrorCode)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return "it does not answer in time"
	}
	return "see the manager's log"
}

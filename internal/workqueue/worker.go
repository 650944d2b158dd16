package workqueue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// fetchWait is how long one request for a part waits, and the end of a worker for its last one.
	fetchWait = 2 * time.Second
	// announceTimeout is how long the leader may take to announce a run.
	announceTimeout = 15 * time.Second
	// otherVersion is when a part is given back that is for workers of another version: before it would be offered again.
	otherVersion = 10 * time.Second
	// maxDeliveries of a part: it may be what ends the workers that take it. One that is given back is queued as a new one, and counts
	// again.
	maxDeliveries = 12
	// storeTimeout of one attempt to store a result.
	storeTimeout = 30 * time.Second
)

// Worker takes parts from a queue and does them. All fields are required.
type Worker struct {
	Queue *Queue
	// Parts do the work.
	Parts runner.Parts
	// Reader reads Inspections, without a cache: a part is refused if the spec that is read is not the one that the leader read.
	Reader client.Reader
	// Parallel parts are done at the same time.
	Parallel int
	Logger   logr.Logger

	// fetching is held for reading by each request for a part.
	fetching sync.RWMutex
}

// Start takes parts until ctx ends. Those that are not done then are given back.
func (w *Worker) Start(ctx context.Context) error {
	places := []byte(strconv.Itoa(max(w.Parallel, 1)))
	here, err := w.Queue.conn.Subscribe(w.Queue.subject("ping", "workers"), func(m *nats.Msg) { _ = m.Respond(places) })
	if err != nil {
		return err
	}
	defer func() { _ = here.Unsubscribe() }()
	var group sync.WaitGroup
	for range max(w.Parallel, 1) {
		group.Go(func() { w.take(ctx) })
	}
	group.Wait()
	return nil
}

// take parts one after the other.
func (w *Worker) take(ctx context.Context) {
	waits := false // for a leader that creates the queue, which is said once
	for ctx.Err() == nil {
		message, err := w.next(ctx)
		switch {
		case err == nil:
			waits = false
			if message != nil {
				w.handle(ctx, message)
			}
			continue
		case ctx.Err() != nil:
			return
		case !absent(err) || !waits:
			w.Logger.Info("Cannot take a part from the work queue", "reason", w.Queue.describe(err))
		}
		waits = absent(err)
		w.Queue.forget()
		pause(ctx, reconnectWait)
	}
}

// pause until a duration has passed or ctx ends.
func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// next part, or nil if none came for a while. A request is not broken off: the server may answer it at that moment, and the part would be
// offered again only once its time is over.
func (w *Worker) next(ctx context.Context) (jetstream.Msg, error) {
	opened, err := w.Queue.join(ctx)
	if err != nil {
		return nil, err
	}
	w.fetching.RLock()
	defer w.fetching.RUnlock()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	batch, err := opened.workers.Fetch(1, jetstream.FetchMaxWait(fetchWait))
	if err != nil {
		return nil, err
	}
	if message, open := <-batch.Messages(); open {
		return message, nil
	}
	if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
		return nil, err
	}
	return nil, nil
}

// handle one message: do the part, store the result, and acknowledge it, in this order.
func (w *Worker) handle(ctx context.Context, message jetstream.Msg) {
	logger := w.Logger
	t, err := decodeTask(message.Data())
	switch {
	case errors.Is(err, errProtocol):
		pause(ctx, otherVersion)
		w.giveBack(logger, message)
		return
	case err != nil:
		logger.Info("Dropped a message that is no part", "reason", err.Error())
		w.answered(logger, message.Term())
		return
	}
	logger = logger.WithValues("namespace", t.Namespace, "inspection", t.Name, "run", t.Run, "part", t.id())
	if part := t.Part; part != nil {
		logger = logger.WithValues("cluster", part.Cluster)
	}
	working, stop := context.WithCancel(ctx)
	defer stop()
	var group sync.WaitGroup
	group.Go(func() { w.keep(working, message) })
	err = w.complete(logr.NewContext(working, logger), t, deliveries(message))
	stop()
	group.Wait()
	switch {
	case ctx.Err() != nil: // another worker repeats it, and not another request of this one
		w.fetching.Lock()
		defer w.fetching.Unlock()
		w.giveBack(logger, message)
	case err != nil:
		logger.Error(err, "Cannot store the result of a part")
		w.giveBack(logger, message)
	default:
		// Waits for the server: without its word, the part is repeated.
		w.answered(logger, message.DoubleAck(context.WithoutCancel(ctx)))
	}
}

// giveBack a part that this worker does not finish. It leaves the queue, and the leader that waits for it queues it again at once, or when
// it looks next: the server would count it as one more delivery, as if it had ended the worker.
func (w *Worker) giveBack(logger logr.Logger, message jetstream.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
	defer cancel()
	w.answered(logger, message.DoubleAck(ctx)) // it has left before the leader hears of it
	id := strings.TrimPrefix(message.Subject(), w.Queue.subject("parts", ""))
	w.answered(logger, w.Queue.conn.Publish(w.Queue.subject("failed", id), []byte(givenBack)))
}

// answered logs an answer to the queue that did not arrive: the part is then offered again.
func (w *Worker) answered(logger logr.Logger, err error) {
	if err != nil {
		logger.Info("The work queue did not get the answer about a part", "reason", w.Queue.describe(err))
	}
}

func deliveries(message jetstream.Msg) uint64 {
	metadata, err := message.Metadata()
	if err != nil {
		return 1
	}
	return metadata.NumDelivered
}

// keep a part while it is worked on.
func (w *Worker) keep(ctx context.Context, message jetstream.Msg) {
	const perWait = 3
	ticker := time.NewTicker(ackWait / perWait)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			_ = message.InProgress() // the connection may return in time
		case <-ctx.Done():
			return
		}
	}
}

// complete a part: its result is stored afterwards, unless it is stored already or no one wants it.
func (w *Worker) complete(ctx context.Context, t task, deliveries uint64) error {
	opened, err := w.Queue.join(ctx)
	if err != nil {
		return err
	}
	id := t.id()
	if stored, err := opened.find(ctx, id); err == nil && stored != nil {
		return nil // the worker that stored it was killed before it could say so
	}
	began := time.Now()
	done, err := w.do(ctx, t, deliveries)
	switch {
	case errors.Is(err, errRefused):
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && problem.As(err) == nil:
		logr.FromContextOrDiscard(ctx).Error(err, "Unexpected error of a part")
	}
	outcome := runner.NewOutcome(done, err)
	w.Queue.metrics.finished(outcome.Problem == nil, time.Since(began))
	packed, err := encodeOutcome(outcome)
	if err != nil {
		return err
	}
	if err := w.store(ctx, opened, id, packed); err != nil {
		return err
	}
	logr.FromContextOrDiscard(ctx).Info("Done with a part", "bytes", len(packed),
		"took", time.Since(began).Round(time.Millisecond).String(), "attempt", deliveries)
	_ = w.Queue.conn.Publish(w.Queue.subject("done", id), nil) // the leader looks from time to time, too
	return nil
}

// errNotStored is a result that the server did not keep.
var errNotStored = errors.New("the work queue did not keep the result")

// store a result. What takes long to find out is not thrown away because the server is being restarted, or is full for a moment: others are
// removed all the time. The leader hears of a full bucket at once.
func (w *Worker) store(ctx context.Context, o *opened, id string, packed []byte) error {
	began := time.Now()
	for {
		limited, cancel := context.WithTimeout(ctx, storeTimeout)
		_, err := o.results.PutBytes(limited, id, packed)
		// The client may miss the refusal of the content, of which find discards the name.
		stored, missing := o.find(limited, id)
		cancel()
		full := isFull(err) || err == nil && missing == nil && stored == nil
		if full && err == nil {
			err = errNotStored
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case full:
			_ = w.Queue.conn.Publish(w.Queue.subject("failed", id), []byte(noSpace)) // it is said again with the next attempt
		}
		if time.Since(began) >= patience {
			return err
		}
		pause(ctx, reconnectWait)
	}
}

// errRefused is a run that the leader does not want to start, or a part that no one waits for.
var errRefused = errors.New("the run was refused")

// do the work of a part.
func (w *Worker) do(ctx context.Context, t task, deliveries uint64) (fleet.PartResult, error) {
	if deliveries > maxDeliveries {
		return fleet.PartResult{}, problem.Waiting(v1alpha1.ReasonWorkersLost, retryAbandoned, "%d attempts of workers to inspect %s had "+
			"no result, and why is unknown; see the logs and the last state of the containers of Deployment kubeops-worker, where "+
			"OOMKilled means that they need more memory", maxDeliveries, t.subject())
	}
	inspection := &v1alpha1.Inspection{}
	key := client.ObjectKey{Namespace: t.Namespace, Name: t.Name}
	err := w.Reader.Get(ctx, key, inspection)
	switch {
	case apierrors.IsNotFound(err) || err == nil && (inspection.UID != t.UID || inspection.Generation != t.Generation):
		return fleet.PartResult{}, problem.Retrying(v1alpha1.ReasonRetrying, nil, "Inspection %s has changed since its run began", key)
	case err != nil:
		return fleet.PartResult{}, problem.Retrying(v1alpha1.ReasonRetrying, err, "a worker cannot read Inspection %s (%s)", key,
			apierror.Describe(err))
	case (inspection.Spec.Clusters == nil) != (t.Part == nil):
		return fleet.PartResult{}, problem.Retrying(v1alpha1.ReasonRetrying, nil, "the part does not fit Inspection %s", key)
	}
	if err := w.selected(ctx, inspection, t.Part); err != nil {
		return fleet.PartResult{}, err
	}
	return w.Parts.Do(ctx, runner.Work{Inspection: inspection, Run: t.Run, Part: t.Part}, func(ctx context.Context) error {
		return w.announce(ctx, t.id())
	})
}

// selected fails for a part of a cluster that the Inspection does not select: anyone with access to the queue may have named it.
func (w *Worker) selected(ctx context.Context, inspection *v1alpha1.Inspection, part *fleet.Part) error {
	if part == nil || slices.Contains(inspection.Spec.Clusters.Names, part.Cluster) {
		return nil
	}
	cluster := &v1alpha1.ManagedCluster{}
	key := client.ObjectKey{Namespace: inspection.Namespace, Name: part.Cluster}
	if wanted := inspection.Spec.Clusters.Selector; wanted != nil {
		selector, err := metav1.LabelSelectorAsSelector(wanted)
		if err == nil {
			err = w.Reader.Get(ctx, key, cluster)
		}
		switch {
		case err == nil && selector.Matches(labels.Set(cluster.Labels)):
			return nil
		case err != nil && !apierrors.IsNotFound(err):
			return problem.Retrying(v1alpha1.ReasonRetrying, err, "a worker cannot read ManagedCluster %s (%s)", key,
				apierror.Describe(err))
		}
	}
	return problem.Retrying(v1alpha1.ReasonRetrying, nil, "ManagedCluster %s is not selected any more", key)
}

// retryAbandoned is when to repeat a part that no worker could do.
const retryAbandoned = 10 * time.Minute

// subject of the part in messages.
func (t *task) subject() string {
	if t.Part == nil {
		return "the cluster"
	}
	return "ManagedCluster " + t.Part.Cluster
}

// announce the beginning of a part to the leader. No one waits for a part without a subscription, such as that of a run that has ended: it
// is not done, so that those that are waited for do not stand behind it. A leader that is back queues what it waits for again. One that is
// there and does not answer announces the run when it gets the result.
func (w *Worker) announce(ctx context.Context, id string) error {
	limited, cancel := context.WithTimeout(ctx, announceTimeout)
	defer cancel()
	answer, err := w.Queue.conn.RequestWithContext(limited, w.Queue.subject("started", id), nil)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, nats.ErrNoResponders), err == nil && string(answer.Data) == refused:
		return errRefused
	}
	return nil
}

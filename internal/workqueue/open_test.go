package workqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"kubeops.io/kubeops/internal/testkit/servers"
)

// The leader asks for several parts at once, and workers are there before it: one process creates the queue, and it is one queue.
func TestPartsAndWorkersThatBeginTogetherHaveOneQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 4 {
		w.work(announced)
	}
	leader := w.connect()
	begin := make(chan struct{})
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			<-begin
			if _, err := leader.Do(w.limited(), workOf(fmt.Sprint("c", i)), nothing); err != nil {
				t.Errorf("part %d: %v", i, err)
			}
		})
	}
	close(begin)
	group.Wait()
}

// requests that a server gets on subjects are counted from now on.
func (w *world) requests(subjects ...string) *atomic.Int32 {
	w.t.Helper()
	counted := &atomic.Int32{}
	listener, err := nats.Connect("nats://" + w.address)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(listener.Close)
	for _, subject := range subjects {
		if _, err := listener.Subscribe(subject, func(*nats.Msg) { counted.Add(1) }); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := listener.Flush(); err != nil {
		w.t.Fatal(err)
	}
	return counted
}

// creations of the queue that a server is asked for.
func (w *world) creations() *atomic.Int32 {
	w.t.Helper()
	return w.requests("$JS.API.STREAM.CREATE.>", "$JS.API.STREAM.UPDATE.>", "$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.DURABLE.CREATE.>")
}

func TestAQueueIsCreatedOnceForAllThatAskForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counted := w.creations()
	leader := w.connect()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := leader.open(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	// The stream, its consumer and the bucket: each is created, or an update of it is refused and it is created.
	if most := int32(6); counted.Load() == 0 || counted.Load() > most {
		t.Errorf("%d requests create the queue, at most %d are expected", counted.Load(), most)
	}
}

func TestAWorkerCreatesNoQueueAndWaitsForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	counted := w.creations()
	worker := w.connect()
	if _, err := worker.join(t.Context()); !absent(err) || counted.Load() != 0 {
		t.Fatalf("got %v, and %d requests that create", err, counted.Load())
	}
	w.opened(Options{})
	if _, err := worker.join(t.Context()); err != nil {
		t.Error(err)
	}
}

// One of several that ask at the same time may end: the others go on.
func TestTheOneWhoAskedFirstMayEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader := w.connect()
	asked, answer := make(chan struct{}), make(chan struct{})
	slow := func(ctx context.Context) (*opened, error) {
		close(asked)
		<-answer
		return &opened{}, ctx.Err()
	}
	ended, end := context.WithCancel(t.Context())
	first := make(chan error, 1)
	go func() {
		_, err := leader.opening(ended, slow)
		first <- err
	}()
	<-asked
	end()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("the first got %v", err)
	}
	close(answer)
	if _, err := leader.opening(t.Context(), func(context.Context) (*opened, error) { return &opened{}, nil }); err != nil {
		t.Error(err)
	}
}

// silent is a server whose JetStream never answers.
func silent(t *testing.T) (queue *Queue, requests *atomic.Int32) {
	t.Helper()
	address, _ := servers.NATS(t, servers.NATSOptions{WithoutJetStream: true})
	w := &world{t: t, address: address}
	requests = w.requests("$JS.API.>") // what listens does not answer
	return w.connect(), requests
}

func TestARequestWithoutAnAnswerIsRepeatedBeforeTheRunEnds(t *testing.T) {
	t.Parallel()
	queue, requests := silent(t)
	waiting := &waiter{queue: queue, ctx: t.Context(), id: "x", began: time.Now(), stopped: make(chan struct{})}
	began := time.Now()
	_, err := waiting.step()
	if took := time.Since(began); err == nil || took > 2*requestTimeout || !waiting.bridges(err) || requests.Load() == 0 {
		t.Errorf("after %s and %d requests: %v, to be repeated: %t", took, requests.Load(), err, waiting.bridges(err))
	}
	if !strings.Contains(err.Error(), "it does not answer in time") {
		t.Errorf("got %v", err)
	}
	if waiting.began = time.Now().Add(-patience); waiting.bridges(err) {
		t.Error("a server that never answers is asked for ever")
	}
}

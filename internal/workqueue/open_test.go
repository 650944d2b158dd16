package workqueue

import (
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"kubeops.io/kubeops/internal/testkit/servers"
)

func TestProcessesThatStartTogetherCreateOneQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	queues := make([]*Queue, 8)
	for i := range queues {
		queues[i] = w.connect()
	}
	begin := make(chan struct{})
	var group sync.WaitGroup
	for _, queue := range queues {
		group.Go(func() {
			<-begin
			if _, err := queue.open(t.Context()); err != nil {
				t.Errorf("open the queue: %v", err)
			}
		})
	}
	close(begin)
	group.Wait()
	w.work(announced)
	if _, err := queues[0].Do(w.limited(), workOf("a"), nothing); err != nil {
		t.Errorf("do a part: %v", err)
	}
}

// silent is a server whose JetStream answers a request for the queue's stream by what answers says: nothing, or a refusal.
func silent(t *testing.T, answers func(request int32) []byte) (queue *Queue, requests *atomic.Int32) {
	t.Helper()
	address, _ := servers.NATS(t, servers.NATSOptions{WithoutJetStream: true})
	w := &world{t: t, address: address}
	server, err := nats.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	requests = &atomic.Int32{}
	if _, err := server.Subscribe("$JS.API.>", func(m *nats.Msg) {
		if answer := answers(requests.Add(1)); answer != nil {
			_ = m.Respond(answer)
		}
	}); err != nil {
		t.Fatal(err)
	}
	if err := server.Flush(); err != nil {
		t.Fatal(err)
	}
	return w.connect(), requests
}

func TestARequestWithoutAnAnswerIsRepeatedBeforeTheRunEnds(t *testing.T) {
	t.Parallel()
	queue, requests := silent(t, func(int32) []byte { return nil })
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

func TestAQueueThatAnotherProcessCreatesIsOpenedAgain(t *testing.T) {
	t.Parallel()
	refusal, err := json.Marshal(map[string]any{"error": map[string]any{"code": 400, "err_code": 10065,
		"description": "subjects overlap with an existing stream"}})
	if err != nil {
		t.Fatal(err)
	}
	queue, requests := silent(t, func(int32) []byte { return refusal })
	if _, err := queue.open(t.Context()); refusalOf(err) == nil || requests.Load() != createAttempts {
		t.Errorf("after %d requests: %v", requests.Load(), err)
	}
}

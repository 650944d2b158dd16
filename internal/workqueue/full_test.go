package workqueue

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// tiny is less than one part, or one result, takes.
const tiny = 64

func wantFull(t *testing.T, err error, text string) {
	t.Helper()
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonWorkQueueFull || !strings.Contains(p.Message, text) {
		t.Errorf("got %v, want %q", err, text)
	}
}

func TestAQueueWithoutSpaceForAPartIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.connectWith(Options{PartsStorage: tiny}).Do(w.limited(), workOf("a"), nothing)
	wantFull(t, err, "raise workQueue.partsStorage")
}

func TestAServerWithTooLittleStorageIsReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.address, _ = servers.NATS(t, servers.NATSOptions{Config: `accounts: {small: {jetstream: {max_file: 20971520}, users: [{user: u, password: p}]}}
no_auth_user: u`})
	_, err := w.connect().Do(w.limited(), workOf("a"), nothing)
	wantFull(t, err, "which must be more than partsStorage and resultsStorage together")
}

func TestAResultWithoutSpaceIsReportedAndStoredOnceThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	done := make(chan struct{}, 2)
	w.work(func(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
		done <- struct{}{}
		return announced(ctx, work, started)
	})
	began := time.Now()
	_, err := w.connectWith(Options{ResultsStorage: tiny}).Do(w.limited(), workOf("a"), nothing)
	wantFull(t, err, "bucket kubeops-results is full")
	if took := time.Since(began); took > patience/2 {
		t.Errorf("the leader heard of it after %s", took)
	}
	// A manager with another configuration changes the bucket. The worker still has the result.
	if _, err := w.connect().Do(w.limited(), workOf("a"), nothing); err != nil {
		t.Errorf("with space: %v", err)
	}
	if <-done; len(done) != 0 {
		t.Error("the part was done again")
	}
}

func TestWhatHasNoSpace(t *testing.T) {
	refusal := func(code jetstream.ErrorCode, description string) error {
		return &jetstream.APIError{Code: 503, ErrorCode: code, Description: description}
	}
	for _, tc := range []struct {
		err  error
		full bool
	}{
		{refusal(10002, "resource limits exceeded for account"), true},
		{refusal(10023, "insufficient resources"), true},
		{refusal(10028, "insufficient memory resources available"), true},
		{refusal(10047, "insufficient storage resources available"), true},
		{refusal(10077, "maximum bytes exceeded"), true},
		{refusal(10077, "maximum messages per subject exceeded"), false},
		{refusal(10065, "subjects overlap with an existing stream"), false},
		{errors.New("maximum bytes exceeded"), false},
		{nil, false},
	} {
		if got := isFull(tc.err); got != tc.full {
			t.Errorf("%v: %t, want %t", tc.err, got, tc.full)
		}
	}
}

func TestAPartThatNoWorkerFinishesIsNotSaidToNeedMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	worker := &Worker{Reader: inspections{stored: w.stored}, Parts: partsFunc(announced)}
	_, err := worker.do(t.Context(), taskOf(workOf("a")), maxDeliveries+1)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonWorkersLost || !strings.Contains(p.Message, "why is unknown") {
		t.Errorf("got %v", err)
	}
}

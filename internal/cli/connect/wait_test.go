package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"time"

	"k8s.io/client-go/rest"
)

func TestAPollBacksOffWhileTheServerDoesNotAnswer(t *testing.T) {
	var stderr bytes.Buffer
	var delays []time.Duration
	poll := NewPoller(&stderr)
	poll.sleep = func(_ context.Context, d time.Duration) error {
		delays = append(delays, d)
		return nil
	}
	refused := Target{Config: &rest.Config{Host: "https://10.0.0.1"}, Cluster: "dev"}.Failed(
		errors.Join(io.EOF, syscall.ECONNREFUSED), "get Inspection shop/i")
	attempts := 0
	err := poll.Until(t.Context(), func(context.Context) (bool, error) {
		attempts++
		switch {
		case attempts <= 10:
			return false, refused
		default:
			return attempts == 12, nil
		}
	})
	if err != nil || attempts != 12 {
		t.Fatalf("%v after %d attempts", err, attempts)
	}
	for i, delay := range delays[:10] {
		if want := min(pollInterval<<(i+1), maxPollBackoff); delay != want {
			t.Errorf("delay %d is %s, want %s", i, delay, want)
		}
	}
	want := "cannot reach the API server https://10.0.0.1 of context \"dev\": connection refused; check that the server runs: " +
		"`kubectl --context dev cluster-info`; retrying until it answers\nthe API server answers again\n"
	if stderr.String() != want {
		t.Errorf("got %q, want %q", stderr.String(), want)
	}
}

func TestAPollEndsWithAnErrorThatARetryCannotHelp(t *testing.T) {
	attempts := 0
	wrong := errors.New("forbidden")
	err := NewPoller(io.Discard).Until(t.Context(), func(context.Context) (bool, error) {
		attempts++
		return false, wrong
	})
	if !errors.Is(err, wrong) || attempts != 1 {
		t.Errorf("%v after %d attempts", err, attempts)
	}
}

// lateContext has a deadline that has passed, and a timer that has not fired.
type lateContext struct{ context.Context }

func (lateContext) Deadline() (time.Time, bool) { return time.Now().Add(-time.Millisecond), true }

func TestAPollEndsAtItsDeadlineThoughTheTimerIsLate(t *testing.T) {
	err := NewPoller(io.Discard).Until(lateContext{t.Context()}, func(context.Context) (bool, error) {
		return false, errors.New("rate: Wait(n=1) would exceed context deadline")
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v is not the deadline", err)
	}
}

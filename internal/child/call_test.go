package child_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/child"
)

// serveCall answers one request of at most 1 KiB: what it says, repeated.
func serveCall() error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	return child.Answer(connection, 1<<10, func(r repetition) (string, error) {
		switch r.Text {
		case "fail":
			return "", errors.New("no answer")
		case "hog":
			kept := make([]byte, 8<<30)
			return string(kept[:1]), nil
		case "loop":
			for n := 0; ; n++ {
				if n < 0 {
					return "", nil
				}
			}
		}
		return strings.Repeat(r.Text, r.Count), nil
	})
}

// repetition is a request of the tests.
type repetition struct {
	Text  string
	Count int
}

func caller(deadline time.Duration, parallel int) *child.Caller {
	return child.NewCaller(command("call"), child.CallLimits{Parallel: parallel, Deadline: deadline, MaxAnswer: 1 << 10})
}

func TestACallIsAnswered(t *testing.T) {
	calls := caller(time.Minute, 2)
	var wait sync.WaitGroup
	for range 6 {
		wait.Go(func() {
			var answer string
			if err := calls.Call(t.Context(), repetition{"<a>", 3}, &answer); err != nil || answer != "<a><a><a>" {
				t.Errorf("answer %q, error %v", answer, err)
			}
		})
	}
	wait.Wait()
}

func TestACallThatALimitEndsReturnsTheLimit(t *testing.T) {
	for name, tc := range map[string]struct {
		request  repetition
		deadline time.Duration
		want     error
	}{
		"memory":   {repetition{"hog", 1}, time.Minute, child.ErrMemory},
		"deadline": {repetition{"loop", 1}, time.Second, child.ErrDeadline},
	} {
		t.Run(name, func(t *testing.T) {
			var answer string
			if err := caller(tc.deadline, 1).Call(t.Context(), tc.request, &answer); !errors.Is(err, tc.want) {
				t.Errorf("answer %q, error %v; want %v", answer, err, tc.want)
			}
		})
	}
}

func TestACallWithoutAnAnswerFails(t *testing.T) {
	for name, request := range map[string]repetition{
		"an error of the work":    {"fail", 1},
		"an answer too large":     {"a", 2 << 10},
		"a request that is large": {strings.Repeat("a", 2<<10), 0},
	} {
		t.Run(name, func(t *testing.T) {
			var answer string
			if err := caller(time.Minute, 1).Call(t.Context(), request, &answer); err == nil || answer != "" {
				t.Errorf("answer %q, error %v", answer, err)
			}
		})
	}
}

func TestACallThatWaitsForOthersEndsWithItsContext(t *testing.T) {
	calls := caller(time.Minute, 1)
	running, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := calls.Call(running, repetition{"loop", 1}, new(string)); !errors.Is(err, context.Canceled) {
			t.Errorf("the first call: %v", err)
		}
	})
	waiting, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if err := calls.Call(waiting, repetition{"loop", 1}, new(string)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second call: %v", err)
	}
	stop()
	wait.Wait()
}

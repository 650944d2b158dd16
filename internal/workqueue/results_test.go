package workqueue

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

// roomy is the space of a bucket for some results of largeResult bytes, which do not shrink when they are compressed.
const (
	roomy       = 512 << 10
	largeResult = 100 << 10
)

func withLargeResult(ctx context.Context, work runner.Work, started func(context.Context) error) (fleet.PartResult, error) {
	done, err := announced(ctx, work, started)
	if err == nil {
		random := make([]byte, largeResult)
		_, _ = rand.Read(random) // it never fails
		done.Result.Report.Findings[0].Message = hex.EncodeToString(random)
	}
	return done, err
}

// A run whose results need more space than the bucket has does not stand in its own way.
func TestResultsThatWereReadMakeSpaceForOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := Options{ResultsStorage: roomy}
	w.work(withLargeResult)
	leader := w.connectWith(o)
	const parts = 4 * roomy / largeResult
	for i := range parts {
		done, err := leader.Do(w.limited(), workOf(fmt.Sprint("c", i)), nothing)
		if err != nil || len(done.Result.Report.Findings[0].Message) != 2*largeResult {
			t.Fatalf("part %d of %d: %v", i, parts, err)
		}
	}
}

// Workers that are refused at the same time are told apart from a bucket that stays full.
func TestSpaceIsFreedForAllWorkersThatWereRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, opened := w.opened(Options{})
	for _, id := range []string{"a", "b", "c"} {
		if _, err := opened.results.PutBytes(t.Context(), id, []byte(id)); err != nil {
			t.Fatal(err)
		}
		leader.keepRead(id)
	}
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if freed, err := leader.free(t.Context(), opened); err != nil || !freed {
				t.Errorf("freed %t, %v", freed, err)
			}
		})
	}
	group.Wait()
	leader.freed = time.Now().Add(-recently)
	if freed, err := leader.free(t.Context(), opened); err != nil || freed {
		t.Errorf("freed %t, %v without a result that was read", freed, err)
	}
}

func TestResultsThatCannotBeRemovedAreRemembered(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, opened := w.opened(Options{})
	leader.keepRead("a")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if freed, err := leader.free(ended, opened); err == nil || freed || len(leader.read) != 1 {
		t.Errorf("freed %t, %v; %d are remembered", freed, err, len(leader.read))
	}
}

func TestAProblemIsReportedFromAFullBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := Options{ResultsStorage: roomy}
	leader, opened := w.opened(o)
	work := workOf("a")
	message := taskOf(work)
	packed, err := encodeOutcome(runner.NewOutcome(fleet.PartResult{},
		problem.Retrying(v1alpha1.ReasonClusterUnreachable, nil, "no answer")))
	if err != nil {
		t.Fatal(err)
	}
	// A server that is full to the last bytes removes its oldest messages for one that it has accepted: NATS 2.9 checks the size of the message
	// without all that it stores. That is a repetition in use, and would take the result away here, if it were the oldest.
	for i := range 16 {
		if _, err := opened.results.PutBytes(t.Context(), fmt.Sprint("older-", i), make([]byte, 1<<10)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := opened.results.PutBytes(t.Context(), message.id(), packed); err != nil {
		t.Fatal(err)
	}
	for size := 64 << 10; size > 0; size /= 2 {
		for i := 0; err == nil; i++ {
			_, err = opened.results.PutBytes(t.Context(), fmt.Sprint(size, "-", i), make([]byte, size))
		}
		if !isFull(err) {
			t.Fatalf("the bucket is not full: %v", err)
		}
		err = nil
	}
	_, err = leader.Do(w.limited(), work, nothing)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonClusterUnreachable {
		t.Fatalf("got %v", err)
	}
	if left, err := opened.find(t.Context(), message.id()); err != nil || left != nil {
		t.Errorf("the result is still there: %+v, %v", left, err)
	}
}

// The object store leaves the name of a result whose content a full bucket refused.
func TestAResultWithoutItsContentIsNone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	leader, opened := w.opened(Options{})
	message := taskOf(workOf("a"))
	info, err := opened.results.PutBytes(t.Context(), message.id(), []byte("content"))
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.stored.Purge(t.Context(), jetstream.WithPurgeSubject(contentSubject(info))); err != nil {
		t.Fatal(err)
	}
	w.work(announced)
	if done, err := leader.Do(w.limited(), workOf("a"), nothing); err != nil || done.Result == nil {
		t.Errorf("%+v, %v", done, err)
	}
}

// storing stores a newer result once its chunks are counted the first time.
type storing struct {
	jetstream.Stream
	store func()
}

func (s *storing) Info(ctx context.Context, options ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	if store := s.store; store != nil {
		s.store = nil
		store()
	}
	return s.Stream.Info(ctx, options...)
}

// Two workers may do the same part: what is removed is the result that was seen.
func TestAResultThatAnotherWorkerStoresMeanwhileIsKept(t *testing.T) {
	t.Parallel()
	const id, older, newer = "a", "a", "a newer one"
	put := func(t *testing.T, o *opened, content string) {
		t.Helper()
		if _, err := o.results.PutBytes(t.Context(), id, []byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	for name, remove := range map[string]func(*testing.T, *opened) error{
		"before it is discarded": func(t *testing.T, o *opened) error {
			seen, err := o.find(t.Context(), id)
			if err != nil || seen == nil {
				return fmt.Errorf("found %+v, %w", seen, err)
			}
			put(t, o, newer)
			return errors.Join(o.discard(t.Context(), seen), o.discard(t.Context(), seen))
		},
		"while its content is looked for": func(t *testing.T, o *opened) error {
			o.stored = &storing{Stream: o.stored, store: func() { put(t, o, newer) }}
			seen, err := o.find(t.Context(), id)
			if err != nil || seen == nil || seen.Size != uint64(len(newer)) {
				return fmt.Errorf("found %+v, %w", seen, err)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, opened := newWorld(t).opened(Options{})
			put(t, opened, older)
			if err := remove(t, opened); err != nil {
				t.Error(err)
			}
			limited, cancel := context.WithTimeout(t.Context(), requestTimeout)
			defer cancel()
			if content, err := opened.results.GetBytes(limited, id); err != nil || string(content) != newer {
				t.Errorf("the result is %q, %v", content, err)
			}
			state, err := opened.stored.Info(t.Context())
			if err != nil || state.State.Msgs != 2 {
				t.Errorf("%d messages instead of a name and its content, %v", state.State.Msgs, err)
			}
		})
	}
}

// Workers that are replaced again and again, as in a roll-out, do not use up the attempts of a part.
func TestPartsThatAreGivenBackAreNotLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ended := make(chan error, 1)
	leader := w.connect()
	go func() {
		_, err := leader.Do(w.limited(), workOf("a"), nothing)
		ended <- err
	}()
	for range maxDeliveries + 2 {
		taken := make(chan struct{}, 2)
		stop := w.work(func(ctx context.Context, _ runner.Work, _ func(context.Context) error) (fleet.PartResult, error) {
			taken <- struct{}{}
			<-ctx.Done()
			return fleet.PartResult{}, ctx.Err()
		})
		<-taken
		stop()
	}
	w.work(announced)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAPartForAnotherVersionIsGivenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	queue := w.connect()
	opened, err := queue.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	subscription, err := queue.conn.SubscribeSync(queue.subject("failed", "x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := queue.stream.Publish(t.Context(), queue.subject("parts", "x"), []byte(`{"Protocol":99}`)); err != nil {
		t.Fatal(err)
	}
	w.work(announced)
	ctx, cancel := context.WithTimeout(t.Context(), 3*otherVersion)
	defer cancel()
	answer, err := subscription.NextMsgWithContext(ctx)
	if err != nil || string(answer.Data) != givenBack {
		t.Fatalf("%+v, %v", answer, err)
	}
	info, err := opened.parts.Info(t.Context())
	if err != nil || info.State.Msgs != 0 {
		t.Errorf("%d parts are left in the queue, %v", info.State.Msgs, err)
	}
}

func TestResultsThatWereReadAreRememberedForAWhile(t *testing.T) {
	q := &Queue{read: map[string]time.Time{"old": time.Now().Add(-2 * keepResults)}}
	for i := range maxRead + 5 {
		q.keepRead(fmt.Sprint(i))
	}
	if _, known := q.read["old"]; known || len(q.read) > maxRead {
		t.Errorf("%d results are remembered", len(q.read))
	}
}

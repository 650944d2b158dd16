package runner

import (
	"context"
	"errors"
	"net"
	"net/rpc/jsonrpc"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/live"
	"kubeops.io/kubeops/internal/problem"
)

// fakeSession follows a cluster of which nothing can be read.
type fakeSession struct {
	tried, changed    chan struct{}
	refreshed, judged atomic.Int64
	// clock moves on by takes while the facts are judged.
	clock *clocktesting.FakeClock
	takes time.Duration
}

func (s *fakeSession) Tried() <-chan struct{}   { return s.tried }
func (s *fakeSession) Changed() <-chan struct{} { return s.changed }
func (s *fakeSession) Refresh(context.Context)  { s.refreshed.Add(1) }
func (s *fakeSession) Down() bool               { return false }
func (s *fakeSession) Size() live.Size          { return live.Size{} }

func (s *fakeSession) Collected() (collect.Collected, error) {
	if s.takes > 0 {
		s.clock.Step(s.takes)
	}
	s.judged.Add(1)
	return collect.Collected{}, problem.Retrying(v1alpha1.ReasonForbidden, nil, "forbidden")
}

// newWatcher watches a cluster and talks to a parent, until the test ends.
func newWatcher(t *testing.T, followed session, clk *clocktesting.FakeClock) *watcher {
	t.Helper()
	w := newWatched()
	talk := newConversation(t.Context(), &Child{Config: &rest.Config{}, Backends: &backends.Resolver{}}, w.inspection,
		func() error { return nil })
	talk.watched = w
	near, far := net.Pipe()
	held := make(chan struct{})
	go func() {
		defer close(held)
		_ = talk.hold(near) // the error of the closed connection
	}()
	t.Cleanup(func() {
		_ = far.Close()
		<-held
	})
	return &watcher{inspection: w.inspection, parent: &parent{client: jsonrpc.NewClient(far)}, session: followed, clock: clk}
}

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
	}
}

func TestAClusterThatChangesAllTheTimeIsRefreshed(t *testing.T) {
	clk := clocktesting.NewFakeClock(time.Unix(0, 0))
	followed := &fakeSession{tried: make(chan struct{}), changed: make(chan struct{})}
	close(followed.tried)
	w := newWatcher(t, followed, clk)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = w.run(ctx) // that of the cancelled context
	}()
	await(t, "nothing was judged", func() bool { return followed.judged.Load() == 1 })
	for began := clk.Now(); clk.Since(began) < 2*rejudge; {
		before := followed.judged.Load()
		followed.changed <- struct{}{}
		await(t, "the change was not noticed", func() bool { return clk.Waiters() > 1 })
		clk.Step(debounce)
		await(t, "the change was not judged", func() bool { return followed.judged.Load() > before })
	}
	await(t, "nothing was refreshed after the start", func() bool { return followed.refreshed.Load() > 1 })
	end()
	<-ended
}

func TestJudgementsThatTakeLongPauseAsLong(t *testing.T) {
	const takes = 3 * time.Second
	clk := clocktesting.NewFakeClock(time.Unix(0, 0))
	followed := &fakeSession{tried: make(chan struct{}), changed: make(chan struct{}), clock: clk, takes: takes}
	w := newWatcher(t, followed, clk)
	if err := w.judgeNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, since := range []time.Duration{0, takes - debounce/2, time.Minute} {
		clk.Step(since)
		waited := make(chan struct{})
		began := clk.Now()
		go func() {
			defer close(waited)
			w.gather(t.Context())
		}()
		await(t, "it does not wait", clk.HasWaiters)
		for clk.HasWaiters() {
			clk.Step(debounce / 2)
		}
		<-waited
		if got, want := clk.Since(began), max(debounce, takes-since); got != want {
			t.Errorf("%s after a judgement: waits for %s, want %s", since, got, want)
		}
		w.ended = clk.Now()
	}
}

// flakyReader fails until it is up.
type flakyReader struct {
	client.Reader
	up bool
}

func (r *flakyReader) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	if !r.up {
		return errors.New("unavailable")
	}
	return nil
}

func TestEvidenceWaitsForTheReportThatItIsComparedWith(t *testing.T) {
	reader := &flakyReader{}
	w := &watcher{local: &Local{Reader: reader}, inspection: &v1alpha1.Inspection{}, wanted: Wanted{Previous: "r1", Evidence: 1}}
	for _, up := range []bool{false, true} {
		reader.up = up
		if err := w.readPrevious(t.Context()); err != nil || w.evidenceDue() != up {
			t.Errorf("report readable %v: error %v, evidence due %v", up, err, w.evidenceDue())
		}
	}
}

package serverclock

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

// server answers GET /version as an API server whose clock it is given.
func server(t *testing.T, now clock.PassiveClock, requests *atomic.Int32) *Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer requests.Add(1)
		if r.URL.Path != "/version" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Date", now.Now().UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(`{"major":"1","minor":"37","gitVersion":"v1.37.2"}`))
	}))
	t.Cleanup(s.Close)
	c, err := NewClient(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheDifferenceIsLoggedWhenItAppearsAndWhenItIsGone(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	own, remote := clocktesting.NewFakeClock(at), clocktesting.NewFakeClock(at)
	var requests atomic.Int32
	var lines []string
	logger := funcr.New(func(_, args string) { lines = append(lines, args) }, funcr.Options{})
	m := &Monitor{Client: server(t, remote, &requests), Clock: own, Logger: logger}
	registry := prometheus.NewRegistry()
	if err := m.Register(registry); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		skew  time.Duration
		lines int
		last  string
	}{
		{0, 0, ""},
		{20 * time.Second, 0, ""},
		{time.Hour, 1, "1h0m0s ahead of that of the API server"},
		{time.Hour, 1, "1h0m0s ahead of"},
		{0, 2, "agrees"},
		{-time.Hour, 3, "1h0m0s behind that of the API server"},
	} {
		own.SetTime(at.Add(step.skew))
		m.compare(t.Context())
		if len(lines) != step.lines || step.lines > 0 && !strings.Contains(lines[step.lines-1], step.last) {
			t.Errorf("%s: %q", step.skew, lines)
		}
		if got := testutil.ToFloat64(m.skew); got != step.skew.Seconds() {
			t.Errorf("%s: the gauge is %v", step.skew, got)
		}
	}
}

func TestTheMonitorComparesAgainAndEndsWithItsContext(t *testing.T) {
	var requests atomic.Int32
	own := clocktesting.NewFakeClock(time.Now())
	m := &Monitor{Client: server(t, clock.RealClock{}, &requests), Clock: own}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- m.Start(ctx) }()
	deadline := time.After(10 * time.Second)
	for requests.Load() < 2 {
		select {
		case <-deadline:
			t.Fatalf("%d requests", requests.Load())
		case <-time.After(time.Millisecond):
		}
		if own.HasWaiters() && requests.Load() == 1 {
			own.Step(defaultInterval)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestAnotherServerIsNoAPIServer(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	c, err := NewClient(&rest.Config{Host: s.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v", err)
	}
}

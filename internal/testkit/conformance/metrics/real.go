package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// Timeout of one request to a real server, and Patience until it must be in a state, both with room for a busy machine.
const (
	Timeout  = 3 * time.Second
	Patience = time.Minute
)

// Eventually calls a function until it returns nil. After Patience, the last error fails the test.
func Eventually(t testing.TB, what string, f func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	var last error // before the time was over
	for {
		err := f(ctx)
		if err == nil {
			return
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s did not happen within %s: %v", what, Patience, last)
		case <-ticker.C:
		}
	}
}

// Recovers checks that the same Provider, made once with Timeout, names the cause while its server is stopped and paused, within
// its deadline, and works again afterwards.
func Recovers(t testing.TB, p metrics.Provider, process *servers.Process) {
	t.Helper()
	works := func(ctx context.Context) error { _, err := p.Probe(ctx); return err }
	fails := func(reason string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), Patience)
		defer cancel()
		for name, call := range map[string]func() error{
			"probe": func() error { return works(ctx) },
			"query": func() error { _, err := p.Query(ctx, "up", time.Time{}); return err },
		} {
			began := time.Now()
			err := call()
			if p := problem.As(err); p == nil || p.Reason != reason {
				t.Errorf("%s: got %v, want reason %s", name, err, reason)
			}
			if took := time.Since(began); took > 3*Timeout {
				t.Errorf("%s took %s with a timeout of %s", name, took, Timeout)
			}
		}
	}
	Eventually(t, "a first round trip", works)
	process.Stop()
	fails(v1alpha1.ReasonUnreachable)
	process.Start()
	Eventually(t, "a round trip after the start", works)
	process.Pause()
	fails(v1alpha1.ReasonTimeout)
	process.Resume()
	Eventually(t, "a round trip after the pause", works)
}

// Healthy checks what a probe of a real server must find, and returns it.
func Healthy(t testing.TB, p metrics.Provider) metrics.Health {
	t.Helper()
	var health metrics.Health
	Eventually(t, "a fresh sample of up", func(ctx context.Context) (err error) {
		health, err = p.Probe(ctx)
		switch {
		case err != nil:
			return err
		case health.Freshness == nil || *health.Freshness < 0 || *health.Freshness > Patience:
			return fmt.Errorf("freshness is %v", health.Freshness)
		case health.ActiveSeries == nil || *health.ActiveSeries == 0:
			return fmt.Errorf("there are no active series")
		case health.QueryLatency <= 0 || health.QueryLatency > Timeout:
			return fmt.Errorf("the query took %s", health.QueryLatency)
		}
		return nil
	})
	return health
}

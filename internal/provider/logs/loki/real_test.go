package loki_test

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/logs"
	"kubeops.io/kubeops/internal/testkit/servers"
)

func backend(t testing.TB, url, tenant string, timeout time.Duration) logs.Provider {
	t.Helper()
	p, err := loki.Config{Tenant: tenant}.Open(logs.Settings{Endpoint: provider.Endpoint{URL: url}, Timeout: timeout,
		Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func reasonOf(err error) string {
	if p := problem.As(err); p != nil {
		return p.Reason
	}
	return ""
}

// eventually waits until a condition holds.
func eventually(t *testing.T, within time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %s: %s", within, what)
		case <-ticker.C:
		}
	}
}

func TestRealLokiConforms(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	conformance.Run(t, conformance.Target{ForeignLabels: true, New: func(t *testing.T) logs.Provider {
		return backend(t, server.URL, "", 30*time.Second)
	}})
}

// TestRealLokiWithALowLimitOfLinesIsPagedThrough has a server that returns at most 20 lines at once.
func TestRealLokiWithALowLimitOfLinesIsPagedThrough(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{Limits: []string{"max_entries_limit_per_query: 20"}})
	p := backend(t, server.URL, "", 30*time.Second)
	now := time.Now().Truncate(time.Millisecond)
	const lines = 90
	var written []logs.Entry
	for i := range lines {
		written = append(written, logs.Entry{Time: now.Add(time.Duration(i-lines) * time.Second), Line: strconv.Itoa(i),
			Labels: map[string]string{"namespace": "default"}})
	}
	if err := p.(logs.Writer).Write(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "all lines are found in order", func() bool {
		query := logs.Query{Start: now.Add(-time.Hour), End: now, Labels: map[string]string{"namespace": "default"}, Limit: 5000}
		var got []string
		for range lines {
			page, err := p.Search(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range page.Entries {
				got = append(got, entry.Line)
			}
			if query.Cursor = page.Next; query.Cursor == "" {
				break
			}
		}
		for i, line := range got {
			if line != strconv.Itoa(i) {
				t.Fatalf("line %d is %s", i, line)
			}
		}
		return len(got) == lines
	})
}

func TestRealLokiTellsVersionRetentionAndSchema(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{Retention: "31d", Tenants: true})
	p := backend(t, server.URL, "team-a", 0)
	health, err := p.Health(t.Context())
	if err != nil || health.Version != "3.7.8" || health.Flavor != "loki" || health.Schema != "" || len(health.Warnings) > 0 {
		t.Errorf("empty: health is %+v, %v", health, err)
	}
	retention, known, err := p.(logs.RetentionReader).Retention(t.Context())
	if err != nil || !known || retention.Keeps != 31*24*time.Hour {
		t.Errorf("retention is %+v, known %t, %v", retention, known, err)
	}
	now := time.Now()
	if err := p.(logs.Writer).Write(t.Context(), []logs.Entry{{Time: now, Line: "of team a",
		Labels: map[string]string{"namespace": "default"}}}); err != nil {
		t.Fatal(err)
	}
	query := logs.Query{Start: now.Add(-time.Hour), End: now.Add(time.Hour), Labels: map[string]string{"namespace": "default"}}
	eventually(t, 30*time.Second, "the line is found", func() bool {
		page, err := p.Search(t.Context(), query)
		return err == nil && len(page.Entries) == 1
	})
	if health, err = backend(t, server.URL, "team-a", 0).Health(t.Context()); err != nil || health.Schema != "flat" {
		t.Errorf("with a line: health is %+v, %v", health, err)
	}
	if page, err := backend(t, server.URL, "team-b", 0).Search(t.Context(), query); err != nil || len(page.Entries) != 0 {
		t.Errorf("another tenant sees %d lines, %v", len(page.Entries), err)
	}
	if _, err := backend(t, server.URL, "", 0).Search(t.Context(), query); reasonOf(err) != v1alpha1.ReasonUnauthorized {
		t.Errorf("without a tenant: got %v", err)
	}
	query.Start = now.Add(-10000 * time.Hour)
	if _, err := p.Search(t.Context(), query); reasonOf(err) != v1alpha1.ReasonBudgetExceeded {
		t.Errorf("a year at once: got %v", err)
	}
}

func TestRealLokiKeepsForEverWithoutACompactorThatDeletes(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	retention, known, err := backend(t, server.URL, "", 0).(logs.RetentionReader).Retention(t.Context())
	if err != nil || !known || retention.Keeps != 0 {
		t.Errorf("retention is %+v, known %t, %v", retention, known, err)
	}
}

func TestRealLokiThatGoesAndComesBack(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	p := backend(t, server.URL, "", 2*time.Second)
	prove := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		_, err := logs.Prove(ctx, p, logs.ProbeOptions{Patience: 10 * time.Second, Clock: clock.RealClock{}})
		return err
	}
	if err := prove(); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	if err := prove(); reasonOf(err) != v1alpha1.ReasonTimeout {
		t.Errorf("paused: got %v", err)
	}
	server.Resume()
	eventually(t, time.Minute, "it is proven after it went on", func() bool { return prove() == nil })
	server.Stop()
	if err := prove(); reasonOf(err) != v1alpha1.ReasonUnreachable {
		t.Errorf("stopped: got %v", err)
	}
	server.Start()
	began := time.Now()
	eventually(t, time.Minute, "it is proven after a restart", func() bool { return prove() == nil })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it was proven %s after it was ready again", took)
	}
	if !slices.Contains(logs.Capabilities(p), "retention") {
		t.Errorf("capabilities are %v", logs.Capabilities(p))
	}
}

package evidence

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/testkit"
)

// store is a fake log backend that rejects unbounded queries.
type store struct {
	t        *testing.T
	entries  []logs.Entry
	searches int
	fail     error
}

func (s *store) Health(context.Context) (logs.Health, error) { return logs.Health{}, nil }
func (s *store) Close()                                      {}

func (s *store) matches(e logs.Entry, q logs.Query) bool {
	if e.Time.Before(q.Start) || !e.Time.Before(q.End) {
		return false
	}
	for name, value := range q.Labels {
		if e.Labels[name] != value {
			return false
		}
	}
	for name, values := range q.AnyOf {
		if !strings.Contains("\x00"+strings.Join(values, "\x00")+"\x00", "\x00"+e.Labels[name]+"\x00") {
			return false
		}
	}
	return true
}

func (s *store) Search(ctx context.Context, q logs.Query) (logs.Page, error) {
	s.searches++
	if s.fail != nil {
		return logs.Page{}, s.fail
	}
	if _, bounded := ctx.Deadline(); !bounded || q.Limit == 0 || !q.Backward || q.Labels[logs.LabelNamespace] == "" {
		s.t.Errorf("unbounded search: %+v", q)
	}
	var page logs.Page
	for i := len(s.entries) - 1; i >= 0 && len(page.Entries) < q.Limit; i-- {
		if s.matches(s.entries[i], q) {
			page.Entries = append(page.Entries, s.entries[i])
		}
	}
	return page, nil
}

func (s *store) LabelValues(_ context.Context, label string, q logs.Query, _ int) ([]string, error) {
	values := map[string]bool{}
	for _, e := range s.entries {
		if s.matches(e, q) {
			values[e.Labels[label]] = true
		}
	}
	var list []string
	for value := range maps.Keys(values) {
		list = append(list, value)
	}
	return list, nil
}

func now() time.Time { return time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC) }

func line(ago time.Duration, pod, container, text string) logs.Entry {
	return logs.Entry{Time: now().Add(-ago), Line: text, Labels: map[string]string{
		logs.LabelNamespace: "shop", logs.LabelPod: pod, logs.LabelContainer: container,
	}}
}

// everyone is the filter of a run that read namespace shop and all others.
func everyone(t *testing.T) *scope.Filter {
	t.Helper()
	return scope.New(testkit.Graph(t, "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"), nil)
}

func TestLinesOfDeletedPodsAreReadFromTheLogBackend(t *testing.T) {
	t.Parallel()
	backend := &store{t: t, entries: []logs.Entry{
		line(3*time.Hour, "cart-1", "app", "an older run"),
		line(62*time.Minute, "cart-1", "app", "starting"),
		line(61*time.Minute, "cart-1", "sidecar", "not this container"),
		line(61*time.Minute, "cart-1", "app", "panic: no such table: orders"),
		line(40*time.Minute, "import-old-abcde", "import", "another Job"),
		line(32*time.Minute, "import-x7k2p", "import", "first try"),
		line(31*time.Minute, "import-zz9qq", "import", "second try"),
		line(30*time.Minute, "import-zz9qq", "import", "FATAL: disk quota exceeded"),
		line(5*time.Minute, "import-zz9qq", "import", "long after"),
	}}
	requests := []Request{
		{check.LogRef{Namespace: "shop", Pod: "cart-1", Container: "app", Ended: now().Add(-time.Hour)}, "pod-crash-looping"},
		{check.LogRef{Namespace: "shop", PodPrefix: "import-", Ended: now().Add(-30 * time.Minute)}, "job-failed"},
		{check.LogRef{Namespace: "shop", Pod: "silent", Container: "app"}, "pod-crash-looping"},
		{check.LogRef{Namespace: "shop", Pod: "read", Container: "app"}, "pod-crash-looping"},
	}
	lines := []Lines{{}, {}, {}, {"from the kubelet"}}
	gaps := ReadBackendLogs(t.Context(), backend, everyone(t), requests, lines, now())
	want := []Lines{
		{"(of Pod cart-1, from the log backend)\nstarting\npanic: no such table: orders"},
		{"(of Pod import-zz9qq, from the log backend)\nsecond try\nFATAL: disk quota exceeded"},
		{}, {"from the kubelet"},
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("request %d: got %q, want %q", i, lines[i].Text, want[i].Text)
		}
	}
	if len(gaps) != 0 || backend.searches != 3 {
		t.Errorf("got %d searches and gaps %v, want 3 and none", backend.searches, gaps)
	}
}

// ignoring is a log backend that returns all lines, whatever a query selects.
type ignoring struct{ *store }

func (s ignoring) Search(context.Context, logs.Query) (logs.Page, error) {
	s.searches++
	return logs.Page{Entries: s.entries}, nil
}

func TestLinesOfOthersAreNotQuoted(t *testing.T) {
	t.Parallel()
	other := line(time.Minute, "cart-1", "app", "of another namespace")
	other.Labels = map[string]string{logs.LabelNamespace: "shopping", logs.LabelPod: "cart-1", logs.LabelContainer: "app"}
	backend := ignoring{&store{t: t, entries: []logs.Entry{
		other, line(2*time.Minute, "cart-10", "app", "of another Pod"), line(3*time.Minute, "cart-1", "sidecar", "of another container"),
		{Time: now(), Line: "of no one"}, line(4*time.Minute, "cart-1", "app", "ours"),
	}}}
	requests := []Request{
		{check.LogRef{Namespace: "shop", Pod: "cart-1", Container: "app"}, "pod-crash-looping"},
		{check.LogRef{Namespace: "shopping", Pod: "cart-1", Container: "app"}, "pod-crash-looping"}, // which the run did not read
	}
	lines := []Lines{{}, {}}
	gaps := ReadBackendLogs(t.Context(), backend, everyone(t), requests, lines, now())
	if lines[0].Text != "(of Pod cart-1, from the log backend)\nours" || lines[1].Text != "" || len(gaps) > 0 || backend.searches != 1 {
		t.Errorf("got %q after %d searches, gaps %v", lines, backend.searches, gaps)
	}
}

func TestSearchesOfTheLogBackendAreBounded(t *testing.T) {
	t.Parallel()
	backend := &store{t: t}
	requests := make([]Request, 100)
	for i := range requests {
		requests[i] = Request{check.LogRef{Namespace: "shop", Pod: fmt.Sprint("p-", i), Container: "app"}, "pod-crash-looping"}
	}
	ReadBackendLogs(t.Context(), backend, everyone(t), requests, make([]Lines, len(requests)), now())
	if backend.searches != maxSearches {
		t.Errorf("got %d searches, want %d", backend.searches, maxSearches)
	}
}

func TestAfterATimeoutTheLogBackendIsNotQueriedAgain(t *testing.T) {
	t.Parallel()
	backend := &store{t: t, fail: problem.Retrying(v1alpha1.ReasonTimeout, nil, "loki:3100 did not answer in time")}
	requests := []Request{requestFor("shop", "one"), requestFor("shop", "two"), requestFor("shop", "three")}
	gaps := ReadBackendLogs(t.Context(), backend, everyone(t), requests, make([]Lines, 3), now())
	if len(gaps) != 1 || !strings.Contains(gaps[0].Message, "loki:3100 did not answer in time") || len(gaps[0].Checks) != 3 {
		t.Errorf("got %+v", gaps)
	}
	if backend.searches != 1 {
		t.Errorf("got %d searches, want 1", backend.searches)
	}
}

func TestWithoutALogBackendThereAreNoGaps(t *testing.T) {
	t.Parallel()
	if gaps := ReadBackendLogs(t.Context(), nil, nil, []Request{requestFor("shop", "one")}, make([]Lines, 1), now()); gaps != nil {
		t.Errorf("got %v", gaps)
	}
}

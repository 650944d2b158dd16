package loganalysis

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// dated are formats of a line that starts with a date or contains one.
func dated() []func(at time.Time, message string) string {
	layout := func(layout, format string) func(time.Time, string) string {
		return func(at time.Time, message string) string { return fmt.Sprintf(format, at.Format(layout), message) }
	}
	return []func(time.Time, string) string{
		layout("2006-01-02T15:04:05.999Z07:00", "%s ERROR [main] shop.Order - %s"),
		layout("Mon Jan _2 15:04:05.000000 2006", "[%s] [core:error] [pid 7] %s"),
		layout("0102 15:04:05.000000", "E%s       1 order.go:12] %s"),
		layout("02/Jan/2006:15:04:05 -0700", "ERROR backup of %s: %s"),
	}
}

// midnight is the first second of February. The window starts half an hour before it.
func midnight() time.Time { return time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC) }

// wantOfMidnight is what is new: of the errors in four formats, one that differs in a word from an old one.
const wantOfMidnight = "StatefulSet/shop/cart new 6 (6, usually 0): <time> ERROR [<*>] shop.Order - cannot connect to postgres\n"

// linesOfMidnight returns the lines that a container wrote a while before the end of the window, which is half an hour after
// midnight. Each error is as frequent before midnight as after it.
func linesOfMidnight(ago time.Duration) []string {
	at := midnight().Add(30*time.Minute - ago)
	lines := []string{"INFO placed order 7"}
	for _, format := range dated() {
		lines = append(lines, format(at, "cannot connect to redis"))
	}
	if ago < time.Hour {
		lines = append(lines, dated()[0](at, "cannot connect to postgres"))
	}
	return lines
}

func TestAnErrorOfYesterdayIsNotNewAfterMidnight(t *testing.T) {
	t.Parallel()
	s := &store{}
	for ago := 25*time.Hour - 5*time.Minute; ago > 0; ago -= 10 * time.Minute {
		s.add(ago, time.Second, "shop", "cart-0", linesOfMidnight(ago)...)
	}
	got, gaps := collect(t, s, nil)
	if diff := cmp.Diff(wantOfMidnight, told(got)); diff != "" || len(gaps) > 0 {
		t.Errorf("gaps %v, -want +got:\n%s", gaps, diff)
	}
}

func TestAnErrorOfYesterdayInLokiIsNotNewAfterMidnight(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	backend, err := loki.New(logs.Settings{
		Endpoint: provider.Endpoint{URL: server.URL}, Timeout: 10 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	// Loki asks its ingester for no lines that are older than three hours, and has not stored those yet that were written now.
	now := time.Now().Truncate(time.Second)
	labels := map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: "cart-0", logs.LabelContainer: "app"}
	var written []logs.Entry
	for ago := 175 * time.Minute; ago > 0; ago -= 10 * time.Minute {
		for i, line := range linesOfMidnight(ago) {
			written = append(written, logs.Entry{Time: now.Add(-ago + time.Duration(i)*time.Second), Line: line, Labels: labels})
		}
	}
	if err := backend.(logs.Writer).Write(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(30 * time.Second)
	for {
		g := testkit.Graph(t, shop)
		g.Now = now.Add(time.Second)
		gaps := Collect(t.Context(), Input{
			Provider: backend, Graph: g, Wanting: []string{"log-new-error"}, Options: Options{Window: time.Hour, Baseline: 2 * time.Hour},
		})
		if told(g.Logs()) == wantOfMidnight && len(gaps) == 0 && g.Provided(facts.SourceLogTemplates) {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("got\n%swant\n%sgaps %v", told(g.Logs()), wantOfMidnight, gaps)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

package loganalysis

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// TestNewErrorIsFoundInLoki writes three hours of lines of a workload and expects the error that started in the last hour and the
// one that surges, but not the constant one.
func TestNewErrorIsFoundInLoki(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	backend, err := loki.New(
		logs.Settings{
			Endpoint: provider.Endpoint{URL: server.URL},
			Timeout:  10 * time.Second,
			Egress:   provider.Egress{AllowLoopback: true},
		},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	// Loki asks its ingester for no lines that are older than three hours, and has not stored those yet that were written now.
	now := time.Now().Truncate(time.Second)
	labels := map[string]string{logs.LabelNamespace: "shop", logs.LabelPod: "cart-0", logs.LabelContainer: "app"}
	var written []logs.Entry
	say := func(ago time.Duration, format string, args ...any) {
		written = append(written, logs.Entry{Time: now.Add(-ago), Line: fmt.Sprintf(format, args...), Labels: labels})
	}
	for minute := 170; minute >= 1; minute-- {
		at := time.Duration(minute) * time.Minute
		say(at, "INFO request %d done in %dms", minute, 3*minute)
		if minute%10 == 0 {
			say(at-time.Second, "ERROR cache lost key user:%d", minute)
		}
		if minute%20 == 0 || minute < 40 {
			say(at-2*time.Second, "ERROR upstream 10.0.0.%d:80 timed out", minute)
		}
		if minute < 30 && minute%5 == 0 {
			say(at-3*time.Second, "ERROR cannot write order %d", minute)
			say(at-3*time.Second-time.Millisecond, "java.sql.SQLException: relation \"orders\" does not exist")
			say(at-3*time.Second-2*time.Millisecond, "\tat org.db.Driver.run(Driver.java:%d)", minute)
		}
	}
	if err := backend.(logs.Writer).Write(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	want := "StatefulSet/shop/cart new 5 (5, usually 0): ERROR cannot write order <num> | java.sql.SQLException: relation <str> does not exist\n" +
		"StatefulSet/shop/cart surge 41 (41, usually 2): ERROR upstream <ip> timed out\n"
	deadline := time.After(30 * time.Second)
	for {
		g := testkit.Graph(t, shop)
		g.Now = now.Add(time.Second)
		gaps := Collect(t.Context(), Input{
			Provider: backend, Graph: g, Wanting: []string{"log-new-error"}, Redact: gate(t).Text,
			Options: Options{Window: time.Hour, Baseline: 2 * time.Hour},
		})
		if told(g.Logs()) == want && len(gaps) == 0 && g.Provided(facts.SourceLogTemplates) {
			examples := g.Logs().Workloads[0].New[0].Examples
			if len(examples) != 2 || !strings.HasPrefix(examples[0], "ERROR cannot write order 25\njava.sql.SQLException") {
				t.Errorf("examples %q", examples)
			}
			return
		}
		select {
		case <-deadline:
			t.Fatalf("got\n%swant\n%sgaps %v", told(g.Logs()), want, gaps)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

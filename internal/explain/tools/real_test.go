package tools_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/explain/tools"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// TestMetricsAreReadFromPrometheus stores hours of memory of two Pods of a workload and of others, and asks for one of the workload.
func TestMetricsAreReadFromPrometheus(t *testing.T) {
	t.Parallel()
	now := time.Now().Truncate(time.Minute)
	var history strings.Builder
	write := func(metric, labels string, value func(minute int) float64) {
		for minute := 180; minute >= 0; minute-- {
			fmt.Fprintf(&history, "%s{%s} %g %d\n", metric, labels, value(minute), now.Add(-time.Duration(minute)*time.Minute).Unix())
		}
	}
	labels := func(namespace, pod, container string) string {
		return fmt.Sprintf("cluster=%q,namespace=%q,pod=%q,container=%q", "eu", namespace, pod, container)
	}
	history.WriteString("# TYPE container_memory_working_set_bytes gauge\n")
	write("container_memory_working_set_bytes", labels("shop", "web-5c9-a", "app"), func(minute int) float64 { return float64(200+180-minute) * (1 << 20) })
	write("container_memory_working_set_bytes", labels("shop", "stray", "app"), func(int) float64 { return 7 })
	write("container_memory_working_set_bytes", labels("vault", "key", "app"), func(int) float64 { return 7 })
	history.WriteString("# TYPE container_cpu_usage_seconds counter\n")
	write("container_cpu_usage_seconds_total", labels("shop", "web-5c9-a", "app"), func(minute int) float64 { return 30 * float64(180-minute) })
	history.WriteString("# TYPE kubelet_volume_stats_used_bytes gauge\n")
	write("kubelet_volume_stats_used_bytes", `cluster="eu",namespace="shop",persistentvolumeclaim="data"`, func(int) float64 { return 75 })
	history.WriteString("# TYPE kubelet_volume_stats_capacity_bytes gauge\n")
	write("kubelet_volume_stats_capacity_bytes", `cluster="eu",namespace="shop",persistentvolumeclaim="data"`, func(int) float64 { return 100 })
	url, _ := servers.Prometheus(t, servers.PrometheusOptions{History: history.String()})
	backend, err := prometheus.New(metrics.Settings{
		Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}, Timeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	s := tools.New(webCluster(t), func() time.Time { return now }).With(tools.Sources{
		Metrics: backend, MatchLabels: map[string]string{"cluster": "eu"},
	})
	for arguments, want := range map[string][2]string{
		`"metric":"memory","kind":"Deployment","name":"web"`:                  {"web-5c9-a app: last 380Mi, lowest 260Mi, highest 380Mi;", "memory in bytes"},
		`"metric":"cpu","kind":"Deployment","name":"web"`:                     {"web-5c9-a app: last 0.5, lowest 0.5, highest 0.5;", "cpu in cores"},
		`"metric":"volume_used","kind":"PersistentVolumeClaim","name":"data"`: {"data: last 0.75, lowest 0.75, highest 0.75;", "volume_used"},
		`"metric":"restarts","kind":"Deployment","name":"web"`:                {"", "The metrics backend has no such series"},
	} {
		lines, refused := called(t, s, "metric", `{`+arguments+`,"namespace":"shop","hours":2}`)
		found := want[0] == "" || slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, want[0]) })
		if refused != "" || !found || !strings.HasPrefix(lines[0], want[1]) || len(lines) > 2 {
			t.Errorf("%s: got %q, %s", arguments, lines, refused)
		}
	}
	for _, metric := range []string{"cpu_throttled", "memory_limit", "ready", "network_received", "network_sent"} { // valid PromQL
		if lines, refused := called(t, s, "metric", `{"metric":"`+metric+`","kind":"Deployment","namespace":"shop","name":"web"}`); refused != "" {
			t.Errorf("%s: %q, %s", metric, lines, refused)
		}
	}
}

// TestTemplatesAreReadFromLoki writes lines of a workload and of others, and asks for the templates of the workload.
func TestTemplatesAreReadFromLoki(t *testing.T) {
	t.Parallel()
	server := servers.StartLoki(t, servers.LokiOptions{})
	backend, err := loki.New(logs.Settings{
		Endpoint: provider.Endpoint{URL: server.URL}, Timeout: 20 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	now := time.Now()
	var written []logs.Entry
	for i := range 120 {
		for _, pod := range []string{"web-5c9-a", "web-5c9-b", "stray"} {
			line := lineOf("shop", pod, "app", fmt.Sprintf("INFO request %d done in %dms", i, 2*i))
			line.Time = now.Add(-time.Duration(120-i) * 10 * time.Second)
			written = append(written, line)
		}
	}
	for _, pod := range []string{"web-5c9-a", "stray"} {
		line := lineOf("shop", pod, "app", "ERROR pool of "+pod+" is exhausted: max_connections=0")
		line.Time = now.Add(-time.Minute)
		written = append(written, line)
	}
	if err := backend.(logs.Writer).Write(t.Context(), written); err != nil {
		t.Fatal(err)
	}
	s := tools.New(webCluster(t), func() time.Time { return now.Add(time.Second) }).With(tools.Sources{Logs: backend, Redact: same})
	deadline := time.After(30 * time.Second)
	for {
		lines, refused := called(t, s, "log_templates", `{"kind":"Deployment","namespace":"shop","name":"web"}`)
		text := strings.Join(lines, "\n")
		if strings.HasPrefix(text, "241 lines, ") && strings.Contains(text, "\n1x error ERROR pool of web-5c9-a is exhausted: max_connections=0") &&
			strings.Contains(text, "\n240x info INFO request <num> done in") && !strings.Contains(text, "stray") {
			break
		}
		select {
		case <-deadline:
			t.Fatalf("got %s\n%s", refused, text)
		case <-time.After(200 * time.Millisecond):
		}
	}
	lines, refused := called(t, s, "log_templates", `{"kind":"Deployment","namespace":"shop","name":"web","contains":"max_connections"}`)
	if refused != "" || len(lines) != 2 || !strings.HasPrefix(lines[0], "1 lines") {
		t.Errorf("lines with a text: %q, %s", lines, refused)
	}
}

package dashboard

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	logbackend "kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// usageOf writes an hour of usage of a Pod in the OpenMetrics text format, until now.
func usageOf(namespace, pod string, cores, bytes float64) (cpu, memory string) {
	labels := fmt.Sprintf("{namespace=%q,pod=%q,container=\"app\"}", namespace, pod)
	const step = 15 * time.Second
	for at := time.Now().Add(-time.Hour).Truncate(step); at.Before(time.Now()); at = at.Add(step) {
		cpu += fmt.Sprintf("container_cpu_usage_seconds_total%s %f %d\n", labels, cores*float64(at.Unix()%100_000), at.Unix())
		memory += fmt.Sprintf("container_memory_working_set_bytes%s %f %d\n", labels, bytes, at.Unix())
	}
	return cpu, memory
}

// backendsOf a dashboard that may call loopback.
func backendsOf(t *testing.T) *backends.Resolver {
	t.Helper()
	logTypes, err := builtin.Logs()
	metricsTypes, moreErr := builtin.Metrics()
	if err = errors.Join(err, moreErr); err != nil {
		t.Fatal(err)
	}
	return &backends.Resolver{
		Secrets: &secretref.Source{}, LogTypes: logTypes, MetricsTypes: metricsTypes, Queries: &backends.Queries{},
		Egress: provider.Egress{AllowLoopback: true},
	}
}

func TestLinesAndUsageComeFromARealLokiAndARealPrometheus(t *testing.T) {
	w := newWorld(t)
	server := servers.StartLoki(t, servers.LokiOptions{})
	var history strings.Builder
	for _, name := range []string{"container_cpu_usage_seconds", "container_memory_working_set_bytes"} {
		kind := "counter"
		if strings.HasSuffix(name, "bytes") {
			kind = "gauge"
		}
		fmt.Fprintf(&history, "# TYPE %s %s\n", name, kind)
		for _, of := range []struct {
			namespace, pod string
			cores, bytes   float64
		}{{"shop", "cart-1", 0.25, 4 << 20}, {"lab", "microscope-1", 2, 1 << 30}} {
			cpu, memory := usageOf(of.namespace, of.pod, of.cores, of.bytes)
			if kind == "counter" {
				history.WriteString(cpu)
			} else {
				history.WriteString(memory)
			}
		}
	}
	prometheus, _ := servers.Prometheus(t, servers.PrometheusOptions{History: history.String()})
	for _, object := range []client.Object{
		&v1alpha1.LogBackend{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "real"},
			Spec:       v1alpha1.LogBackendSpec{Type: "loki", Loki: &v1alpha1.LokiBackend{URL: server.URL}},
		},
		&v1alpha1.MetricsBackend{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "real"},
			Spec:       v1alpha1.MetricsBackendSpec{Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: prometheus}},
		},
	} {
		w.create(t, object)
		defer w.remove(t, object)
	}
	writeLines(t, server.URL)
	web := httptest.NewServer(w.start(t, Options{Backends: backendsOf(t)}).Handler())
	t.Cleanup(web.Close)
	get := func(user, path string) reply {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, web.URL+"/api/v1/namespaces/shop/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header = token(user)
		return do(t, request)
	}

	eventually(t, func() error { // Loki finds a line a moment after it was written
		lines := decode[StoredLines](t, get("ada", "logbackends/real/lines?q="+url.QueryEscape("order 4711")))
		if lines.Gap != "" || len(lines.Lines) != 1 || lines.Lines[0].Pod != "cart-1" || !strings.Contains(lines.Lines[0].Text, "[redacted") {
			return fmt.Errorf("%+v", lines)
		}
		return nil
	})
	if all := decode[StoredLines](t, get("ada", "logbackends/real/lines")); len(all.Lines) != 2 || strings.Contains(fmt.Sprint(all), "microscope") {
		t.Errorf("lines: %+v", all)
	}
	usage := decode[Usage](t, get("ada", "metricsbackends/real/usage?minutes=30"))
	if len(usage.Charts) != 2 || usage.Gap != "" || usage.Charts[0].Pods != 1 || usage.Charts[1].Pods != 1 {
		t.Fatalf("usage: %+v", usage)
	}
	cpu, memory := usage.Charts[0].Series[0], usage.Charts[1].Series[0]
	if cpu.Pod != "cart-1" || cpu.Last < 0.24 || cpu.Last > 0.26 || len(cpu.Points) < 60 || memory.Last != 4<<20 {
		t.Errorf("%d points of %s: %f cores, %f bytes", len(cpu.Points), cpu.Pod, cpu.Last, memory.Last)
	}
}

// writeLines of two namespaces.
func writeLines(t *testing.T, address string) {
	t.Helper()
	backend, err := loki.New(logbackend.Settings{
		Endpoint: provider.Endpoint{URL: address}, Timeout: 10 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	entry := func(namespace, pod, line string) logbackend.Entry {
		return logbackend.Entry{Time: time.Now().Add(-time.Minute), Line: line, Labels: map[string]string{
			logbackend.LabelNamespace: namespace, logbackend.LabelPod: pod, logbackend.LabelContainer: "app",
		}}
	}
	if err := backend.(logbackend.Writer).Write(t.Context(), []logbackend.Entry{
		entry("shop", "cart-1", "order 4711 with password=kR7pQ2vX9mZ4wL8n"), entry("shop", "cart-1", "ready"),
		entry("lab", "microscope-1", "microscope order 4711"),
	}); err != nil {
		t.Fatal(err)
	}
}

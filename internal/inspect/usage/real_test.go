package usage_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/inspect/usage"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// counting counts queries to a real server.
type counting struct {
	metrics.Provider
	t       *testing.T
	queries atomic.Int32
}

func (c *counting) Query(ctx context.Context, expression string, at time.Time) (metrics.Vector, error) {
	c.queries.Add(1)
	began := time.Now()
	vector, err := c.Provider.Query(ctx, expression, at)
	c.t.Logf("%5d ms, %5d series: %s", time.Since(began).Milliseconds(), len(vector), expression)
	return vector, err
}

const (
	workloads = 1000
	pods      = 1
	step      = 10 * time.Minute
	span      = 30 * time.Hour
)

// TestThousandWorkloadsInVictoriaMetrics writes two days of cAdvisor metrics of a thousand workloads and reads them.
func TestThousandWorkloadsInVictoriaMetrics(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{})
	backend, err := victoriametrics.New(
		metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}, Timeout: time.Minute},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	now := time.Now().Truncate(time.Minute)
	builder := facts.NewBuilder("real", now)
	var batch []metrics.Series
	for w := range workloads {
		batch = append(batch, written(builder, now, w)...)
		if len(batch) >= 500 || w == workloads-1 {
			if err := backend.(metrics.Writer).Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			batch = batch[:0]
		}
	}
	builder.Add(facts.Reduce(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}))
	if err := backend.(metrics.Writer).Write(t.Context(), []metrics.Series{
		line(metrics.Labels{"__name__": "container_memory_working_set_bytes", "id": "/", "instance": "n1:10250"}, now, func(int) float64 { return 4 << 30 }),
		line(metrics.Labels{"__name__": "container_cpu_usage_seconds_total", "id": "/", "instance": "n1:10250", "cpu": "total"}, now, func(i int) float64 { return 2 * step.Seconds() * float64(i) }),
	}); err != nil {
		t.Fatal(err)
	}
	for _, kind := range testkit.Kinds() {
		builder.Covered(kind, "")
	}
	graph := builder.Graph()
	counted := &counting{Provider: backend, t: t}
	in := usage.Input{Provider: counted, Graph: graph, Options: usage.Options{Window: span}, Wanting: map[facts.Source][]string{
		facts.SourceUsage: {"a"}, facts.SourceThrottling: {"b"}, facts.SourceNodeUsage: {"c"},
	}}
	readable(t, backend, now)
	gaps := usage.Collect(t.Context(), in)
	if len(gaps) > 0 {
		t.Fatalf("%+v", gaps)
	}
	t.Logf("%d queries for %d workloads of %d Pods", counted.queries.Load(), workloads, pods+1)
	if n := counted.queries.Load(); n > 20 {
		t.Errorf("%d queries", n)
	}
	if n := len(graph.Usage().Containers); n != workloads {
		t.Errorf("%d containers", n)
	}
	for w := range workloads {
		namespace, name := names(w)
		u, ok := graph.UsageOf(facts.Ref{Kind: facts.Deployment, Namespace: namespace, Name: name}, "app")
		cores, memory := truth(w)
		if !ok || !about(u.CPU, cores, 0.05) || !about(u.CPUPeak, 3*cores, 0.05) || u.Memory != float32(memory+7) ||
			u.MemoryNow != float32(memory) ||
			!about(u.Throttled, 0.4, 0.02) ||
			u.Pods != pods+1 ||
			u.History < 28*time.Hour {
			t.Fatalf("%s: %v, %+v; want %g cores and %g bytes", name, ok, u, cores, memory)
		}
	}
	if n, ok := graph.UsageOfNode("n1"); !ok || !about(n.CPU, 2, 0.05) || n.Memory != 4<<30 {
		t.Errorf("node: %+v", n)
	}
}

func names(w int) (namespace, name string) {
	return fmt.Sprintf("team-%02d", w%20), fmt.Sprintf("app-%04d", w)
}

// truth is the usage of each Pod of a workload, except for an hour with three times the CPU.
func truth(w int) (cores, memory float64) {
	return 0.05 + float64(w%40)/20, float64(64+w%100) * (1 << 20)
}

func about(got float32, want, tolerance float64) bool {
	return math.Abs(float64(got)-want) <= want*tolerance
}

// line is a series over the span.
func line(labels metrics.Labels, end time.Time, value func(i int) float64) metrics.Series {
	s := metrics.Series{Labels: labels}
	for i := 0; i <= int(span/step); i++ {
		s.Points = append(s.Points, metrics.Point{Time: end.Add(-span + time.Duration(i)*step), Value: value(i)})
	}
	return s
}

// written adds a workload and its Pods to the graph and returns their series, including those of a deleted Pod.
func written(builder *facts.Builder, now time.Time, w int) []metrics.Series {
	namespace, name := names(w)
	yes := true
	builder.Add(
		&facts.WorkloadNode{Meta: facts.Meta{Ref: facts.Ref{Kind: facts.Deployment, Namespace: namespace, Name: name}}, Desired: pods},
	)
	cores, memory := truth(w)
	var series []metrics.Series
	for p := range pods + 1 {
		pod := fmt.Sprintf("%s-6d4b75cb6d-xbcd%c", name, "bcd"[p])
		if p < pods {
			builder.Add(facts.Reduce(&corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{
					Namespace:       namespace,
					Name:            pod,
					OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, Controller: &yes}},
				},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}}, Status: corev1.PodStatus{Phase: corev1.PodRunning},
			}))
		}
		labels := func(metric string, more ...string) metrics.Labels {
			l := metrics.Labels{
				"__name__":  metric,
				"namespace": namespace,
				"pod":       pod,
				"container": "app",
				"id":        "/kubepods/" + pod,
				"instance":  "n1:10250",
			}
			for i := 0; i < len(more); i += 2 {
				l[more[i]] = more[i+1]
			}
			return l
		}
		peak := memory
		if p == pods {
			peak = memory + 7
		}
		used := 0.0
		series = append(series,
			line(labels("container_cpu_usage_seconds_total", "cpu", "total"), now, func(i int) float64 {
				now := cores
				if i > 100 && i <= 106 { // an hour
					now = 3 * cores
				}
				used += now * step.Seconds()
				return used
			}),
			line(labels("container_memory_working_set_bytes"), now, func(i int) float64 {
				if i == 77 {
					return peak
				}
				return memory / 2
			}),
			line(labels("container_memory_rss"), now, func(int) float64 { return memory / 3 }),
			line(labels("container_cpu_cfs_periods_total"), now, func(i int) float64 { return float64(1000 * i) }),
			line(labels("container_cpu_cfs_throttled_periods_total"), now, func(i int) float64 { return float64(400 * i) }),
		)
	}
	return series
}

// readable waits until the server returns the last written sample.
func readable(t *testing.T, backend metrics.Provider, now time.Time) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		vector, err := backend.Query(ctx, "count(container_memory_working_set_bytes)", now)
		if err == nil && len(vector) == 1 && vector[0].Value == workloads*(pods+1)+1 {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("what was written cannot be read: %v, %v", vector, err)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// knowing is a server without data whose discovery reports every metric.
type knowing struct{ metrics.Provider }

func (k knowing) Query(ctx context.Context, expression string, at time.Time) (metrics.Vector, error) {
	vector, err := k.Provider.Query(ctx, expression, at)
	switch {
	case err == nil && strings.HasPrefix(expression, "label_replace("):
		for _, has := range []string{"pod", "owners", "throttling", "nodes"} {
			vector = append(vector, metrics.Sample{Labels: metrics.Labels{"kubeops_has": has}, Value: 1})
		}
	case err == nil && strings.HasPrefix(expression, "count_over_time("):
		vector = append(vector, metrics.Sample{Labels: metrics.Labels{"namespace": "shop", "pod": "gone", "container": "app"}, Value: 1})
	}
	return vector, err
}

// TestPrometheusAcceptsEveryQuery sends each query once; one that does not parse is a gap.
func TestPrometheusAcceptsEveryQuery(t *testing.T) {
	t.Parallel()
	url, _ := servers.Prometheus(t, servers.PrometheusOptions{})
	backend, err := prometheus.New(metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	for _, namespaces := range [][]string{nil, {"shop", "a.b"}} {
		builder := facts.NewBuilder("real", time.Now())
		builder.Add(facts.Reduce(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}))
		builder.Covered(facts.Pod, "")
		graph := builder.Graph()
		counted := &counting{Provider: knowing{backend}, t: t}
		gaps := usage.Collect(
			t.Context(),
			usage.Input{
				Provider: counted,
				Graph:    graph,
				Scope:    scope.New(graph, namespaces),
				Options:  usage.Options{MatchLabels: map[string]string{"cluster": "a\"\\é"}},
				Wanting: map[facts.Source][]string{
					facts.SourceUsage: {"a"}, facts.SourceThrottling: {"b"}, facts.SourceNodeUsage: {"c"},
				},
			},
		)
		if len(gaps) > 0 || counted.queries.Load() != 10 {
			t.Errorf("%d queries, %+v", counted.queries.Load(), gaps)
		}
	}
}

// TestPrometheusAcceptsQueriesWithOldLabels sends the queries with the labels of old kubelets, selected namespaces, and
// labels that need quoting. One that does not parse is a gap.
func TestPrometheusAcceptsQueriesWithOldLabels(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{})
	backend, err := victoriametrics.New(
		metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}},
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	now := time.Now().Truncate(time.Minute)
	builder := facts.NewBuilder("real", now)
	builder.Add(
		facts.Reduce(
			&corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "p"},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
			},
		),
	)
	var series []metrics.Series
	for i, metric := range []string{"container_memory_working_set_bytes", "container_cpu_usage_seconds_total", "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total", "container_memory_rss"} {
		for _, pod := range []string{"p", "gone"} {
			series = append(
				series,
				line(
					metrics.Labels{
						"__name__":       metric,
						"namespace":      "shop",
						"pod_name":       pod,
						"container_name": "app",
						"cluster":        "a.b\\\"",
					},
					now,
					func(n int) float64 { return float64((n + 1) * (i + 1)) },
				),
			)
		}
	}
	series = append(
		series,
		line(
			metrics.Labels{
				"__name__":            "kube_pod_owner",
				"namespace":           "shop",
				"pod":                 "gone",
				"owner_kind":          "Node",
				"owner_name":          "n",
				"owner_is_controller": "true",
				"cluster":             "a.b\\\"",
			},
			now,
			func(int) float64 { return 1 },
		),
	)
	if err := backend.(metrics.Writer).Write(t.Context(), series); err != nil {
		t.Fatal(err)
	}
	graph := builder.Graph()
	deadline := time.Now().Add(time.Minute)
	for {
		counted := &counting{Provider: backend, t: t}
		gaps := usage.Collect(
			t.Context(),
			usage.Input{
				Provider: counted,
				Graph:    graph,
				Scope:    scope.New(graph, []string{"shop", "x.y"}),
				Options:  usage.Options{Window: span, MatchLabels: map[string]string{"cluster": "a.b\\\""}},
				Wanting: map[facts.Source][]string{
					facts.SourceUsage: {"a"}, facts.SourceThrottling: {"b"},
				},
			},
		)
		if len(gaps) == 0 && len(graph.Usage().Containers) == 1 && graph.Usage().Containers[0].CPU >= 0 &&
			graph.Usage().Containers[0].Throttled >= 0 {
			return
		}
		for _, gap := range gaps {
			if !strings.Contains(gap.Message, "container_memory_working_set_bytes") || time.Now().After(deadline) {
				t.Fatalf("%+v", gaps)
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v", graph.Usage())
		}
	}
}

package usage_test

import (
	"context"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/usage"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// accepting fails the test on a query that the server rejects, also where the stage does without its result.
type accepting struct {
	metrics.Provider
	t *testing.T
	// knows adds to the results of an empty server that it has metrics, but no current samples, of a container.
	knows bool
	sent  *[]string
}

func (a accepting) Query(ctx context.Context, expression string, at time.Time) (metrics.Vector, error) {
	vector, err := a.Provider.Query(ctx, expression, at)
	if err != nil {
		a.t.Errorf("%s: %v", expression, err)
	}
	*a.sent = append(*a.sent, expression)
	switch {
	case a.knows && strings.HasPrefix(expression, "label_replace("):
		vector = metrics.Vector{{Labels: metrics.Labels{"kubeops_has": "pod"}, Value: 0}}
	case a.knows && strings.HasPrefix(expression, "count_over_time("):
		vector = metrics.Vector{{Labels: metrics.Labels{"namespace": "shop", "pod": "api", "container": "app"}, Value: 9}}
	}
	return vector, err
}

// runningPods is a graph of Pods that have run for two days.
func runningPods(now time.Time, names ...string) *facts.Graph {
	builder := facts.NewBuilder("real", now)
	for _, name := range names {
		builder.Add(facts.Reduce(&corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{Name: "app",
				State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(now.Add(-48 * time.Hour))}}}}},
		}))
	}
	for _, kind := range testkit.Kinds() {
		builder.Covered(kind, "")
	}
	return builder.Graph()
}

func TestPrometheusAcceptsTheQueriesForSamplesThatStopped(t *testing.T) {
	t.Parallel()
	url, _ := servers.Prometheus(t, servers.PrometheusOptions{})
	backend, err := prometheus.New(metrics.Settings{Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	for _, knows := range []bool{false, true} {
		var sent []string
		usage.Collect(t.Context(), usage.Input{
			Provider: accepting{backend, t, knows, &sent}, Graph: runningPods(time.Now(), "api"),
			Options: usage.Options{MatchLabels: map[string]string{"cluster": "a\"\\é"}},
			Wanting: map[facts.Source][]string{facts.SourceUsage: {"a"}, facts.SourceThrottling: {"b"}},
		})
		if all := strings.Join(sent, "\n"); !strings.Contains(all, "timestamp(") {
			t.Errorf("no query for the last sample:\n%s", all)
		}
	}
}

func TestSamplesThatStoppedInVictoriaMetrics(t *testing.T) {
	t.Parallel()
	url, _ := servers.VictoriaMetrics(t, servers.VictoriaMetricsOptions{})
	backend, err := victoriametrics.New(metrics.Settings{
		Endpoint: provider.Endpoint{URL: url}, Egress: provider.Egress{AllowLoopback: true}, Timeout: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(backend.Close)
	now := time.Now().Truncate(time.Minute)
	const minute = time.Minute
	// written every minute for ten hours, until a time before now
	series := func(metric, pod string, until time.Duration) metrics.Series {
		s := metrics.Series{Labels: metrics.Labels{"__name__": metric, "namespace": "shop", "pod": pod, "container": "app"}}
		for ago := 10 * time.Hour; ago >= until; ago -= minute {
			s.Points = append(s.Points, metrics.Point{Time: now.Add(-ago), Value: 1 << 20})
		}
		return s
	}
	if err := backend.(metrics.Writer).Write(t.Context(), []metrics.Series{
		series("container_memory_working_set_bytes", "api", 0), series("container_memory_working_set_bytes", "db", 2*time.Hour),
		series("container_cpu_cfs_periods_total", "api", 43*minute),
	}); err != nil {
		t.Fatal(err)
	}
	in := usage.Input{Provider: backend, Options: usage.Options{Window: 24 * time.Hour}, Wanting: map[facts.Source][]string{
		facts.SourceUsage: {"a"}, facts.SourceThrottling: {"b"},
	}}
	deadline := now.Add(2 * minute)
	for {
		in.Graph = runningPods(now, "api", "db")
		// a CPU limit, without which nothing is throttled
		in.Graph.Pods[0].Containers[0].CPULimit = 1000
		gaps := usage.Collect(t.Context(), in)
		api, read := in.Graph.UsageOf(facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "api"}, "app")
		db, _ := in.Graph.UsageOf(facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "db"}, "app")
		if !read && time.Now().Before(deadline) { // what was written cannot be read yet
			continue
		}
		if api.Stopped != 0 || (db.Stopped-2*time.Hour).Abs() > 10*minute {
			t.Errorf("api stopped %s before the end, db %s; want 0 and 2h", api.Stopped, db.Stopped)
		}
		var messages []string
		for _, gap := range gaps {
			messages = append(messages, string(gap.Reason)+" "+gap.Message)
		}
		t.Log(strings.Join(messages, "\n"))
		all := strings.Join(messages, "\n")
		if !strings.Contains(all, "Samples of container_cpu_cfs_periods_total stopped: the last one is 4") ||
			!strings.Contains(all, "Pod/shop/db (last sample ") || !strings.Contains(all, string(v1alpha1.GapIncomplete)) {
			t.Errorf("gaps:\n%s", all)
		}
		return
	}
}

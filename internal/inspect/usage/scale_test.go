package usage

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// large returns a cluster with many Deployments in 20 namespaces, and a server with their metrics.
func large(workloads, pods int) (*facts.Graph, []row) {
	builder := facts.NewBuilder("test", testkit.Now())
	var rows []row
	yes := true
	for w := range workloads {
		namespace, name := fmt.Sprintf("team-%02d", w%20), fmt.Sprintf("app-%04d", w)
		meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
		builder.Add(
			&facts.WorkloadNode{
				Meta:    facts.Meta{Ref: facts.Ref{Kind: facts.Deployment, Namespace: namespace, Name: name}},
				Desired: int32(pods),
			},
		) //nolint:gosec // small
		for p := range pods {
			meta.Name = fmt.Sprintf("%s-6d4b75cb6d-%s", name, suffix(p))
			meta.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "Deployment", Name: name, Controller: &yes}}
			builder.Add(
				facts.Reduce(
					&corev1.Pod{
						ObjectMeta: meta,
						Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app"}}},
						Status:     corev1.PodStatus{Phase: corev1.PodRunning},
					},
				),
			)
			rows = append(rows, row{namespace, meta.Name, "app", 336, 0.1, 0.3, 64 << 20, 60 << 20, -1, ""})
		}
	}
	for _, kind := range testkit.Kinds() {
		builder.Covered(kind, "")
	}
	return builder.Graph(), rows
}

// suffix returns a Kubernetes-like random suffix for a number.
func suffix(n int) string {
	var s [5]byte
	for i := range s {
		s[i] = letters[n%len(letters)]
		n /= len(letters)
	}
	return string(s[:])
}

func TestThousandWorkloadsNeedFewQueries(t *testing.T) {
	for _, c := range []struct{ workloads, pods, budget, want int }{
		{1000, 3, 0, 9},          // as many as for one workload
		{3000, 3, 0, 9},          // and for three thousand
		{1000, 3, 2000, 17},      // halves, where an answer may hold two thirds of the Pods: the first failure teaches the rest
		{2000, 5, 1500, 60},      // eighths
		{2000, 5, 1, MaxQueries}, // bounded, whatever the budget
	} {
		graph, rows := large(c.workloads, c.pods)
		f := &fake{t: t, rows: rows, budget: c.budget}
		gaps := Collect(context.Background(), Input{Provider: f, Graph: graph, Wanting: all()})
		if len(f.queries) > c.want {
			t.Errorf("%+v: %d queries", c, len(f.queries))
		}
		if c.budget == 1 {
			if len(gaps) == 0 || gaps[0].Reason != v1alpha1.GapIncomplete {
				t.Errorf("%+v: gaps %+v", c, gaps)
			}
			continue
		}
		if got := len(graph.Usage().Containers); got != c.workloads || len(gaps) > 0 {
			t.Errorf("%+v: %d containers, gaps %+v", c, got, gaps)
		}
		t.Logf("%d workloads of %d Pods, %d series an answer: %d queries", c.workloads, c.pods, c.budget, len(f.queries))
		for _, u := range graph.Usage().Containers {
			if u.CPU != 0.1 || u.Memory != 64<<20 || u.Pods != int32(c.pods) || u.History != DefaultWindow { //nolint:gosec // small
				t.Fatalf("%+v", u)
			}
		}
	}
}

func TestPartsOverBudgetAreReportedAndOthersAreRead(t *testing.T) {
	graph, rows := large(100, 2)
	for i := range 50 { // one namespace alone is too much
		rows = append(rows, row{"team-07", fmt.Sprintf("x-%d", i), "app", 1, 1, 1, 1, 1, 1, ""})
	}
	f := &fake{t: t, rows: rows, budget: 40}
	gaps := Collect(context.Background(),
		Input{Provider: f, Graph: graph, Wanting: map[facts.Source][]string{facts.SourceUsage: {"size"}}})
	if len(graph.Usage().Containers) != 95 || len(gaps) == 0 || !strings.Contains(gaps[0].Message, "in namespaces team-07:") ||
		gaps[0].Reason != v1alpha1.GapIncomplete {
		t.Errorf("%d containers, %+v", len(graph.Usage().Containers), gaps)
	}
}

// FuzzLabels feeds the stage with invalid labels and numbers.
func FuzzLabels(f *testing.F) {
	f.Add("shop", live, "api", "ReplicaSet", "cart-6d4b75cb6d", "n1", 0.5)
	f.Add("shop", "cart-", "api", "Job", "-", "192.0.2.7:10250", -1.0)
	f.Add("\xff", "--", "", "Deployment", "\x00", "[::1", 1e300)
	f.Add("batch", "nightly-29000000-xzbcd", "job", "CronJob", "nightly", "", 0.0)
	f.Fuzz(func(t *testing.T, namespace, pod, container, kind, name, node string, value float64) {
		labels := metrics.Labels{
			"namespace": namespace, "pod": pod, "container": container, "owner_kind": kind, "owner_name": name, "node": node, "instance": node, mark: name,
		}
		graph := testkit.Graph(t, shop)
		Collect(context.Background(),
			Input{Provider: anything{metrics.Sample{Labels: labels, Value: value}}, Graph: graph, Wanting: all()})
		if graph.Usage() == nil {
			return
		}
		for _, c := range graph.Usage().Containers {
			if !graph.Has(c.Workload) || c.Container != "api" && c.Container != "log" && c.Container != "job" || c.History < 0 ||
				c.History > DefaultWindow ||
				!metrics.Usable(float64(c.CPU)) ||
				!metrics.Usable(float64(c.Memory)) ||
				c.Throttled > 1 {
				t.Fatalf("%+v", c)
			}
		}
		for _, n := range graph.Usage().Nodes {
			if n.Node != "n1" || !metrics.Usable(float64(n.CPU)) {
				t.Fatalf("%+v", n)
			}
		}
	})
}

// anything returns one sample for every query, and every mark for discovery.
type anything struct{ sample metrics.Sample }

func (a anything) Probe(context.Context) (metrics.Health, error) { return metrics.Health{}, nil }
func (a anything) Close()                                        {}
func (a anything) QueryRange(context.Context, string, metrics.Range) ([]metrics.Series, error) {
	return nil, nil
}

func (a anything) Query(_ context.Context, expression string, _ time.Time) (metrics.Vector, error) {
	if strings.HasPrefix(expression, "label_replace(") {
		return (&fake{}).discovery(), nil
	}
	return metrics.Vector{a.sample}, nil
}

func BenchmarkJoin10000Pods(b *testing.B) {
	graph, rows := large(2000, 5)
	f := &fake{t: b, rows: rows}
	answers := map[string]metrics.Vector{}
	first := Collect(context.Background(), Input{Provider: f, Graph: graph, Wanting: all()})
	if len(first) > 0 {
		b.Fatal(first)
	}
	for _, q := range f.queries {
		answers[q], _ = f.Query(context.Background(), q, testkit.Now())
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		Collect(context.Background(), Input{Provider: ready(answers), Graph: graph, Wanting: all()})
	}
	b.ReportMetric(float64(len(f.queries)/2), "queries")
}

// ready returns prepared vectors.
type ready map[string]metrics.Vector

func (r ready) Probe(context.Context) (metrics.Health, error) { return metrics.Health{}, nil }
func (r ready) Close()                                        {}
func (r ready) QueryRange(context.Context, string, metrics.Range) ([]metrics.Series, error) {
	return nil, nil
}

func (r ready) Query(_ context.Context, expression string, _ time.Time) (metrics.Vector, error) {
	return r[expression], nil
}

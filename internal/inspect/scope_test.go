package inspect

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/causes"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/report"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/canary"
)

// Namespaces of two tenants. One is a prefix of the other, and both have workloads of the same names.
const (
	ours   = "sec-a"
	theirs = "sec-ab"
)

// ourObjects are all that the run could read.
const ourObjects = crashing + `
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop}
spec: {containers: [{name: app, image: web:1}]}
`

// graphOf our objects: lists of all namespaces were forbidden, except those of some cluster-scoped kinds.
func graphOf(t *testing.T, more string, clusterScoped ...facts.Kind) *facts.Graph {
	t.Helper()
	builder := facts.NewBuilder("local", testkit.Now())
	for _, object := range testkit.Objects(t, strings.ReplaceAll(ourObjects, "namespace: shop", "namespace: "+ours)+more) {
		builder.Add(facts.Reduce(object))
	}
	for _, kind := range testkit.Kinds() {
		if kind.Namespaced() {
			builder.Covered(kind, ours)
		}
	}
	for _, kind := range clusterScoped {
		builder.Covered(kind, "")
	}
	return builder.Graph()
}

// shared is a metrics backend that returns the series, alerts and targets of both tenants, whatever a query selects. It fails the test on
// a query that does not select our namespace.
type shared struct {
	t *testing.T
}

func (shared) Probe(context.Context) (metrics.Health, error) { return metrics.Health{}, nil }
func (shared) Close()                                        {}

// labels of a series of each tenant, and of those in between.
func (s shared) labels() []metrics.Labels {
	var all []metrics.Labels
	for _, namespace := range []string{ours, theirs} {
		container := "app"
		if namespace == theirs {
			container = "canary-container"
		}
		for _, pod := range []string{"cart-0", "web-1", "web-10", "cart-7"} {
			all = append(all, metrics.Labels{
				"namespace": namespace, "exported_namespace": namespace, "pod": pod, "container": container, "service": "cart",
				"exported_service": "cart", "persistentvolumeclaim": "data", "kubeops_owner": "cart", "job": namespace + "/scrape",
				"instance": "10.9.8.7:8080", "customer": "canary", "destination_workload_namespace": namespace, "destination_workload": "cart",
				"owner_kind": "StatefulSet", "owner_name": "cart", "node": "canary-node",
			})
		}
	}
	return append(all,
		metrics.Labels{"namespace": ours, "pod": "cart-0", "container": "canary-container", "job": theirs + "/monitor", "instance": "canary:1"},
		metrics.Labels{"namespace": ours, "pod": "canary-x7k2p", "container": "app"},
		metrics.Labels{"namespace": "", "pod": "cart-0", "container": "app", "kubernetes_namespace": theirs},
		metrics.Labels{"node": "canary-node", "mountpoint": "/canary", "device": "canary"},
	)
}

func (s shared) selects(expression string) {
	clusterScoped := strings.Contains(expression, `id="/"`) || strings.Contains(expression, "node_filesystem") ||
		strings.Contains(expression, "apiserver_request_total")
	if strings.Contains(expression, theirs) || !clusterScoped && !strings.Contains(expression, `namespace=~"`+ours+`"`) {
		s.t.Errorf("a query of others: %s", expression)
	}
}

func (s shared) Query(_ context.Context, expression string, at time.Time) (metrics.Vector, error) {
	s.selects(expression)
	var vector metrics.Vector
	if strings.Contains(expression, "kubeops_has") {
		for _, name := range []string{"pod", "throttling", "owners", "nodes"} {
			vector = append(vector, metrics.Sample{Labels: metrics.Labels{"kubeops_has": name}, Value: 1, Time: at})
		}
		return vector, nil
	}
	for _, labels := range s.labels() {
		for _, part := range partsOf(expression) {
			one := metrics.Sample{Labels: maps.Clone(labels), Value: 100, Time: at}
			maps.Copy(one.Labels, part)
			vector = append(vector, one)
		}
	}
	return vector, nil
}

func (s shared) QueryRange(_ context.Context, expression string, span metrics.Range) ([]metrics.Series, error) {
	s.selects(expression)
	var series []metrics.Series
	if strings.Contains(expression, " or count(") { // the number of containers has no labels
		series = append(series, metrics.Series{Points: []metrics.Point{{Time: span.Start, Value: 1}, {Time: span.End, Value: 1}}})
	}
	for _, labels := range s.labels() {
		for _, part := range partsOf(expression) {
			one := metrics.Series{Labels: maps.Clone(labels)}
			maps.Copy(one.Labels, part)
			for at := span.Start; !at.After(span.End); at = at.Add(span.Step) {
				if value, ok := sampleOf(expression, part, span.End.Sub(at)); ok {
					one.Points = append(one.Points, metrics.Point{Time: at, Value: value})
				}
			}
			series = append(series, one)
		}
	}
	return series, nil
}

// partsOf returns the labels that tell the results of a query for several metrics apart.
func partsOf(expression string) []metrics.Labels {
	switch {
	case strings.Contains(expression, "kubeops_outcome"):
		return []metrics.Labels{{"kubeops_outcome": "failed"}, {"kubeops_outcome": "all"}}
	case strings.Contains(expression, "kubeops_suspect"):
		return []metrics.Labels{
			{"kubeops_suspect": "restarts"}, {"kubeops_suspect": "CPU"}, {"kubeops_suspect": "memory"}, {"kubeops_suspect": "measured"},
		}
	case strings.Contains(expression, "kubeops_kind"):
		return []metrics.Labels{{"kubeops_kind": "space"}, {"kubeops_kind": "inodes"}}
	default:
		return []metrics.Labels{nil}
	}
}

// sampleOf returns a value some time before the end of a range; false for a time without one.
func sampleOf(expression string, part metrics.Labels, ago time.Duration) (float64, bool) {
	lately := ago <= 3*time.Hour
	switch {
	case strings.Contains(expression, "available_bytes"), strings.Contains(expression, "avail_bytes"):
		return 3 + ago.Hours()/24, true
	case part["kubeops_outcome"] == "failed" && !lately:
		return 0.0001, true
	case part["kubeops_suspect"] == "memory":
		if lately {
			return 2 << 30, true
		}
		return 1 << 30, true
	case part["kubeops_suspect"] == "CPU" && !lately:
		return 0.1, true
	case strings.Contains(expression, "restarts_total{") && strings.HasPrefix(expression, "sum"):
		return 9, lately
	case strings.Contains(expression, "histogram_quantile") && !lately:
		return 0.01, true
	default:
		return 1, true
	}
}

func (s shared) LabelValues(context.Context, string, []string, metrics.Range) ([]string, error) {
	return []string{
		"kubelet_volume_stats_available_bytes", "node_filesystem_avail_bytes", "kube_pod_container_status_restarts_total",
		"http_requests_total", "http_request_duration_seconds_bucket", "istio_requests_total", "apiserver_request_total",
		"container_cpu_usage_seconds_total", "container_memory_working_set_bytes",
	}, nil
}

func (s shared) LabelNames(_ context.Context, selectors []string, _ metrics.Range) ([]string, error) {
	for _, selector := range selectors {
		s.selects(selector)
	}
	return []string{"namespace", "service", "status", "code", "response_code", "destination_workload_namespace", "destination_workload"}, nil
}

func (s shared) Alerts(context.Context) ([]metrics.Alert, error) {
	var alerts []metrics.Alert
	add := func(name string, labels metrics.Labels) {
		labels["alertname"] = name
		alerts = append(alerts, metrics.Alert{
			Name: name, State: "firing", Labels: labels, Since: testkit.Now().Add(-time.Hour),
			Annotations: map[string]string{"summary": "payroll database of tenant canary is down (host 10.9.8.7)"},
		})
	}
	for _, labels := range s.labels() {
		name := "OursFires"
		if labels["namespace"] != ours {
			name = "CanaryFires"
		}
		add(name, labels)
	}
	add("OursFires", metrics.Labels{
		"namespace": ours, "statefulset": "cart", "severity": "canary", "affected_pods": theirs + "/canary", "service": "canary",
	})
	add("OursFiresInNamespace", metrics.Labels{"namespace": ours, "severity": "critical"})
	add("CanaryWithoutObject", metrics.Labels{"job": "canary"})
	add("CanaryOfNamespace", metrics.Labels{"namespace": theirs})
	add("CanaryOnNode", metrics.Labels{"namespace": theirs, "pod": "cart-0", "node": "node-1"})
	add("CanaryOfOther", metrics.Labels{"exported_namespace": theirs, "namespace": ours, "pod": "cart-0"})
	return alerts, nil
}

func (s shared) Targets(context.Context) (metrics.Targets, error) {
	s.t.Error("the targets of others were read")
	return metrics.Targets{}, nil
}

func (s shared) Rules(context.Context) ([]metrics.Rule, error) {
	s.t.Error("the rules of others were read")
	return []metrics.Rule{{Group: "canary", Name: "canary", Health: "err", Error: `found duplicate series {namespace="` + theirs + `"}`}}, nil
}

// sharedLogs is a log backend with the lines of both tenants, which ignores what a query selects.
type sharedLogs struct {
	logs.Provider
	t *testing.T
}

func (s sharedLogs) Search(_ context.Context, q logs.Query) (logs.Page, error) {
	namespaces := append([]string{q.Labels[logs.LabelNamespace]}, q.AnyOf[logs.LabelNamespace]...)
	if strings.Join(namespaces, "") != ours {
		s.t.Errorf("a query of others: %+v", q)
	}
	var page logs.Page
	if at := testkit.Now().Add(-30 * time.Minute); !q.Backward && (q.Start.After(at) || !q.End.After(at)) {
		return page, nil
	}
	add := func(namespace, pod, container, line string) {
		page.Entries = append(page.Entries, logs.Entry{
			Time: q.Start.Add(time.Second), Line: line,
			Labels: map[string]string{logs.LabelNamespace: namespace, logs.LabelPod: pod, logs.LabelContainer: container, "app": "canary"},
		})
	}
	for range 5 {
		add(theirs, "cart-0", "app", "FATAL canary of theirs")
		add(ours, "canary-x7k2p", "app", "FATAL canary of an unknown Pod")
		add("", "cart-0", "app", "FATAL canary without a namespace")
		add(ours, "cart-0", "canary", "FATAL ours is broken")
		add(ours, "cart-7", "app", "FATAL ours is broken")
		if q.Backward {
			add(ours, "cart-0", "app", "the last line of ours")
		}
	}
	return page, nil
}

// reportOf runs all stages after collecting.
func reportOf(t *testing.T, g *facts.Graph, namespaces []string) *v1alpha1.InspectionReport {
	t.Helper()
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	none := httptest.NewServer(http.NotFoundHandler())
	defer none.Close()
	in := Input{
		Source: collect.Source{Cluster: "local", Config: &rest.Config{Host: none.URL}}, Scope: collect.Scope{Namespaces: namespaces, Home: ours},
		Checks: checks.Builtin(), Clock: clock.RealClock{}, Metrics: shared{t: t}, Logs: sharedLogs{t: t}, LogAnalysis: &loganalysis.Options{},
		MetricsBackend: facts.Ref{Kind: facts.CustomKind("kubeops.io", "MetricsBackend"), Namespace: ours, Name: "shared"},
	}
	timer := newTimer(in)
	filter := scope.New(g, namespaces)
	gaps := append(readMetrics(t.Context(), in, timer, filter), readLogs(t.Context(), in, timer, filter, gate)...)
	findings, ran, failed := check.Run(g, in.Checks, check.DefaultParams())
	linked, evidenceGaps := addLogs(t.Context(), in, g, filter, causes.Link(g, in.Checks, findings))
	gaps = append(append(gaps, failed...), evidenceGaps...)
	return report.New(report.Input{
		Graph: g, Findings: linked, Checks: in.Checks, ChecksRun: ran, Gaps: gaps, NamespacesOnly: len(namespaces) > 0, Redact: gate.Text,
	})
}

func TestNothingOfAnotherTenantIsInAnyFieldOfAReport(t *testing.T) {
	const node = "\n---\napiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n"
	const both = node + "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: sec-a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: sec-ab}\n"
	for name, tc := range map[string]struct {
		graph      *facts.Graph
		namespaces []string
	}{
		"a namespace-bound account":                  {graphOf(t, ""), nil},
		"with spec.namespaces":                       {graphOf(t, ""), []string{ours}},
		"with a namespace that cannot be read":       {graphOf(t, ""), []string{ours, theirs}},
		"an account that lists Nodes":                {graphOf(t, node, facts.Node), nil},
		"an account that lists Nodes and Namespaces": {graphOf(t, both, facts.Node, facts.Namespace), nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := reportOf(t, tc.graph, tc.namespaces)
			namespaces := canary.Find(got.Findings, theirs)
			if strings.Contains(name, "Namespaces") { // its name was read, and other checks may report on it
				namespaces = nil
			}
			for _, found := range append(namespaces, canary.Find(got, "canary", "10.9.8.7", "ACME")...) {
				t.Error(found)
			}
			reported := map[string]bool{}
			for _, finding := range got.Findings {
				reported[finding.Check] = true
				if finding.Object.Kind == "MetricsBackend" {
					t.Errorf("a finding about no object: %+v", finding)
				}
			}
			for _, id := range []string{
				"alert-firing", "scrape-target-down", "pvc-filling-up", "error-rate-anomaly", "latency-anomaly", "restart-anomaly", "cpu-anomaly",
				"memory-anomaly", "log-new-error",
			} {
				if !reported[id] {
					t.Errorf("no finding %s about our own objects", id)
				}
			}
			texts := []string{"ours is broken", "(of Pod cart-0, from the log backend)\nthe last line of ours", "pod=cart-0"}
			if tc.namespaces == nil {
				texts = append(texts, "OursFiresInNamespace") // a Namespace is no object in a namespace
			}
			for _, text := range texts {
				if len(canary.Find(got, text)) == 0 {
					t.Errorf("%q is not reported", text)
				}
			}
		})
	}
}

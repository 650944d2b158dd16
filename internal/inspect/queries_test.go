package inspect

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks/telemetry"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/redact"
	"kubeops.io/kubeops/internal/testkit"
)

// counting is a server of any backend that has little to report. It counts the requests of each path.
type counting struct {
	t *testing.T
	// sources of requests, and whether their objects are in an incident.
	sources  []string
	incident bool

	mutex sync.Mutex
	// paths are the requests of each path.
	paths map[string]int
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mutex.Lock()
	c.paths[r.URL.Path]++
	c.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch path := r.URL.Path; {
	case path == "/api/v1/label/__name__/values":
		c.list(w, slices.Concat(c.sources, []string{
			"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_inodes_free",
			"node_filesystem_avail_bytes", "node_filesystem_files_free",
			"kube_pod_container_status_restarts_total", "container_cpu_usage_seconds_total", "container_memory_working_set_bytes",
		}))
	case path == "/api/v1/labels":
		c.list(w, []string{
			"code", "grpc_code", "response_code", "namespace", "service", "destination_workload_namespace", "destination_workload",
		})
	case path == "/api/v1/query":
		c.vector(w, r.FormValue("query"))
	case path == "/api/v1/query_range":
		c.matrix(w, r)
	case path == "/api/v1/alerts":
		fmt.Fprint(w, `{"status":"success","data":{"alerts":[]}}`)
	case path == "/api/v1/targets":
		fmt.Fprint(w, `{"status":"success","data":{"activeTargets":[]}}`)
	case path == "/api/v1/rules":
		fmt.Fprint(w, `{"status":"success","data":{"groups":[]}}`)
	case path == "/loki/api/v1/query_range":
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"streams","result":[]}}`)
	case strings.HasPrefix(path, "/loki/api/v1/label"):
		c.list(w, []string{"shop", "namespace", "pod"})
	case path == "/select/logsql/query":
		w.Header().Set("Content-Type", "application/x-ndjson")
	case path == "/select/logsql/field_names":
		fmt.Fprint(w, `{"values":[{"value":"kubernetes.namespace_name","hits":1}]}`)
	case path == "/select/logsql/field_values":
		fmt.Fprint(w, `{"values":[{"value":"shop","hits":1}]}`)
	case path == "/":
		fmt.Fprint(w, `{"version":{"number":"8.1.0"}}`)
	case strings.HasSuffix(path, "/_field_caps"):
		field := func(name, kind string) string {
			return fmt.Sprintf(`%q:{%[2]q:{"type":%[2]q,"searchable":true,"aggregatable":true}}`, name, kind)
		}
		fmt.Fprintf(w, `{"fields":{%s,%s,%s}}`, field("@timestamp", "date"), field("message", "text"),
			field("kubernetes.namespace_name", "keyword"))
	case strings.HasSuffix(path, "/_search"):
		fmt.Fprint(w, `{"hits":{"hits":[]},"aggregations":{"f0":{"buckets":[{"key":"shop","doc_count":1}]}}}`)
	default:
		c.t.Errorf("unexpected path %s", path)
	}
}

func (c *counting) list(w http.ResponseWriter, values []string) {
	data, err := json.Marshal(values)
	if err != nil {
		c.t.Error(err)
	}
	fmt.Fprintf(w, `{"status":"success","data":%s}`, data)
}

const (
	countedClaim = `"namespace":"shop","persistentvolumeclaim":"data"`
	countedNode  = `"node":"node-1","mountpoint":"/"`
	countedPod   = `"namespace":"shop","pod":"web-0"`
	countedOwner = `"namespace":"shop","kubeops_owner":"web"`
	countedSite  = `"namespace":"shop","service":"web","destination_workload_namespace":"shop","destination_workload":"web"`
)

// vector has the capacities, and in an incident a Pod that restarts and a workload that uses more.
func (c *counting) vector(w http.ResponseWriter, query string) {
	var labels []string
	switch {
	case strings.Contains(query, "kubelet_volume_stats"):
		labels = []string{countedClaim + `,"kubeops_kind":"space"`, countedClaim + `,"kubeops_kind":"inodes"`}
	case strings.Contains(query, "node_filesystem"):
		labels = []string{countedNode + `,"kubeops_kind":"space"`, countedNode + `,"kubeops_kind":"inodes"`}
	case strings.Contains(query, "restarts_total") && c.incident:
		labels = []string{
			countedPod + `,"kubeops_suspect":"restarts"`, countedOwner + `,"kubeops_suspect":"CPU"`, `"kubeops_suspect":"measured"`,
		}
	case strings.Contains(query, "offset 1w"):
		labels = []string{`"kubeops_suspect":"measured"`}
	}
	c.respond(w, "vector", labels, func(string) string {
		return fmt.Sprintf(`"value":[%d,"9"]`, testkit.Now().Unix())
	})
}

// matrix has requests; in an incident, most of them are missing for an hour, and many failed.
func (c *counting) matrix(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	var labels []string
	requests := slices.ContainsFunc(c.sources, func(s string) bool { return strings.Contains(query, s+"{") })
	if requests && !strings.Contains(query, "count_over_time") {
		labels = []string{countedSite + `,"kubeops_outcome":"all"`}
		if c.incident {
			labels = append(labels, countedSite+`,"kubeops_outcome":"failed"`)
		}
	}
	now := testkit.Now()
	c.respond(w, "matrix", labels, func(label string) string {
		var points []string
		for ago := 28 * 24 * time.Hour; ago >= 0; ago -= 30 * time.Minute {
			value := 50
			if c.incident && ago < time.Hour || strings.Contains(label, "failed") {
				value = 1
			}
			points = append(points, fmt.Sprintf(`[%d,"%d"]`, now.Add(-ago).Unix(), value))
		}
		return `"values":[` + strings.Join(points, ",") + `]`
	})
}

func (c *counting) respond(w http.ResponseWriter, kind string, labels []string, value func(label string) string) {
	result := make([]string, len(labels))
	for i, l := range labels {
		result[i] = `{"metric":{` + l + `},` + value(l) + `}`
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"%s","result":[%s]}}`, kind, strings.Join(result, ","))
}

const countedObjects = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web, namespace: shop, uid: w}
spec: {selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: a}]}}}
---
apiVersion: v1
kind: Pod
metadata:
  name: web-0
  namespace: shop
  labels: {app: web}
  ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: w, controller: true}]
spec: {nodeName: node-1, containers: [{name: app, image: a}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce]}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
`

// TestTheRequestsOfARunToEachBackend counts the HTTP requests of a run to a backend of each type, for all checks that read signals. Before
// are those of the version without checks of traffic, CPU and memory, counted with the same server.
func TestTheRequestsOfARunToEachBackend(t *testing.T) {
	gate, err := redact.New(redact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one := []string{"http_requests_total", "http_request_duration_seconds_bucket"}
	several := slices.Concat(one, []string{
		"istio_requests_total", "istio_request_duration_milliseconds_bucket",
		"grpc_server_handled_total", "grpc_server_handling_seconds_bucket",
	})
	for name, tc := range map[string]struct {
		server       *counting
		open         func(url string) (Input, error)
		before, want int
	}{
		"Prometheus":                            {&counting{}, openMetrics(prometheus.New), 12, 10},
		"Prometheus, one source":                {&counting{sources: one}, openMetrics(prometheus.New), 16, 13},
		"Prometheus, several":                   {&counting{sources: several}, openMetrics(prometheus.New), 24, 19},
		"Prometheus, several, an incident":      {&counting{sources: several, incident: true}, openMetrics(prometheus.New), 26, 24},
		"VictoriaMetrics":                       {&counting{}, openMetrics(victoriametrics.New), 12, 10},
		"VictoriaMetrics, one source":           {&counting{sources: one}, openMetrics(victoriametrics.New), 16, 13},
		"VictoriaMetrics, several":              {&counting{sources: several}, openMetrics(victoriametrics.New), 24, 19},
		"VictoriaMetrics, several, an incident": {&counting{sources: several, incident: true}, openMetrics(victoriametrics.New), 26, 24},
		// 36 searches, and what the backend must know of labels: of each hour in Loki.
		"Loki":          {&counting{}, openLogs(loki.New), 64, 64},
		"VictoriaLogs":  {&counting{}, openLogs(victorialogs.New), 38, 38},
		"Elasticsearch": {&counting{}, openLogs(elasticsearch.New), 39, 39},
	} {
		t.Run(name, func(t *testing.T) {
			server := tc.server
			server.t = t
			server.paths = map[string]int{}
			listener := httptest.NewServer(server)
			defer listener.Close()
			in, err := tc.open(listener.URL)
			if err != nil {
				t.Fatal(err)
			}
			in.Checks = slices.DeleteFunc(telemetry.Checks(), func(c check.Check) bool { return len(c.Sources) == 0 })
			in.Clock = clock.RealClock{}
			filter := scope.New(testkit.Graph(t, countedObjects), nil)
			gaps := readMetrics(t.Context(), in, newTimer(in), filter)
			for _, gap := range append(gaps, readLogs(t.Context(), in, newTimer(in), filter, gate)...) {
				if !gap.Optional {
					t.Errorf("gap %+v", gap)
				}
			}
			got := 0
			for _, n := range server.paths {
				got += n
			}
			if got != tc.want || got > tc.before {
				t.Errorf("%d requests, want %d; %d before: %v", got, tc.want, tc.before, server.paths)
			}
		})
	}
}

func openMetrics(open func(metrics.Settings) (metrics.Provider, error)) func(string) (Input, error) {
	return func(url string) (in Input, err error) {
		in.Metrics, err = open(metrics.Settings{
			Endpoint: provider.Endpoint{URL: url}, Timeout: time.Minute, Egress: provider.Egress{AllowLoopback: true},
		})
		return in, err
	}
}

func openLogs(open func(logs.Settings) (logs.Provider, error)) func(string) (Input, error) {
	return func(url string) (in Input, err error) {
		in.LogAnalysis = &loganalysis.Options{}
		in.Logs, err = open(logs.Settings{
			Endpoint: provider.Endpoint{URL: url}, Timeout: time.Minute, Egress: provider.Egress{AllowLoopback: true},
		})
		return in, err
	}
}

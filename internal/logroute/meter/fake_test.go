package meter

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	route   = "b_team_a_logs_deb55dfc04"
	another = "b_team_b_logs_0123456789"
)

// nodes are collectors that answer what a test sets, and refuse what a collector would not understand.
type nodes struct {
	t      *testing.T
	meter  *Meter
	clock  *clocktesting.FakeClock
	server *httptest.Server

	mu       sync.Mutex
	pods     []corev1.Pod
	metrics  map[string]string // by address
	requests int
	// routes that are read. A test changes what was counted of them earlier.
	routes map[string]Earlier
}

func newNodes(t *testing.T) *nodes {
	t.Helper()
	n := &nodes{t: t, clock: clocktesting.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)), metrics: map[string]string{}, routes: map[string]Earlier{route: {}, another: {}}}
	n.server = httptest.NewServer(http.HandlerFunc(n.serve))
	t.Cleanup(n.server.Close)
	local := NewClient()
	local.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, n.server.Listener.Addr().String())
	}}
	n.meter = &Meter{Pods: n, Client: local, Namespace: "kubeops-logging", Clock: n.clock}
	return n
}

func (n *nodes) serve(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.requests++
	host, port, err := net.SplitHostPort(r.Host)
	text, runs := n.metrics[host]
	if err != nil || port != strconv.Itoa(Port) || r.Method != http.MethodGet || r.URL.String() != Path || r.Header.Get("Authorization") != "" {
		n.t.Errorf("%s %s of %s", r.Method, r.URL, r.Host)
	}
	if !runs {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if _, err := w.Write([]byte(text)); err != nil {
		n.t.Log(err)
	}
}

// Get implements client.Reader.
func (n *nodes) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	n.t.Error("a single object was read")
	return nil
}

// List implements client.Reader: Pods only, of the namespace and label, in pages.
func (n *nodes) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := &client.ListOptions{}
	o.ApplyOptions(options)
	pods, ok := list.(*corev1.PodList)
	if !ok || o.Namespace != "kubeops-logging" || o.LabelSelector.String() != "app.kubernetes.io/name=kubeops-vector" || o.Limit == 0 {
		return fmt.Errorf("list %T with %+v", list, o)
	}
	from := 0
	if o.Continue != "" {
		if _, err := fmt.Sscan(o.Continue, &from); err != nil {
			return err
		}
	}
	to := min(len(n.pods), from+int(o.Limit))
	pods.Items = n.pods[from:to]
	if to < len(n.pods) {
		pods.Continue = fmt.Sprint(to)
	}
	return nil
}

// start a collector.
func (n *nodes) start(address, metrics string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.pods = append(n.pods, corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "kubeops-vector-" + address, UID: types.UID(address + n.clock.Now().String())},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: address, ContainerStatuses: []corev1.ContainerStatus{
			{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(n.clock.Now())}}},
		}},
	})
	n.metrics[address] = metrics
}

func (n *nodes) set(address, metrics string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.metrics[address] = metrics
}

func (n *nodes) stop(address string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.metrics, address)
}

// after some time, a reading.
func (n *nodes) after(wait time.Duration) Reading {
	n.t.Helper()
	n.clock.Step(wait)
	reading, err := n.meter.Read(n.t.Context(), "kubeops-vector", n.routes)
	if err != nil {
		n.t.Fatal(err)
	}
	return reading
}

// vector is an answer of Vector's exporter for one route, with what else it exports.
func vector(id string, sent, refused, status400, overflow int) string {
	return fmt.Sprintf(`# HELP vector_buffer_byte_size buffer_byte_size
# TYPE vector_buffer_byte_size gauge
vector_buffer_byte_size{buffer_id="%[1]s",component_id="%[1]s",component_kind="sink",component_type="loki",host="node",stage="0"} 4096 1767225600000
# HELP vector_component_sent_events_total component_sent_events_total
# TYPE vector_component_sent_events_total counter
vector_component_sent_events_total{component_id="pods",component_kind="source",component_type="kubernetes_logs",host="node",output="_default"} 99999
vector_component_sent_events_total{component_id="%[1]s_select",component_kind="transform",component_type="filter",host="node"} 99999
vector_component_sent_events_total{component_id="%[1]s",component_kind="sink",component_type="loki",host="node"} %[2]d 1767225600000
# TYPE vector_component_discarded_events_total counter
vector_component_discarded_events_total{component_id="%[1]s_select",component_kind="transform",host="node",intentional="true"} 77777
vector_component_discarded_events_total{component_id="%[1]s_shape",component_kind="transform",host="node",intentional="false"} 2
vector_component_discarded_events_total{component_id="%[1]s",component_kind="sink",component_type="loki",host="node",intentional="false"} %[3]d
# TYPE vector_http_client_responses_total counter
vector_http_client_responses_total{component_id="%[1]s",component_kind="sink",component_type="loki",host="node",status="204"} 1000
vector_http_client_responses_total{component_id="%[1]s",component_kind="sink",component_type="loki",host="node",status="503"} 1000
vector_http_client_responses_total{component_id="%[1]s",component_kind="sink",component_type="loki",host="node",status="400"} %[4]d
# TYPE vector_http_client_rtt_seconds histogram
vector_http_client_rtt_seconds_bucket{component_id="%[1]s",le="0.005"} 12
vector_http_client_rtt_seconds_bucket{component_id="%[1]s",le="+Inf"} 12
# TYPE vector_buffer_discarded_events_total counter
vector_buffer_discarded_events_total{buffer_id="%[1]s",component_id="%[1]s",component_kind="sink",host="node",intentional="true",stage="0"} %[5]d
`, id, sent, refused, status400, overflow)
}

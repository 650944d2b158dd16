package logcollection

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/logroute/meter"
)

// collector is the exporter of one collector. It answers only what the manager is to ask.
type collector struct {
	t      *testing.T
	server *httptest.Server

	mu   sync.Mutex
	text string
}

func (c *collector) set(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = fmt.Sprintf(format, args...)
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method != http.MethodGet || r.URL.String() != meter.Path || r.Host != fmt.Sprintf("10.9.8.7:%d", meter.Port) ||
		r.Header.Get("Authorization") != "" {
		c.t.Errorf("%s %s of %s", r.Method, r.URL, r.Host)
	}
	if c.text == "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if _, err := w.Write([]byte(c.text)); err != nil {
		c.t.Log(err)
	}
}

// counted is a collector of Vector that runs on one node, and a manager that reads it.
func (w *collecting) counted() (*Reconciler, *collector) {
	w.t.Helper()
	c := &collector{t: w.t}
	c.server = httptest.NewServer(c)
	w.t.Cleanup(c.server.Close)
	local := meter.NewClient()
	local.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, c.server.Listener.Addr().String())
	}}
	w.collection.Router.Meter = &meter.Meter{Pods: w.manager, Client: local, Namespace: collectorNamespace, Clock: w.a.Clock}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "kubeops-vector-x", Namespace: collectorNamespace, Labels: map[string]string{"app.kubernetes.io/name": "kubeops-vector"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "vector", Image: "vector"}}, AutomountServiceAccountToken: new(bool)},
	}
	if err := w.a.Client.Create(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		none := int64(0)
		if err := w.a.Client.Delete(context.WithoutCancel(w.t.Context()), pod, &client.DeleteOptions{GracePeriodSeconds: &none}); err != nil {
			w.t.Error(err)
		}
	})
	started := metav1.Now() // after the LogBackends, whose creation starts the collectors again
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIP: "10.9.8.7", PodIPs: []corev1.PodIP{{IP: "10.9.8.7"}},
		ContainerStatuses: []corev1.ContainerStatus{
			{Name: "vector", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: started}}},
		},
	}
	if err := w.a.Client.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
	return w.reconciler(), c
}

func (w *collecting) reconciler() *Reconciler {
	r := New(testsuite.NewEnvironment(w.t, w.a, prometheus.NewRegistry()))
	r.Routes = w.collection
	return r
}

// reconciled LogBackend after some time.
func (w *collecting) reconciled(r *Reconciler, name types.NamespacedName, after time.Duration) (*v1alpha1.LogBackend, metav1.Condition) {
	w.t.Helper()
	w.a.Clock.SetTime(w.a.Clock.Now().Add(after))
	list := of{w.a.Namespace, w.b.Namespace}.list(w.t, w.a.Client)
	states, err := r.sync(w.t.Context(), list)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range list.Items {
		if err := r.report(w.t.Context(), &list.Items[i], states, nil); err != nil {
			w.t.Fatal(err)
		}
	}
	b := &v1alpha1.LogBackend{}
	if err := w.a.Client.Get(w.t.Context(), name, b); err != nil {
		w.t.Fatal(err)
	}
	c := meta.FindStatusCondition(b.Status.Conditions, v1alpha1.ConditionCollectionReady)
	if c == nil {
		w.t.Fatal("no condition")
	}
	return b, *c
}

func TestLinesThatAServerRefusesAreTold(t *testing.T) {
	w := newCollecting(t)
	name, other := w.backend(w.a, "refusing", nil), w.backend(w.b, "other", nil)
	r, node := w.counted()
	w.sync()
	w.rolledOut("kubeops-vector")
	config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
	id := regexp.MustCompile(`b_[a-z0-9_]*refusing_[0-9a-f]{10}`).FindString(config.Data[logroute.VectorFile])
	metrics := func(sent, refused, status int) {
		node.set("vector_component_sent_events_total{component_id=%[1]q} %[2]d\n"+
			"vector_component_discarded_events_total{component_id=%[1]q,intentional=\"false\"} %[3]d\n"+
			"vector_http_client_responses_total{component_id=%[1]q,status=\"400\"} %[4]d\n", id, sent, refused, status)
	}
	metrics(100, 0, 0)
	b, c := w.reconciled(r, name, meter.Interval)
	if c.Status != metav1.ConditionTrue || b.Status.Collection == nil || b.Status.Collection.Sent != 100 || b.Status.Collection.Collectors != 1 {
		t.Fatalf("got %+v, %+v", c, b.Status.Collection)
	}
	metrics(100, 12, 1)
	b, c = w.reconciled(r, name, meter.Interval)
	if c.Status != metav1.ConditionFalse || c.Reason != v1alpha1.ReasonLinesRefused || !strings.Contains(c.Message, "(400)") ||
		b.Status.Collection.Refused != 12 || b.Status.Collection.Since.IsZero() {
		t.Fatalf("got %+v, %+v", c, b.Status.Collection)
	}
	if _, c := w.reconciled(r, other, 0); c.Status != metav1.ConditionTrue {
		t.Errorf("the refusal of one is told of another: %+v", c)
	}
	version := b.ResourceVersion
	if b, _ := w.reconciled(r, name, meter.Interval); b.ResourceVersion != version {
		t.Error("a status that did not change was written")
	}
	// A manager that starts again knows nothing of it, and keeps what is told until it knows.
	w.collection.Router.Meter = &meter.Meter{
		Pods: w.manager, Client: w.collection.Router.Meter.Client, Namespace: collectorNamespace, Clock: w.a.Clock,
	}
	r = w.reconciler()
	for i := range 7 {
		metrics(200+i, 12, 1)
		b, c = w.reconciled(r, name, meter.Interval)
		if want := i == 6; (c.Status == metav1.ConditionTrue) != want {
			t.Fatalf("after %d intervals: %+v", i+1, c)
		}
	}
	if b.Status.Collection.Sent != 206 || b.Status.Collection.Refused != 12 {
		t.Errorf("got %+v", b.Status.Collection)
	}
}

func TestOnlyTheManagerReachesTheCounts(t *testing.T) {
	w := newCollecting(t)
	w.backend(w.a, "b", nil)
	w.sync()
	policy, _ := read(w, &networkingv1.NetworkPolicy{}, "kubeops-vector")
	if len(policy.Spec.Ingress) != 1 || len(policy.Spec.Ingress[0].From) != 1 || len(policy.Spec.Ingress[0].Ports) != 1 {
		t.Fatalf("got %+v", policy.Spec.Ingress)
	}
	from := policy.Spec.Ingress[0].From[0]
	port := policy.Spec.Ingress[0].Ports[0].Port
	if from.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] != "kubeops-system" || port.IntValue() != meter.Port ||
		from.PodSelector.MatchLabels["app.kubernetes.io/name"] != "kubeops-manager" {
		t.Errorf("got %+v", policy.Spec.Ingress)
	}
}

// Collectors start again with each change of their configuration, and so does the manager at times.
func TestCountsOfAStatusNeverGoBack(t *testing.T) {
	w := newCollecting(t)
	name := w.backend(w.a, "growing", nil)
	r, node := w.counted()
	w.sync()
	w.rolledOut("kubeops-vector")
	config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
	id := regexp.MustCompile(`b_[a-z0-9_]*growing_[0-9a-f]{10}`).FindString(config.Data[logroute.VectorFile])
	sent := func(lines int) {
		node.set("vector_component_sent_events_total{component_id=%q} %d\n", id, lines)
	}
	sent(100)
	w.reconciled(r, name, meter.Interval)
	node.set("# nothing for minutes\n")
	w.reconciled(r, name, meter.Interval)
	sent(7)
	first, _ := w.reconciled(r, name, meter.Interval)
	w.collection.Router.Meter = &meter.Meter{
		Pods: w.manager, Client: w.collection.Router.Meter.Client, Namespace: collectorNamespace, Clock: w.a.Clock,
	}
	r = w.reconciler()
	second, _ := w.reconciled(r, name, meter.Interval)
	sent(17)
	third, _ := w.reconciled(r, name, meter.Interval)
	for i, b := range []*v1alpha1.LogBackend{first, second, third} {
		if c := b.Status.Collection; c == nil || c.Sent != []int64{107, 107, 117}[i] || !c.Since.Equal(&first.Status.Collection.Since) {
			t.Errorf("reading %d: got %+v", i, c)
		}
	}
}

func TestARouteThatMovesOrIsLeftOutShowsNoCountsOfBefore(t *testing.T) {
	for change, tc := range map[string]struct {
		spec func(*v1alpha1.LogBackendSpec)
		keep bool
	}{
		"another server":    {func(s *v1alpha1.LogBackendSpec) { s.Loki.URL = "http://elsewhere.example:3100" }, false},
		"another collector": {func(s *v1alpha1.LogBackendSpec) { s.Collect.Collector = v1alpha1.CollectorFluentd }, false},
		"left out":          {func(s *v1alpha1.LogBackendSpec) { s.Collect.Redact = []string{"("} }, false},
		"not collected":     {func(s *v1alpha1.LogBackendSpec) { s.Collect = nil }, false},
		"other expressions": {func(s *v1alpha1.LogBackendSpec) { s.Collect.Redact = []string{"token=[a-z]+"} }, true},
	} {
		t.Run(change, func(t *testing.T) {
			w := newCollecting(t)
			name := w.backend(w.a, "moving", nil)
			w.backend(w.b, "staying", nil)
			r, node := w.counted()
			w.sync()
			w.rolledOut("kubeops-vector")
			config, _ := read(w, &corev1.ConfigMap{}, "kubeops-vector")
			id := regexp.MustCompile(`b_[a-z0-9_]*moving_[0-9a-f]{10}`).FindString(config.Data[logroute.VectorFile])
			node.set("vector_component_sent_events_total{component_id=%q} 100\n", id)
			if b, _ := w.reconciled(r, name, meter.Interval); b.Status.Collection == nil || b.Status.Collection.Sent != 100 {
				t.Fatalf("got %+v", b.Status.Collection)
			}
			b := &v1alpha1.LogBackend{}
			if err := w.a.Client.Get(t.Context(), name, b); err != nil {
				t.Fatal(err)
			}
			tc.spec(&b.Spec)
			if err := w.a.Client.Update(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			list := of{w.a.Namespace, w.b.Namespace}.list(t, w.a.Client)
			states, err := r.sync(t.Context(), list)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list.Items {
				if err := r.report(t.Context(), &list.Items[i], states, nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.a.Client.Get(t.Context(), name, b); err != nil {
				t.Fatal(err)
			}
			if got := b.Status.Collection; (got != nil) != tc.keep || (tc.keep && got.Sent != 100) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

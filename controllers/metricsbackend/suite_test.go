package metricsbackend

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
}

// server is what the fake back ends of a test answer; nil functions do not exist there.
type server struct {
	mutex        sync.Mutex
	settings     []metrics.Settings
	open, closed int

	refuse       func(metrics.Settings) error // by the factory
	probe        func(metrics.Settings) (metrics.Health, error)
	targets      func() (metrics.Targets, error)
	alerts       func() ([]metrics.Alert, error)
	alertmanager func() (metrics.AlertmanagerHealth, error)
}

func healthy() *server {
	return &server{
		probe: func(metrics.Settings) (metrics.Health, error) {
			fresh := 7300 * time.Millisecond
			series := int64(1234)
			return metrics.Health{
				Version: "2.53.1", Flavor: "prometheus", QueryLatency: 3400 * time.Microsecond, Freshness: &fresh, ActiveSeries: &series, Retention: "15d",
			}, nil
		},
		targets: func() (metrics.Targets, error) { return metrics.Targets{Up: 12, Down: 2}, nil },
		alerts: func() ([]metrics.Alert, error) {
			return []metrics.Alert{{Name: "A", State: "firing"}, {Name: "B", State: "pending"}, {Name: "C", State: "firing"}}, nil
		},
		alertmanager: func() (metrics.AlertmanagerHealth, error) {
			return metrics.AlertmanagerHealth{Version: "0.27.0", Receivers: 2, Firing: 1}, nil
		},
	}
}

// registry has the fake under both types.
func (s *server) registry(t *testing.T) *metrics.Registry {
	t.Helper()
	registry := provider.NewRegistry[metrics.Settings, metrics.Provider]()
	for _, name := range []string{"prometheus", "victoriametrics"} {
		if err := registry.Add(name, s.make); err != nil {
			t.Fatal(err)
		}
	}
	return registry
}

func (s *server) make(settings metrics.Settings) (metrics.Provider, error) {
	if s.refuse != nil {
		if err := s.refuse(settings); err != nil {
			return nil, err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.settings = append(s.settings, settings)
	s.open = s.open + 1
	bare := &fake{server: s, settings: settings}
	if s.targets == nil && s.alerts == nil {
		return bare, nil
	}
	if settings.Alertmanager == nil {
		return &telling{bare}, nil
	}
	return &alerting{&telling{bare}}, nil
}

func (s *server) last() metrics.Settings { return s.settings[len(s.settings)-1] }

// fake can only query.
type fake struct {
	server   *server
	settings metrics.Settings
}

func (f *fake) Probe(context.Context) (metrics.Health, error) { return f.server.probe(f.settings) }

func (f *fake) Query(context.Context, string, time.Time) (metrics.Vector, error) { return nil, nil }

func (f *fake) QueryRange(context.Context, string, metrics.Range) ([]metrics.Series, error) {
	return nil, nil
}

func (f *fake) Close() {
	f.server.mutex.Lock()
	defer f.server.mutex.Unlock()
	f.server.closed++
}

// telling knows targets and alerts, too.
type telling struct{ *fake }

func (f *telling) Targets(context.Context) (metrics.Targets, error) { return f.server.targets() }

func (f *telling) Alerts(context.Context) ([]metrics.Alert, error) { return f.server.alerts() }

// alerting has an Alertmanager.
type alerting struct{ *telling }

func (f *alerting) ProbeAlertmanager(context.Context) (metrics.AlertmanagerHealth, error) {
	return f.server.alertmanager()
}

// world is a namespace with a MetricsBackend named b and its reconciler.
type world struct {
	*tenant.Tenant
	t        *testing.T
	server   *server
	registry *prometheus.Registry
	env      *environment.Environment
	r        *kind.Reconciler[*v1alpha1.MetricsBackend]
}

func newWorld(t *testing.T, s *server) *world {
	t.Helper()
	n := tenant.New(t, realAPI)
	registry := prometheus.NewRegistry()
	w := &world{Tenant: n, t: t, server: s, registry: registry, env: testsuite.NewEnvironment(t, n, registry)}
	w.env.Backends.MetricsTypes = s.registry(t)
	w.r = New(w.env, testsuite.Steady())
	t.Cleanup(func() {
		if s.open != s.closed {
			t.Errorf("%d backends were opened and %d closed", s.open, s.closed)
		}
	})
	return w
}

// backend makes a Prometheus named b; with may change it.
func (w *world) backend(with ...func(*v1alpha1.MetricsBackendSpec)) {
	w.t.Helper()
	b := &v1alpha1.MetricsBackend{ObjectMeta: w.Meta("b"), Spec: prometheusAt("http://prometheus.monitoring:9090")}
	for _, change := range with {
		change(&b.Spec)
	}
	w.Create(b)
}

func prometheusAt(url string) v1alpha1.MetricsBackendSpec {
	return v1alpha1.MetricsBackendSpec{Type: v1alpha1.MetricsBackendPrometheus, Prometheus: &v1alpha1.PrometheusBackend{URL: url}}
}

func (w *world) get() *v1alpha1.MetricsBackend {
	w.t.Helper()
	b := &v1alpha1.MetricsBackend{}
	if err := w.Client.Get(w.t.Context(), w.Key("b"), b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) change(how func(*v1alpha1.MetricsBackend)) {
	w.t.Helper()
	b := w.get()
	how(b)
	w.Update(b)
}

// reconcile once, and return the object and when the next reconcile is due.
func (w *world) reconcile() (*v1alpha1.MetricsBackend, time.Duration) {
	w.t.Helper()
	object := w.get()
	after := testsuite.MustReconcile(w.t, w.r, w.Tenant, object)
	return object, after
}

// condition of a MetricsBackend; an empty one where it is not there.
func condition(b *v1alpha1.MetricsBackend, kind string) metav1.Condition {
	if c := meta.FindStatusCondition(b.Status.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// ready is the value of the gauge, or -1 where there is none.
func (w *world) ready() float64 {
	w.t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if family.GetName() == "kubeops_backend_ready" {
				return m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

package logbackend

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/backend"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(runAll(m))
}

func runAll(m *testing.M) int {
	config, stop, err := testkit.StartAPIServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	realAPI = config
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the API server:", err)
		return 1
	}
	return code
}

// server is a fake that keeps lines in memory.
type server struct {
	mutex        sync.Mutex
	open, closed int
	written      []logs.Entry
	searches     int

	health    func(logs.Settings) (logs.Health, error)
	write     error
	loses     bool // takes lines and never gives them back
	retention func() (logs.Retention, bool, error)
	bare      bool // can search and nothing else
}

func healthy() *server {
	return &server{
		health: func(logs.Settings) (logs.Health, error) {
			return logs.Health{
				Version: "8.14.0", Flavor: "elasticsearch", State: "yellow", Warnings: []string{"one shard is unassigned"},
				ActiveShards: ptr.To(10), UnassignedShards: ptr.To(1), Schema: "ecs",
			}, nil
		},
		retention: func() (logs.Retention, bool, error) {
			return logs.Retention{Keeps: 720 * time.Hour, Source: "ILM policy logs-30d"}, true, nil
		},
	}
}

func (s *server) registry(t *testing.T) *logs.Registry {
	t.Helper()
	registry := provider.NewRegistry[logs.Settings, logs.Provider]()
	for _, name := range []string{"elasticsearch", "loki", "victorialogs"} {
		if err := registry.Add(name, s.make); err != nil {
			t.Fatal(err)
		}
	}
	return registry
}

func (s *server) make(settings logs.Settings) (logs.Provider, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.open++
	f := &searching{server: s, settings: settings}
	if s.bare {
		return f, nil
	}
	return &writing{f}, nil
}

// searching can only search.
type searching struct {
	server   *server
	settings logs.Settings
}

func (f *searching) Health(context.Context) (logs.Health, error) { return f.server.health(f.settings) }

func (f *searching) Search(_ context.Context, query logs.Query) (logs.Page, error) {
	f.server.mutex.Lock()
	defer f.server.mutex.Unlock()
	f.server.searches++
	if f.server.loses {
		return logs.Page{}, nil
	}
	var page logs.Page
	for _, entry := range f.server.written {
		if !entry.Time.Before(query.Start) && entry.Time.Before(query.End) {
			page.Entries = append(page.Entries, entry)
		}
	}
	return page, nil
}

func (f *searching) Close() {
	f.server.mutex.Lock()
	defer f.server.mutex.Unlock()
	f.server.closed++
}

// writing takes lines and knows its retention, too.
type writing struct{ *searching }

func (f *writing) Write(_ context.Context, entries []logs.Entry) error {
	f.server.mutex.Lock()
	defer f.server.mutex.Unlock()
	if f.server.write != nil {
		return f.server.write
	}
	f.server.written = append(f.server.written, entries...)
	return nil
}

func (f *writing) Retention(context.Context) (logs.Retention, bool, error) {
	return f.server.retention()
}

// world is a namespace with a LogBackend named b and its reconciler.
type world struct {
	*tenant.Tenant
	t        *testing.T
	registry *prometheus.Registry
	r        *Reconciler
}

func newWorld(t *testing.T, s *server) *world {
	t.Helper()
	n := tenant.New(t, realAPI)
	registry := prometheus.NewRegistry()
	shown, err := backend.NewMetrics(registry)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{Tenant: n, t: t, registry: registry}
	w.r = &Reconciler{
		Keeper: backend.Keeper{
			Kind: "LogBackend", Client: n.Client, Reader: n.Client, Clock: n.Clock, Events: n.Events, Metrics: shown,
			Cadence: backend.NewCadence(func() float64 { return 0 }), DataSources: &backend.DataSources{Config: realAPI},
		},
		Backends: &backends.Resolver{Secrets: &secretref.Source{Reader: n.Client, Config: realAPI}, LogTypes: s.registry(t)},
	}
	t.Cleanup(func() {
		if s.open != s.closed {
			t.Errorf("%d back ends were opened and %d closed", s.open, s.closed)
		}
	})
	return w
}

func elastic(url string) v1alpha1.LogBackendSpec {
	return v1alpha1.LogBackendSpec{Type: v1alpha1.LogBackendElasticsearch, Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: url}}
}

// backend makes an Elasticsearch named b; with may change it.
func (w *world) backend(with ...func(*v1alpha1.LogBackendSpec)) {
	w.t.Helper()
	b := &v1alpha1.LogBackend{ObjectMeta: w.Meta("b"), Spec: elastic("http://elasticsearch.logging:9200")}
	for _, change := range with {
		change(&b.Spec)
	}
	w.Create(b)
}

func (w *world) get() *v1alpha1.LogBackend {
	w.t.Helper()
	b := &v1alpha1.LogBackend{}
	if err := w.Client.Get(w.t.Context(), w.Key("b"), b); err != nil {
		w.t.Fatal(err)
	}
	return b
}

func (w *world) change(how func(*v1alpha1.LogBackend)) {
	w.t.Helper()
	b := w.get()
	how(b)
	w.Update(b)
}

// turn reconciles once, checks the rules for every status, and returns it and when the next turn is.
func (w *world) turn() (*v1alpha1.LogBackend, time.Duration) {
	w.t.Helper()
	result, err := w.r.Reconcile(w.t.Context(), ctrl.Request{NamespacedName: w.Key("b")})
	if err != nil {
		w.t.Fatal(err)
	}
	b := w.get()
	if found := outcome.Violations(b.Generation, b.Status.ObservedGeneration, b.Status.Conditions); len(found) > 0 {
		w.t.Errorf("the status breaks the rules: %q", found)
	}
	return b, result.RequeueAfter
}

// condition of a LogBackend; an empty one where it is not there.
func condition(b *v1alpha1.LogBackend, kind string) metav1.Condition {
	if c := meta.FindStatusCondition(b.Status.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}

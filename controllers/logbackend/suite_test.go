package logbackend

import (
	"context"
	"encoding/json"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/controllers/testsuite"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/testkit/tenant"
)

// realAPI is the configuration of the real API server of this package's tests, as a cluster administrator.
var realAPI *rest.Config

func TestMain(m *testing.M) {
	os.Exit(testsuite.Run(m, &realAPI))
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
	for _, name := range []string{"loki", "victorialogs"} {
		if err := registry.Add(name, s.make); err != nil {
			t.Fatal(err)
		}
	}
	fake := elasticsearch.Backend()
	fake.Configure = func(settings json.RawMessage) (logs.Config, error) {
		config := faked{server: s}
		err := json.Unmarshal(settings, &config.Config)
		return config, err
	}
	if err := registry.Register(fake); err != nil {
		t.Fatal(err)
	}
	return registry
}

// faked is a real config that opens the fake.
type faked struct {
	elasticsearch.Config
	server *server
}

func (f faked) Open(settings logs.Settings) (logs.Provider, error) { return f.server.make(settings) }

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
	env      *environment.Environment
	r        *kind.Reconciler[*v1alpha1.LogBackend]
}

func newWorld(t *testing.T, s *server) *world {
	t.Helper()
	n := tenant.New(t, realAPI)
	registry := prometheus.NewRegistry()
	w := &world{Tenant: n, t: t, registry: registry, env: testsuite.NewEnvironment(t, n, registry)}
	w.env.Backends.LogTypes = s.registry(t)
	w.r = New(w.env, testsuite.Steady())
	t.Cleanup(func() {
		if s.open != s.closed {
			t.Errorf("%d backends were opened and %d closed", s.open, s.closed)
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

// reconcile once, and return the object and when the next reconcile is due.
func (w *world) reconcile() (*v1alpha1.LogBackend, time.Duration) {
	w.t.Helper()
	object := w.get()
	after := testsuite.MustReconcile(w.t, w.r, w.Tenant, object)
	return object, after
}

// condition of a LogBackend; an empty one where it is not there.
func condition(b *v1alpha1.LogBackend, kind string) metav1.Condition {
	if c := meta.FindStatusCondition(b.Status.Conditions, kind); c != nil {
		return *c
	}
	return metav1.Condition{}
}

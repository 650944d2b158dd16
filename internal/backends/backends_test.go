package backends

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/secretref"
)

// cluster is a strict fake of the API server: it serves single Secrets to the ServiceAccount that may read them, counts the
// reads, and fails the test on anything else.
type cluster struct {
	mutex   sync.Mutex
	secrets map[string]map[string][]byte
	reads   map[string]int
}

func (c *cluster) start(t *testing.T, account string) *secretref.Source {
	t.Helper()
	c.reads = map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		name, single := strings.CutPrefix(r.URL.Path, "/api/v1/namespaces/team/secrets/")
		if r.Method != http.MethodGet || !single || strings.Contains(name, "/") ||
			r.Header.Get("Impersonate-User") != "system:serviceaccount:team:"+account {
			t.Errorf("unexpected request: %s %s as %q", r.Method, r.URL, r.Header.Get("Impersonate-User"))
		}
		c.reads[name]++
		w.Header().Set("Content-Type", "application/json")
		data, there := c.secrets[name]
		if !there {
			w.WriteHeader(http.StatusNotFound)
			_ = json.NewEncoder(w).Encode(metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: "Failure",
				Reason: metav1.StatusReasonNotFound, Code: http.StatusNotFound})
			return
		}
		_ = json.NewEncoder(w).Encode(corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"},
			ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data})
	}))
	t.Cleanup(server.Close)
	return &secretref.Source{Reader: anyAccount{}, Config: &rest.Config{Host: server.URL,
		ContentConfig: rest.ContentConfig{ContentType: "application/json"}}}
}

// anyAccount says that every ServiceAccount exists.
type anyAccount struct{ client.Reader }

func (anyAccount) Get(context.Context, client.ObjectKey, client.Object, ...client.GetOption) error {
	return nil
}

// recorded is the config of a type, with what it was opened with.
type recorded[S, P any] struct {
	provider.Config[S, P]
	settings S
}

func (r *recorded[S, P]) Open(settings S) (none P, err error) {
	r.settings = settings
	return none, nil
}

// record returns a registry of the same types whose backends only remember their settings.
func record[S, P any](t *testing.T, from *provider.Registry[S, P], into *recorded[S, P]) *provider.Registry[S, P] {
	t.Helper()
	registry := provider.NewRegistry[S, P]()
	for _, backend := range from.Backends() {
		configure := backend.Configure
		backend.Configure = func(settings json.RawMessage) (provider.Config[S, P], error) {
			config, err := configure(settings)
			into.Config = config
			return into, err
		}
		if err := registry.Register(backend); err != nil {
			t.Fatal(err)
		}
	}
	return registry
}

// fields of the spec of a type.
func fields(backendType, url string) provider.Fields {
	return provider.Fields{
		URL: "spec." + backendType + "." + url, Auth: "spec.auth", TLS: "spec.tls", Timeout: "spec.timeout", Interval: "spec.interval",
		Settings: "spec." + backendType,
	}
}

// alertmanagerFields of a MetricsBackend.
func alertmanagerFields(tls string) provider.Fields {
	return provider.Fields{
		URL: "spec.alertmanager.url", Auth: "spec.alertmanager.auth", TLS: tls, Timeout: "spec.timeout", Interval: "spec.interval",
		Settings: "spec.alertmanager",
	}
}

func TestSettingsOfMetricsBackendsAreResolved(t *testing.T) {
	basic := &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}
	defaults := metrics.Budget{}.Defaulted()
	egress := provider.Egress{AllowLoopback: true}
	for name, tc := range map[string]struct {
		spec   v1alpha1.MetricsBackendSpec
		config metrics.Config
		want   metrics.Settings
	}{
		"prometheus, plain": {
			v1alpha1.MetricsBackendSpec{Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: "http://p:9090/prefix"}},
			prometheus.Config{URL: "http://p:9090/prefix"},
			metrics.Settings{Endpoint: provider.Endpoint{URL: "http://p:9090/prefix", Fields: fields("prometheus", "url")}, Budget: defaults,
				Timeout: 10 * time.Second, Egress: egress},
		},
		"prometheus with everything": {
			v1alpha1.MetricsBackendSpec{
				Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: "https://p"},
				BackendAccess: v1alpha1.BackendAccess{Auth: basic, TLS: &v1alpha1.BackendTLS{ServerName: "x", InsecureSkipVerify: true},
					Timeout: &metav1.Duration{Duration: 3 * time.Second}},
				Alertmanager: &v1alpha1.AlertmanagerAccess{URL: "https://am",
					Auth: &v1alpha1.BackendAuth{BearerToken: &v1alpha1.SecretKeyReference{Name: "am", Key: "token"}}},
				QueryBudget: &v1alpha1.QueryBudget{
					MaxRange: &metav1.Duration{Duration: time.Hour}, MinStep: &metav1.Duration{Duration: time.Minute}, MaxConcurrent: 3, MaxSeries: 4, MaxBytes: 70000,
				},
			},
			prometheus.Config{URL: "https://p"},
			metrics.Settings{
				Endpoint: provider.Endpoint{
					URL: "https://p", Auth: provider.Auth{Username: "kubeops", Password: "open-sesame"},
					TLS: provider.TLS{ServerName: "x", InsecureSkipVerify: true}, Fields: fields("prometheus", "url"),
				},
				// Its own credentials, and the trust of spec.tls.
				Alertmanager: &provider.Endpoint{
					URL: "https://am", Auth: provider.Auth{BearerToken: "other-sesame"},
					TLS: provider.TLS{ServerName: "x", InsecureSkipVerify: true}, Fields: alertmanagerFields("spec.tls"),
				},
				Budget:  metrics.Budget{MaxRange: time.Hour, MinStep: time.Minute, MaxConcurrent: 3, MaxSeries: 4, MaxBytes: 70000},
				Timeout: 3 * time.Second, Egress: egress,
			},
		},
		"an Alertmanager without auth gets no credentials": {
			v1alpha1.MetricsBackendSpec{
				Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: "http://p"}, BackendAccess: v1alpha1.BackendAccess{Auth: basic},
				Alertmanager: &v1alpha1.AlertmanagerAccess{URL: "http://am", TLS: &v1alpha1.BackendTLS{ServerName: "own"}},
			},
			prometheus.Config{URL: "http://p"},
			metrics.Settings{
				Endpoint: provider.Endpoint{
					URL: "http://p", Auth: provider.Auth{Username: "kubeops", Password: "open-sesame"}, Fields: fields("prometheus", "url"),
				},
				Alertmanager: &provider.Endpoint{
					URL: "http://am", TLS: provider.TLS{ServerName: "own"}, Fields: alertmanagerFields("spec.alertmanager.tls"),
				},
				Budget: defaults, Timeout: 10 * time.Second, Egress: egress,
			},
		},
		"victoriametrics, single": {
			v1alpha1.MetricsBackendSpec{Type: "victoriametrics", VictoriaMetrics: &v1alpha1.VictoriaMetricsBackend{URL: "http://vm:8428"}},
			victoriametrics.Config{URL: "http://vm:8428"},
			metrics.Settings{Endpoint: provider.Endpoint{URL: "http://vm:8428", Fields: fields("victoriametrics", "url")}, Budget: defaults,
				Timeout: 10 * time.Second, Egress: egress},
		},
		"victoriametrics, cluster": {
			v1alpha1.MetricsBackendSpec{
				Type: "victoriametrics", BackendAccess: v1alpha1.BackendAccess{Auth: basic},
				VictoriaMetrics: &v1alpha1.VictoriaMetricsBackend{SelectURL: "http://s:8481", InsertURL: "http://i:8480", Tenant: "7:8"},
			},
			victoriametrics.Config{SelectURL: "http://s:8481", InsertURL: "http://i:8480", Tenant: "7:8"},
			metrics.Settings{
				Endpoint: provider.Endpoint{
					URL: "http://s:8481", Auth: provider.Auth{Username: "kubeops", Password: "open-sesame"},
					Fields: fields("victoriametrics", "selectURL"),
				},
				Budget: defaults, Timeout: 10 * time.Second, Egress: egress,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cluster{secrets: map[string]map[string][]byte{
				"login": {"username": []byte("kubeops"), "password": []byte("open-sesame\n")}, "am": {"token": []byte("other-sesame")},
			}}
			types, err := builtin.Metrics()
			if err != nil {
				t.Fatal(err)
			}
			var got recorded[metrics.Settings, metrics.Provider]
			r := &Resolver{Secrets: c.start(t, "kubeops"), MetricsTypes: record(t, types, &got), Egress: egress}
			open, err := r.OpenMetrics(t.Context(), &v1alpha1.MetricsBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b"},
				Spec: tc.spec})
			if err != nil || open.Alertmanager != nil {
				t.Fatalf("%v, %+v", err, open)
			}
			if diff := cmp.Diff(tc.want, got.settings); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.config, got.Config); diff != "" {
				t.Errorf("settings of the type (-want +got):\n%s", diff)
			}
			for name, n := range c.reads {
				if n != 1 {
					t.Errorf("Secret %s was read %d times", name, n)
				}
			}
		})
	}
}

func TestSettingsOfLogBackendsAreResolved(t *testing.T) {
	auto := logs.Fields{Schema: "auto"}
	for name, tc := range map[string]struct {
		spec   v1alpha1.LogBackendSpec
		config logs.Config
		want   logs.Settings
	}{
		"elasticsearch": {
			v1alpha1.LogBackendSpec{
				Type: "elasticsearch", Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: "http://es:9200", Index: "logs-*", WriteIndex: "logs-w"},
				BackendAccess: v1alpha1.BackendAccess{ServiceAccountName: "reader",
					Auth: &v1alpha1.BackendAuth{APIKey: &v1alpha1.SecretKeyReference{Name: "es", Key: "key"}}},
				Fields: &v1alpha1.LogFields{Schema: "ecs", Time: "t", Message: "m", Namespace: "n", Pod: "p", Container: "c", Node: "o",
					Level: "l"},
			},
			elasticsearch.Config{URL: "http://es:9200", Index: "logs-*", WriteIndex: "logs-w"},
			logs.Settings{
				Endpoint: provider.Endpoint{
					URL: "http://es:9200", Auth: provider.Auth{APIKey: "encoded"}, Fields: fields("elasticsearch", "url"),
				},
				Timeout: 10 * time.Second,
				Fields:  logs.Fields{Schema: "ecs", Time: "t", Message: "m", Namespace: "n", Pod: "p", Container: "c", Node: "o", Level: "l"},
			},
		},
		"loki": {
			v1alpha1.LogBackendSpec{Type: "loki", Loki: &v1alpha1.LokiBackend{URL: "http://loki", Tenant: "team-a"},
				Fields: &v1alpha1.LogFields{Level: "severity"}},
			loki.Config{URL: "http://loki", Tenant: "team-a"},
			logs.Settings{
				Endpoint: provider.Endpoint{URL: "http://loki", Fields: fields("loki", "url")},
				Fields:   logs.Fields{Schema: "auto", Level: "severity"}, Timeout: 10 * time.Second,
			},
		},
		"victorialogs": {
			v1alpha1.LogBackendSpec{Type: "victorialogs", VictoriaLogs: &v1alpha1.VictoriaLogsBackend{URL: "http://vl:9428", Tenant: "1:2"}},
			victorialogs.Config{URL: "http://vl:9428", Tenant: "1:2"},
			logs.Settings{
				Endpoint: provider.Endpoint{URL: "http://vl:9428", Fields: fields("victorialogs", "url")}, Fields: auto, Timeout: 10 * time.Second,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := &cluster{secrets: map[string]map[string][]byte{"es": {"key": []byte("encoded")}}}
			types, err := builtin.Logs()
			if err != nil {
				t.Fatal(err)
			}
			var got recorded[logs.Settings, logs.Provider]
			r := &Resolver{Secrets: c.start(t, "reader"), LogTypes: record(t, types, &got)}
			if _, err := r.OpenLogs(t.Context(), &v1alpha1.LogBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b"},
				Spec: tc.spec}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got.settings); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.config, got.Config); diff != "" {
				t.Errorf("settings of the type (-want +got):\n%s", diff)
			}
		})
	}
}

func TestATypeThatThisManagerDoesNotHaveIsAProblemOfTheSpec(t *testing.T) {
	r := &Resolver{
		Secrets: (&cluster{}).start(t, "kubeops"), MetricsTypes: provider.NewRegistry[metrics.Settings,
			metrics.Provider](), LogTypes: provider.NewRegistry[logs.Settings, logs.Provider](),
	}
	_, metricsErr := r.OpenMetrics(t.Context(), &v1alpha1.MetricsBackend{Spec: v1alpha1.MetricsBackendSpec{Type: "prometheus",
		Prometheus: &v1alpha1.PrometheusBackend{URL: "http://p"}}})
	_, logErr := r.OpenLogs(t.Context(), &v1alpha1.LogBackend{Spec: v1alpha1.LogBackendSpec{Type: "loki",
		Loki: &v1alpha1.LokiBackend{URL: "http://l"}}})
	for _, err := range []error{metricsErr, logErr} {
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonInvalidSpec || p.Action != problem.UserMustAct {
			t.Errorf("got %v", err)
		}
	}
}

func TestTextsOfServersAreMadeFitToBeShown(t *testing.T) {
	clean := newRedactor()
	for in, want := range map[string]string{
		"2.53.1":                    "2.53.1",
		" two\nlines\tand a tab\r ": "two lines and a tab",
		"bell\a and \x1b[31mred":    `bell\x07 and \x1b...`,
		"bad \xff\xfe bytes":        "bad  bytes",
		"turned \u202e round":       `turned \u202e round`,
		strings.Repeat("é", 50):     strings.Repeat("é", 17) + "...",
		strings.Repeat("x", 1<<20):  strings.Repeat("x", 17) + "...",
	} {
		if got := clean(in, 20); got != want {
			t.Errorf("%q became %q, want %q", in[:min(len(in), 40)], got, want)
		}
	}
}

// querying is a backend of one request, through the client that all real ones use.
type querying struct {
	metrics.Provider
	client *provider.Client
}

func (q querying) Probe(ctx context.Context) (metrics.Health, error) {
	return metrics.Health{}, q.client.JSON(ctx, provider.Request{Operation: "probe", Path: "/"}, nil)
}

func (q querying) Close() { q.client.Close() }

// TestNoConnectionIsLeftOpen counts the connections that a server sees while backends are opened, used and closed.
func TestNoConnectionIsLeftOpen(t *testing.T) {
	var mutex sync.Mutex
	open := map[net.Conn]bool{}
	seen := 0
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		mutex.Lock()
		defer mutex.Unlock()
		switch state {
		case http.StateNew:
			open[c] = true
			seen = seen + 1
		case http.StateClosed, http.StateHijacked:
			delete(open, c)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	registry := provider.NewRegistry[metrics.Settings, metrics.Provider]()
	if err := registry.Add("prometheus", func(s metrics.Settings) (metrics.Provider, error) {
		c, err := provider.NewClient(s.Endpoint, provider.Options{Egress: s.Egress})
		return querying{client: c}, err
	}); err != nil {
		t.Fatal(err)
	}
	r := &Resolver{Secrets: (&cluster{}).start(t, "kubeops"), MetricsTypes: registry, Egress: provider.Egress{AllowLoopback: true}}
	const uses = 20
	for range uses {
		opened, err := r.OpenMetrics(t.Context(), &v1alpha1.MetricsBackend{Spec: v1alpha1.MetricsBackendSpec{Type: "prometheus",
			Prometheus: &v1alpha1.PrometheusBackend{URL: server.URL}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := opened.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		opened.Close()
	}
	deadline := time.After(10 * time.Second)
	for {
		mutex.Lock()
		left := len(open)
		met := seen
		mutex.Unlock()
		if left == 0 && met == uses {
			return
		}
		select {
		case <-deadline:
			t.Fatal(errors.New("connections are left open"), left, met)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

package victorialogs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/logs"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

func backend(t *testing.T, url, tenant string) logs.Provider {
	t.Helper()
	p, err := victorialogs.Config{Tenant: tenant}.Open(logs.Settings{Endpoint: provider.Endpoint{URL: url},
		Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func TestVictoriaLogsConformsToTheContract(t *testing.T) {
	t.Parallel()
	server := newFake(t)
	t.Run("suite", func(t *testing.T) {
		conformance.Run(t, conformance.Target{ForeignLabels: true, Patience: 10 * time.Second, New: func(t *testing.T) logs.Provider {
			return backend(t, server.URL, "12:34")
		}})
	})
}

// An empty answer is what the real server gives to a write that it took, as application/json.
func TestAHostileServerIsAProblem(t *testing.T) {
	t.Parallel()
	conformance.RunHostile(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		return victorialogs.New(logs.Settings{Endpoint: endpoint, Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes,
			Egress: provider.Egress{AllowLoopback: true}})
	}, conformance.Exception{Method: "Write", Misbehaviour: "answers nothing"})
}

func TestMemoryOfHostileResponses(t *testing.T) {
	usual := []hostile.Response{
		{Path: "/health", Body: `OK`}, {Path: "/field_names", Body: `{"values":[{"value":"kubernetes.pod_name"}]}`}, {Body: ``},
	}
	const line = `{"_time":"2026-01-02T03:04:05Z","_msg":"x",%s}`
	query := func(body string) hostile.Response { return hostile.Response{Path: "/logsql/query", Body: body} }
	conformance.RunMemory(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		return victorialogs.New(logs.Settings{Endpoint: endpoint, Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes,
			Egress: provider.Egress{AllowLoopback: true}})
	}, usual,
		query(fmt.Sprintf(line, `"a":VALUE`)), query(fmt.Sprintf(line, `"_msg":VALUE,"_time":"2026-01-02T03:04:05Z"`)),
		query(fmt.Sprintf(line, `"_stream":VALUE`)), query(fmt.Sprintf(line, `<<"a":"b">>`)), query(fmt.Sprintf(line, `<<"":"">>`)),
		query("<<>>"+strings.Repeat(fmt.Sprintf(line, `"a":""`)+"\n", 3000)),
		hostile.Response{Path: "/hits", Body: `{"hits":[<<{"values":[1]}>>]}`}, hostile.Response{Path: "/hits", Body: `{"hits":[<<{}>>]}`},
		hostile.Response{Path: "/hits", Body: `{"hits":[{"timestamps":[<<"2026-01-02T03:04:05Z">>],"values":[<<1>>]}]}`},
		hostile.Response{Path: "/hits", Body: `{"hits":[{"values":VALUE,"timestamps":VALUE}]}`},
		hostile.Response{Path: "/field_names", Body: `{"values":[<<{"value":"a"}>>]}`},
		hostile.Response{Path: "/field_names", Body: `{"values":[<<{}>>]}`},
		hostile.Response{Path: "/field_names", Body: `{"values":VALUE}`},
		hostile.Response{Path: "/field_values", Body: `{"values":[<<{}>>]}`},
		hostile.Response{Path: "/field_values", Body: `{"values":VALUE}`},
		hostile.Response{Path: "/metrics", Body: "vm_app_version{VALUE} 1\n"},
		hostile.Response{Path: "/metrics", Body: "<<\nvm_app_version{>>"},
	)
}

func TestHealthTellsVersionRetentionAndSchema(t *testing.T) {
	t.Parallel()
	server := newFake(t)
	p := backend(t, server.URL, "")
	health, err := p.Health(t.Context())
	if err != nil || health.Version != "1.43.1" || health.Flavor != "victorialogs" || health.Schema != "" {
		t.Errorf("empty: health is %+v, %v", health, err)
	}
	retention, known, err := p.(logs.RetentionReader).Retention(t.Context())
	if err != nil || !known || retention.Keeps != 28*24*time.Hour {
		t.Errorf("retention is %+v, known %t, %v", retention, known, err)
	}
	now := time.Now()
	if err := p.(logs.Writer).Write(t.Context(), []logs.Entry{{Time: now, Line: "x",
		Labels: map[string]string{"kubernetes.pod_namespace": "default", "kubernetes.pod_name": "web-1", "severity": "ERROR"}}}); err != nil {
		t.Fatal(err)
	}
	if health, err = p.Health(t.Context()); err != nil || health.Schema != "kubernetes" {
		t.Errorf("with a line of Vector: health is %+v, %v", health, err)
	}
	query := logs.Query{Start: now.Add(-time.Hour), End: now.Add(time.Hour),
		Labels: map[string]string{"namespace": "default", "pod": "web-1", "level": "error"}}
	page, err := p.Search(t.Context(), query)
	if err != nil || len(page.Entries) != 1 || page.Entries[0].Labels["pod"] != "web-1" || page.Entries[0].Labels["level"] != "error" {
		t.Errorf("a line of Vector: %+v, %v", page, err)
	}
	if page, err := backend(t, server.URL, "7").Search(t.Context(), query); err != nil || len(page.Entries) != 0 {
		t.Errorf("another tenant sees %d lines, %v", len(page.Entries), err)
	}
}

func TestHealthOfAServerThatTellsLess(t *testing.T) {
	t.Parallel()
	says := func(status int, contentType, content string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(content))
		}
	}
	names := says(200, "application/json", `{"values":[{"value":"namespace","hits":1}]}`)
	missing := says(404, "text/plain", "")
	for name, test := range map[string]struct {
		health, metrics, names http.HandlerFunc
		version, reason        string
		failed                 bool
	}{
		"a proxy that lets queries through only": {missing, missing, names, "", "", false},
		"a vmauth that tells of itself": {says(200, "text/plain", "OK"),
			says(200, "text/plain", "vm_app_version{version=\"vmauth-x-v1.2.3\", short_version=\"v1.2.3\"} 1\n"), names, "", "", false},
		"metrics with a key of their own": {says(200, "text/plain", "OK"), says(401, "text/plain", ""), names, "", "", false},
		"it is not ready":                 {says(503, "text/plain", "NOT READY"), missing, missing, "", "", true},
		"it is something else": {says(200, "text/plain", "Prometheus is Healthy."), missing, missing, "",
			v1alpha1.ReasonInvalidResponse, false},
		"no queries there": {says(200, "text/plain", "OK"), missing, missing, "", v1alpha1.ReasonNotFound, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			mux.HandleFunc("GET /health", test.health)
			mux.HandleFunc("GET /metrics", test.metrics)
			mux.HandleFunc("POST /select/logsql/field_names", test.names)
			server := httptest.NewServer(mux)
			t.Cleanup(server.Close)
			got, err := backend(t, server.URL, "").Health(t.Context())
			told := problem.As(err)
			if (test.reason != "") != (told != nil) || told != nil && told.Reason != test.reason || got.Version != test.version ||
				(got.Failed != "") != test.failed {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestAWriteThatIsAnsweredByAnotherServiceFails(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ok":true}`)) }))
	t.Cleanup(server.Close)
	err := backend(t, server.URL, "").(logs.Writer).Write(t.Context(), []logs.Entry{{Time: time.Now(), Line: "x"}})
	if told := problem.As(err); told == nil || told.Reason != v1alpha1.ReasonInvalidResponse {
		t.Errorf("got %v", err)
	}
}

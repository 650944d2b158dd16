package loki

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/stream"
	conformance "kubeops.io/kubeops/internal/testkit/conformance/logs"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/memory"
)

func TestAHostileServerIsAProblem(t *testing.T) {
	t.Parallel()
	conformance.RunHostile(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		return New(logs.Settings{Endpoint: endpoint, Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes,
			Egress: provider.Egress{AllowLoopback: true}})
	})
}

func TestMemoryOfHostileResponses(t *testing.T) {
	usual := []hostile.Response{
		{Path: "/labels", Body: `{"status":"success","data":["namespace","pod"]}`}, {Path: "/ready", Body: `ready`},
		{Path: "/buildinfo", Body: `{"version":"3.4.2","goVersion":"go1.24"}`}, {Body: `{}`},
	}
	streams := func(result string) string {
		return `{"status":"success","data":{"resultType":"streams","result":` + result + `}}`
	}
	matrix := func(result string) string {
		return `{"status":"success","data":{"resultType":"matrix","result":` + result + `}}`
	}
	vector := func(result string) string {
		return `{"status":"success","data":{"resultType":"vector","result":` + result + `}}`
	}
	conformance.RunMemory(t, func(endpoint provider.Endpoint) (logs.Provider, error) {
		return New(logs.Settings{Endpoint: endpoint, Timeout: hostile.Timeout, MaxBytes: hostile.MaxBytes,
			Egress: provider.Egress{AllowLoopback: true}})
	}, usual,
		hostile.Response{Path: "/query_range", Body: streams(`[<<{}>>]`)}, hostile.Response{Path: "/query_range", Body: streams(`VALUE`)},
		hostile.Response{Path: "/query_range", Body: streams(`[{"stream":VALUE,"values":VALUE}]`)},
		hostile.Response{Path: "/query_range", Body: streams(`[<<{"stream":{"a":""},"values":[["1",""]]}>>]`)},
		hostile.Response{Path: "/query_range", Body: streams(`[{"values":[<<["1",""]>>]}]`)},
		hostile.Response{Path: "/query_range", Body: streams(`[{"values":[["1",VALUE,VALUE]]}]`)},
		hostile.Response{Path: "/query_range", Body: matrix(`[<<{"metric":{"a":""},"values":[[1,"1"]]}>>]`)},
		hostile.Response{Path: "/query_range", Body: matrix(`[{"metric":VALUE,"values":[<<[1,"1"]>>]}]`)},
		hostile.Response{Path: "/query", Body: vector(`[<<{"metric":{"a":""},"value":[1,"1"]}>>]`)},
		hostile.Response{Path: "/query", Body: vector(`[{"metric":VALUE,"value":[1,VALUE]}]`)},
		hostile.Response{Path: "/labels", Body: `{"status":"success","data":VALUE}`},
		hostile.Response{Path: "/values", Body: `{"status":"success","data":VALUE}`},
		hostile.Response{Path: "/ring", Body: `{"shards":[<<{"id":"a"}>>]}`},
		hostile.Response{Path: "/ring", Body: `{"shards":[{"id":VALUE}]}`},
		hostile.Response{Path: "/buildinfo", Body: `{"version":VALUE}`}, hostile.Response{Path: "/ready", Body: `VALUE`},
	)
}

// gateway answers from a list of paths, and fails the test on any other and on a request without the tenant.
func gateway(t *testing.T, fields logs.Fields, answers map[string]http.HandlerFunc) *Provider {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Scope-OrgID") != "team-a" {
			t.Errorf("%s has tenant %q", r.URL.Path, r.Header.Get("X-Scope-OrgID"))
		}
		answer, known := answers[r.URL.Path]
		if !known {
			t.Errorf("unexpected %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusTeapot)
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	p, err := Config{Tenant: "team-a"}.Open(logs.Settings{Endpoint: provider.Endpoint{URL: server.URL}, Fields: fields,
		Egress: provider.Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.(*Provider)
}

func says(status int, contentType, content string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, content)
	}
}

func names200(list ...string) http.HandlerFunc {
	content, _ := json.Marshal(map[string]any{"status": "success", "data": list})
	return says(http.StatusOK, "application/json", string(content))
}

const (
	pathBuild  = "/loki/api/v1/status/buildinfo"
	pathLabels = "/loki/api/v1/labels"
	pathRange  = "/loki/api/v1/query_range"
)

func TestHealthTellsWhatTheServerTells(t *testing.T) {
	t.Parallel()
	build := says(200, "application/json", `{"version":"3.1.0","goVersion":"go1.22"}`)
	missing := says(404, "text/plain", "404 page not found")
	ready := says(200, "text/plain; charset=utf-8", "ready")
	for name, test := range map[string]struct {
		answers map[string]http.HandlerFunc
		want    logs.Health
		reason  string
	}{
		"all is served": {map[string]http.HandlerFunc{pathBuild: build, "/ready": ready, pathLabels: names200("namespace"),
			"/ring": says(200, "application/json",
				`{"shards":[{"id":"ingester-1","state":"LEAVING"},{"id":"ingester-0","state":"ACTIVE"},{"id":"ingester-2","state":"Unhealthy"}],"now":"2026-01-01T00:00:00Z"}`)},
			logs.Health{Version: "3.1.0", Flavor: "loki", State: "ready", Schema: "flat", Warnings: []string{
				`ring member "ingester-1" is in state "LEAVING"`, `ring member "ingester-2" is in state "Unhealthy"`}}, ""},
		"a gateway keeps the rest back": {map[string]http.HandlerFunc{pathBuild: missing, "/ready": missing, pathLabels: names200(),
			"/ring": missing},
			logs.Health{Flavor: "loki", State: "ready"}, ""},
		"the ring is a page": {map[string]http.HandlerFunc{pathBuild: build, "/ready": ready, pathLabels: names200(),
			"/ring": says(200, "text/html", "<html>")},
			logs.Health{Version: "3.1.0", Flavor: "loki", State: "ready"}, ""},
		"it says that it is not ready": {map[string]http.HandlerFunc{pathBuild: build,
			"/ready": says(503, "text/plain; charset=utf-8", "Ingester not ready: waiting for 14.2s after being ready")},
			logs.Health{Version: "3.1.0", Flavor: "loki", State: "not ready",
				Failed: "HOST says that it is not ready: its ingester is not ready; that takes a short while after a start, else see its path /ring"}, ""},
		"the gateway has no Loki behind it": {map[string]http.HandlerFunc{pathBuild: build, "/ready": says(503, "text/html", "<html>")},
			logs.Health{}, v1alpha1.ReasonServerError},
		"it is something else": {map[string]http.HandlerFunc{pathBuild: says(200, "application/json", `{"status":"success"}`)},
			logs.Health{}, v1alpha1.ReasonInvalidResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := gateway(t, logs.Fields{}, test.answers)
			got, err := p.Health(t.Context())
			if test.reason != "" {
				if told := problem.As(err); told == nil || told.Reason != test.reason {
					t.Errorf("got %+v and %v, want reason %s", got, err, test.reason)
				}
				return
			}
			test.want.Failed = strings.ReplaceAll(test.want.Failed, "HOST", p.client.Host())
			if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", test.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestQueriesAreSpelledAsTheStreamsAre(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		labels []string
		fields logs.Fields
		query  logs.Query
		want   string
	}{
		"as Promtail spells": {[]string{"namespace", "pod", "job"}, logs.Fields{},
			logs.Query{Labels: map[string]string{"namespace": "a", "pod": "b"}}, `{namespace="a", pod="b"}`},
		"as Vector spells": {[]string{"kubernetes_pod_namespace"}, logs.Fields{}, logs.Query{Labels: map[string]string{"namespace": "a"}},
			`{kubernetes_pod_namespace="a"}`},
		"two collectors": {[]string{"namespace", "k8s_namespace_name", "service_name"}, logs.Fields{},
			logs.Query{Labels: map[string]string{"namespace": "a"}},
			`{service_name=~".+"} | namespace="a" or k8s_namespace_name="a"`},
		"structured metadata": {[]string{"namespace"}, logs.Fields{}, logs.Query{Labels: map[string]string{"namespace": "a", "trace.id": "t"}},
			`{namespace="a"} | trace_id="t"`},
		"fields of the spec": {[]string{"ns", "namespace"}, logs.Fields{Namespace: "ns"},
			logs.Query{Labels: map[string]string{"namespace": "a"}}, `{ns="a"}`},
		"no labels":       {[]string{"z", "job"}, logs.Fields{}, logs.Query{}, `{job=~".+"}`},
		"no usual labels": {[]string{"z", "__stream_shard__", "b"}, logs.Fields{}, logs.Query{}, `{b=~".+"}`},
		"nothing stored":  {nil, logs.Fields{}, logs.Query{}, `{kubeops_probe=~".+"}`},
		"only an empty value": {[]string{"namespace", "job"}, logs.Fields{}, logs.Query{Labels: map[string]string{"namespace": ""}},
			`{namespace="", namespace=~".+"}`},
		"any of": {[]string{"pod"}, logs.Fields{}, logs.Query{AnyOf: map[string][]string{"pod": {"a.b", "c"}}}, `{pod=~"a\\.b|c"}`},
		"texts": {[]string{"pod"}, logs.Fields{},
			logs.Query{Labels: map[string]string{"pod": "p"}, Contains: []string{"a.b", "", `42"`}}, `{pod="p"} |~ "(?i)a\\.b" |= "42\""`},
		"level": {[]string{"pod"}, logs.Fields{}, logs.Query{Labels: map[string]string{"pod": "p", "level": "error"}},
			`{pod="p"} | level=~"(?i)(error)" or detected_level=~"(?i)(error)"`},
		"invalid UTF-8": {[]string{"pod"}, logs.Fields{}, logs.Query{Labels: map[string]string{"pod": "\xff"}}, "{pod=\"\uFFFD\"}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := gateway(t, test.fields, map[string]http.HandlerFunc{pathLabels: names200(test.labels...)})
			test.query.End = time.Now()
			e, err := p.expression(t.Context(), test.query)
			if err != nil || e.String() != test.want {
				t.Errorf("got %s, %v, want %s", e, err, test.want)
			}
		})
	}
}

func TestLinesThatAreTooLongForOnePageComeInShorterPages(t *testing.T) {
	t.Parallel()
	var limits []string
	p := gateway(t, logs.Fields{}, map[string]http.HandlerFunc{pathLabels: names200("pod"),
		pathRange: func(w http.ResponseWriter, r *http.Request) {
			limit := r.URL.Query().Get("limit")
			limits = append(limits, limit)
			if limit == "501" {
				w.Header().Set("Content-Length", "99999999")
				return
			}
			says(
				200,
				"application/json",
				`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"p"},"values":[["1000","x"]]}]}}`,
			)(w, r)
		}})
	page, err := p.Search(t.Context(), logs.Query{Start: time.Unix(0, 0), End: time.Now(), Limit: 500})
	if err != nil || len(page.Entries) != 1 || !slices.Equal(limits, []string{"501", "32"}) {
		t.Errorf("%d lines, %v, limits %v", len(page.Entries), err, limits)
	}
}

func TestAServerThatGivesMoreThanItWasAskedForIsCut(t *testing.T) {
	t.Parallel()
	p := gateway(t, logs.Fields{}, map[string]http.HandlerFunc{pathLabels: names200("pod"),
		pathRange: func(w http.ResponseWriter, r *http.Request) {
			content := `{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"p"},"values":[["1","outside"]`
			for i := range 100 {
				content += fmt.Sprintf(`,["%d","line"]`, 1_000_000_000_000+i)
			}
			says(200, "application/json", content+`]}]}}`)(w, r)
		}})
	page, err := p.Search(t.Context(), logs.Query{Start: time.Unix(999, 0), End: time.Unix(1001, 0), Limit: 10})
	if err != nil || len(page.Entries) != 10 || page.Next == "" {
		t.Errorf("%d lines, next %q, %v", len(page.Entries), page.Next, err)
	}
}

func TestWriteKeepsLabelsWithManyValuesOutOfStreams(t *testing.T) {
	t.Parallel()
	streams := newNames(logs.Fields{Namespace: "ns"}).streams([]logs.Entry{
		{Time: time.Unix(1, 5), Line: "a", Labels: map[string]string{"namespace": "n", "level": "error", "trace.id": "1"}},
		{Time: time.Unix(2, 0), Line: "b", Labels: map[string]string{"namespace": "n", "empty": ""}},
		{Time: time.Unix(3, 0), Line: "c\xff"},
	})
	got, err := json.Marshal(streams)
	want := `[{"stream":{"ns":"n"},"values":[["1000000005","a",{"level":"error","trace_id":"1"}],["2000000000","b"]]},{"stream":{"app":"kubeops"},"values":[["3000000000","c` + "\uFFFD" + `"]]}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func TestRetentionIsReadFromFourLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		keeps  time.Duration
		known  bool
		bad    bool
	}{
		"deleted after a month": {"limits_config:\n  retention_period: 4w3d\n  retention_stream: []\ncompactor:\n  retention_enabled: true\n",
			31 * 24 * time.Hour, true, false},
		"as hours and minutes": {"limits_config:\n  retention_period: 744h1m\ncompactor:\n  retention_enabled: true\n",
			744*time.Hour + time.Minute, true, false},
		"enabled without an end": {"limits_config:\n  retention_period: 0s\ncompactor:\n  retention_enabled: true\n", 0, true, false},
		"not enabled":            {"limits_config:\n  retention_period: 4w3d\ncompactor:\n  retention_enabled: false\n", 0, true, false},
		"table manager": {"table_manager:\n  retention_deletes_enabled: true\n  retention_period: 7d\n", 7 * 24 * time.Hour, true,
			false},
		"of another section": {"other:\n  retention_period: 1d\n  retention_enabled: true\n", 0, false, false},
		"deeper":             {"limits_config:\n  nested:\n    retention_period: 1d\n", 0, false, false},
		"nonsense":           {"limits_config:\n  retention_period: soon\ncompactor:\n  retention_enabled: true\n", 0, false, true},
		"HTML":               {"<!doctype html><title>Sign in</title>", 0, false, false},
		"a very long line first": {strings.Repeat("x",
			100_000) + ": y\nlimits_config:\n  retention_period: 1d\ncompactor:\n  retention_enabled: true", 24 * time.Hour, true, false},
	} {
		s, err := readSettings(strings.NewReader(test.config))
		if err != nil {
			t.Fatal(err)
		}
		got, known, err := s.retention()
		if got.Keeps != test.keeps || known != test.known || (err != nil) != test.bad {
			t.Errorf("%s: got %+v, known %t, %v", name, got, known, err)
		}
	}
	p := gateway(t, logs.Fields{}, map[string]http.HandlerFunc{"/config": says(404, "text/plain", "")})
	if _, known, err := p.Retention(t.Context()); known || err != nil {
		t.Errorf("not served: known %t, %v", known, err)
	}
}

func FuzzStreams(f *testing.F) {
	f.Add(
		[]byte(
			`{"status":"success","data":{"resultType":"streams","result":[{"stream":{"pod":"p","level":"ERROR"},"values":[["1","x"],["-9223372036854775808","\ud800",{"a":"b"}]]}]}}`,
		),
	)
	f.Add([]byte(`{"data":{"resultType":"streams","result":[{"values":[[],null]}]}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		answer := streamsAnswer{names: newNames(logs.Fields{})}
		memory.Bounded(t, len(content), func(limits stream.Limits) {
			if stream.New(bytes.NewReader(content), limits).Decode(&answer) == nil {
				_, _ = answer.checked()
			}
		})
		for _, entry := range answer.entries {
			if len(entry.Line) > logs.LineLimit || !utf8.ValidString(entry.Line) {
				t.Errorf("a line of %d bytes", len(entry.Line))
			}
		}
	})
}

func FuzzSeries(f *testing.F) {
	f.Add(
		[]byte(
			`{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":[[1795423210,"4"],[1e400,"NaN"]],"value":[1,"-1"]}]}}`,
		),
	)
	f.Fuzz(func(t *testing.T, content []byte) {
		var answer seriesAnswer
		memory.Bounded(t, len(content), func(limits stream.Limits) {
			if stream.New(bytes.NewReader(content), limits).Decode(&answer) != nil {
				answer = seriesAnswer{}
			}
		})
		for _, series := range answer.Data.Result {
			for _, point := range append(series.Values, series.Value) {
				if point.count < 0 {
					t.Errorf("a count of %d", point.count)
				}
			}
		}
	})
}

func FuzzSettings(f *testing.F) {
	f.Add("limits_config:\n  retention_period: 31d\ncompactor:\n  retention_enabled: true\n")
	f.Add("limits_config:\n  retention_period: 99999999999999999999y\ncompactor:\n  retention_enabled: true\n")
	f.Fuzz(func(t *testing.T, config string) {
		s, err := readSettings(strings.NewReader(config))
		if err != nil {
			t.Fatal(err)
		}
		if retention, _, err := s.retention(); err == nil && retention.Keeps < 0 {
			t.Errorf("keeps %s", retention.Keeps)
		}
	})
}

func FuzzRing(f *testing.F) {
	f.Add([]byte(`{"shards":[{"id":"a","state":"LEAVING"}]}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		if warnings, err := readRing(stream.New(bytes.NewReader(content), stream.Limits{})); err == nil && len(warnings) > maxWarnings {
			t.Errorf("%d warnings", len(warnings))
		}
	})
}

// page of 5,000 lines of 200 bytes in 50 streams.
func page() []byte {
	var b bytes.Buffer
	b.WriteString(`{"status":"success","data":{"resultType":"streams","result":[`)
	for stream := range 50 {
		if stream > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"stream":{"namespace":"default","pod":"web-%d","container":"main","service_name":"web"},"values":[`, stream)
		for line := range 100 {
			if line > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `["%d","%s"]`, 1_795_423_210_000_000_000+line, strings.Repeat("a word ", 28))
		}
		b.WriteString("]}")
	}
	b.WriteString("]}}")
	return b.Bytes()
}

func BenchmarkDecode5000Lines(b *testing.B) {
	content := page()
	n := newNames(logs.Fields{})
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		answer := streamsAnswer{names: n}
		if err := stream.New(bytes.NewReader(content), stream.Limits{Memory: 32 << 20}).Decode(&answer); err != nil {
			b.Fatal(err)
		}
		if entries, err := answer.checked(); err != nil || len(entries) != 5000 {
			b.Fatal(len(entries), err)
		}
	}
}

func TestAFieldOfTheSettingsDoesNotHideAnotherNamespace(t *testing.T) {
	for _, tc := range []struct {
		field  string
		stream map[string]string
		want   string
	}{
		{"env", map[string]string{"env": "a", "namespace": "b"}, ""},
		{"env", map[string]string{"env": "a", "k8s_namespace_name": "b"}, ""},
		{"env", map[string]string{"env": "a", "namespace": "a"}, "a"},
		{"env", map[string]string{"env": "a"}, "a"},
		{"env", map[string]string{"namespace": "b"}, "b"},
		{"kubernetes_namespace_name", map[string]string{"kubernetes_namespace_name": "a", "namespace": "logging"}, "a"},
	} {
		if got := newNames(logs.Fields{Namespace: tc.field}).contract(tc.stream)[logs.LabelNamespace]; got != tc.want {
			t.Errorf("%s of %v: got %q, want %q", tc.field, tc.stream, got, tc.want)
		}
	}
}

package backends

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/builtin"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/notify"
)

// schema of a resource, as its CRD has it.
type schema map[string]any

func schemaOf(t *testing.T, plural string) schema {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "kubeops.io_"+plural+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema map[string]any `json:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(content, &crd); err != nil || len(crd.Spec.Versions) != 1 {
		t.Fatalf("%v, %d versions", err, len(crd.Spec.Versions))
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// has says whether there is a field at a path such as spec.collect.redact[0].
func (s schema) has(path string) bool {
	at := map[string]any(s)
	for _, name := range strings.Split(regexp.MustCompile(`\[[^\]]*\]`).ReplaceAllString(path, ""), ".") {
		if items, is := at["items"].(map[string]any); is {
			at = items
		}
		properties, _ := at["properties"].(map[string]any)
		next, is := properties[name].(map[string]any)
		if !is {
			return false
		}
		at = next
	}
	return true
}

// types of the union of the spec.
func (s schema) types() []string {
	var list []string
	spec := s["properties"].(map[string]any)["spec"].(map[string]any)["properties"].(map[string]any)
	for _, name := range spec["type"].(map[string]any)["enum"].([]any) {
		list = append(list, name.(string))
	}
	return list
}

func fieldsIn(message string) []string {
	return regexp.MustCompile(`\bspec(\.[a-zA-Z][a-zA-Z0-9]*(\[[^\]\s]*\])?)+`).FindAllString(message, -1)
}

// caller of a backend: a kind of resource and a type, or what a resource calls besides.
type caller struct {
	plural, backendType string
	// must be in one of the messages.
	must string
	// call everything of the server at a URL and return every problem.
	call func(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error
}

func shortly() *metav1.Duration { return &metav1.Duration{Duration: 300 * time.Millisecond} }

func access(tls *v1alpha1.BackendTLS) v1alpha1.BackendAccess {
	return v1alpha1.BackendAccess{
		Auth: &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}, TLS: tls, Timeout: shortly(), ServiceAccountName: "kubeops",
	}
}

func callMetrics(spec func(url string) v1alpha1.MetricsBackendSpec) func(context.Context, *Resolver, string, *v1alpha1.BackendTLS) []error {
	return func(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
		backend := &v1alpha1.MetricsBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b"}, Spec: spec(url)}
		backend.Spec.BackendAccess = access(tls)
		opened, err := r.OpenMetrics(ctx, backend)
		if err != nil {
			return []error{err}
		}
		defer opened.Close()
		_, probeErr := opened.Probe(ctx)
		_, queryErr := opened.Query(ctx, "up", time.Now())
		all := []error{probeErr, queryErr}
		if writer, is := opened.Provider.(metrics.Writer); is {
			all = append(all, writer.Write(ctx, []metrics.Series{{Labels: metrics.Labels{"__name__": "a"},
				Points: []metrics.Point{{Time: time.Now()}}}}))
		}
		return all
	}
}

func callAlertmanager(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
	backend := &v1alpha1.MetricsBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b"}, Spec: v1alpha1.MetricsBackendSpec{
		Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: "http://prometheus.invalid"}, BackendAccess: access(nil),
		Alertmanager: &v1alpha1.AlertmanagerAccess{URL: url, TLS: tls,
			Auth: &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}},
	}}
	opened, err := r.OpenMetrics(ctx, backend)
	if err != nil {
		return []error{err}
	}
	defer opened.Close()
	if opened.Alertmanager != nil {
		return []error{opened.Alertmanager}
	}
	_, err = opened.Provider.(metrics.Alertmanager).ProbeAlertmanager(ctx)
	return []error{err}
}

func callLogs(spec func(url string) v1alpha1.LogBackendSpec) func(context.Context, *Resolver, string, *v1alpha1.BackendTLS) []error {
	return func(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
		backend := &v1alpha1.LogBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b"}, Spec: spec(url)}
		backend.Spec.BackendAccess = access(tls)
		opened, err := r.OpenLogs(ctx, backend)
		if err != nil {
			return []error{err}
		}
		defer opened.Close()
		_, healthErr := opened.Health(ctx)
		_, searchErr := opened.Search(ctx, logs.Query{Start: time.Now().Add(-time.Hour), End: time.Now()})
		all := []error{healthErr, searchErr}
		if writer, is := opened.Provider.(logs.Writer); is {
			all = append(all, writer.Write(ctx, []logs.Entry{{Time: time.Now(), Line: "x"}}))
		}
		return all
	}
}

func callDataView(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
	backend := &v1alpha1.LogBackend{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "b"}, Spec: v1alpha1.LogBackendSpec{
		Type: "elasticsearch", BackendAccess: access(tls),
		Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: "http://elasticsearch.invalid", DataView: &v1alpha1.DataView{URL: url}},
	}}
	opened, err := r.OpenLogs(ctx, backend)
	if err != nil {
		return []error{err}
	}
	defer opened.Close()
	_, err = opened.PutDataView(ctx, backend)
	return []error{err}
}

func callModel(spec func(url string) v1alpha1.AIProviderSpec) func(context.Context, *Resolver, string, *v1alpha1.BackendTLS) []error {
	return func(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
		p := &v1alpha1.AIProvider{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "p"}, Spec: spec(url)}
		p.Spec.TLS, p.Spec.Timeout, p.Spec.Model = tls, shortly(), "m"
		opened, err := r.OpenModel(ctx, p)
		if err != nil {
			return []error{err}
		}
		defer opened.Close()
		_, probeErr := opened.Model.Probe(ctx)
		_, askErr := opened.Model.Ask(ctx, ai.Request{User: "x", MaxTokens: 10})
		return []error{probeErr, askErr}
	}
}

func callChannel(spec func(url string) v1alpha1.NotificationChannelSpec) func(context.Context, *Resolver, string,
	*v1alpha1.BackendTLS) []error {
	return func(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
		c := &v1alpha1.NotificationChannel{ObjectMeta: metav1.ObjectMeta{Namespace: "team", Name: "c"}, Spec: spec(url)}
		c.Spec.TLS, c.Spec.Timeout = tls, shortly()
		opened, err := r.OpenChannel(ctx, c)
		if err != nil {
			return []error{err}
		}
		defer opened.Close()
		all := []error{opened.Send(ctx, notify.Message{Key: "k", Event: notify.EventTest, Title: "t", Text: "t"})}
		if prober, is := opened.Channel.(notify.Prober); is {
			all = append(all, prober.Probe(ctx))
		}
		return all
	}
}

// callers are all there are: the types of each kind, and what a resource calls besides.
func callers() map[string]caller {
	const metricsBackends, logBackends, channels = "metricsbackends", "logbackends", "notificationchannels"
	login := &v1alpha1.BackendAuth{Basic: &v1alpha1.SecretReference{Name: "login"}}
	all := map[string]caller{
		"prometheus": {metricsBackends, "prometheus", "spec.prometheus.url", callMetrics(func(url string) v1alpha1.MetricsBackendSpec {
			return v1alpha1.MetricsBackendSpec{Type: "prometheus", Prometheus: &v1alpha1.PrometheusBackend{URL: url}}
		})},
		"victoriametrics": {metricsBackends, "victoriametrics", "spec.victoriametrics.url",
			callMetrics(func(url string) v1alpha1.MetricsBackendSpec {
				return v1alpha1.MetricsBackendSpec{Type: "victoriametrics", VictoriaMetrics: &v1alpha1.VictoriaMetricsBackend{URL: url}}
			})},
		"vmselect": {metricsBackends, "victoriametrics", "spec.victoriametrics.insertURL",
			callMetrics(func(url string) v1alpha1.MetricsBackendSpec {
				return v1alpha1.MetricsBackendSpec{Type: "victoriametrics",
					VictoriaMetrics: &v1alpha1.VictoriaMetricsBackend{SelectURL: url, InsertURL: url}}
			})},
		"Alertmanager of a MetricsBackend": {metricsBackends, "prometheus", "spec.alertmanager.tls.ca", callAlertmanager},
		"elasticsearch": {logBackends, "elasticsearch", "spec.elasticsearch.url", callLogs(func(url string) v1alpha1.LogBackendSpec {
			return v1alpha1.LogBackendSpec{Type: "elasticsearch", Elasticsearch: &v1alpha1.ElasticsearchBackend{URL: url}}
		})},
		"loki": {logBackends, "loki", "spec.loki.url", callLogs(func(url string) v1alpha1.LogBackendSpec {
			return v1alpha1.LogBackendSpec{Type: "loki", Loki: &v1alpha1.LokiBackend{URL: url}}
		})},
		"victorialogs": {logBackends, "victorialogs", "spec.victorialogs.url", callLogs(func(url string) v1alpha1.LogBackendSpec {
			return v1alpha1.LogBackendSpec{Type: "victorialogs", VictoriaLogs: &v1alpha1.VictoriaLogsBackend{URL: url}}
		})},
		"data view": {logBackends, "elasticsearch", "spec.elasticsearch.dataView.url", callDataView},
		"openai": {"aiproviders", "openai", "spec.openai.url", callModel(func(url string) v1alpha1.AIProviderSpec {
			return v1alpha1.AIProviderSpec{Type: "openai", OpenAI: &v1alpha1.OpenAIServer{URL: url,
				APIKey: &v1alpha1.SecretKeyReference{Name: "login", Key: "password"}}}
		})},
		"ollama": {"aiproviders", "ollama", "spec.ollama.url", callModel(func(url string) v1alpha1.AIProviderSpec {
			return v1alpha1.AIProviderSpec{Type: "ollama", Ollama: &v1alpha1.OllamaServer{URL: url}}
		})},
		"webhook": {channels, "webhook", "spec.webhook.url", callChannel(func(url string) v1alpha1.NotificationChannelSpec {
			return v1alpha1.NotificationChannelSpec{Type: "webhook", Webhook: &v1alpha1.WebhookReceiver{URL: url, Auth: login}}
		})},
		"alertmanager": {channels, "alertmanager", "spec.alertmanager.url", callChannel(func(url string) v1alpha1.NotificationChannelSpec {
			return v1alpha1.NotificationChannelSpec{Type: "alertmanager", Alertmanager: &v1alpha1.AlertmanagerReceiver{URL: url, Auth: login}}
		})},
		"nats": {channels, "nats", "spec.nats.url", callChannel(func(url string) v1alpha1.NotificationChannelSpec {
			_, host, _ := strings.Cut(url, "://")
			scheme := map[bool]string{true: "tls://", false: "nats://"}[strings.HasPrefix(url, "https:")]
			return v1alpha1.NotificationChannelSpec{Type: "nats", NATS: &v1alpha1.NATSSubject{URL: scheme + host, Subject: "s"}}
		})},
		"email": {channels, "email", "spec.email", callChannel(func(url string) v1alpha1.NotificationChannelSpec {
			_, host, _ := strings.Cut(url, "://")
			host, text, _ := strings.Cut(host, ":")
			port, _ := strconv.Atoi(text)
			security := map[bool]v1alpha1.EmailSecurity{true: v1alpha1.EmailTLS, false: v1alpha1.EmailPlain}[strings.HasPrefix(url, "https:")]
			return v1alpha1.NotificationChannelSpec{Type: "email", Email: &v1alpha1.EmailReceivers{
				Host: host, Port: int32(port), Security: security, From: "a@example.com", To: []string{"b@example.com"}, //nolint:gosec // a port
			}}
		})},
	}
	for name, set := range map[string]func(*v1alpha1.NotificationChannelSpec, *v1alpha1.ChatWebhook){
		"slack":    func(s *v1alpha1.NotificationChannelSpec, w *v1alpha1.ChatWebhook) { s.Slack = w },
		"teams":    func(s *v1alpha1.NotificationChannelSpec, w *v1alpha1.ChatWebhook) { s.Teams = w },
		"dingtalk": func(s *v1alpha1.NotificationChannelSpec, w *v1alpha1.ChatWebhook) { s.DingTalk = w },
		"wecom":    func(s *v1alpha1.NotificationChannelSpec, w *v1alpha1.ChatWebhook) { s.WeCom = w },
		"feishu":   func(s *v1alpha1.NotificationChannelSpec, w *v1alpha1.ChatWebhook) { s.Feishu = w },
	} {
		all[name] = caller{channels, name, "spec." + name + ".webhookURL",
			func(ctx context.Context, r *Resolver, url string, tls *v1alpha1.BackendTLS) []error {
				return callChannel(func(string) v1alpha1.NotificationChannelSpec {
					spec := v1alpha1.NotificationChannelSpec{Type: v1alpha1.NotificationChannelType(name)}
					set(&spec, &v1alpha1.ChatWebhook{WebhookURL: v1alpha1.SecretKeyReference{Name: "urls", Key: url}})
					return spec
				})(ctx, r, url, tls)
			}}
	}
	return all
}

// everyResolver opens every built-in type.
func everyResolver(t *testing.T, secrets *cluster) *Resolver {
	t.Helper()
	r := &Resolver{Secrets: secrets.start(t, "kubeops"), Egress: provider.Egress{AllowLoopback: true},
		Meters: &Meters{Clock: clock.RealClock{}}}
	for _, err := range []error{
		func() (err error) { r.MetricsTypes, err = builtin.Metrics(); return err }(),
		func() (err error) { r.LogTypes, err = builtin.Logs(); return err }(),
		func() (err error) { r.ModelTypes, err = builtin.Models(); return err }(),
		func() (err error) { r.ChannelTypes, err = builtin.Channels(); return err }(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// failures are URLs and TLS settings, by how a call to them fails.
func failures(t *testing.T) map[string]struct {
	url string
	tls *v1alpha1.BackendTLS
} {
	t.Helper()
	serve := func(handler http.HandlerFunc, tls bool) string {
		server := httptest.NewUnstartedServer(handler)
		if server.Start(); tls {
			server.Close()
			server = httptest.NewTLSServer(handler)
		}
		t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
		return server.URL
	}
	done := make(chan struct{})
	empty := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }
	plain := serve(empty, false)
	ca := &v1alpha1.BackendTLS{CA: &v1alpha1.SecretKeyReference{Name: "login", Key: "password"}}
	all := map[string]struct {
		url string
		tls *v1alpha1.BackendTLS
	}{
		"nothing listens":        {url: "http://127.0.0.1:1"},
		"a name that is none":    {url: "http://kubeops.invalid:80"},
		"a forbidden address":    {url: "http://169.254.169.254:80"},
		"no answer in time":      {url: serve(func(http.ResponseWriter, *http.Request) { <-done }, false)},
		"an answer of no API":    {url: serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }, false)},
		"an unknown CA":          {url: serve(empty, true)},
		"plain HTTP":             {url: strings.Replace(plain, "http:", "https:", 1)},
		"a CA that is none":      {url: plain, tls: ca},
		"a certificate of none":  {url: plain, tls: &v1alpha1.BackendTLS{ClientCertificate: &v1alpha1.SecretReference{Name: "pair"}}},
		"a CA that is missing":   {url: plain, tls: &v1alpha1.BackendTLS{CA: &v1alpha1.SecretKeyReference{Name: "none", Key: "ca.crt"}}},
		"a URL with credentials": {url: "http://a:b@logs:80"},
		"a URL with a query":     {url: "http://logs:80?a=b"},
		"a URL of no scheme":     {url: "logs:80"},
	}
	for _, status := range []int{302, 400, 401, 403, 404, 405, 410, 413, 418, 422, 429, 500, 502, 503} {
		all[fmt.Sprint(status)] = struct {
			url string
			tls *v1alpha1.BackendTLS
		}{url: serve(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "http://example.com/")
			w.WriteHeader(status)
		}, false)}
	}
	t.Cleanup(func() { close(done) }) // before the servers are closed
	return all
}

func TestMessagesNameFieldsThatTheResourceHas(t *testing.T) {
	t.Parallel()
	failures := failures(t)
	urls := map[string][]byte{}
	for _, f := range failures {
		urls[f.url] = []byte(f.url)
	}
	r := everyResolver(t, &cluster{secrets: map[string]map[string][]byte{
		"login": {"username": []byte("kubeops"), "password": []byte("open-sesame")}, "urls": urls,
		"pair": {"tls.crt": []byte("x"), "tls.key": []byte("y")},
	}})
	for name, c := range callers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			resource, named := schemaOf(t, c.plural), false
			for failure, f := range failures {
				for _, err := range c.call(t.Context(), r, f.url, f.tls) {
					p := problem.As(err)
					if p == nil {
						if err != nil {
							t.Errorf("%s: %v is no problem", failure, err)
						}
						continue
					}
					for _, field := range fieldsIn(p.Message) {
						member := strings.Split(field, ".")[1]
						if !resource.has(field) || member != c.backendType && slices.Contains(resource.types(), member) {
							t.Errorf("%s: %q names %s, which a %s of type %s does not have", failure, p.Message, field, c.plural, c.backendType)
						}
						named = named || strings.HasPrefix(field, c.must)
					}
					if c.plural == "notificationchannels" && strings.Contains(p.Message, "spec.interval") {
						t.Errorf("%s: %q: the interval of a channel has nothing to do with it", failure, p.Message)
					}
				}
			}
			if !named {
				t.Errorf("no message names %s", c.must)
			}
		})
	}
}

// TestTextsNameFieldsThatTheResourceHas reads the source: what no test provokes is held, too.
func TestTextsNameFieldsThatTheResourceHas(t *testing.T) {
	t.Parallel()
	for folder, plural := range map[string]string{
		"../provider/logs": "logbackends", "../logroute": "logbackends", "../provider/metrics": "metricsbackends",
		"../provider/ai": "aiproviders", "../provider/notify": "notificationchannels",
	} {
		resource := schemaOf(t, plural)
		for position, text := range literals(t, folder) {
			for _, field := range fieldsIn(text) {
				if field != "spec.nodeName" && !resource.has(field) { // that of a Pod
					t.Errorf("%s: %q names %s, which %s do not have", position, text, field, plural)
				}
			}
		}
	}
	entries, err := filepath.Glob("../provider/*.go")
	if err != nil || len(entries) == 0 {
		t.Fatal(err, entries)
	}
	for _, path := range entries {
		for position, text := range literalsOf(t, path) {
			if found := fieldsIn(text); len(found) > 0 && !strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s: %q names %v, which is for the caller to know", position, text, found)
			}
		}
	}
}

// literals of the source below a folder, but for tests.
func literals(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "conformance" {
			return fs.SkipDir
		}
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		for position, text := range literalsOf(t, path) {
			all[position] = text
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatal(err, len(all))
	}
	return all
}

func literalsOf(t *testing.T, path string) map[string]string {
	t.Helper()
	all, set := map[string]string{}, token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		if literal, is := node.(*ast.BasicLit); is && literal.Kind == token.STRING {
			all[set.Position(literal.Pos()).String()] = literal.Value
		}
		return true
	})
	return all
}

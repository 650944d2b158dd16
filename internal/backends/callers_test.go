package backends

import (
	"context"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/notify"
)

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
		Auth: &v1alpha1.BackendAuth{
			Basic: &v1alpha1.SecretReference{Name: "login"},
		}, TLS: tls, Timeout: shortly(), ServiceAccountName: "kubeops",
	}
}

func callMetrics(
	spec func(url string) v1alpha1.MetricsBackendSpec,
) func(context.Context, *Resolver, string, *v1alpha1.BackendTLS) []error {
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
		p.Spec.TLS = tls
		p.Spec.Timeout = shortly()
		p.Spec.Model = "m"
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
		c.Spec.TLS = tls
		c.Spec.Timeout = shortly()
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
		"alertmanager": {
			channels,
			"alertmanager",
			"spec.alertmanager.url",
			callChannel(func(url string) v1alpha1.NotificationChannelSpec {
				return v1alpha1.NotificationChannelSpec{
					Type:         "alertmanager",
					Alertmanager: &v1alpha1.AlertmanagerReceiver{URL: url, Auth: login},
				}
			}),
		},
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

package prometheus

import (
	"net/url"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/promapi"
)

// Type of this backend.
const Type = string(v1alpha1.MetricsBackendPrometheus)

// Config is spec.prometheus.
type Config v1alpha1.PrometheusBackend

var _ metrics.GrafanaSourcer = Config{}

// Backend registers the type.
func Backend() metrics.Backend {
	return metrics.Backend{
		Type: Type, Products: "Prometheus, Thanos, Mimir, Cortex",
		Configure: provider.Decode[Config, metrics.Settings, metrics.Provider],
	}
}

// New opens a backend.
func New(settings metrics.Settings) (metrics.Provider, error) { return Config{}.Open(settings) }

// Server implements metrics.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// Open implements metrics.Config.
func (c Config) Open(settings metrics.Settings) (metrics.Provider, error) {
	client, err := promapi.Dial(settings, settings.Endpoint, Type)
	if err != nil {
		return nil, err
	}
	b := backend{promapi.New(client, promapi.Options{
		Budget: settings.Budget, Slots: settings.Slots, Timeout: settings.Timeout,
		// Thanos fails then, instead of silently omitting what a store did not return.
		Params: url.Values{"partial_response": {"false"}},
	})}
	if settings.Alertmanager == nil {
		return b, nil
	}
	alertmanager, err := promapi.NewAlertmanager(settings)
	if err != nil {
		return nil, err
	}
	return alerting{backend: b, Alertmanager: alertmanager}, nil
}

// GrafanaSource implements metrics.GrafanaSourcer.
func (c Config) GrafanaSource(endpoint provider.Endpoint, _ string) provider.GrafanaSource {
	return promapi.GrafanaSource(endpoint)
}

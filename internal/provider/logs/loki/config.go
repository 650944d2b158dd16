package loki

import (
	"net/http"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Type of this backend.
const Type = string(v1alpha1.LogBackendLoki)

// tenantHeader as Go spells it; names of headers are case-insensitive.
const tenantHeader = "X-Scope-OrgID"

// Config is spec.loki.
type Config v1alpha1.LokiBackend

var (
	_ logs.GrafanaSourcer = Config{}
	_ logs.Routable       = Config{}
)

// Backend registers the type.
func Backend() logs.Backend {
	return logs.Backend{Type: Type, Products: "Grafana Loki", Configure: provider.Decode[Config, logs.Settings, logs.Provider]}
}

// New opens a backend without a tenant.
func New(settings logs.Settings) (logs.Provider, error) { return Config{}.Open(settings) }

// Server implements logs.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// Open implements logs.Config.
func (c Config) Open(settings logs.Settings) (logs.Provider, error) {
	endpoint := settings.Endpoint
	endpoint.Header = endpoint.Header.Clone()
	if c.Tenant != "" {
		if endpoint.Header == nil {
			endpoint.Header = http.Header{}
		}
		endpoint.Header.Set(tenantHeader, c.Tenant)
	}
	client, err := provider.NewClient(endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.MaxBytes},
		Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory,
	})
	if err != nil {
		return nil, err
	}
	p := &Provider{client: client, tenantField: endpoint.Fields.Setting("tenant"), names: newNames(settings.Fields)}
	p.names.ask = p.labelNames
	return p, nil
}

// GrafanaSource implements logs.GrafanaSourcer.
func (c Config) GrafanaSource(server logs.Server) provider.GrafanaSource {
	source := provider.GrafanaSource{Plugin: "loki", Endpoint: server.Endpoint}
	if c.Tenant != "" {
		source.Endpoint.Header = http.Header{tenantHeader: {c.Tenant}}
	}
	return source
}

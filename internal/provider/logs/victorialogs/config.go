package victorialogs

import (
	"net/http"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Type of this backend.
const Type = string(v1alpha1.LogBackendVictoriaLogs)

// Config is spec.victorialogs.
type Config v1alpha1.VictoriaLogsBackend

var (
	_ logs.GrafanaSourcer = Config{}
	_ logs.Routable       = Config{}
)

// Backend registers the type.
func Backend() logs.Backend {
	return logs.Backend{Type: Type, Products: "VictoriaLogs", Configure: provider.Decode[Config, logs.Settings, logs.Provider]}
}

// New opens a backend for the default tenant.
func New(settings logs.Settings) (logs.Provider, error) { return Config{}.Open(settings) }

// Server implements logs.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// Open implements logs.Config.
func (c Config) Open(settings logs.Settings) (logs.Provider, error) {
	endpoint := settings.Endpoint
	if c.Tenant != "" {
		if endpoint.Header = endpoint.Header.Clone(); endpoint.Header == nil {
			endpoint.Header = http.Header{}
		}
		account, project := c.ids()
		endpoint.Header.Set("AccountID", account)
		endpoint.Header.Set("ProjectID", project)
	}
	client, err := provider.NewClient(endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.MaxBytes},
		Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory,
	})
	if err != nil {
		return nil, err
	}
	return &Provider{client: client, fields: newFields(settings.Fields)}, nil
}

// ids of the tenant, which is accountID or accountID:projectID.
func (c Config) ids() (account, project string) {
	account, project, _ = strings.Cut(c.Tenant, ":")
	if account == "" {
		account = "0"
	}
	if project == "" {
		project = "0"
	}
	return account, project
}

// GrafanaSource implements logs.GrafanaSourcer.
func (c Config) GrafanaSource(server logs.Server) provider.GrafanaSource {
	source := provider.GrafanaSource{Plugin: "victoriametrics-logs-datasource", Endpoint: server.Endpoint}
	if c.Tenant != "" {
		account, project := c.ids()
		source.Endpoint.Header = http.Header{"AccountID": {account}, "ProjectID": {project}}
	}
	return source
}

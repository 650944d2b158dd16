package elasticsearch

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
)

// Type of this backend.
const Type = string(v1alpha1.LogBackendElasticsearch)

// Indices that are used where the settings name none.
const (
	DefaultIndex      = "logs-*"
	DefaultWriteIndex = "logs-kubeops-default"
)

// defaultTimeField of documents.
const defaultTimeField = "@timestamp"

// Config is spec.elasticsearch.
type Config v1alpha1.ElasticsearchBackend

var (
	_ logs.GrafanaSourcer = Config{}
	_ logs.DataViewer     = Config{}
	_ logs.Routable       = Config{}
)

// Backend registers the type.
func Backend() logs.Backend {
	return logs.Backend{Type: Type, Products: "Elasticsearch, OpenSearch", Configure: provider.Decode[Config, logs.Settings, logs.Provider]}
}

// New opens a backend with the default indices.
func New(settings logs.Settings) (logs.Provider, error) { return Config{}.Open(settings) }

// Server implements logs.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// Open implements logs.Config.
func (c Config) Open(settings logs.Settings) (logs.Provider, error) {
	client, err := provider.NewClient(settings.Endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.MaxBytes},
		Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory,
	})
	if err != nil {
		return nil, err
	}
	return &Provider{client: client, index: c.index(), writeIndex: c.writeIndex(), fields: settings.Fields}, nil
}

func (c Config) index() string {
	if c.Index == "" {
		return DefaultIndex
	}
	return c.Index
}

func (c Config) writeIndex() string {
	if c.WriteIndex == "" {
		return DefaultWriteIndex
	}
	return c.WriteIndex
}

// GrafanaSource implements logs.GrafanaSourcer. OpenSearch needs a plugin of its own.
func (c Config) GrafanaSource(server logs.Server) provider.GrafanaSource {
	source := provider.GrafanaSource{Plugin: "elasticsearch", Endpoint: server.Endpoint, Options: map[string]any{
		"index": c.index(), "timeField": timeField(server.Fields),
	}}
	if server.Flavor == flavorOpenSearch {
		source.Plugin = "grafana-opensearch-datasource"
	}
	if server.Fields.Message != "" {
		source.Options["logMessageField"] = server.Fields.Message
	}
	if server.Fields.Level != "" {
		source.Options["logLevelField"] = server.Fields.Level
	}
	return source
}

// DataViewFor implements logs.DataViewer.
func (c Config) DataViewFor(server logs.Server) (view logs.DataView, wanted bool) {
	asked := c.DataView
	if asked == nil {
		return logs.DataView{}, false
	}
	return logs.DataView{URL: asked.URL, Setting: "dataView.url", Pattern: c.index(), TimeField: timeField(server.Fields)}, true
}

func timeField(fields logs.Fields) string {
	if fields.Time == "" {
		return defaultTimeField
	}
	return fields.Time
}

package provider

// GrafanaSource is the data source of Grafana that leads to a backend. It holds credentials.
type GrafanaSource struct {
	// Plugin is the type of the data source, for example prometheus.
	Plugin string
	// Endpoint that Grafana queries. Its path is part of the URL.
	Endpoint Endpoint
	// Options are further fields of jsonData. None of them is secret.
	Options map[string]any
}

package promapi

import (
	"net/http"

	"kubeops.io/kubeops/internal/provider"
)

// GrafanaSource of a server that has the query API of Prometheus. Long queries do not fit into a URL, so they are posted.
func GrafanaSource(endpoint provider.Endpoint) provider.GrafanaSource {
	return provider.GrafanaSource{Plugin: "prometheus", Endpoint: endpoint, Options: map[string]any{"httpMethod": http.MethodPost}}
}

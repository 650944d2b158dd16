package metrics

import (
	"kubeops.io/kubeops/internal/provider"
)

// Backend is what a type of metrics backend registers.
type Backend = provider.Backend[Settings, Provider]

// Config is the decoded settings of one metrics backend. The interface below is optional.
type Config = provider.Config[Settings, Provider]

// Registry of metrics backends.
type Registry = provider.Registry[Settings, Provider]

// GrafanaSourcer is a Config that has more to say about its data source of Grafana than its endpoint.
type GrafanaSourcer interface {
	// GrafanaSource of the server at the endpoint, of the flavor that the last probe found.
	GrafanaSource(endpoint provider.Endpoint, flavor string) provider.GrafanaSource
}

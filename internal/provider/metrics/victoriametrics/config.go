package victoriametrics

import (
	"net/url"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/promapi"
)

// Type of this backend.
const Type = string(v1alpha1.MetricsBackendVictoriaMetrics)

// Config is spec.victoriametrics.
type Config v1alpha1.VictoriaMetricsBackend

var _ metrics.GrafanaSourcer = Config{}

// Backend registers the type.
func Backend() metrics.Backend {
	return metrics.Backend{
		Type: Type, Products: "VictoriaMetrics", Configure: provider.Decode[Config, metrics.Settings, metrics.Provider],
	}
}

// New opens a single server.
func New(settings metrics.Settings) (metrics.Provider, error) { return Config{}.Open(settings) }

// cluster reports that the URL is that of vmselect.
func (c Config) cluster() bool { return c.SelectURL != "" }

func (c Config) tenant() string {
	if c.Tenant == "" {
		return "0"
	}
	return c.Tenant
}

// queries is the prefix of paths of the query API.
func (c Config) queries() string {
	if !c.cluster() {
		return ""
	}
	return "/select/" + c.tenant() + "/prometheus"
}

// Server implements metrics.Config.
func (c Config) Server() (url, setting string) {
	if c.cluster() {
		return c.SelectURL, "selectURL"
	}
	return c.URL, "url"
}

// Open implements metrics.Config.
func (c Config) Open(settings metrics.Settings) (metrics.Provider, error) {
	client, err := promapi.Dial(settings, settings.Endpoint, Type)
	if err != nil {
		return nil, err
	}
	options := promapi.Options{Budget: settings.Budget, Slots: settings.Slots, Timeout: settings.Timeout, Prefix: c.queries()}
	if c.cluster() {
		// vmselect fails then, instead of omitting what a store did not return.
		options.Params = url.Values{"deny_partial_response": {"1"}}
	}
	q := querier{api: promapi.New(client, options), cluster: c.cluster()}
	var alerts *promapi.Alertmanager
	if settings.Alertmanager != nil {
		if alerts, err = promapi.NewAlertmanager(settings); err != nil {
			return nil, err
		}
	}
	switch {
	case !c.cluster():
		return single(q, writer{client: client, path: "/api/v1/import"}, alerts), nil
	case c.InsertURL == "":
		return reading(q, alerts), nil
	}
	endpoint := settings.Endpoint
	endpoint.URL = c.InsertURL
	endpoint.Fields.URL = settings.Endpoint.Fields.Setting("insertURL")
	insert, err := promapi.Dial(settings, endpoint, Type)
	if err != nil {
		return nil, err
	}
	return writing(q, writer{client: insert, path: "/insert/" + c.tenant() + "/prometheus/api/v1/import"}, alerts), nil
}

// GrafanaSource implements metrics.GrafanaSourcer. VictoriaMetrics has the API of Prometheus, so no further plugin is needed.
func (c Config) GrafanaSource(endpoint provider.Endpoint, _ string) provider.GrafanaSource {
	if c.cluster() {
		endpoint.URL = strings.TrimSuffix(endpoint.URL, "/") + c.queries()
	}
	return promapi.GrafanaSource(endpoint)
}

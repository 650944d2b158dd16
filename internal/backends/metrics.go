package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/visual"
)

// Metrics is an open MetricsBackend.
type Metrics struct {
	metrics.Provider
	// Alertmanager is the problem that keeps the Alertmanager of the spec from being queried, such as a missing Secret; nil when there
	// is none. Metrics can be read all the same.
	Alertmanager *problem.Problem
	Redactor

	config   metrics.Config
	endpoint provider.Endpoint
}

// OpenMetrics opens a client of a MetricsBackend. Its errors are problems. Close what it returns.
func (r *Resolver) OpenMetrics(ctx context.Context, backend *v1alpha1.MetricsBackend) (*Metrics, error) {
	spec := &backend.Spec
	if spec.QueryBudget != nil {
		p := limits.MaxNumber("spec.queryBudget.maxBytes", spec.QueryBudget.MaxBytes, r.MaxQueryBytes, "limits.maxQueryBytes")
		if p != nil {
			return nil, p
		}
	}
	config, err := configure(r.MetricsTypes, string(spec.Type), spec)
	if err != nil {
		return nil, err
	}
	secrets := r.Secrets.For(backend.Namespace, spec.ServiceAccountName)
	url, setting := config.Server()
	endpoint, err := resolve(ctx, secrets, spec.Auth, spec.TLS, fieldsOf(string(spec.Type), setting))
	if err != nil {
		return nil, err
	}
	endpoint.URL = url
	settings := metrics.Settings{
		Endpoint: endpoint, Budget: BudgetOf(spec.QueryBudget), Timeout: spec.RequestTimeout(), Egress: r.Egress, Metrics: r.Telemetry,
		Memory: r.Memory.For(backend.Namespace),
	}
	if r.Queries != nil {
		settings.Slots = r.Queries.Slots(backend, settings.Budget)
	}
	opened := &Metrics{Redactor: newRedactor(secrets), config: config, endpoint: endpoint}
	settings.Alertmanager, opened.Alertmanager = alertmanager(ctx, secrets, spec)
	opened.Provider, err = config.Open(settings)
	if err != nil && settings.Alertmanager != nil {
		// Without the Alertmanager the rest may still work.
		settings.Alertmanager = nil
		if bare, without := config.Open(settings); without == nil {
			opened.Provider, opened.Alertmanager, err = bare, problem.As(toProblem(err)), nil
		}
	}
	if err != nil {
		return nil, toProblem(err)
	}
	return opened, nil
}

// alertmanager resolves where the Alertmanager is. The credentials of the MetricsBackend are never sent there.
func alertmanager(ctx context.Context, secrets *secretref.Reader, spec *v1alpha1.MetricsBackendSpec) (*provider.Endpoint,
	*problem.Problem) {
	access := spec.Alertmanager
	if access == nil {
		return nil, nil
	}
	fields := provider.Fields{
		URL: "spec.alertmanager.url", Auth: "spec.alertmanager.auth", TLS: "spec.alertmanager.tls", Settings: "spec.alertmanager",
		Timeout: "spec.timeout", Interval: "spec.interval",
	}
	tls := access.TLS
	if tls == nil && spec.TLS != nil {
		tls = spec.TLS
		fields.TLS = "spec.tls"
	}
	endpoint, err := resolve(ctx, secrets, access.Auth, tls, fields)
	if err != nil {
		return nil, problem.As(err)
	}
	endpoint.URL = access.URL
	return &endpoint, nil
}

// BudgetOf a MetricsBackend, with defaults.
func BudgetOf(spec *v1alpha1.QueryBudget) metrics.Budget {
	if spec == nil {
		return metrics.Budget{}.Defaulted()
	}
	set := metrics.Budget{MaxConcurrent: int(spec.MaxConcurrent), MaxSeries: int(spec.MaxSeries), MaxBytes: spec.MaxBytes}
	if spec.MaxRange != nil {
		set.MaxRange = spec.MaxRange.Duration
	}
	if spec.MinStep != nil {
		set.MinStep = spec.MinStep.Duration
	}
	return set.Defaulted()
}

// DataSource of Grafana that leads to the server that KubeOps queries. It holds credentials.
func (m *Metrics) DataSource(backend *v1alpha1.MetricsBackend) *visual.DataSource {
	source := &visual.DataSource{
		Namespace: backend.Namespace, Name: backend.Name,
		GrafanaSource: provider.GrafanaSource{Plugin: string(backend.Spec.Type), Endpoint: m.endpoint},
	}
	if sourcer, is := m.config.(metrics.GrafanaSourcer); is {
		source.GrafanaSource = sourcer.GrafanaSource(m.endpoint, backend.Status.Flavor)
	}
	return source
}

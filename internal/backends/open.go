package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/secretref"
)

// OpenMetrics makes a client of a MetricsBackend. Its errors are problems. Close what it returns.
func (r *Resolver) OpenMetrics(ctx context.Context, b *v1alpha1.MetricsBackend) (*Metrics, error) {
	spec := &b.Spec
	secrets := r.Secrets.For(b.Namespace, spec.ServiceAccountName)
	endpoint, err := resolve(ctx, secrets, spec.Auth, spec.TLS, "spec")
	if err != nil {
		return nil, err
	}
	settings := metrics.Settings{Budget: budget(spec.QueryBudget), Timeout: spec.RequestTimeout(), Egress: r.Egress, Metrics: r.Telemetry}
	settings.Slots = r.Queries.slots(b, settings.Budget)
	switch {
	case spec.Prometheus != nil:
		settings.Endpoint = at(endpoint, spec.Prometheus.URL)
	case spec.VictoriaMetrics != nil && spec.VictoriaMetrics.SelectURL != "":
		settings.Endpoint, settings.Cluster, settings.Tenant = at(endpoint, spec.VictoriaMetrics.SelectURL), true, spec.VictoriaMetrics.Tenant
		if settings.Tenant == "" {
			settings.Tenant = "0"
		}
		if spec.VictoriaMetrics.InsertURL != "" {
			insert := at(endpoint, spec.VictoriaMetrics.InsertURL)
			settings.Insert = &insert
		}
	case spec.VictoriaMetrics != nil:
		settings.Endpoint = at(endpoint, spec.VictoriaMetrics.URL)
	}
	open := &Metrics{Clean: cleaner(secrets), endpoint: settings.Endpoint}
	settings.Alertmanager, open.Alertmanager = alertmanager(ctx, secrets, spec)
	open.Provider, err = r.MetricsTypes.New(string(spec.Type), settings)
	if err != nil && settings.Alertmanager != nil {
		// Is it the Alertmanager that cannot be used, the rest can.
		settings.Alertmanager = nil
		if bare, without := r.MetricsTypes.New(string(spec.Type), settings); without == nil {
			open.Provider, open.Alertmanager, err = bare, problem.As(failed(err)), nil
		}
	}
	if err != nil {
		return nil, failed(err)
	}
	return open, nil
}

// alertmanager resolves where the Alertmanager is. The credentials of the MetricsBackend are never sent there.
func alertmanager(ctx context.Context, secrets *secretref.Reader, spec *v1alpha1.MetricsBackendSpec) (*provider.Endpoint, *problem.Problem) {
	if spec.Alertmanager == nil {
		return nil, nil
	}
	field, tls := "spec.alertmanager", spec.Alertmanager.TLS
	endpoint, err := resolve(ctx, secrets, spec.Alertmanager.Auth, tls, field)
	if err == nil && tls == nil {
		endpoint.TLS, err = transport(ctx, secrets, spec.TLS, "spec")
	}
	if err != nil {
		return nil, problem.As(err)
	}
	endpoint = at(endpoint, spec.Alertmanager.URL)
	return &endpoint, nil
}

func budget(b *v1alpha1.QueryBudget) metrics.Budget {
	if b == nil {
		return metrics.Budget{}.Defaulted()
	}
	set := metrics.Budget{MaxConcurrent: int(b.MaxConcurrent), MaxSeries: int(b.MaxSeries), MaxBytes: b.MaxBytes}
	if b.MaxRange != nil {
		set.MaxRange = b.MaxRange.Duration
	}
	if b.MinStep != nil {
		set.MinStep = b.MinStep.Duration
	}
	return set.Defaulted()
}

// LogEndpoint is where a LogBackend is, with the credentials that its references lead to. Its errors are problems.
func (r *Resolver) LogEndpoint(ctx context.Context, b *v1alpha1.LogBackend) (provider.Endpoint, error) {
	return logEndpoint(ctx, r.Secrets.For(b.Namespace, b.Spec.ServiceAccountName), &b.Spec)
}

func logEndpoint(ctx context.Context, secrets *secretref.Reader, spec *v1alpha1.LogBackendSpec) (provider.Endpoint, error) {
	endpoint, err := resolve(ctx, secrets, spec.Auth, spec.TLS, "spec")
	switch {
	case err != nil:
		return endpoint, err
	case spec.Elasticsearch != nil:
		return at(endpoint, spec.Elasticsearch.URL), nil
	case spec.Loki != nil:
		return at(endpoint, spec.Loki.URL), nil
	case spec.VictoriaLogs != nil:
		return at(endpoint, spec.VictoriaLogs.URL), nil
	}
	return endpoint, nil
}

// OpenLogs makes a client of a LogBackend. Its errors are problems. Close what it returns.
func (r *Resolver) OpenLogs(ctx context.Context, b *v1alpha1.LogBackend) (*Logs, error) {
	spec := &b.Spec
	secrets := r.Secrets.For(b.Namespace, spec.ServiceAccountName)
	endpoint, err := logEndpoint(ctx, secrets, spec)
	if err != nil {
		return nil, err
	}
	settings := logs.Settings{Endpoint: endpoint, Fields: fields(spec.Fields), Timeout: spec.RequestTimeout(), Egress: r.Egress, Metrics: r.Telemetry}
	switch {
	case spec.Elasticsearch != nil:
		settings.Index, settings.WriteIndex = spec.Elasticsearch.Index, spec.Elasticsearch.WriteIndex
	case spec.Loki != nil:
		settings.Tenant = spec.Loki.Tenant
	case spec.VictoriaLogs != nil:
		settings.Tenant = spec.VictoriaLogs.Tenant
	}
	opened, err := r.LogTypes.New(string(spec.Type), settings)
	if err != nil {
		return nil, failed(err)
	}
	return &Logs{Provider: opened, Clean: cleaner(secrets), endpoint: settings.Endpoint, egress: r.Egress, telemetry: r.Telemetry}, nil
}

func fields(f *v1alpha1.LogFields) logs.Fields {
	if f == nil {
		return logs.Fields{Schema: string(v1alpha1.FieldSchemaAuto)}
	}
	set := logs.Fields{
		Schema: string(f.Schema), Time: f.Time, Message: f.Message, Namespace: f.Namespace, Pod: f.Pod, Container: f.Container, Node: f.Node, Level: f.Level,
	}
	if set.Schema == "" {
		set.Schema = string(v1alpha1.FieldSchemaAuto)
	}
	return set
}

// resolve reads what auth and tls of a part of the spec name.
func resolve(ctx context.Context, secrets *secretref.Reader, auth *v1alpha1.BackendAuth, tls *v1alpha1.BackendTLS, part string) (provider.Endpoint, error) {
	var e provider.Endpoint
	var err error
	if e.TLS, err = transport(ctx, secrets, tls, part); err != nil || auth == nil {
		return e, err
	}
	switch {
	case auth.Basic != nil:
		e.Auth.Username, e.Auth.Password, err = secrets.Basic(ctx, *auth.Basic, part+".auth.basic")
	case auth.BearerToken != nil:
		e.Auth.BearerToken, err = secrets.Text(ctx, *auth.BearerToken, part+".auth.bearerToken")
	case auth.APIKey != nil:
		e.Auth.APIKey, err = secrets.Text(ctx, *auth.APIKey, part+".auth.apiKey")
	}
	return e, err
}

func transport(ctx context.Context, secrets *secretref.Reader, tls *v1alpha1.BackendTLS, part string) (provider.TLS, error) {
	if tls == nil {
		return provider.TLS{}, nil
	}
	resolved := provider.TLS{ServerName: tls.ServerName, InsecureSkipVerify: tls.InsecureSkipVerify}
	var err error
	if tls.CA != nil {
		if resolved.CA, err = secrets.CA(ctx, *tls.CA, part+".tls.ca"); err != nil {
			return resolved, err
		}
	}
	if tls.ClientCertificate != nil {
		resolved.Certificate, resolved.Key, err = secrets.KeyPair(ctx, *tls.ClientCertificate, part+".tls.clientCertificate")
	}
	return resolved, err
}

// at is the endpoint at a URL.
func at(e provider.Endpoint, url string) provider.Endpoint {
	e.URL = url
	return e
}

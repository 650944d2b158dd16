package backends

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

// Builds is an open CIProvider.
type Builds struct {
	ci.Provider
	Redactor
}

// OpenBuilds opens a client of a CIProvider. Its errors are problems. Close what it returns.
func (r *Resolver) OpenBuilds(ctx context.Context, p *v1alpha1.CIProvider) (*Builds, error) {
	spec := &p.Spec
	config, err := configure(r.BuildTypes, string(spec.Type), spec)
	if err != nil {
		return nil, err
	}
	secrets := r.Secrets.For(p.Namespace, spec.ServiceAccountName)
	settings := ci.Settings{Timeout: spec.RequestTimeout(), Egress: r.Egress, Metrics: r.Telemetry, Memory: r.Memory.For(p.Namespace)}
	url, setting := config.Server()
	settings.Endpoint = provider.Endpoint{URL: url, Fields: fieldsOf(string(spec.Type), setting)}
	if settings.Endpoint.TLS, err = resolveTLS(ctx, secrets, spec.TLS, settings.Endpoint.Fields.TLS); err != nil {
		return nil, err
	}
	if resolver, is := config.(ci.Resolver); is {
		if err := resolver.Resolve(ctx, secrets, &settings); err != nil {
			return nil, err
		}
	}
	opened, err := config.Open(settings)
	if err != nil {
		return nil, toProblem(err)
	}
	return &Builds{Provider: opened, Redactor: newRedactor(secrets)}, nil
}

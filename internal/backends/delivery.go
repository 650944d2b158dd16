package backends

import (
	"context"
	"net/url"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/cd"
	"kubeops.io/kubeops/internal/secretref"
)

// Delivery is an open CDProvider.
type Delivery struct {
	*cd.Provider
	Redactor
}

// OpenDelivery connects to the plugin of a CDProvider. Its errors are problems. Close what it returns.
func (r *Resolver) OpenDelivery(ctx context.Context, p *v1alpha1.CDProvider) (*Delivery, error) {
	spec := &p.Spec
	secrets := r.Secrets.For(p.Namespace, spec.ServiceAccountName)
	settings, err := r.deliverySettings(ctx, spec, secrets)
	if err != nil {
		return nil, err
	}
	target, err := processOf(ctx, spec, secrets)
	if err != nil {
		return nil, err
	}
	opened, err := cd.Open(ctx, r.Plugins, target, settings)
	if err != nil {
		return nil, err
	}
	return &Delivery{Provider: opened, Redactor: newRedactor(secrets)}, nil
}

// processOf a CDProvider.
func processOf(ctx context.Context, spec *v1alpha1.CDProviderSpec, secrets *secretref.Reader) (plugin.Target, error) {
	target := plugin.Target{Fields: provider.Fields{URL: "spec.process.address", TLS: "spec.process.tls", Timeout: "spec.timeout"}}
	if spec.Process == nil {
		target.Socket = v1alpha1.DefaultArgoCDSocket
		return target, nil
	}
	target.Socket, target.Address = spec.Process.Socket, spec.Process.Address
	var err error
	target.TLS, err = resolveTLS(ctx, secrets, spec.Process.TLS, target.Fields.TLS)
	return target, err
}

// deliverySettings are what the plugin gets with each call.
func (r *Resolver) deliverySettings(
	ctx context.Context, spec *v1alpha1.CDProviderSpec, secrets *secretref.Reader,
) (*pluginv1.Settings, error) {
	values := map[string][]byte{}
	if spec.Plugin != nil {
		for _, secret := range spec.Plugin.Secrets {
			value, err := secrets.Bytes(ctx, secret.Ref, "spec.plugin.secrets")
			if err != nil {
				return nil, err
			}
			values[secret.Name] = value
		}
		return cd.Settings(spec.Plugin.Settings, values)
	}
	if spec.ArgoCD == nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.argocd is required for type argocd")
	}
	// The plugin connects, by rules of its own. What the manager must never call, it does not ask another process to call.
	fields := fieldsOf("argocd", "url")
	server, err := url.Parse(spec.ArgoCD.URL)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.argocd.url is not a URL")
	}
	if err := r.Egress.CheckHost(server.Hostname()); err != nil {
		return nil, provider.ToProblem(err, server.Host, fields)
	}
	tls, err := resolveTLS(ctx, secrets, spec.TLS, fields.TLS)
	if err != nil {
		return nil, err
	}
	token, err := secrets.Text(ctx, spec.ArgoCD.TokenRef, "spec.argocd.tokenRef")
	if err != nil {
		return nil, err
	}
	values[cd.SecretToken] = []byte(token)
	if len(tls.Key) > 0 {
		values[cd.SecretClientKey] = tls.Key
	}
	return cd.Settings(cd.ArgoCD{
		URL: spec.ArgoCD.URL, TimeoutMillis: spec.RequestTimeout().Milliseconds(), CA: string(tls.CA), ServerName: tls.ServerName,
		InsecureSkipVerify: tls.InsecureSkipVerify, Certificate: string(tls.Certificate),
	}, values)
}

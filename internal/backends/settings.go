package backends

import (
	"context"
	"encoding/json"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
)

// configure decodes the settings of a type: the member of the spec that is named after the type. They are opaque here.
func configure[S, P any](registry *provider.Registry[S, P], backendType string, spec any) (provider.Config[S, P], error) {
	content, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(content, &members); err != nil {
		return nil, err
	}
	config, err := registry.Configure(backendType, members[backendType])
	if err != nil {
		return nil, toProblem(err)
	}
	return config, nil
}

// fieldsOf the spec of a backend of a type.
func fieldsOf(backendType, urlSetting string) provider.Fields {
	fields := provider.Fields{
		Auth: "spec.auth", TLS: "spec.tls", Timeout: "spec.timeout", Interval: "spec.interval", Settings: "spec." + backendType,
	}
	fields.URL = fields.Setting(urlSetting)
	return fields
}

// resolve reads what auth and tls refer to. The fields are those of messages, too.
func resolve(
	ctx context.Context, secrets *secretref.Reader, auth *v1alpha1.BackendAuth, tls *v1alpha1.BackendTLS, fields provider.Fields,
) (provider.Endpoint, error) {
	endpoint := provider.Endpoint{Fields: fields}
	var err error
	if endpoint.TLS, err = resolveTLS(ctx, secrets, tls, fields.TLS); err != nil {
		return endpoint, err
	}
	endpoint.Auth, err = provider.ResolveAuth(ctx, secrets, auth, fields.Auth)
	return endpoint, err
}

func resolveTLS(ctx context.Context, secrets *secretref.Reader, tls *v1alpha1.BackendTLS, field string) (provider.TLS, error) {
	if tls == nil {
		return provider.TLS{}, nil
	}
	resolved := provider.TLS{ServerName: tls.ServerName, InsecureSkipVerify: tls.InsecureSkipVerify}
	var err error
	if tls.CA != nil {
		if resolved.CA, err = secrets.CA(ctx, *tls.CA, field+".ca"); err != nil {
			return resolved, err
		}
	}
	if tls.ClientCertificate != nil {
		resolved.Certificate, resolved.Key, err = secrets.KeyPair(ctx, *tls.ClientCertificate, field+".clientCertificate")
	}
	return resolved, err
}

// toProblem makes a problem of an error of a registry, which is a problem already or reports that the type is unknown.
func toProblem(err error) error {
	if p := problem.As(err); p != nil {
		return p
	}
	return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "this manager does not support spec.type: %v", err)
}

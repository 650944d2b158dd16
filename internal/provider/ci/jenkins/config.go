package jenkins

import (
	"context"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

// Type of this backend.
const Type = string(v1alpha1.CIProviderJenkins)

// Config is spec.jenkins.
type Config v1alpha1.JenkinsServer

var _ ci.Resolver = Config{}

// Backend registers the type.
func Backend() ci.Backend {
	return ci.Backend{Type: Type, Products: "Jenkins", Configure: provider.Decode[Config, ci.Settings, ci.Provider]}
}

// Server implements ci.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// Resolve implements ci.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *ci.Settings) (err error) {
	e := &settings.Endpoint
	e.Fields.Auth = e.Fields.Setting("secretRef")
	e.Auth.Username, e.Auth.Password, err = secrets.UserToken(ctx, c.SecretRef, e.Fields.Auth)
	return err
}

// Open implements ci.Config.
func (c Config) Open(settings ci.Settings) (ci.Provider, error) { return New(settings) }

// New opens a client. It sends nothing.
func New(settings ci.Settings) (ci.Provider, error) {
	client, err := provider.NewClient(settings.Endpoint, provider.Options{
		Type: Type, Limits: provider.Limits{Timeout: settings.Timeout, MaxBytes: settings.MaxBytes},
		Egress: settings.Egress, Metrics: settings.Metrics, Memory: settings.Memory, KeepRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	p := &Provider{client: client, user: settings.Endpoint.Auth.Username, clock: settings.Clock}
	if p.clock == nil {
		p.clock = clock.RealClock{}
	}
	return p, nil
}

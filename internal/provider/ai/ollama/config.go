package ollama

import (
	"context"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Config is spec.ollama.
type Config v1alpha1.OllamaServer

var _ ai.Resolver = Config{}

// Backend registers the type.
func Backend() ai.Backend {
	return ai.Backend{Type: Type, Configure: provider.Decode[Config, ai.Settings, ai.Model]}
}

// Server implements ai.Config.
func (c Config) Server() (url, setting string) { return c.URL, "url" }

// Resolve implements ai.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *ai.Settings) (err error) {
	e := &settings.Endpoint
	e.Fields.Auth = e.Fields.Setting("token")
	if c.Token != nil {
		e.Auth.BearerToken, err = secrets.Text(ctx, *c.Token, e.Fields.Auth)
	}
	return err
}

// Open implements ai.Config.
func (c Config) Open(settings ai.Settings) (ai.Model, error) { return New(settings) }

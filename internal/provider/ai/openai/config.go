package openai

import (
	"context"
	"fmt"
	"net/http"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
)

// Config is spec.openai.
type Config v1alpha1.OpenAIServer

var _ ai.Resolver = Config{}

// Backend registers the type.
func Backend() ai.Backend {
	return ai.Backend{Type: Type, Configure: provider.Decode[Config, ai.Settings, ai.Model]}
}

// Server implements ai.Config.
func (c Config) Server() (url, setting string) {
	if c.URL == "" {
		return v1alpha1.DefaultOpenAIURL, "url"
	}
	return c.URL, "url"
}

// Resolve implements ai.Resolver.
func (c Config) Resolve(ctx context.Context, secrets provider.Secrets, settings *ai.Settings) (err error) {
	settings.JSONObject = c.AnswerFormat == v1alpha1.AnswerJSONObject
	e := &settings.Endpoint
	e.Header = http.Header{}
	if c.Organization != "" {
		e.Header.Set("OpenAI-Organization", c.Organization)
	}
	for _, h := range c.Headers {
		value := h.Value
		if h.ValueFrom != nil {
			if value, err = secrets.Text(ctx, *h.ValueFrom, e.Fields.Setting(fmt.Sprintf("headers[%s]", h.Name))); err != nil {
				return err
			}
		}
		e.Header.Set(h.Name, value)
	}
	e.Fields.Auth = e.Fields.Setting("apiKey")
	if c.APIKey != nil {
		e.Auth.BearerToken, err = secrets.Text(ctx, *c.APIKey, e.Fields.Auth)
	}
	return err
}

// Open implements ai.Config.
func (c Config) Open(settings ai.Settings) (ai.Model, error) { return New(settings) }

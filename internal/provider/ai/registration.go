package ai

import (
	"context"

	"kubeops.io/kubeops/internal/provider"
)

// Backend is what a type of model registers.
type Backend = provider.Backend[Settings, Model]

// Config is the decoded settings of one server of models. The interface below is optional.
type Config = provider.Config[Settings, Model]

// Registry of the types of models.
type Registry = provider.Registry[Settings, Model]

// Resolver is a Config that has settings of its own, such as references to Secrets.
type Resolver interface {
	// Resolve completes the settings with those of the type. The URL, the TLS settings, the paths of fields that all types share, and
	// what the manager sets are there already. Errors are problems.
	Resolve(ctx context.Context, secrets provider.Secrets, settings *Settings) error
}

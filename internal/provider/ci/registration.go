package ci

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/internal/provider"
)

// Backend is what a type of build server registers.
type Backend = provider.Backend[Settings, Provider]

// Config is the decoded settings of one build server. The interface below is optional.
type Config = provider.Config[Settings, Provider]

// Registry of the types of build servers.
type Registry = provider.Registry[Settings, Provider]

// Resolver is a Config that has settings of its own, such as references to Secrets.
type Resolver interface {
	// Resolve completes the settings with those of the type. The URL, the TLS settings, the paths of fields that all types share, and
	// what the manager sets are there already. Errors are problems.
	Resolve(ctx context.Context, secrets provider.Secrets, settings *Settings) error
}

// Settings that all types share, with every reference resolved.
type Settings struct {
	Endpoint provider.Endpoint
	// Timeout of one request.
	Timeout time.Duration
	// MaxBytes of one answer. Default 32 MiB.
	MaxBytes int64
	// Clock for the age of requests. Default: the clock of this machine.
	Clock clock.PassiveClock
	// Egress, Metrics and Memory as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
	Memory  *provider.ResponseShare
}

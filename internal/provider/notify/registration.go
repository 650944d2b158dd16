package notify

import (
	"context"

	"kubeops.io/kubeops/internal/provider"
)

// Backend is what a type of channel registers.
type Backend = provider.Backend[Settings, Channel]

// Config is the decoded settings of one channel. The interfaces below are optional.
type Config = provider.Config[Settings, Channel]

// Registry of the types of channels.
type Registry = provider.Registry[Settings, Channel]

// Resolver is a Config that has settings of its own, such as references to Secrets.
type Resolver interface {
	// Resolve completes the settings with those of the type. The TLS settings, the paths of fields that all types share, and what the
	// manager sets are there already. Errors are problems.
	Resolve(ctx context.Context, secrets provider.Secrets, settings *Settings) error
}

// AlertHolder is a Config whose receiver holds the state of each finding, as Alertmanager does: it expires what is not sent again. Each
// report is one message to it, with all findings and all that were fixed, whatever the mode and the filter of the channel.
type AlertHolder interface {
	HoldsAlerts() bool
}

// HoldsAlerts reports whether a Config is an AlertHolder.
func HoldsAlerts(config Config) bool {
	holder, is := config.(AlertHolder)
	return is && holder.HoldsAlerts()
}

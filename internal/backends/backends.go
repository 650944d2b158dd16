// Package backends opens clients of backends from the resources that describe them: it reads the Secrets that a spec refers to, with
// the permissions of the ServiceAccount of the same namespace, and passes the resolved settings to the registry of types. What a type
// needs beyond that is opaque here. The caller closes what it opens; nothing is kept between two uses, so a changed Secret takes effect
// at the next one.
package backends

import (
	"strings"
	"unicode"

	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/text"
)

// Resolver opens backends. It is safe for concurrent use.
type Resolver struct {
	// Secrets reads what specs refer to; required.
	Secrets *secretref.Source
	// MetricsTypes and LogTypes are the types that exist; required.
	MetricsTypes *metrics.Registry
	LogTypes     *logs.Registry
	// Queries makes all readers of a MetricsBackend share its query budget. Nil gives each reader the whole budget, which is
	// right for probes: their few questions do not wait behind those of inspections.
	Queries QuerySlots
	// ModelTypes are the types of AIProviders, and Meters what bounds them; required where there are any.
	ModelTypes *ai.Registry
	Meters     *Meters
	// ChannelTypes are the types of NotificationChannels; required where there are any.
	ChannelTypes *notify.Registry
	// BuildTypes are the types of CIProviders; required where there are any.
	BuildTypes *ci.Registry
	// Plugins connects to the processes of CDProviders; required where there are any.
	Plugins *plugin.Pool
	// MaxQueryBytes is the highest spec.queryBudget.maxBytes of a MetricsBackend; zero leaves it to the CRD.
	MaxQueryBytes int64
	// MaxLogBytes of one answer of a LogBackend; zero leaves it to the type.
	MaxLogBytes int64
	// Egress says which addresses may be called.
	Egress provider.Egress
	// Telemetry counts requests; nil counts nothing.
	Telemetry *provider.Metrics
	// Memory of the responses that are read at the same time, shared by namespace; nil bounds each response only.
	Memory *provider.ResponseMemory
}

// Redactor removes credentials and invalid text from what a server sent, makes it printable in one line, and cuts it to a number of
// runes.
type Redactor func(text string, maxRunes int) string

// Redact applies the Redactor.
func (r Redactor) Redact(text string, maxRunes int) string { return r(text, maxRunes) }

// newRedactor removes the values that the readers gave out.
func newRedactor(secrets ...*secretref.Reader) Redactor {
	return func(sent string, most int) string {
		const enough = 64 << 10
		if len(sent) > enough {
			sent = sent[:enough]
		}
		sent = strings.ToValidUTF8(sent, "")
		for _, reader := range secrets {
			sent = reader.Hide(sent)
		}
		sent = strings.Map(func(r rune) rune {
			if unicode.IsSpace(r) {
				return ' '
			}
			return r
		}, sent)
		return text.Clip(printable.Line(strings.TrimSpace(sent)), most)
	}
}

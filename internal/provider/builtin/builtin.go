// Package builtin is the one list of the backends that KubeOps ships with.
package builtin

import (
	"errors"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/ai/ollama"
	"kubeops.io/kubeops/internal/provider/ai/openai"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/provider/ci/jenkins"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/alertmanager"
	"kubeops.io/kubeops/internal/provider/notify/chat"
	"kubeops.io/kubeops/internal/provider/notify/email"
	"kubeops.io/kubeops/internal/provider/notify/nats"
	"kubeops.io/kubeops/internal/provider/notify/webhook"
)

// Metrics lists the metrics backends.
func Metrics() (*metrics.Registry, error) {
	registry := provider.NewRegistry[metrics.Settings, metrics.Provider]()
	return registry, errors.Join(registry.Register(prometheus.Backend()), registry.Register(victoriametrics.Backend()))
}

// Logs lists the log backends.
func Logs() (*logs.Registry, error) {
	registry := provider.NewRegistry[logs.Settings, logs.Provider]()
	return registry, errors.Join(registry.Register(elasticsearch.Backend()), registry.Register(loki.Backend()),
		registry.Register(victorialogs.Backend()))
}

// Channels lists the types of NotificationChannels.
func Channels() (*notify.Registry, error) {
	registry := provider.NewRegistry[notify.Settings, notify.Channel]()
	return registry, errors.Join(registry.Register(chat.Backend(v1alpha1.ChannelSlack, chat.Slack)),
		registry.Register(chat.Backend(v1alpha1.ChannelTeams, chat.Teams)),
		registry.Register(chat.Backend(v1alpha1.ChannelDingTalk, chat.DingTalk)),
		registry.Register(chat.Backend(v1alpha1.ChannelWeCom, chat.WeCom)),
		registry.Register(chat.Backend(v1alpha1.ChannelFeishu, chat.Feishu)),
		registry.Register(webhook.Backend()), registry.Register(alertmanager.Backend()), registry.Register(email.Backend()),
		registry.Register(nats.Backend()))
}

// BuildServers lists the types of CIProviders.
func BuildServers() (*ci.Registry, error) {
	registry := provider.NewRegistry[ci.Settings, ci.Provider]()
	return registry, registry.Register(jenkins.Backend())
}

// Models lists the types of language models.
func Models() (*ai.Registry, error) {
	registry := provider.NewRegistry[ai.Settings, ai.Model]()
	return registry, errors.Join(registry.Register(openai.Backend()), registry.Register(ollama.Backend()))
}

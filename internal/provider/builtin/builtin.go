// Package builtin is the one list of the back ends that KubeOps ships with.
package builtin

import (
	"errors"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ai"
	"kubeops.io/kubeops/internal/provider/ai/ollama"
	"kubeops.io/kubeops/internal/provider/ai/openai"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/provider/logs/loki"
	"kubeops.io/kubeops/internal/provider/logs/victorialogs"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/prometheus"
	"kubeops.io/kubeops/internal/provider/metrics/victoriametrics"
)

// Metrics lists the metrics back ends.
func Metrics() (*metrics.Registry, error) {
	registry := provider.NewRegistry[metrics.Settings, metrics.Provider]()
	return registry, errors.Join(
		registry.Add(prometheus.Type, prometheus.New),
		registry.Add(victoriametrics.Type, victoriametrics.New),
	)
}

// Logs lists the log back ends.
func Logs() (*logs.Registry, error) {
	registry := provider.NewRegistry[logs.Settings, logs.Provider]()
	return registry, errors.Join(
		registry.Add(elasticsearch.Type, elasticsearch.New),
		registry.Add(loki.Type, loki.New),
		registry.Add(victorialogs.Type, victorialogs.New),
	)
}

// Models lists the types of language models.
func Models() (*ai.Registry, error) {
	registry := provider.NewRegistry[ai.Settings, ai.Model]()
	return registry, errors.Join(
		registry.Add(openai.Type, openai.New),
		registry.Add(ollama.Type, ollama.New),
	)
}

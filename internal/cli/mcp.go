package cli

import (
	"github.com/spf13/cobra"

	"kubeops.io/kubeops/internal/explain/tools"
)

// mcpBackends are the backends of `kubeops mcp`, by the flags that `kubeops inspect` has.
type mcpBackends struct {
	metrics metricsFlags
	logs    logFlags
}

// Register implements mcpserver.Backends.
func (b *mcpBackends) Register(cmd *cobra.Command) {
	b.metrics.registerFor(cmd, "for tool metric")
	b.logs.registerFor(cmd, "for tool log_templates")
}

// Open implements mcpserver.Backends.
func (b *mcpBackends) Open() (tools.Sources, error) {
	metrics, err := b.metrics.open()
	if err != nil {
		return tools.Sources{}, err
	}
	logs, err := b.logs.open()
	if err != nil {
		if metrics != nil {
			metrics.Close()
		}
		return tools.Sources{}, err
	}
	return tools.Sources{Metrics: metrics, MatchLabels: b.metrics.labels, Logs: logs}, nil
}

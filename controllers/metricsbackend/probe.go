package metricsbackend

import (
	"context"
	"time"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	// maxShort is the length in runes of short values that a server reports, such as its version.
	maxShort = 64
	// maxCapabilities that the status lists.
	maxCapabilities = 32
)

// prove sends a query and records what it found. Targets and alerts are optional: where they cannot be read they are absent
// from the status, and only the query decides Ready.
func prove(ctx context.Context, scope *kind.Scope[*v1alpha1.MetricsBackend], c *backends.Metrics) (probe.Result, error) {
	status := &scope.Object.Status
	before := scope.Stored.Status
	reset(status)
	health, err := c.Probe(ctx)
	if err != nil {
		return probe.Result{}, err
	}
	status.Version = c.Redact(health.Version, maxShort)
	status.Flavor = provider.Flavor(health.Flavor)
	status.Retention = c.Redact(health.Retention, maxShort)
	capabilities := metrics.Capabilities(c.Provider)
	status.Capabilities = capabilities[:min(len(capabilities), maxCapabilities)]
	status.QueryLatency = probe.Steady(before.QueryLatency, health.QueryLatency, time.Millisecond, 5*time.Millisecond)
	if health.Freshness != nil {
		status.Freshness = probe.Steady(before.Freshness, *health.Freshness, time.Second, 15*time.Second)
	}
	if health.ActiveSeries != nil {
		status.Series = probe.SteadyCount(before.Series, *health.ActiveSeries)
	}
	readTargets(ctx, status, c)
	readAlerts(ctx, status, c)
	return probe.Result{Message: "the server answers queries"}, nil
}

func readTargets(ctx context.Context, status *v1alpha1.MetricsBackendStatus, c *backends.Metrics) {
	reader, can := c.Provider.(metrics.TargetReader)
	if !can {
		return
	}
	targets, err := reader.Targets(ctx)
	if err != nil {
		log.FromContext(ctx).V(1).Info("Targets not read", "reason", probe.Reason(err))
		return
	}
	status.Targets = &v1alpha1.MetricsTargets{Up: probe.Count(targets.Up), Down: probe.Count(targets.Down)}
}

func readAlerts(ctx context.Context, status *v1alpha1.MetricsBackendStatus, c *backends.Metrics) {
	reader, can := c.Provider.(metrics.AlertReader)
	if !can {
		return
	}
	alerts, err := reader.Alerts(ctx)
	if err != nil {
		log.FromContext(ctx).V(1).Info("Alerts not read", "reason", probe.Reason(err))
		return
	}
	firing := 0
	for _, alert := range alerts {
		if alert.State == "firing" {
			firing++
		}
	}
	status.FiringAlerts = ptr.To(probe.Count(firing))
}

// reset removes what only a successful round trip can tell; what the server is stays.
func reset(s *v1alpha1.MetricsBackendStatus) {
	s.QueryLatency, s.Freshness, s.Targets, s.Series, s.FiringAlerts, s.Alertmanager = nil, nil, nil, nil, nil, nil
}

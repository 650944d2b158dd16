// Package prometheus is the backend for Prometheus, and for what speaks its query API: Thanos, Mimir, Cortex. Nothing is
// written to it: its remote write receiver is off by default.
package prometheus

import (
	"context"
	"strings"

	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/promapi"
)

// Flavors of the servers that speak this API.
const (
	FlavorPrometheus = "prometheus"
	FlavorThanos     = "thanos"
	FlavorMimir      = "mimir"
	FlavorUnknown    = "unknown"
)

// backend is a server without an Alertmanager.
type backend struct{ *promapi.API }

// alerting is a server with one, which knows which alerts are silenced and inhibited, and so is asked for them.
type alerting struct {
	backend
	*promapi.Alertmanager
}

// Probe makes a real round trip, see metrics.Provider.
func (b backend) Probe(ctx context.Context) (metrics.Health, error) {
	health, err := b.Prove(ctx, "time()")
	if err != nil {
		return metrics.Health{}, err
	}
	health.Flavor = FlavorUnknown
	promapi.Together(ctx,
		func(ctx context.Context) error {
			info, err := b.BuildInfo(ctx)
			if err == nil {
				health.Version = promapi.Word(info.Version)
				health.Flavor = flavor(info)
			}
			return err
		},
		func(ctx context.Context) (err error) {
			health.ActiveSeries, err = b.ActiveSeries(ctx)
			return err
		},
		func(ctx context.Context) (err error) {
			health.Retention, err = b.API.Retention(ctx)
			return err
		},
	)
	return health, nil
}

// flavor of a server by its build information: Mimir tells its name. Thanos has the fields that Prometheus has, and its versions
// are 0.x, which Prometheus had before it told any build information (2.14).
func flavor(info promapi.BuildInfo) string {
	application := strings.ToLower(info.Application)
	switch {
	case strings.Contains(application, "mimir"):
		return FlavorMimir
	case strings.HasPrefix(info.Version, "0."):
		return FlavorThanos
	case application == "" && info.Revision != "" && info.Version != "":
		return FlavorPrometheus
	}
	return FlavorUnknown
}

// Alerts that are active, see metrics.AlertReader: those that the Alertmanager neither silences nor inhibits.
func (a alerting) Alerts(ctx context.Context) ([]metrics.Alert, error) {
	return a.AlertmanagerAlerts(ctx)
}

// Close closes idle connections.
func (a alerting) Close() {
	a.API.Close()
	a.CloseAlertmanager()
}

// Package victoriametrics is the backend for VictoriaMetrics, a single server or a cluster
// (https://docs.victoriametrics.com/victoriametrics/cluster-victoriametrics/#url-format). Rules are those of vmalert, which is a
// server of its own: the endpoints for them in VictoriaMetrics are empty unless it is configured with the address of vmalert, so
// they are not queried. Alerts come from an Alertmanager, if there is one.
package victoriametrics

import (
	"context"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/provider/metrics/promapi"
)

// Flavors of the server.
const (
	FlavorSingle  = "victoriametrics"
	FlavorCluster = "victoriametrics-cluster"
)

// The interfaces that a value implements are its capabilities, so there is one type for each set of them.
type (
	// singleServer scrapes targets on its own.
	singleServer struct {
		querier
		writer
	}
	// singleAlerting has an Alertmanager besides.
	singleAlerting struct {
		singleServer
		alerter
	}
	// readAlerting is a cluster that is only read, with an Alertmanager.
	readAlerting struct {
		querier
		alerter
	}
	// writeCluster has an insert endpoint.
	writeCluster struct {
		querier
		writer
	}
	// writeAlerting has both.
	writeAlerting struct {
		writeCluster
		alerter
	}
)

func single(q querier, w writer, a *promapi.Alertmanager) metrics.Provider {
	if a == nil {
		return singleServer{q, w}
	}
	return singleAlerting{singleServer{q, w}, alerter{a}}
}

func reading(q querier, a *promapi.Alertmanager) metrics.Provider {
	if a == nil {
		return q
	}
	return readAlerting{q, alerter{a}}
}

func writing(q querier, w writer, a *promapi.Alertmanager) metrics.Provider {
	if a == nil {
		return writeCluster{q, w}
	}
	return writeAlerting{writeCluster{q, w}, alerter{a}}
}

// Targets that the server scrapes, see metrics.TargetReader.
func (s singleServer) Targets(ctx context.Context) (metrics.Targets, error) {
	return s.api.Targets(ctx)
}

// Close closes idle connections.
func (s singleServer) Close() { s.querier.Close() }

// Close closes idle connections.
func (s singleAlerting) Close() {
	s.singleServer.Close()
	s.CloseAlertmanager()
}

// Close closes idle connections.
func (r readAlerting) Close() {
	r.querier.Close()
	r.CloseAlertmanager()
}

// Close closes idle connections.
func (w writeCluster) Close() {
	w.querier.Close()
	w.client.Close()
}

// Close closes idle connections.
func (w writeAlerting) Close() {
	w.writeCluster.Close()
	w.CloseAlertmanager()
}

// alerter is an Alertmanager as a part of a backend.
type alerter struct{ *promapi.Alertmanager }

// Alerts that are active, see metrics.AlertReader.
func (a alerter) Alerts(ctx context.Context) ([]metrics.Alert, error) {
	return a.AlertmanagerAlerts(ctx)
}

// writer takes samples.
type writer struct {
	client *provider.Client
	path   string
}

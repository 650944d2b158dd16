package probe

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Metrics are the numbers that Prometheus reads from the manager, for all probed kinds.
type Metrics struct {
	ready *prometheus.GaugeVec
}

// NewMetrics registers kubeops_backend_ready. Registering it twice with one registry is an error.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{ready: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kubeops_backend_ready", Help: "Whether the last probe of a backend succeeded: 1 or 0.",
	}, []string{"kind", "namespace", "name"})}
	return m, registry.Register(m.ready)
}

func (m *Metrics) show(kind string, key client.ObjectKey, ready bool) {
	value := 0.0
	if ready {
		value = 1
	}
	m.ready.WithLabelValues(kind, key.Namespace, key.Name).Set(value)
}

// forget drops the series of an object.
func (m *Metrics) forget(kind string, key client.ObjectKey) {
	m.ready.DeleteLabelValues(kind, key.Namespace, key.Name)
}

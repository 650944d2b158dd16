package notificationchannel

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// metrics of NotificationChannels.
type metrics struct {
	pending *prometheus.GaugeVec
}

// newMetrics registers kubeops_notifications_pending. Registering it twice with one registry is an error.
func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	m := &metrics{pending: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "kubeops_notifications_pending", Help: "Reports that a NotificationChannel has not delivered yet.",
	}, []string{"namespace", "name"})}
	return m, registry.Register(m.pending)
}

// show what the status of a channel says, which a restart of the manager keeps.
func (m *metrics) show(c *v1alpha1.NotificationChannel) {
	if m != nil {
		m.pending.WithLabelValues(c.Namespace, c.Name).Set(float64(c.Status.Pending))
	}
}

// forget drops the series of a channel that is gone.
func (m *metrics) forget(key client.ObjectKey) {
	if m != nil {
		m.pending.DeleteLabelValues(key.Namespace, key.Name)
	}
}

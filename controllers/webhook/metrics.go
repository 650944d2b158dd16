package webhook

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics of the receiver.
type Metrics struct {
	deliveries *prometheus.CounterVec
	duration   prometheus.Histogram
}

// NewMetrics registers the metrics. Registering them twice with one registry is an error.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		deliveries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubeops_webhook_deliveries_total",
			Help: "Deliveries of webhooks by result: Created, Duplicate, Ignored, Refused, NotAuthentic, TooLarge, Busy or Error.",
		}, []string{"result"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "kubeops_webhook_delivery_duration_seconds",
			Help:    "Time from the end of the header of a delivery to its response.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 12), // 5 ms to 10 s
		}),
	}
	return m, errors.Join(registry.Register(m.deliveries), registry.Register(m.duration))
}

func (m *Metrics) observe(result string, took time.Duration) {
	m.deliveries.WithLabelValues(result).Inc()
	m.duration.Observe(took.Seconds())
}

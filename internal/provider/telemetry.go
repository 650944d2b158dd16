package provider

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts requests to backends. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.HistogramVec
}

// NewMetrics registers kubeops_backend_request_duration_seconds, by type, operation and result: the class of the status
// (2xx), or the reason why there was none.
func NewMetrics(registerer prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "kubeops_backend_request_duration_seconds",
		Help:    "Duration of requests to backends, by type, operation and result.",
		Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
	}, []string{"type", "operation", "result"})}
	if err := registerer.Register(m.requests); err != nil {
		return nil, err
	}
	return m, nil
}

func (m *Metrics) observe(backend, operation, result string, took time.Duration) {
	if m != nil {
		m.requests.WithLabelValues(backend, operation, result).Observe(took.Seconds())
	}
}

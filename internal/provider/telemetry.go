package provider

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts requests to backends. A nil *Metrics counts nothing.
type Metrics struct {
	requests *prometheus.HistogramVec
	// record takes what is counted instead, see RecordMetrics.
	record func(Observation)
}

// Observation is a request to a backend.
type Observation struct {
	Type, Operation, Result string
	Duration                time.Duration
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

// RecordMetrics hands every request to a function, for another process to Add. It is called from several goroutines.
func RecordMetrics(record func(Observation)) *Metrics { return &Metrics{record: record} }

// Add counts a request that another process made.
func (m *Metrics) Add(o Observation) { m.observe(o.Type, o.Operation, o.Result, o.Duration) }

func (m *Metrics) observe(backend, operation, result string, took time.Duration) {
	switch {
	case m == nil:
	case m.record != nil:
		m.record(Observation{Type: backend, Operation: operation, Result: result, Duration: took})
	default:
		m.requests.WithLabelValues(backend, operation, result).Observe(took.Seconds())
	}
}

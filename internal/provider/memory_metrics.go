package provider

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Register the metrics of the memory for responses: its size, how much of it is used, and how many responses wait for more.
func (m *ResponseMemory) Register(registry prometheus.Registerer) error {
	gauge := func(name, help string, value func() float64) error {
		return registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	return errors.Join(
		gauge("kubeops_response_memory_limit_bytes", "Size of all responses that are read at the same time, at most.",
			func() float64 { return float64(m.Limit()) }),
		gauge("kubeops_response_memory_used_bytes", "Size of the responses that are being read.",
			func() float64 { return float64(m.InUse()) }),
		gauge("kubeops_response_memory_waiting", "Responses that wait for memory.",
			func() float64 { return float64(m.Waiting()) }),
	)
}

// Waiting is how many responses wait for memory.
func (m *ResponseMemory) Waiting() int {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return len(m.queue)
}

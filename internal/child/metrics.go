package child

import (
	"context"
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// Work of a child process, as a label of metrics.
type Work string

// Works.
const (
	// WorkInspection is a run of an Inspection, one of its clusters, or a continuous Inspection.
	WorkInspection Work = "inspection"
	// WorkExpression evaluates expressions of a Pipeline.
	WorkExpression Work = "expression"
	// WorkTemplate renders templates of a NotificationChannel.
	WorkTemplate Work = "template"
)

// Results of child processes, as a label of metrics.
const (
	resultDone     = "done"
	resultMemory   = "memory"
	resultDeadline = "deadline"
	resultCanceled = "canceled"
	resultCrash    = "crash"
	resultFailed   = "failed"
)

// Metrics of child processes. A nil one counts nothing.
type Metrics struct {
	running *prometheus.GaugeVec
	results *prometheus.CounterVec
}

// NewMetrics registers kubeops_child_processes and kubeops_child_processes_ended_total. Registering them twice with one registry is an
// error.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		running: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_child_processes", Help: "Processes that are running, by their work: inspection, expression or template.",
		}, []string{"work"}),
		results: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubeops_child_processes_ended_total",
			Help: "Processes that ended, by their work and result: done, memory (the limit ended it), deadline (killed), canceled (not " +
				"needed any more), crash, or failed (the conversation with it).",
		}, []string{"work", "result"}),
	}
	// A rate of a counter that appears with its first event misses this event.
	for _, work := range []Work{WorkInspection, WorkExpression, WorkTemplate} {
		m.running.WithLabelValues(string(work))
		for _, result := range []string{resultDone, resultMemory, resultDeadline, resultCanceled, resultCrash, resultFailed} {
			m.results.WithLabelValues(string(work), result)
		}
	}
	return m, errors.Join(registry.Register(m.running), registry.Register(m.results))
}

func (m *Metrics) started(work Work) {
	if m != nil {
		m.running.WithLabelValues(string(work)).Inc()
	}
}

func (m *Metrics) ended(work Work, err error) {
	if m == nil {
		return
	}
	m.running.WithLabelValues(string(work)).Dec()
	m.results.WithLabelValues(string(work), resultOf(err)).Inc()
}

// resultOf what Run returned.
func resultOf(err error) string {
	crash := (*CrashError)(nil)
	switch {
	case err == nil:
		return resultDone
	case errors.Is(err, ErrMemory):
		return resultMemory
	case errors.Is(err, ErrDeadline), errors.Is(err, context.DeadlineExceeded):
		return resultDeadline
	case errors.Is(err, context.Canceled):
		return resultCanceled
	case errors.As(err, &crash):
		return resultCrash
	}
	return resultFailed
}

package pipelinerun

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Metrics of PipelineRuns.
type Metrics struct {
	runs     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	stages   *prometheus.HistogramVec
}

// NewMetrics registers the metrics. Registering them twice with one registry is an error.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	const minute, hour, day = 60, 3600, 86400
	buckets := []float64{5, 15, minute, 5 * minute, 15 * minute, 30 * minute, hour, 3 * hour, 12 * hour, day, 3 * day}
	m := &Metrics{
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubeops_pipeline_runs_total", Help: "PipelineRuns that ended, by phase.",
		}, []string{"namespace", "pipeline", "phase"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubeops_pipeline_run_duration_seconds", Help: "Time from the start of a PipelineRun to its end, by phase.",
			Buckets: buckets,
		}, []string{"phase"}),
		stages: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kubeops_pipeline_stage_duration_seconds", Help: "Duration of the last attempt of each stage of the runs that ended.",
			Buckets: buckets,
		}, []string{"type", "phase"}),
	}
	return m, errors.Join(registry.Register(m.runs), registry.Register(m.duration), registry.Register(m.stages))
}

// ended counts a run whose stages have ended. A run that did not start has no duration.
func (m *Metrics) ended(run *v1alpha1.PipelineRun) {
	if m == nil {
		return
	}
	status := &run.Status
	m.runs.WithLabelValues(run.Namespace, run.Spec.PipelineRef.Name, string(status.Phase)).Inc()
	if status.StartTime != nil && status.CompletionTime != nil {
		m.duration.WithLabelValues(string(status.Phase)).Observe(status.CompletionTime.Sub(status.StartTime.Time).Seconds())
	}
	for i := range status.Stages {
		s := &status.Stages[i]
		if s.StartTime != nil && s.CompletionTime != nil && s.Phase != v1alpha1.StageSkipped {
			m.stages.WithLabelValues(string(s.Type), string(s.Phase)).Observe(s.CompletionTime.Sub(s.StartTime.Time).Seconds())
		}
	}
}

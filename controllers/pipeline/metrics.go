package pipeline

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline/delivery"
)

// Metrics of Pipelines: their runs that have not ended, and the four DORA figures of the runs that are kept. They are computed when they
// are scraped, so that a restart of the manager loses nothing.
type Metrics struct {
	clock clock.PassiveClock

	mutex     sync.Mutex
	pipelines map[client.ObjectKey]observed

	active, queued, frequency, lead, failures, restore *prometheus.Desc
}

// observed is what the last reconcile of a Pipeline saw.
type observed struct {
	active, queued int32
	deployments    []delivery.Deployment
}

// NewMetrics registers the metrics. Registering them twice with one registry is an error.
func NewMetrics(registry prometheus.Registerer, now clock.PassiveClock) (*Metrics, error) {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("kubeops_pipeline_"+name, help, []string{"namespace", "pipeline"}, nil)
	}
	m := &Metrics{
		clock: now, pipelines: map[client.ObjectKey]observed{},
		active:    desc("runs_active", "PipelineRuns in progress."),
		queued:    desc("runs_queued", "PipelineRuns that wait to start."),
		frequency: desc("deployments_per_day", "Successful deployments per day within the last 30 days, of the runs that are kept."),
		lead: desc("lead_time_seconds",
			"Median time from the commit, or from the request of the run, until it was deployed, within the last 30 days."),
		failures: desc("change_failure_ratio", "Share of the deployments of the last 30 days whose run failed, 0 to 1."),
		restore: desc("time_to_restore_seconds",
			"Median time from a failed deployment until its rollback or the next successful deployment, within the last 30 days."),
	}
	return m, registry.Register(m)
}

// observe the runs of a Pipeline.
func (m *Metrics) observe(p *v1alpha1.Pipeline, runs []v1alpha1.PipelineRun) {
	if m == nil {
		return
	}
	seen := observed{active: p.Status.ActiveRuns, queued: p.Status.QueuedRuns, deployments: delivery.Of(runs)}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.pipelines[client.ObjectKeyFromObject(p)] = seen
}

// forget a Pipeline that was deleted.
func (m *Metrics) forget(key client.ObjectKey) {
	if m == nil {
		return
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.pipelines, key)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(descriptions chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{m.active, m.queued, m.frequency, m.lead, m.failures, m.restore} {
		descriptions <- d
	}
}

// Collect implements prometheus.Collector. A figure that does not exist has no series.
func (m *Metrics) Collect(metrics chan<- prometheus.Metric) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	now := m.clock.Now()
	for key, seen := range m.pipelines {
		gauge := func(d *prometheus.Desc, value float64) {
			if value >= 0 {
				metrics <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, key.Namespace, key.Name)
			}
		}
		figures := delivery.Compute(seen.deployments, now)
		gauge(m.active, float64(seen.active))
		gauge(m.queued, float64(seen.queued))
		gauge(m.frequency, figures.PerDay)
		gauge(m.lead, figures.Lead.Seconds())
		gauge(m.failures, figures.FailureRate)
		gauge(m.restore, figures.Restore.Seconds())
	}
}

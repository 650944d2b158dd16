package backends

import (
	"github.com/prometheus/client_golang/prometheus"
)

// modelMetrics describes the metrics of models.
type modelMetrics struct{ tokens, budget, requests, hits *prometheus.Desc }

func newModelMetrics() modelMetrics {
	labels := []string{"namespace", "name"}
	describe := func(name, help string, more ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append(labels, more...), nil)
	}
	return modelMetrics{
		tokens: describe("kubeops_ai_tokens", "Tokens that an AIProvider used in this day or month (UTC).", "period"),
		budget: describe("kubeops_ai_token_budget",
			"Tokens that an AIProvider may use in a day or month. Absent without a budget.", "period"),
		requests: describe("kubeops_ai_requests_total", "Requests to the model of an AIProvider."),
		hits:     describe("kubeops_ai_cache_hits_total", "Answers that were found in a report or in the answer cache."),
	}
}

// Describe implements prometheus.Collector.
func (m *Meters) Describe(descriptions chan<- *prometheus.Desc) {
	d := newModelMetrics()
	for _, one := range []*prometheus.Desc{d.tokens, d.budget, d.requests, d.hits} {
		descriptions <- one
	}
}

// Collect implements prometheus.Collector: what each AIProvider has used, and what it may use.
func (m *Meters) Collect(metrics chan<- prometheus.Metric) {
	d := newModelMetrics()
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for key, of := range m.meters {
		usage := of.meter.Usage()
		rates := of.meter.Rates()
		gauge := func(desc *prometheus.Desc, value int64, period string) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), key.Namespace, key.Name, period)
		}
		gauge(d.tokens, usage.Today, "day")
		gauge(d.tokens, usage.ThisMonth, "month")
		if rates.Daily != nil {
			gauge(d.budget, *rates.Daily, "day")
		}
		if rates.Monthly != nil {
			gauge(d.budget, *rates.Monthly, "month")
		}
		count := func(desc *prometheus.Desc, value int64) {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), key.Namespace, key.Name)
		}
		count(d.requests, usage.Requests)
		count(d.hits, usage.CacheHits)
	}
}

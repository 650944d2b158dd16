package inspection

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/runner"
)

// Metrics are the numbers that Prometheus reads from the manager.
type Metrics struct {
	mutex sync.Mutex
	// shown are the Inspections whose last report the gauges show.
	shown map[types.NamespacedName]bool

	runs     *prometheus.CounterVec
	duration *prometheus.HistogramVec
	findings *prometheus.GaugeVec
	// problems and recommendations are root causes, as the summary of a report counts them.
	problems        *prometheus.GaugeVec
	recommendations *prometheus.GaugeVec
	gaps            *prometheus.GaugeVec
	score           *prometheus.GaugeVec
}

// NewMetrics registers the metrics. Registering them twice with one registry is an error.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	object := []string{"namespace", "inspection"}
	m := &Metrics{
		shown: map[types.NamespacedName]bool{},
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kubeops_inspection_runs_total",
			Help: "Runs by result: Succeeded, Incomplete, or the reason of the problem that ended the try.",
		}, []string{"result"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "kubeops_inspection_stage_duration_seconds",
			Help:    "How long each stage of a run took.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10), // 1 ms to 4 min
		}, []string{"stage"}),
		findings: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_inspection_findings",
			Help: "Findings of the last report, including symptoms, by check, class and severity.",
		}, append(object, "check", "class", "severity")),
		problems: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_inspection_problems", Help: "Problems of the last report by severity, without their symptoms.",
		}, append(object, "severity")),
		recommendations: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_inspection_recommendations", Help: "Recommendations of the last report by severity.",
		}, append(object, "severity")),
		gaps: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_inspection_gaps", Help: "Gaps of the last report that are not optional: what it was to read and could not.",
		}, object),
		score: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "kubeops_inspection_score",
			Help: "Score of the problems in the last report, 0 to 100. Absent if the run was incomplete.",
		}, object),
	}
	for _, c := range []prometheus.Collector{m.runs, m.duration, m.findings, m.problems, m.recommendations, m.gaps, m.score} {
		if err := registry.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// register what the children of continuous Inspections keep.
func register(registry prometheus.Registerer, watches *runner.Watches) error {
	count := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubeops_inspection_continuous", Help: "Inspections whose clusters are watched.",
	}, func() float64 {
		children, _ := watches.Sizes()
		return float64(children)
	})
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubeops_inspection_continuous_facts_bytes",
		Help: "Size of the facts that the processes of continuous Inspections keep, without what facts share.",
	}, func() float64 {
		_, size := watches.Sizes()
		return float64(size.Bytes)
	})
	return errors.Join(registry.Register(count), registry.Register(size))
}

func (m *Metrics) stages(durations map[inspect.Stage]time.Duration) {
	for stage, d := range durations {
		m.duration.WithLabelValues(string(stage)).Observe(d.Seconds())
	}
}

func (m *Metrics) failed(reason string) { m.runs.WithLabelValues(reason).Inc() }

// finished counts a run and shows its report.
func (m *Metrics) finished(i *v1alpha1.Inspection, report *v1alpha1.InspectionReport) {
	result := v1alpha1.ReasonSucceeded
	if !report.Summary.Complete() {
		result = v1alpha1.ReasonIncomplete
	}
	m.runs.WithLabelValues(result).Inc()
	m.show(i, report)
}

// knows says whether the gauges show an Inspection's last report. They do not after a restart, until it is shown again.
func (m *Metrics) knows(i *v1alpha1.Inspection) bool {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.shown[types.NamespacedName{Namespace: i.Namespace, Name: i.Name}]
}

// show replaces what an Inspection's last report had to say.
func (m *Metrics) show(i *v1alpha1.Inspection, report *v1alpha1.InspectionReport) {
	m.forget(i.Namespace, i.Name)
	for _, f := range report.Findings {
		m.findings.WithLabelValues(i.Namespace, i.Name, f.Check, string(f.ClassOrDefault()), string(f.Severity)).Inc()
	}
	for n, severity := range v1alpha1.Severities() {
		m.problems.WithLabelValues(i.Namespace, i.Name, string(severity)).Set(float64(report.Summary.Problems.BySeverity()[n]))
		m.recommendations.WithLabelValues(i.Namespace, i.Name, string(severity)).
			Set(float64(report.Summary.Recommendations.BySeverity()[n]))
	}
	m.gaps.WithLabelValues(i.Namespace, i.Name).Set(float64(report.Summary.RequiredGaps))
	if score := report.Summary.Score; score != nil {
		m.score.WithLabelValues(i.Namespace, i.Name).Set(float64(*score))
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.shown[types.NamespacedName{Namespace: i.Namespace, Name: i.Name}] = true
}

// forgetScore drops the score of an Inspection.
func (m *Metrics) forgetScore(i *v1alpha1.Inspection) { m.score.DeleteLabelValues(i.Namespace, i.Name) }

// forget drops the series of an Inspection.
func (m *Metrics) forget(namespace, name string) {
	labels := prometheus.Labels{"namespace": namespace, "inspection": name}
	m.findings.DeletePartialMatch(labels)
	m.problems.DeletePartialMatch(labels)
	m.recommendations.DeletePartialMatch(labels)
	m.gaps.DeletePartialMatch(labels)
	m.score.DeletePartialMatch(labels)
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.shown, types.NamespacedName{Namespace: namespace, Name: name})
}

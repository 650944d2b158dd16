package dashboard

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	metricsbackend "kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxUsageSeries of one chart, those with the highest values, and maxUsagePoints of one series.
	maxUsageSeries = 20
	maxUsagePoints = 120
	// maxQuerySeries of one answer.
	maxQuerySeries = 2000
)

// UsagePoint is a value at a time.
type UsagePoint struct {
	Time  time.Time `json:"time" doc:"Time."`
	Value float64   `json:"value" doc:"Value in the unit of the chart."`
}

// UsageSeries is the usage of one Pod.
type UsageSeries struct {
	Pod    string       `json:"pod" doc:"Pod."`
	Last   float64      `json:"last" doc:"Last value in the unit of the chart."`
	Points []UsagePoint `json:"points" nullable:"false" doc:"Points by time, at most 120."`
}

// UsageChart is one kind of usage.
type UsageChart struct {
	Name   string        `json:"name" enum:"cpu,memory" doc:"What is used."`
	Unit   string        `json:"unit" enum:"cores,bytes" doc:"Unit of the values."`
	Series []UsageSeries `json:"series" nullable:"false" doc:"Pods with the highest values, at most 20."`
	Pods   int           `json:"pods" doc:"Number of Pods that the backend has values of."`
}

// Usage of the Pods of a namespace, as a MetricsBackend has it.
type Usage struct {
	Namespace string       `json:"namespace" doc:"Namespace of the Pods."`
	Charts    []UsageChart `json:"charts" nullable:"false" doc:"CPU and memory."`
	Gap       string       `json:"gap" doc:"Why there are no values. Empty if the backend was asked."`
	ReadAt    time.Time    `json:"readAt" doc:"Time when the backend was asked."`
}

type usageInput struct{ Question }

type usageOutput struct{ Body Usage }

// getUsage asks a MetricsBackend for the usage of the Pods of one namespace. The viewer needs get on the MetricsBackend, and list on Pods
// of metrics.k8s.io in the namespace, which is the permission for their usage at the API server. Expressions are not taken from the viewer:
// one that selects a namespace can read those of others in a part of it.
func (s *Server) getUsage(ctx context.Context, input *usageInput) (*usageOutput, error) {
	backend := &v1alpha1.MetricsBackend{}
	if err := s.get(ctx, metrics, &named{Namespace: input.Namespace, Name: input.Name}, backend); err != nil {
		return nil, failed(err)
	}
	release, err := s.mayAsk(ctx, input.Namespace, permission{"list", "metrics.k8s.io", "pods", input.about()})
	if err != nil {
		return nil, err
	}
	defer release()
	view := Usage{Namespace: input.about(), Charts: []UsageChart{}, ReadAt: s.now()}
	if view.Gap = s.queryGap("MetricsBackend", input.Namespace, input.Name, backend.Spec); view.Gap != "" {
		return &usageOutput{view}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	opened, err := s.options.Backends.OpenMetrics(ctx, withinBudget(backend))
	if err != nil {
		view.Gap = s.answerGap(err)
		return &usageOutput{view}, nil
	}
	defer opened.Close()
	span := time.Duration(input.Minutes) * time.Minute
	within := metricsbackend.Range{Start: view.ReadAt.Add(-span), End: view.ReadAt, Step: max(span/maxUsagePoints, 15*time.Second)}
	for _, chart := range usageCharts(view.Namespace) {
		series, err := opened.QueryRange(ctx, chart.expression, within)
		if err != nil {
			view.Gap = s.answerGap(err)
			return &usageOutput{view}, nil
		}
		view.Charts = append(view.Charts, chart.of(series, view.Namespace))
	}
	return &usageOutput{view}, nil
}

// withinBudget of the backend, and of the memory of the dashboard.
func withinBudget(backend *v1alpha1.MetricsBackend) *v1alpha1.MetricsBackend {
	backend = backend.DeepCopy()
	if backend.Spec.QueryBudget == nil {
		backend.Spec.QueryBudget = &v1alpha1.QueryBudget{}
	}
	budget := backend.Spec.QueryBudget
	if budget.MaxBytes == 0 || budget.MaxBytes > maxQueryBytes {
		budget.MaxBytes = maxQueryBytes
	}
	if budget.MaxSeries == 0 || budget.MaxSeries > maxQuerySeries {
		budget.MaxSeries = maxQuerySeries
	}
	return backend
}

type usageChart struct{ name, unit, expression string }

// usageCharts of a namespace, whose name was checked.
func usageCharts(namespace string) []usageChart {
	selector := `{namespace=` + strconv.Quote(namespace) + `,container!="",container!="POD"}`
	return []usageChart{
		{"cpu", "cores", "sum by (namespace, pod) (rate(container_cpu_usage_seconds_total" + selector + "[5m]))"},
		{"memory", "bytes", "sum by (namespace, pod) (container_memory_working_set_bytes" + selector + ")"},
	}
}

// of the series of a namespace. That the backend was asked for it is not enough: its owner decides what it answers.
func (c usageChart) of(series []metricsbackend.Series, namespace string) UsageChart {
	chart := UsageChart{Name: c.name, Unit: c.unit, Series: []UsageSeries{}}
	for _, one := range series {
		points := slices.DeleteFunc(one.Points, func(p metricsbackend.Point) bool { return math.IsInf(p.Value, 0) })
		if len(points) == 0 || one.Labels["pod"] == "" || one.Labels["namespace"] != namespace {
			continue
		}
		points = points[max(0, len(points)-maxUsagePoints):]
		shown := UsageSeries{
			Pod: printable.Line(text.Clip(one.Labels["pod"], maxName)), Last: points[len(points)-1].Value,
			Points: make([]UsagePoint, 0, len(points)),
		}
		for _, point := range points {
			shown.Points = append(shown.Points, UsagePoint{point.Time.UTC(), point.Value})
		}
		chart.Series = append(chart.Series, shown)
	}
	slices.SortFunc(chart.Series, func(a, b UsageSeries) int { return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(a.Pod, b.Pod)) })
	chart.Pods = len(chart.Series)
	chart.Series = chart.Series[:min(len(chart.Series), maxUsageSeries)]
	return chart
}

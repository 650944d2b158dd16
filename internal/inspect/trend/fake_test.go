package trend

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
)

// fake is a metrics backend that answers only the expected queries and fails the test on any other.
type fake struct {
	t *testing.T
	// names of metrics with their label names.
	names  []string
	labels map[string][]string
	// instant and ranged results by expression.
	instant map[string]metrics.Vector
	ranged  map[string][]metrics.Series
	// refuse may return an error for a range query.
	refuse func(expression string, span metrics.Range) error
	// refuseInstant may return an error for an instant query.
	refuseInstant func(expression string) error
	asked         []string
}

func (f *fake) Probe(context.Context) (metrics.Health, error) {
	f.t.Error("unexpected probe")
	return metrics.Health{}, nil
}

func (f *fake) Query(_ context.Context, expression string, at time.Time) (metrics.Vector, error) {
	f.asked = append(f.asked, expression)
	if !at.Equal(noon()) {
		f.t.Errorf("unexpected query time %s", at)
	}
	if f.refuseInstant != nil {
		if err := f.refuseInstant(expression); err != nil {
			return nil, err
		}
	}
	answer, ok := f.instant[expression]
	if !ok && strings.Contains(expression, "timestamp(") {
		return nil, nil // no sample of the metric, ever
	}
	if !ok {
		f.t.Errorf("unexpected query\n%s", expression)
	}
	return answer, nil
}

func (f *fake) QueryRange(_ context.Context, expression string, span metrics.Range) ([]metrics.Series, error) {
	f.asked = append(f.asked, expression)
	if span.Step < 15*time.Second || !span.End.Equal(noon()) || span.End.Sub(span.Start) > 30*24*time.Hour ||
		span.Start.Truncate(span.Step) != span.Start {
		f.t.Errorf("range %v", span)
	}
	if f.refuse != nil {
		if err := f.refuse(expression, span); err != nil {
			return nil, err
		}
	}
	answer, ok := f.ranged[expression]
	if !ok {
		f.t.Errorf("unexpected range query\n%s", expression)
	}
	return answer, nil
}

func (f *fake) Close() { f.t.Error("unexpected Close") }

// listing is a fake that lists labels.
type listing struct{ *fake }

func (f listing) LabelNames(_ context.Context, selectors []string, _ metrics.Range) ([]string, error) {
	f.asked = append(f.asked, "labels of "+selectors[0])
	names, ok := f.labels[selectors[0]]
	if !ok || len(selectors) != 1 {
		f.t.Errorf("unexpected query for label names of %v", selectors)
	}
	return names, nil
}

func (f listing) LabelValues(_ context.Context, label string, selectors []string, _ metrics.Range) ([]string, error) {
	f.asked = append(f.asked, "values of "+label)
	if label != "__name__" || len(selectors) != 1 {
		f.t.Errorf("unexpected query for values of label %s of %v", label, selectors)
	}
	return f.names, nil
}

// watching is a fake with alerts, targets and rules.
type watching struct {
	listing
	alerts  []metrics.Alert
	targets metrics.Targets
	rules   []metrics.Rule
}

func (f watching) Alerts(context.Context) ([]metrics.Alert, error)  { return f.alerts, nil }
func (f watching) Targets(context.Context) (metrics.Targets, error) { return f.targets, nil }
func (f watching) Rules(context.Context) ([]metrics.Rule, error)    { return f.rules, nil }
func backend() facts.Ref {
	return facts.Ref{Kind: "MetricsBackend.kubeops.io", Namespace: "ops", Name: "main"}
}
func wanting(sources ...facts.Source) map[facts.Source][]string {
	all := map[facts.Source][]string{}
	for _, s := range sources {
		all[s] = []string{"check-" + string(s)}
	}
	return all
}

const shopObjects = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: catalogue, namespace: shop}
spec: {accessModes: [ReadOnlyMany]}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
status: {addresses: [{type: InternalIP, address: 10.0.0.1}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {selector: {matchLabels: {app: api}}, template: {metadata: {labels: {app: api}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: api-6d4cf56db6, namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: api, uid: "", controller: true}]}
spec: {selector: {matchLabels: {app: api}}}
---
apiVersion: v1
kind: Pod
metadata: {name: api-6d4cf56db6-x2k4p, namespace: shop, labels: {app: api}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: api-6d4cf56db6, uid: "", controller: true}]}
spec: {nodeName: node-1, containers: []}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: api-db, namespace: shop}
spec: {serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: kube-state-metrics, namespace: monitoring}
spec: {selector: {matchLabels: {app: ksm}}, template: {metadata: {labels: {app: ksm}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: prometheus-node-exporter, namespace: monitoring}
spec: {selector: {matchLabels: {app: ne}}, template: {metadata: {labels: {app: ne}}, spec: {containers: []}}}
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus-node-exporter-x2k4p, namespace: monitoring, ownerReferences: [{apiVersion: apps/v1, kind: DaemonSet, name: prometheus-node-exporter, uid: "", controller: true}]}
spec: {nodeName: node-1, containers: []}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: report, namespace: shop}
spec: {schedule: "@daily", jobTemplate: {spec: {template: {spec: {containers: [], restartPolicy: Never}}}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: report-28311, namespace: shop, ownerReferences: [{apiVersion: batch/v1, kind: CronJob, name: report, uid: "", controller: true}]}
spec: {template: {spec: {containers: [], restartPolicy: Never}}}
`

func shop(t *testing.T) *facts.Graph {
	t.Helper()
	return testkit.Graph(t, shopObjects)
}

// every returns the points of a range in steps, ending now.
func every(step, span time.Duration, value func(ago time.Duration) float64) []metrics.Point {
	var points []metrics.Point
	for ago := span; ago >= 0; ago -= step {
		points = append(points, metrics.Point{Time: noon().Add(-ago), Value: value(ago)})
	}
	return points
}

func labelled(pairs ...string) metrics.Labels {
	labels := metrics.Labels{}
	for i := 0; i+1 < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	return labels
}

// ofKind returns a sample with the label of a kind of capacity.
func ofKind(kind facts.FillKind, labels metrics.Labels, value float64) metrics.Sample {
	labels = maps.Clone(labels)
	labels[kindLabel] = string(kind)
	return metrics.Sample{Labels: labels, Value: value}
}

func tooLarge() error {
	return problem.Retrying(v1alpha1.ReasonBudgetExceeded, nil, "the query exceeds the budget")
}

func sourcesOf(wanted map[facts.Source][]string) []facts.Source {
	return slices.Sorted(maps.Keys(wanted))
}

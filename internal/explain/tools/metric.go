package tools

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/internal/provider/metrics"
)

// Limits of reading a backend.
const (
	defaultMetricHours, maxHours = 6, 24
	// steps of a query, none shorter than minStep, in which the lowest and highest value are searched, and points that are shown of them.
	steps, points = 240, 13
	minStep       = time.Minute
	// maxSeries of an answer.
	maxSeries = 40
)

// metricTemplate is a question that a metrics backend is asked. A model chooses one by its name, and writes no expression.
type metricTemplate struct {
	name, unit string
	// expression of matchers, which end in a comma.
	expression string
	// claim says that it is about a PersistentVolumeClaim.
	claim bool
}

// metricTemplates use the names of cAdvisor, kube-state-metrics and the kubelet.
func metricTemplates() []metricTemplate {
	const container = `container!="",container!="POD"`
	return []metricTemplate{
		{name: "cpu", unit: "cores", expression: "max by (namespace,pod,container) " +
			`(rate(container_cpu_usage_seconds_total{%[1]scpu=~"|total",` + container + `}[5m]))`},
		{name: "cpu_throttled", unit: "share of periods", expression: "sum by (namespace,pod,container) " +
			"(rate(container_cpu_cfs_throttled_periods_total{%[1]s" + container + "}[5m])) / sum by (namespace,pod,container) " +
			"(rate(container_cpu_cfs_periods_total{%[1]s" + container + "}[5m]))"},
		{name: "memory", unit: "bytes", expression: "max by (namespace,pod,container) " +
			"(container_memory_working_set_bytes{%[1]s" + container + "})"},
		{name: "memory_limit", unit: "bytes", expression: "max by (namespace,pod,container) " +
			`(kube_pod_container_resource_limits{%[1]sresource="memory"})`},
		{name: "restarts", unit: "restarts since the Pod was created", expression: "max by (namespace,pod,container) " +
			"(kube_pod_container_status_restarts_total{%[1]s})"},
		{name: "ready", unit: "1 if the Pod is ready", expression: "max by (namespace,pod) " +
			`(kube_pod_status_ready{%[1]scondition="true"})`},
		{name: "network_received", unit: "bytes a second", expression: "sum by (namespace,pod) " +
			"(rate(container_network_receive_bytes_total{%[1]s}[5m]))"},
		{name: "network_sent", unit: "bytes a second", expression: "sum by (namespace,pod) " +
			"(rate(container_network_transmit_bytes_total{%[1]s}[5m]))"},
		{name: "volume_used", unit: "share of the capacity", claim: true, expression: "max by (namespace,persistentvolumeclaim) " +
			"(kubelet_volume_stats_used_bytes{%[1]s} / kubelet_volume_stats_capacity_bytes{%[1]s})"},
	}
}

func metricTool() Tool {
	var names []string
	for _, t := range metricTemplates() {
		names = append(names, t.name)
	}
	kinds := append(workloadKinds(), "PersistentVolumeClaim")
	return Tool{
		Name: "metric", Description: "How a metric of a workload's Pods developed: its last, lowest and highest value, and some between. " +
			"volume_used is for a PersistentVolumeClaim.",
		Arguments: []Argument{
			required(Argument{Name: "metric", Description: "which metric", Type: "string", Enum: names}),
			required(Argument{Name: "kind", Description: "kind of the workload", Type: "string", Enum: kinds}),
			required(namespaceArgument()), required(text("name", "name of the workload")), hoursArgument(defaultMetricHours),
		},
		run: metric,
	}
}

func hoursArgument(byDefault int) Argument {
	return Argument{
		Name: "hours", Type: "integer", Description: fmt.Sprintf("how far back, default %d, at most %d", byDefault, maxHours),
	}
}

func metric(ctx context.Context, s *Set, a arguments) (Output, error) {
	all := metricTemplates()
	template := all[slices.IndexFunc(all, func(t metricTemplate) bool { return t.name == a.text("metric") })]
	kind := a.text("kind")
	key := client.ObjectKey{Namespace: a.text("namespace"), Name: a.text("name")}
	found := Output{Names: []string{key.Namespace, key.Name}}
	if claim := kind == "PersistentVolumeClaim"; claim != template.claim {
		return Output{}, refuse("metric %s is not one of kind %s", template.name, kind)
	}
	subject, err := metricSubject(ctx, s, kind, key)
	switch {
	case apierrors.IsNotFound(err):
		found.Lines = []string{missing(kind, key)}
		return found, nil
	case err != nil:
		return Output{}, err
	}
	end := s.now().Truncate(time.Minute)
	span := metrics.Range{Start: end.Add(-time.Duration(a.number("hours", defaultMetricHours, maxHours)) * time.Hour), End: end}
	span.Step = max(end.Sub(span.Start)/steps, minStep)
	expression := fmt.Sprintf(template.expression, matching(s.sources.MatchLabels)+subject.matchers)
	series, err := s.sources.Metrics.QueryRange(ctx, expression, span)
	if err != nil {
		return Output{}, backendRefusal(ctx, "metrics backend", err)
	}
	lines := []string{}
	for _, one := range series {
		if line, names, ok := subject.line(one); ok {
			lines = append(lines, line)
			found.Names = append(found.Names, names...)
		}
	}
	if len(lines) == 0 {
		found.Lines = append([]string{"The metrics backend has no such series of this " + kind + "."}, subject.partly...)
		return found, nil
	}
	slices.Sort(lines)
	found.Lines = []string{fmt.Sprintf("%s in %s, %s to %s:", template.name, template.unit, clock(span.Start), clock(span.End))}
	found.Lines = append(found.Lines, subject.partly...)
	found.Lines = append(found.Lines, lines[:min(len(lines), maxSeries)]...)
	if rest := len(lines) - maxSeries; rest > 0 {
		found.Lines = append(found.Lines, fmt.Sprintf("(%d more series)", rest))
	}
	return found, nil
}

// subject is what series may be about.
type subject struct {
	// matchers that select its series; what a backend returns is checked all the same.
	matchers string
	// name of a series of the subject from its labels; empty for one of others.
	name func(metrics.Labels) string
	// partly is a line if not all Pods of the subject are asked about.
	partly []string
}

// metricSubject reads the objects that a metric is about.
func metricSubject(ctx context.Context, s *Set, kind string, key client.ObjectKey) (subject, error) {
	if kind == "PersistentVolumeClaim" {
		claim := &metav1.PartialObjectMetadata{}
		claim.SetGroupVersionKind(schema.GroupVersionKind{Version: "v1", Kind: kind})
		if err := s.cluster.Get(ctx, key, claim); err != nil {
			return subject{}, err
		}
		return subject{
			matchers: equal("namespace", key.Namespace) + equal("persistentvolumeclaim", key.Name),
			name: func(l metrics.Labels) string {
				if l["namespace"] != key.Namespace || l["persistentvolumeclaim"] != key.Name {
					return ""
				}
				return key.Name
			},
		}, nil
	}
	pods, err := podsOf(ctx, s, kind, key)
	if err != nil {
		return subject{}, err
	}
	safe := make([]string, 0, len(pods.names))
	for _, name := range pods.names {
		safe = append(safe, regexp.QuoteMeta(name))
	}
	return subject{
		matchers: equal("namespace", key.Namespace) + "pod=~" + strconv.Quote(strings.Join(safe, "|")) + ",",
		name: func(l metrics.Labels) string {
			if !pods.has(l["namespace"], l["pod"], l["container"]) {
				return ""
			}
			return strings.TrimSpace(l["pod"] + " " + l["container"])
		},
		partly: pods.partly(),
	}, nil
}

// equal is a matcher of a label. PromQL has the escapes of Go.
func equal(label, value string) string { return label + "=" + strconv.Quote(value) + "," }

func matching(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(equal(name, labels[name]))
	}
	return b.String()
}

// line describes a series, if it is one of the subject.
func (s subject) line(one metrics.Series) (line string, names []string, ok bool) {
	name := s.name(one.Labels)
	usable := slices.DeleteFunc(slices.Clone(one.Points), func(p metrics.Point) bool { return !metrics.Usable(p.Value) })
	if name == "" || len(usable) == 0 {
		return "", nil, false
	}
	byValue := func(a, b metrics.Point) int { return cmp.Compare(a.Value, b.Value) }
	line = fmt.Sprintf("%s: last %s, lowest %s, highest %s;", name, short(usable[len(usable)-1].Value),
		short(slices.MinFunc(usable, byValue).Value), short(slices.MaxFunc(usable, byValue).Value))
	for _, p := range thinned(usable) {
		line += " " + p.Time.UTC().Format("15:04") + "=" + short(p.Value)
	}
	return line, []string{one.Labels["pod"], one.Labels["container"]}, true
}

// thinned are some points at equal distances, the last among them.
func thinned(all []metrics.Point) []metrics.Point {
	var some []metrics.Point
	every := max((len(all)+points-1)/points, 1)
	for i := (len(all) - 1) % every; i < len(all); i += every {
		some = append(some, all[i])
	}
	return some
}

// short is a number with three digits, or a whole number of bytes with a unit.
func short(value float64) string {
	const unit, digits = 1024, 3
	units := []string{"", "Ki", "Mi", "Gi", "Ti"}
	power := 0
	for math.Abs(value) >= 10*unit && power < len(units)-1 {
		value /= unit
		power++
	}
	if power == 0 && value == math.Trunc(value) {
		return strconv.FormatFloat(value, 'f', 0, 64)
	}
	return strconv.FormatFloat(value, 'g', max(digits, len(strconv.Itoa(int(math.Abs(value))))), 64) + units[power]
}

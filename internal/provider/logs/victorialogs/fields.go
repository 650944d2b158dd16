package victorialogs

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider/logs"
)

// fields are names of the contract's labels in stored lines. A label is looked for by all its names at once: a name that a
// block of lines does not have costs VictoriaLogs next to nothing, and several collectors may write to one server.
type fields struct {
	names   map[string][]string
	message string
	// disputing are fields that may name another namespace; see logs.Fields.Disputing.
	disputing []string
}

// newFields with the names of flat labels; of Vector and of VictoriaLogs' own collector (kubernetes.pod_namespace); of Fluent Bit and
// Fluentd (kubernetes.namespace_name); of Filebeat (kubernetes.namespace); and of OpenTelemetry (k8s.namespace.name). Those of the
// settings are the only ones of their label.
func newFields(settings logs.Fields) fields {
	f := fields{message: "_msg", names: map[string][]string{
		logs.LabelNamespace: {
			"namespace",
			"kubernetes.pod_namespace",
			"kubernetes.namespace_name",
			"kubernetes.namespace",
			"k8s.namespace.name",
			"kubernetes_namespace_name",
		},
		logs.LabelPod: {"pod", "kubernetes.pod_name", "kubernetes.pod.name", "k8s.pod.name", "kubernetes_pod_name"},
		logs.LabelContainer: {"container", "kubernetes.container_name", "kubernetes.container.name", "k8s.container.name",
			"kubernetes_container_name"},
		logs.LabelNode: {"node", "node_name", "kubernetes.pod_node_name", "kubernetes.host", "kubernetes.node.name", "k8s.node.name",
			"kubernetes_host"},
		logs.LabelLevel: {"level", "log.level", "severity", "severity_text"},
	}}
	f.disputing = settings.Disputing(f.names[logs.LabelNamespace])
	for label, name := range map[string]string{
		logs.LabelNamespace: settings.Namespace, logs.LabelPod: settings.Pod, logs.LabelContainer: settings.Container,
		logs.LabelNode: settings.Node, logs.LabelLevel: settings.Level,
	} {
		if name != "" {
			f.names[label] = []string{name}
		}
	}
	if settings.Message != "" {
		f.message = settings.Message
	}
	return f
}

// of a label of the contract, or of another one.
func (f fields) of(label string) []string {
	if list, ok := f.names[label]; ok {
		return list
	}
	return []string{label}
}

// stream is the fields that make the stream of a line that is written.
func (f fields) stream() []string {
	var list []string
	for _, label := range []string{logs.LabelNamespace, logs.LabelPod, logs.LabelContainer, logs.LabelNode, "app", logs.LabelProbe} {
		list = append(list, f.of(label)[0])
	}
	return list
}

// filter of a query between two times, in LogsQL. The times are given here, for pages move them.
func (f fields) filter(query logs.Query, start, end time.Time) string {
	parts := []string{fmt.Sprintf("_time:[%s, %s)", stamp(start), stamp(end))}
	for _, label := range slices.Sorted(maps.Keys(query.Labels)) {
		parts = append(parts, f.equals(label, query.Labels[label]))
	}
	for _, label := range slices.Sorted(maps.Keys(query.AnyOf)) {
		if values := query.AnyOf[label]; len(values) > 0 {
			parts = append(parts, f.equals(label, values...))
		}
	}
	for _, text := range query.Contains {
		if text != "" {
			parts = append(parts, quote(f.message)+`:~`+quote("(?i)"+regexp.QuoteMeta(clean(text))))
		}
	}
	return strings.Join(parts, " ")
}

// equals one of the values, under any of the label's names. No value at all, "", must hold for each name.
func (f fields) equals(label string, values ...string) string {
	var test string
	switch {
	case label == logs.LabelLevel:
		quoted := make([]string, 0, len(values))
		for _, value := range values {
			quoted = append(quoted, regexp.QuoteMeta(clean(value)))
		}
		test = ":~" + quote("(?i)^("+strings.Join(quoted, "|")+")$")
	case len(values) == 1:
		test = ":=" + quote(values[0])
	default:
		quoted := make([]string, 0, len(values))
		for _, value := range values {
			quoted = append(quoted, quote(value))
		}
		test = ":in(" + strings.Join(quoted, ",") + ")"
	}
	names := f.of(label)
	tests := make([]string, 0, len(names))
	for _, name := range names {
		tests = append(tests, quote(name)+test)
	}
	if len(tests) == 1 {
		return tests[0]
	}
	operator := " or "
	if len(values) == 1 && values[0] == "" {
		operator = " "
	}
	return "(" + strings.Join(tests, operator) + ")"
}

// sortBy is the pipe that orders lines and gives the first ones.
func sortBy(order string, limit int) string {
	return fmt.Sprintf(" | sort by (%s) limit %d", order, limit)
}

// stamp is a time in LogsQL.
func stamp(t time.Time) string { return clamp(t).Format("2006-01-02T15:04:05.000000000Z") }

// clamp brings a time to those from 1970 on that nanoseconds since then can tell.
func clamp(t time.Time) time.Time {
	switch {
	case t.Before(time.Unix(0, 0)):
		t = time.Unix(0, 0)
	case t.Year() > 2261:
		t = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return t.UTC()
}

// quote a name or a value as LogsQL reads it: as Go does.
func quote(text string) string { return strconv.Quote(clean(text)) }

func clean(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// contract makes the labels of the contract from the fields of a line. Others stay as they are.
func (f fields) contract(line map[string]string) map[string]string {
	delete(line, "_stream")
	delete(line, "_stream_id")
	for _, name := range f.disputing {
		// The one field in names is that of the settings, which takes the place of a label of the contract.
		if value := line[name]; value != "" && value != line[f.names[logs.LabelNamespace][0]] {
			delete(line, f.names[logs.LabelNamespace][0])
			delete(line, logs.LabelNamespace)
		}
	}
	for label, names := range f.names {
		for _, name := range names {
			value := line[name]
			if value == "" {
				continue
			}
			delete(line, name)
			if label == logs.LabelLevel {
				value = strings.ToLower(value)
			}
			line[label] = value
			break
		}
	}
	return line
}

// schema that the names of stored fields follow; empty where nothing is stored.
func schema(names []string) string {
	has := func(any ...string) bool {
		return slices.ContainsFunc(any, func(name string) bool { return slices.Contains(names, name) })
	}
	switch {
	case has("kubernetes.pod_name", "kubernetes.pod_namespace", "kubernetes.namespace_name"):
		return string(v1alpha1.FieldSchemaKubernetes)
	case has("kubernetes.pod.name", "kubernetes.namespace"):
		return string(v1alpha1.FieldSchemaECS)
	case len(names) > 0:
		return string(v1alpha1.FieldSchemaFlat)
	}
	return ""
}

package runner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/remedy"
)

// Variables that tell clusters apart begin with variable; those of labels with labelVariable.
const (
	variable      = "$(cluster."
	labelVariable = variable + "labels."
)

// shared is a backend with the data of all clusters of an Inspection.
type shared struct {
	// field of the spec whose labels select the data of one cluster, and the labels.
	field  string
	labels map[string]string
	// source of gaps.
	source string
}

// sharedBackends of an Inspection over clusters.
func sharedBackends(spec *v1alpha1.InspectionSpec) (list []shared) {
	if ref := spec.MetricsRef; ref != nil {
		metrics := shared{field: "spec.usage.matchLabels", source: "metricsbackends/" + ref.Name}
		if spec.Usage != nil {
			metrics.labels = spec.Usage.MatchLabels
		}
		list = append(list, metrics)
	}
	if ref := spec.LogsRef; ref != nil {
		list = append(list, shared{field: "spec.logLabels", source: "logbackends/" + ref.Name, labels: spec.LogLabels})
	}
	return list
}

// uses reports whether a value of the labels has a text.
func (s shared) uses(text string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Values(s.labels)), func(value string) bool { return strings.Contains(value, text) })
}

// NeedsLabels reports whether an Inspection refers to labels of its ManagedClusters.
func NeedsLabels(spec *v1alpha1.InspectionSpec) bool {
	return slices.ContainsFunc(sharedBackends(spec), func(s shared) bool { return s.uses(labelVariable) })
}

// checkShared refuses a backend whose data would count for each of the clusters.
func checkShared(spec *v1alpha1.InspectionSpec) (err error) {
	for _, backend := range sharedBackends(spec) {
		if !backend.uses(variable) {
			err = errors.Join(err, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s selects the same data for all clusters; use "+
				"$(cluster.name) or $(cluster.labels.KEY) in a value, such as {cluster: $(cluster.name)}", backend.field))
		}
	}
	return err
}

// openBackendsOf a cluster opens the backends of all clusters, and selects the data of this one. A cluster without the labels that this
// takes is read without the backend, which is a gap.
func (l *Local) openBackendsOf(ctx context.Context, inspection *v1alpha1.Inspection, target Target, input *inspect.Input) error {
	selected := map[string]map[string]string{}
	for _, backend := range sharedBackends(&inspection.Spec) {
		labels, err := backend.of(target)
		if err != nil {
			input.Gaps = append(input.Gaps, facts.Gap{
				Source: backend.source, Reason: v1alpha1.GapUnavailable,
				Message:     fmt.Sprintf("%s: %s, so nothing was read from the backend for this cluster", backend.field, err),
				Remediation: remedy.Sprintf("Add the label to the ManagedCluster, or correct %s.", backend.field),
			})
			continue
		}
		selected[backend.field] = labels
	}
	readable := *inspection
	if input.Usage.MatchLabels = selected["spec.usage.matchLabels"]; input.Usage.MatchLabels == nil {
		readable.Spec.MetricsRef = nil
	}
	logLabels := selected["spec.logLabels"]
	if logLabels == nil {
		readable.Spec.LogsRef = nil
	}
	return l.openBackends(ctx, &readable, logLabels, input)
}

// of a cluster are the labels of its data. The error says what is wrong with which of them.
func (s shared) of(target Target) (map[string]string, error) {
	labels := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(s.labels)) {
		value, err := clusters.Expand(s.labels[key], target.Name, target.Labels)
		if err != nil {
			return nil, fmt.Errorf("the value of %s %w", key, err)
		}
		labels[key] = value
	}
	return labels, nil
}

// minLines of a cluster: with fewer, errors are not told from chance.
const minLines = 1_000

// shareLines divides the log lines that a run may read between its clusters.
func shareLines(in *fleet.Input, clusters int) {
	for i := range in.Clusters {
		options := in.Clusters[i].Input.LogAnalysis
		if options == nil {
			continue
		}
		lines := min(cmp.Or(options.MaxLines, loganalysis.DefaultMaxLines), loganalysis.MaxLines)
		options.MaxLines = max(lines/max(clusters, 1), minLines)
	}
}

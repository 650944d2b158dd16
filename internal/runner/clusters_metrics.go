package runner

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

// Variables of spec.usage.matchLabels in an Inspection over clusters begin with variable; those of labels with labelVariable.
const (
	variable      = "$(cluster."
	labelVariable = variable + "labels."
)

// NeedsLabels reports whether an Inspection refers to labels of its ManagedClusters.
func NeedsLabels(spec *v1alpha1.InspectionSpec) bool {
	return spec.MetricsRef != nil && matches(spec, labelVariable)
}

// matches reports whether a value of spec.usage.matchLabels has a text.
func matches(spec *v1alpha1.InspectionSpec, text string) bool {
	if spec.Usage == nil {
		return false
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(spec.Usage.MatchLabels)), func(value string) bool {
		return strings.Contains(value, text)
	})
}

// checkMatchLabels refuses a backend whose series would count for each of the clusters.
func checkMatchLabels(spec *v1alpha1.InspectionSpec) error {
	if spec.MetricsRef == nil || matches(spec, variable) {
		return nil
	}
	return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.usage.matchLabels has the same series for all clusters; use "+
		"$(cluster.name) or $(cluster.labels.KEY) in a value, such as {cluster: $(cluster.name)}")
}

// openMetricsOf a cluster opens the backend of all clusters, and selects the series of this one. A cluster without the labels that this
// takes is read without metrics, which is a gap.
func (l *Local) openMetricsOf(ctx context.Context, inspection *v1alpha1.Inspection, target Target, input *inspect.Input) error {
	ref := inspection.Spec.MetricsRef
	if ref == nil {
		return nil
	}
	labels := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(inspection.Spec.Usage.MatchLabels)) {
		value, err := clusters.Expand(inspection.Spec.Usage.MatchLabels[key], target.Name, target.Labels)
		if err != nil {
			input.Gaps = append(input.Gaps, facts.Gap{
				Source: "metricsbackends/" + ref.Name, Reason: v1alpha1.GapUnavailable,
				Message:     fmt.Sprintf("spec.usage.matchLabels: the value of %s %s, so no metrics of this cluster were read", key, err),
				Remediation: "Add the label to the ManagedCluster, or correct spec.usage.matchLabels.",
			})
			return nil
		}
		labels[key] = value
	}
	input.Usage.MatchLabels = labels
	return l.openBackends(ctx, inspection, input)
}

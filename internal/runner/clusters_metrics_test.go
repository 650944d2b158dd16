package runner

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/problem"
)

func withMetrics(matchLabels map[string]string) *v1alpha1.Inspection {
	return stored(v1alpha1.InspectionSpec{
		MetricsRef: &v1alpha1.LocalReference{Name: elsewhere}, // a gap, without a request
		Usage:      &v1alpha1.UsageSettings{MatchLabels: matchLabels},
	})
}

func TestTheSeriesOfEachClusterAreSelected(t *testing.T) {
	target := Target{Name: "east", Labels: map[string]string{"region": "eu"}}
	for _, tc := range []struct {
		name         string
		labels, want map[string]string
		gap          string
	}{
		{"the name", map[string]string{"cluster": "$(cluster.name)", "tier": "gold"}, map[string]string{"cluster": "east", "tier": "gold"}, "metricsRef.name"},
		{"a label", map[string]string{"cluster": "$(cluster.labels.region)-1"}, map[string]string{"cluster": "eu-1"}, "metricsRef.name"},
		{"a label that is missing", map[string]string{"cluster": "$(cluster.labels.zone)"}, nil,
			`the value of cluster uses label "zone", which ManagedCluster east does not have, so no metrics of this cluster were read`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := &Local{Reader: &everything{}}
			input := inspect.Input{}
			if err := l.openMetricsOf(t.Context(), withMetrics(tc.labels), target, &input); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(input.Usage.MatchLabels, tc.want) {
				t.Errorf("labels %v, want %v", input.Usage.MatchLabels, tc.want)
			}
			if len(input.Gaps) != 1 || !strings.Contains(input.Gaps[0].Message, tc.gap) {
				t.Errorf("gaps %+v, want %q", input.Gaps, tc.gap)
			}
		})
	}
}

func TestOneBackendIsNotReadAsThatOfEachCluster(t *testing.T) {
	for _, tc := range []struct {
		labels       map[string]string
		valid, needs bool
	}{
		{map[string]string{"cluster": "$(cluster.name)"}, true, false},
		{map[string]string{"a": "b", "cluster": "$(cluster.labels.id)"}, true, true},
		{map[string]string{"cluster": "prod"}, false, false},
		{nil, false, false},
	} {
		spec := &withMetrics(tc.labels).Spec
		err := checkMatchLabels(spec)
		if p := problem.As(err); tc.valid != (err == nil) || err != nil && (p == nil || p.Reason != v1alpha1.ReasonInvalidSpec) {
			t.Errorf("%v: %v", tc.labels, err)
		}
		if NeedsLabels(spec) != tc.needs {
			t.Errorf("%v: needs labels: %t", tc.labels, NeedsLabels(spec))
		}
	}
	if err := checkMatchLabels(&v1alpha1.InspectionSpec{}); err != nil {
		t.Error(err)
	}
}

func TestLabelsOfAClusterReachTheProcessThatReadsIt(t *testing.T) {
	labels := map[string]string{"region": "eu"}
	sent, err := json.Marshal(Job{Clusters: remoteClusters([]Target{{Name: "east", Labels: labels}})})
	if err != nil {
		t.Fatal(err)
	}
	var job Job
	if err := json.Unmarshal(sent, &job); err != nil {
		t.Fatal(err)
	}
	targets, err := job.targets(t.Context(), nil)
	if err != nil || len(targets) != 1 || !maps.Equal(targets[0].Labels, labels) {
		t.Errorf("%+v, %v", targets, err)
	}
}

package runner

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect"
	"kubeops.io/kubeops/internal/inspect/fleet"
	"kubeops.io/kubeops/internal/inspect/loganalysis"
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
			`the value of cluster uses label "zone", which ManagedCluster east does not have, so nothing was read from the backend`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := &Local{Reader: &everything{}}
			input := inspect.Input{}
			if err := l.openBackendsOf(t.Context(), withMetrics(tc.labels), target, &input); err != nil {
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
		err := checkShared(spec)
		if p := problem.As(err); tc.valid != (err == nil) || err != nil && (p == nil || p.Reason != v1alpha1.ReasonInvalidSpec) {
			t.Errorf("%v: %v", tc.labels, err)
		}
		if NeedsLabels(spec) != tc.needs {
			t.Errorf("%v: needs labels: %t", tc.labels, NeedsLabels(spec))
		}
	}
	if err := checkShared(&v1alpha1.InspectionSpec{}); err != nil {
		t.Error(err)
	}
}

func TestTheLinesOfEachClusterAreSelected(t *testing.T) {
	inspection := stored(v1alpha1.InspectionSpec{
		LogsRef: &v1alpha1.LocalReference{Name: elsewhere}, LogLabels: map[string]string{"cluster": "$(cluster.labels.zone)"},
	})
	l := &Local{Reader: &everything{}}
	input := inspect.Input{}
	if err := l.openBackendsOf(t.Context(), inspection, Target{Name: "east"}, &input); err != nil {
		t.Fatal(err)
	}
	if len(input.Gaps) != 1 || !strings.Contains(input.Gaps[0].Message, "spec.logLabels: the value of cluster uses label") || input.Logs != nil {
		t.Errorf("without the label: %+v", input.Gaps)
	}
	input = inspect.Input{}
	if err := l.openBackendsOf(t.Context(), inspection, Target{Name: "east", Labels: map[string]string{"zone": "a"}}, &input); err != nil {
		t.Fatal(err)
	}
	if len(input.Gaps) != 1 || !strings.Contains(input.Gaps[0].Message, "spec.logsRef.name") {
		t.Errorf("with the label: %+v", input.Gaps)
	}
	spec := &inspection.Spec
	if !NeedsLabels(spec) || checkShared(spec) != nil {
		t.Error("labels of the ManagedCluster do not count")
	}
	spec.LogLabels = map[string]string{"cluster": "prod"}
	if p := problem.As(checkShared(spec)); p == nil || !strings.Contains(p.Message, "spec.logLabels selects the same data for all clusters") {
		t.Errorf("got %v", p)
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

func TestClustersShareTheLinesOfARun(t *testing.T) {
	for _, tc := range []struct{ lines, clusters, want int }{
		{0, 1, loganalysis.DefaultMaxLines}, {0, 4, loganalysis.DefaultMaxLines / 4}, {50_000, 5, 10_000}, {50_000, 256, minLines},
		{loganalysis.MaxLines * 2, 2, loganalysis.MaxLines / 2},
	} {
		in := fleet.Input{Clusters: []fleet.Cluster{{Input: inspect.Input{LogAnalysis: &loganalysis.Options{MaxLines: tc.lines}}}, {}}}
		shareLines(&in, tc.clusters)
		if got := in.Clusters[0].Input.LogAnalysis.MaxLines; got != tc.want {
			t.Errorf("%d lines for %d clusters: %d each, want %d", tc.lines, tc.clusters, got, tc.want)
		}
	}
}

package trend

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

func TestSamplesThatStoppedAreToldFromAMissingMetric(t *testing.T) {
	ago := func(d time.Duration) metrics.Vector { return metrics.Vector{{Value: float64(noon().Add(-d).Unix())}} }
	capacity := capacitiesOf([]filesystems{claimSpace()}, "")
	for name, c := range map[string]struct {
		source  facts.Source
		names   []string
		instant map[string]metrics.Vector
		want    string
		reason  v1alpha1.GapReason
	}{
		"claims, never collected": {source: facts.SourceClaimFill, reason: v1alpha1.GapNotServed,
			want: "The metrics backend has no metric kubelet_volume_stats_available_bytes."},
		"claims, stopped": {source: facts.SourceClaimFill, reason: v1alpha1.GapIncomplete,
			instant: map[string]metrics.Vector{lastSampleOf("kubelet_volume_stats_available_bytes", ""): ago(76 * time.Hour)},
			want: "Samples of kubelet_volume_stats_available_bytes stopped: the last one is 3 days 4 hours before the end of the window, " +
				"at 2026-01-12T08:00:00Z."},
		"claims, stopped within the hour": {source: facts.SourceClaimFill, reason: v1alpha1.GapIncomplete,
			names: []string{"kubelet_volume_stats_available_bytes"}, instant: map[string]metrics.Vector{
				capacity: {}, lastSampleOf("kubelet_volume_stats_capacity_bytes", ""): ago(43 * time.Minute)},
			want: "Samples of kubelet_volume_stats_capacity_bytes stopped: the last one is 43 minutes before the end of the window, " +
				"at 2026-01-15T11:17:00Z."},
		"restarts, stopped": {source: facts.SourceRestarts, reason: v1alpha1.GapIncomplete,
			instant: map[string]metrics.Vector{lastSampleOf(restartsMetric, ""): ago(2 * time.Hour)},
			want: "Samples of kube_pod_container_status_restarts_total stopped: the last one is 2 hours before the end of the window, " +
				"at 2026-01-15T10:00:00Z."},
		"nodes, stopped": {source: facts.SourceNodeFill, reason: v1alpha1.GapIncomplete,
			instant: map[string]metrics.Vector{lastSampleOf("node_filesystem_avail_bytes", nodeMatchers): ago(90 * time.Minute)},
			want: "Samples of node_filesystem_avail_bytes stopped: the last one is 1 hour 30 minutes before the end of the window, " +
				"at 2026-01-15T10:30:00Z."},
		"a time that is none": {source: facts.SourceRestarts, reason: v1alpha1.GapNotServed,
			instant: map[string]metrics.Vector{lastSampleOf(restartsMetric, ""): ago(-time.Hour)},
			want:    "The metrics backend has no metric kube_pod_container_status_restarts_total."},
	} {
		t.Run(name, func(t *testing.T) {
			g := shop(t)
			f := &fake{t: t, names: c.names, instant: c.instant}
			gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(c.source)})
			if len(gaps) != 1 || gaps[0].Reason != c.reason || gaps[0].Remediation == "" || g.Provided(c.source) {
				t.Fatalf("provided %v, gaps %+v", g.Provided(c.source), gaps)
			}
			if diff := cmp.Diff(c.want, gaps[0].Message); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

package trend

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	gib = float64(1 << 30)
	day = 24 * time.Hour
)

func TestFillingClaimsAreForecast(t *testing.T) {
	claim := func(name string) metrics.Labels { return labelled("namespace", "shop", "persistentvolumeclaim", name) }
	falling := every(stepFill, historyFill, func(ago time.Duration) float64 { return (3 + ago.Hours()/24) * gib })
	f := &fake{
		t: t, names: []string{"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_inodes_free"},
		instant: map[string]metrics.Vector{
			`label_replace(max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes{}), "kubeops_kind", "space", "", "") ` +
				`or label_replace(max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_inodes{}), "kubeops_kind", "inodes", "", "")`: {
				ofKind(facts.FillSpace, claim("data"), 100*gib), ofKind(facts.FillSpace, claim("catalogue"), 10*gib),
				ofKind(facts.FillSpace, claim("elsewhere"), 10*gib), ofKind(facts.FillInodes, claim("data"), 0),
			},
		},
		ranged: map[string][]metrics.Series{
			"min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{})": {
				{
					Labels: claim("data"),
					Points: falling,
				}, {Labels: claim("catalogue"), Points: falling}, {Labels: claim("elsewhere"), Points: falling},
			},
			"min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_inodes_free{})": {{Labels: claim("data"), Points: falling}},
		},
	}
	g := shop(t)
	if gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceClaimFill)}); gaps != nil {
		t.Errorf("gaps: %v", gaps)
	}
	fills := g.Trends().Fills
	if len(fills) != 1 || fills[0].Object.Name != "data" || !fills[0].Forecast || fills[0].Until.Round(time.Hour) != 3*day ||
		fills[0].Free != 3*gib {
		t.Errorf("got %+v, want only data, full in 3 days", fills)
	}
	if !g.Provided(facts.SourceClaimFill) || g.Provided(facts.SourceNodeFill) {
		t.Error("wrong sources are marked as provided")
	}
}

func TestNearlyFullClaimNeedsNoForecast(t *testing.T) {
	data := labelled("namespace", "shop", "persistentvolumeclaim", "data")
	f := &fake{
		t: t, names: []string{"kubelet_volume_stats_available_bytes"},
		instant: map[string]metrics.Vector{
			`label_replace(max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes{cluster="a\"b",namespace=~"shop"}), ` +
				`"kubeops_kind", "space", "", "")`: {ofKind(facts.FillSpace, data, 100)},
		},
		ranged: map[string][]metrics.Series{
			`min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{cluster="a\"b",namespace=~"shop"})`: {
				{Labels: data, Points: every(stepFill, historyFill, func(time.Duration) float64 { return 2 })},
			},
		},
	}
	g := shop(t)
	Collect(t.Context(), Input{
		Provider: listing{
			f,
		}, Graph: g, Scope: scope.New(g, []string{"shop"}), MatchLabels: map[string]string{"cluster": `a"b`}, Wanting: wanting(facts.SourceClaimFill),
	})
	want := []facts.Fill{
		{Object: facts.Ref{Kind: facts.PVC, Namespace: "shop", Name: "data"}, What: facts.FillSpace, Free: 2, Capacity: 100},
	}
	if diff := cmp.Diff(want, g.Trends().Fills); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNodesAreForecastToTheEvictionThreshold(t *testing.T) {
	at := func(mountpoint string) metrics.Labels {
		return labelled("instance", "10.0.0.1:9100", "device", "/dev/sda1", "mountpoint", mountpoint)
	}
	// 13 of 100 GiB are free, 1 GiB less each day: in three days 10 % are left.
	falling := every(stepFill, historyFill, func(ago time.Duration) float64 { return (13 + ago.Hours()/24) * gib })
	half := len(falling) / 2
	f := &fake{
		t: t, names: []string{"node_filesystem_avail_bytes"},
		instant: map[string]metrics.Vector{
			capacitiesOf([]filesystems{nodeSpace()}, ""): {
				ofKind(facts.FillSpace, at("/var/lib/kubelet"), 100*gib), ofKind(facts.FillSpace, at("/"), 100*gib),
			},
		},
		ranged: map[string][]metrics.Series{
			// The node exporter was replaced halfway, and the disk is mounted twice.
			"min by (" + nodeLabels + ") (node_filesystem_avail_bytes{" + trim(nodeMatchers) + "})": {
				{
					Labels: at("/"),
					Points: falling[half:],
				}, {Labels: at("/"), Points: falling[:half]}, {Labels: at("/var/lib/kubelet"), Points: falling},
				{Labels: labelled("instance", "10.9.9.9:9100", "device", "/dev/sda1", "mountpoint", "/"), Points: falling},
			},
		},
	}
	g := shop(t)
	Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceNodeFill)})
	fills := g.Trends().Fills
	if len(fills) != 1 || fills[0].Object.Name != "node-1" || fills[0].Path != "/" || fills[0].Until.Round(time.Hour) != 3*day {
		t.Errorf("got %+v, want / of node-1 in 3 days", fills)
	}
}

func TestNodesFallBackToCAdvisor(t *testing.T) {
	labels := labelled("node", "node-1", "device", "/dev/vda1")
	by := "node, nodename, kubernetes_node, instance, device"
	in := `{id="/",device=~"/dev/.*"}`
	f := &fake{
		t: t, names: []string{"container_fs_limit_bytes"},
		instant: map[string]metrics.Vector{
			capacitiesOf([]filesystems{cadvisorSpace()}, ""): {ofKind(facts.FillSpace, labels, 100*gib)},
		},
		ranged: map[string][]metrics.Series{
			"min by (" + by + ") (container_fs_limit_bytes" + in + " - container_fs_usage_bytes" + in + ")": {
				{
					Labels: labels,
					Points: every(stepFill, historyFill, func(ago time.Duration) float64 { return (12 + ago.Hours()/24) * gib }),
				},
			},
		},
	}
	g := shop(t)
	Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceNodeFill)})
	if fills := g.Trends().Fills; len(fills) != 1 || fills[0].Until.Round(time.Hour) != 2*day {
		t.Errorf("got %+v", fills)
	}
}

func TestRestartsAreComparedByWorkloadAcrossItsPods(t *testing.T) {
	pod := func(name string) metrics.Labels { return labelled("namespace", "shop", "pod", name) }
	restarted := func(name string) metrics.Labels {
		return labelled("namespace", "shop", "pod", name, suspectLabel, string(facts.AnomalyRestarts))
	}
	const history = `sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total{namespace=~"shop"}[1h])) > 0 or ` +
		`count(kube_pod_container_status_restarts_total{namespace=~"shop"})`
	lately := func(from, to int, n float64) []metrics.Point {
		return every(time.Hour, time.Duration(from)*time.Hour, func(time.Duration) float64 { return n })[:from-to+1]
	}
	for name, tc := range map[string]struct {
		series []metrics.Series
		want   int
	}{
		"no restarts before, many now, across a replaced Pod": {
			[]metrics.Series{{Labels: pod("api-6d4cf56db6-x2k4p"), Points: lately(0, 0, 5)}, {Labels: pod("api-77b9f8c5d4-zzzzz"), Points: lately(2, 1, 6)}}, 1,
		},
		"frequent restarts as usual": {
			[]metrics.Series{{Labels: pod("api-6d4cf56db6-x2k4p"), Points: lately(15*24, 0, 5)}}, 0,
		},
		"one restart": {[]metrics.Series{{Labels: pod("api-6d4cf56db6-x2k4p"), Points: lately(0, 0, 1)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{
				t: t, names: []string{restartsMetric},
				instant: map[string]metrics.Vector{
					restarting(""): {
						{Labels: restarted("api-6d4cf56db6-x2k4p"), Value: 10}, {Labels: restarted("unknown-0"), Value: 10},
					},
				},
				ranged: map[string][]metrics.Series{
					history: append(tc.series, metrics.Series{Points: every(time.Hour, historyRestarts, func(time.Duration) float64 { return 9 })}),
				},
			}
			g := shop(t)
			Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceRestarts)})
			found := g.Trends().Anomalies
			if len(found) != tc.want {
				t.Fatalf("got %+v", found)
			}
			if tc.want > 0 &&
				(found[0].Object != facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "api"} || found[0].Now != 5.5 || found[0].Usual != 0) {
				t.Errorf("got %+v", found[0])
			}
		})
	}
}

func TestHealthyClusterNeedsOneQueryForRestarts(t *testing.T) {
	f := &fake{t: t, names: []string{restartsMetric}, instant: map[string]metrics.Vector{
		`label_replace(topk(1000, sum by (namespace, pod) (increase(kube_pod_container_status_restarts_total{}[2h])) >= 1), ` +
			`"kubeops_suspect", "restarts", "", "")`: {},
	}}
	g := shop(t)
	Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceRestarts)})
	if len(f.asked) != 2 || !g.Provided(facts.SourceRestarts) {
		t.Errorf("asked %v", f.asked)
	}
}

func TestErrorRatesAreJoinedToServices(t *testing.T) {
	outcome := func(of, service string) metrics.Labels {
		return labelled("namespace", "shop", "service", service, outcomeLabel, of)
	}
	r := rand.New(rand.NewPCG(1, 2))
	requests := every(stepRate, historyRate, func(time.Duration) float64 { return 10 + r.Float64() })
	failed := func(now float64) []metrics.Point {
		return every(stepRate, historyRate, func(ago time.Duration) float64 {
			if ago <= 4*stepRate {
				return now
			}
			return 0.001 + 0.001*r.Float64() // 0.01 %
		})
	}
	for name, tc := range map[string]struct {
		now  float64
		want int
	}{
		"from 0.01 % to 5 %":    {0.5, 1},
		"from 0.01 % to 0.05 %": {0.005, 0},
		"as usual":              {0.0015, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{
				t: t, names: []string{"http_requests_total"},
				labels: map[string][]string{"http_requests_total{}": {"__name__", "status", "namespace", "pod", "service"}},
				ranged: map[string][]metrics.Series{
					`label_replace(sum by (namespace, service) (rate(http_requests_total{status=~"5..|5xx"}[30m])) > 0, "kubeops_outcome", ` +
						`"failed", "", "") or label_replace(sum by (namespace, service) (rate(http_requests_total{}[30m])), ` +
						`"kubeops_outcome", "all", "", "")`: {
						{Labels: outcome("failed", "api"), Points: failed(tc.now)}, {Labels: outcome("failed", "gone"), Points: failed(5)},
						{Labels: outcome("all", "api"), Points: requests}, {Labels: outcome("all", "gone"), Points: requests},
					},
				},
			}
			g := shop(t)
			Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceErrors, facts.SourceLatency)})
			if found := g.Trends().Anomalies; len(found) != tc.want ||
				tc.want > 0 && found[0].Object != (facts.Ref{Kind: facts.Service, Namespace: "shop", Name: "api"}) {
				t.Errorf("got %+v", found)
			}
		})
	}
}

func TestLatencyByPodIsJoinedToTheWorkload(t *testing.T) {
	rate := func(le, metric string) string {
		return `sum by (` + le + `namespace, kubeops_owner) (label_replace(label_replace(rate(` + metric + `{}[30m]), "kubeops_owner", "$1", "pod", "(.+)"), ` +
			`"kubeops_owner", "$1", "pod", "` + ownerPattern + `"))`
	}
	expression := `histogram_quantile(0.95, ` + rate("le, ",
		"http_request_duration_seconds_bucket") + `) and on (namespace, kubeops_owner) (` +
		rate("", "http_requests_total") + ` * 1800 >= 20)`
	r := rand.New(rand.NewPCG(1, 2))
	f := &fake{
		t: t, names: []string{"http_requests_total", "http_request_duration_seconds_bucket"},
		labels: map[string][]string{"http_requests_total{}": {"__name__", "namespace", "pod"}},
		ranged: map[string][]metrics.Series{expression: {{
			Labels: labelled("namespace", "shop", "kubeops_owner", "api-db"),
			Points: every(stepRate, historyRate, func(ago time.Duration) float64 {
				if ago < 2*time.Hour {
					return 0.9
				}
				return 0.1 + 0.05*r.Float64()
			}),
		}}},
	}
	g := shop(t)
	Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceErrors, facts.SourceLatency)})
	found := g.Trends().Anomalies
	if len(found) != 1 || found[0].Object != (facts.Ref{Kind: facts.StatefulSet, Namespace: "shop", Name: "api-db"}) ||
		found[0].Season != string(ByHourOfWeek) {
		t.Errorf("got %+v", found)
	}
}

func TestQueriesOverBudgetAreSplit(t *testing.T) {
	falling := every(stepFill, historyFillShort, func(ago time.Duration) float64 { return (3 + ago.Hours()/24) * gib })
	data := labelled("namespace", "shop", "persistentvolumeclaim", "data")
	answer := []metrics.Series{{Labels: data, Points: falling}}
	expression := func(in string) string {
		return "min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{" + in + "})"
	}
	var spans []string
	f := &fake{
		t: t, names: []string{"kubelet_volume_stats_available_bytes"},
		instant: map[string]metrics.Vector{
			capacitiesOf([]filesystems{claimSpace()}, ""): {ofKind(facts.FillSpace, data, 100*gib)},
		},
		ranged: map[string][]metrics.Series{expression(`namespace=~"shop"`): answer, expression(`namespace=~"monitoring"`): nil},
		refuse: func(asked string, span metrics.Range) error {
			spans = append(spans, span.End.Sub(span.Start).String())
			if asked == expression("") {
				return tooLarge()
			}
			return nil
		},
	}
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceClaimFill)})
	if diff := cmp.Diff([]string{"672h0m0s", "120h0m0s", "120h0m0s", "120h0m0s"}, spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if len(gaps) > 0 || len(g.Trends().Fills) != 1 {
		t.Errorf("gaps %v, fills %v", gaps, g.Trends().Fills)
	}
	f.refuse = func(string, metrics.Range) error { return tooLarge() }
	gaps = Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceClaimFill)})
	if len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapIncomplete || !strings.Contains(string(gaps[0].Remediation), "queryBudget") {
		t.Errorf("gaps %v", gaps)
	}
}

// broken is a backend that always returns the same error.
type broken struct {
	reason string
	calls  int
}

func (b *broken) fail() error {
	b.calls++
	return problem.Retrying(b.reason, nil, "it failed")
}
func (b *broken) Probe(context.Context) (metrics.Health, error) { return metrics.Health{}, b.fail() }
func (b *broken) Query(context.Context, string, time.Time) (metrics.Vector, error) {
	return nil, b.fail()
}
func (b *broken) QueryRange(context.Context, string, metrics.Range) ([]metrics.Series, error) {
	return nil, b.fail()
}
func (b *broken) Close() {}

func TestQueriesStopAfterFatalErrors(t *testing.T) {
	all := wanting(facts.SourceClaimFill, facts.SourceNodeFill, facts.SourceErrors, facts.SourceLatency, facts.SourceRestarts,
		facts.SourceAlerts, facts.SourceTargets)
	for reason, tc := range map[string]struct {
		calls int
		want  v1alpha1.GapReason
	}{
		v1alpha1.ReasonUnreachable:     {1, v1alpha1.GapUnavailable},
		v1alpha1.ReasonUnauthorized:    {1, v1alpha1.GapForbidden},
		v1alpha1.ReasonTimeout:         {2, v1alpha1.GapTimedOut},
		v1alpha1.ReasonServerError:     {3, v1alpha1.GapUnavailable},
		v1alpha1.ReasonInvalidResponse: {3, v1alpha1.GapUnreadable},
	} {
		t.Run(reason, func(t *testing.T) {
			b := &broken{reason: reason}
			gaps := Collect(t.Context(), Input{Provider: b, Graph: shop(t), Backend: backend(), Wanting: all})
			if b.calls != tc.calls {
				t.Errorf("%d queries, want %d", b.calls, tc.calls)
			}
			hurt := map[string]bool{}
			for _, gap := range gaps {
				if gap.Reason != tc.want || gap.Message == "" || gap.Remediation == "" {
					t.Errorf("gap %+v", gap)
				}
				for _, id := range gap.Checks {
					hurt[id] = true
				}
			}
			if len(hurt) != len(all) {
				t.Errorf("gaps list %d of %d checks", len(hurt), len(all))
			}
		})
	}
}

func TestMissingMetricsAreGaps(t *testing.T) {
	f := &fake{t: t}
	g := shop(t)
	wanted := wanting(facts.SourceClaimFill, facts.SourceNodeFill, facts.SourceErrors, facts.SourceLatency, facts.SourceRestarts)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanted})
	var sources []string
	for _, gap := range gaps {
		if gap.Reason != v1alpha1.GapNotServed {
			t.Errorf("gap %+v", gap)
		}
		sources = append(sources, gap.Source)
	}
	want := []string{
		"metrics: kubelet_volume_stats_available_bytes", "metrics: node_filesystem_avail_bytes", "metrics: kube_pod_container_status_restarts_total",
	}
	if diff := cmp.Diff(want, sources); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, s := range sourcesOf(wanted) {
		if g.Provided(s) {
			t.Errorf("%s is marked as provided", s)
		}
	}
}

func TestNoQueriesWithoutChecks(t *testing.T) {
	f := &fake{t: t}
	g := shop(t)
	if gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g}); gaps != nil || len(f.asked) > 0 || g.Trends() != nil ||
		g.Alerts() != nil {
		t.Errorf("asked %v", f.asked)
	}
}

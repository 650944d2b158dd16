package telemetry

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// toldOfTrends runs one check over a graph to which a back end has told something, and writes what it found as checktest.Text does.
func toldOfTrends(t *testing.T, id, documents string, trends *facts.Trends, alerts *facts.Alerts) string {
	t.Helper()
	i := slices.IndexFunc(Checks(), func(c check.Check) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("there is no check %s", id)
	}
	g := testkit.Graph(t, documents)
	g.SetTrends(trends)
	g.SetAlerts(alerts)
	for _, source := range Checks()[i].Sources {
		g.Provide(source)
	}
	findings, ran, gaps := check.Run(g, Checks()[i:i+1], check.DefaultParams())
	if len(gaps) > 0 || ran != 1 {
		t.Fatalf("%d ran, gaps %v", ran, gaps)
	}
	var text strings.Builder
	for _, f := range findings {
		if f.Remediation == "" {
			t.Errorf("no remediation on %s", f.Object)
		}
		fmt.Fprintf(&text, "%s %s [%s]: %s\n", f.Severity, f.Object, f.Discriminator, f.Message)
		for _, e := range f.Evidence {
			fmt.Fprintf(&text, "  %s: %s\n", e.Source, e.Text)
		}
	}
	return text.String()
}

func claimRef() facts.Ref {
	return facts.Ref{Kind: facts.PVC, Namespace: "shop", Name: "data"}
}

const expandableClaim = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {storageClassName: fast}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: fast}
provisioner: example.com/fast
allowVolumeExpansion: true
---
`

func TestAVolumeThatFillsUpIsReported(t *testing.T) {
	const gib = 1 << 30
	fill := func(until time.Duration) facts.Fill {
		return facts.Fill{
			Object: claimRef(), What: facts.FillSpace, Free: 6 * gib, Capacity: 100 * gib, Forecast: true, Until: until, Earliest: until * 3 / 4,
			Latest: until * 2, PerDay: 2 * gib, History: 14 * 24 * time.Hour,
		}
	}
	finding := func(severity string) []string {
		return []string{
			severity + " PersistentVolumeClaim/shop/data [space]: PersistentVolumeClaim data is filling up: at its current rate it " +
				"will soon be full.",
			"  metric: 6.0 GiB free of 100.0 GiB (6.0 %)",
		}
	}
	bursts := fill(3 * 24 * time.Hour)
	bursts.Latest, bursts.Cycles = 0, 5
	inodes := facts.Fill{
		Object:   claimRef(),
		What:     facts.FillInodes,
		Free:     100,
		Capacity: 1000,
		Forecast: true,
		Until:    5 * 24 * time.Hour,
		Earliest: 4 * 24 * time.Hour,
		Latest:   6 * 24 * time.Hour,
		PerDay:   20,
		History:  9 * 24 * time.Hour,
	}
	full := facts.Fill{Object: claimRef(), What: facts.FillSpace, Free: 2 * gib, Capacity: 100 * gib}
	node := facts.Fill{
		Object:   facts.Ref{Kind: facts.Node, Name: "node-1"},
		What:     facts.FillSpace,
		Path:     "/var",
		Free:     6 * gib,
		Capacity: 100 * gib,
		Forecast: true,
		Until:    47 * time.Hour,
		Earliest: 40 * time.Hour,
		Latest:   72 * time.Hour,
		PerDay:   gib,
		History:  14 * 24 * time.Hour,
	}
	for name, tc := range map[string]struct {
		check string
		fill  facts.Fill
		want  string
	}{
		"in six days": {"pvc-filling-up", fill(6 * 24 * time.Hour), checktest.Lines(append(finding("medium"),
			"  metric: decreases by 2.0 GiB a day over 14.0 days: 6.0 days left (90 % interval: 4.5 days to 12.0 days)")...)},
		"in three days": {"pvc-filling-up", fill(3 * 24 * time.Hour), checktest.Lines(append(finding("high"),
			"  metric: decreases by 2.0 GiB a day over 14.0 days: 3.0 days left (90 % interval: 2.2 days to 6.0 days)")...)},
		"within a day": {"pvc-filling-up", fill(20 * time.Hour), checktest.Lines(append(finding("critical"),
			"  metric: decreases by 2.0 GiB a day over 14.0 days: 20 h left (90 % interval: 15 h to 40 h)")...)},
		"in bursts, and cleaned": {"pvc-filling-up", bursts, checktest.Lines(append(finding("high"),
			"  metric: decreases by 2.0 GiB a day over 14.0 days: 3.0 days left (90 % interval: 2.2 days at the earliest; the rate is "+
				"unsteady and may not last)",
			"  metric: cleaned up 5 times in that period; the free amount before each cleanup decreases")...)},
		"of inodes": {"pvc-filling-up", inodes, checktest.Lines(
			"medium PersistentVolumeClaim/shop/data [inodes]: PersistentVolumeClaim data is filling up: at its current rate it will "+
				"soon have no inodes left.",
			"  metric: 100 inodes free of 1000 inodes (10.0 %)",
			"  metric: decreases by 20 inodes a day over 9.0 days: 5.0 days left (90 % interval: 4.0 days to 6.0 days)")},
		"nearly full is no forecast": {"pvc-filling-up", full, ""},
		"nearly full": {"pvc-nearly-full", full, checktest.Lines(
			"high PersistentVolumeClaim/shop/data [space]: PersistentVolumeClaim data is nearly full.",
			"  metric: 2.0 GiB free of 100.0 GiB (2.0 %)")},
		"not nearly full": {"pvc-nearly-full", fill(20 * time.Hour), ""},
		"a node": {"node-disk-filling-up", node, checktest.Lines(
			"high Node/node-1 [space /var]: Node node-1 is filling up: at the current rate /var will soon be so low on space that the "+
				"kubelet evicts Pods.",
			"  metric: 6.0 GiB free of 100.0 GiB (6.0 %)",
			"  metric: decreases by 1.0 GiB a day over 14.0 days: 47 h left (90 % interval: 40 h to 3.0 days)")},
		"a claim is no node": {"node-disk-filling-up", fill(time.Hour), ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, toldOfTrends(t, tc.check, expandableClaim, &facts.Trends{Fills: []facts.Fill{tc.fill}}, nil)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestUnusualMetricsAreReported(t *testing.T) {
	api := facts.Ref{Kind: facts.Service, Namespace: "shop", Name: "api"}
	trends := &facts.Trends{Anomalies: []facts.Anomaly{
		{
			Object:  api,
			Kind:    facts.AnomalyErrors,
			Metric:  "http_requests_total",
			Now:     0.251,
			Usual:   0.0004,
			Score:   41.234,
			Season:  "hour of week",
			History: 22 * 24 * time.Hour,
		},
		{
			Object:  api,
			Kind:    facts.AnomalyErrors,
			Metric:  "istio_requests_total",
			Now:     0.02,
			Usual:   0.0004,
			Score:   41.234,
			Season:  "hour of week",
			History: 22 * 24 * time.Hour,
		},
		{
			Object:  api,
			Kind:    facts.AnomalyLatency,
			Metric:  "m",
			Now:     1.2,
			Usual:   0.1,
			Score:   math.Inf(1),
			Season:  "hour of day",
			History: 7 * 24 * time.Hour,
		},
		{
			Object:  api,
			Kind:    facts.AnomalyRestarts,
			Metric:  "r",
			Now:     5.5,
			Usual:   0,
			Score:   11,
			Season:  "all earlier values",
			History: 47 * time.Hour,
		},
		{Object: api, Kind: facts.AnomalyTrafficDrop, Metric: "q", Now: 0, Usual: 12.5, Score: 20, Season: "hour of week", History: 21 * 24 * time.Hour},
		{
			Object: api, Kind: facts.AnomalyTrafficSurge, Metric: "q", Now: 50, Usual: 12.5, Score: 20, Season: "hour of day",
			History: 7 * 24 * time.Hour, Lasts: 75 * time.Hour,
		},
		{
			Object: api, Kind: facts.AnomalyCPU, Metric: "c", Now: 2, Usual: 0.25, Score: 20, Season: "hour of day", History: 7 * 24 * time.Hour,
		},
		{
			Object: api, Kind: facts.AnomalyMemory, Metric: "w", Now: 3 << 30, Usual: 1 << 30, Score: 20, Season: "hour of day",
			History: 7 * 24 * time.Hour,
		},
	}}
	for id, want := range map[string]string{
		"error-rate-anomaly": checktest.Lines(
			"high Service/shop/api [http_requests_total]: Requests to Service api fail far more often than usual.",
			"  metric: http_requests_total: 25.1 %, usually 0.04 %",
			"  metric: compared by hour of week over 22.0 days; 41.2 robust deviations above",
			"medium Service/shop/api [istio_requests_total]: Requests to Service api fail far more often than usual.",
			"  metric: istio_requests_total: 2 %, usually 0.04 %",
			"  metric: compared by hour of week over 22.0 days; 41.2 robust deviations above"),
		"latency-anomaly": checktest.Lines(
			"medium Service/shop/api [m]: Requests to Service api take far longer than usual.",
			"  metric: m: 1200 ms, usually 100 ms",
			"  metric: compared by hour of day over 7.0 days"),
		"traffic-drop": checktest.Lines(
			"medium Service/shop/api [q]: Service api gets far fewer requests than usual.",
			"  metric: q: 0 a second, usually 12.5 a second",
			"  metric: compared by hour of week over 21.0 days; 20 robust deviations below"),
		"traffic-surge": checktest.Lines(
			"low Service/shop/api [q]: Service api gets far more requests than usual.",
			"  metric: q: 50 a second, usually 12.5 a second",
			"  metric: compared by hour of day over 7.0 days; 20 robust deviations above",
			"  metric: for 3.1 days"),
		"cpu-anomaly": checktest.Lines(
			"low Service/shop/api [c]: Containers of Service api use far more CPU than usual.",
			"  metric: c: 2 cores, usually 0.25 cores",
			"  metric: compared by hour of day over 7.0 days; 20 robust deviations above"),
		"memory-anomaly": checktest.Lines(
			"medium Service/shop/api [w]: Containers of Service api use far more memory than usual.",
			"  metric: w: 3.0 GiB, usually 1.0 GiB",
			"  metric: compared by hour of day over 7.0 days; 20 robust deviations above"),
		"restart-anomaly": checktest.Lines(
			"medium Service/shop/api [r]: Containers of Service api restart far more often than usual.",
			"  metric: r: 5.5 an hour, usually 0 an hour",
			"  metric: compared by all earlier values over 47 h; 11 robust deviations above"),
	} {
		if diff := cmp.Diff(want, toldOfTrends(t, id, "", trends, nil)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		if got := toldOfTrends(t, id, "", &facts.Trends{}, nil); got != "" {
			t.Errorf("%s found without an anomaly:\n%s", id, got)
		}
	}
}

func TestFiringAlertsAreReported(t *testing.T) {
	main := facts.Ref{Kind: facts.CustomKind("kubeops.io", "MetricsBackend"), Namespace: "ops", Name: "main"}
	api := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "api"}
	since := time.Date(2026, 1, 15, 9, 0, 0, 0, time.UTC)
	alerts := &facts.Alerts{
		Backend: main, MoreDown: 4,
		Firing: []facts.FiringAlert{
			{
				Name:      "PodDown",
				Object:    api,
				Severity:  "page",
				Count:     3,
				Since:     since,
				Summaries: []string{"3 of 5 are down (60%)"},
				Labels:    []string{"pod=a"},
			},
			{Name: "Note", Object: api, Severity: "info", Count: 1},
			{Name: "Odd", Object: main, Severity: "P3", Count: 1},
		},
		Down: []facts.DownTarget{
			{Object: api, Job: "api", Instances: []string{"a:1", "b:1", "c:1", "d:1"}, Error: "connection refused"},
			{Object: main, Job: "far", Instances: []string{"x:1"}},
		},
		BrokenRules: []facts.BrokenRule{{Group: "g", Name: "Bad", Alerting: true, Error: "many-to-many"}, {Group: "g", Name: "job:x"}},
	}
	for id, want := range map[string]string{
		"alert-firing": checktest.Lines(
			"high Deployment/shop/api [PodDown]: Alert PodDown is firing for Deployment api.",
			"  metric: 3 of 5 are down (60%)",
			"  metric: firing for 3 series, since 2026-01-15T09:00:00Z; severity page; pod=a",
			"info Deployment/shop/api [Note]: Alert Note is firing for Deployment api.",
			"  metric: firing; severity info",
			"medium MetricsBackend.kubeops.io/ops/main [Odd]: Alert Odd is firing, but its labels match no object that was read.",
			"  metric: firing; severity P3"),
		"scrape-target-down": checktest.Lines(
			"medium Deployment/shop/api [api]: Scrape targets of job api on Deployment api are down.",
			"  metric: 4 down: a:1, b:1, c:1",
			"  metric: connection refused",
			"medium MetricsBackend.kubeops.io/ops/main [far]: Scrape targets of job far are down; their labels match no object that "+
				"was read.",
			"  metric: 1 down: x:1",
			"medium MetricsBackend.kubeops.io/ops/main [/more]: More scrape targets are down than are listed here.",
			"  metric: 4 more down"),
		"alert-rule-failing": checktest.Lines(
			"medium MetricsBackend.kubeops.io/ops/main [g/Bad]: Alert Bad of group g cannot be evaluated and never fires.",
			"  metric: many-to-many",
			"low MetricsBackend.kubeops.io/ops/main [g/job:x]: Recording rule job:x of group g cannot be evaluated."),
	} {
		if diff := cmp.Diff(want, toldOfTrends(t, id, "", nil, alerts)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", id, diff)
		}
		if got := toldOfTrends(t, id, "", nil, &facts.Alerts{}); got != "" {
			t.Errorf("%s found nothing to be wrong, and said:\n%s", id, got)
		}
	}
}

func TestChecksOfBackEndsDoNotRunWithoutOne(t *testing.T) {
	selected := slices.DeleteFunc(Checks(), func(c check.Check) bool { return len(c.Sources) == 0 })
	if findings, ran, gaps := check.Run(testkit.Graph(t, ""), selected, check.DefaultParams()); len(findings) > 0 || ran > 0 ||
		len(gaps) > 0 {
		t.Errorf("%d ran, found %v, gaps %v", ran, findings, gaps)
	}
}

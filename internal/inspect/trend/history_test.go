package trend

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
)

// historyOf returns the messages of gaps about histories.
func historyOf(t *testing.T, gaps []facts.Gap) []string {
	t.Helper()
	var messages []string
	for _, gap := range gaps {
		if gap.Reason != v1alpha1.GapIncomplete || !gap.Optional || gap.Remediation == "" || len(gap.Checks) != 1 {
			t.Errorf("gap %+v", gap)
		}
		messages = append(messages, fmt.Sprintf("%s: %s %s", strings.Join(gap.Checks, ", "), gap.Message, gap.Remediation))
	}
	return messages
}

// TestTooLittleHistoryIsAGapForEachCheck has requests of many Services, and durations, since a time.
func TestTooLittleHistoryIsAGapForEachCheck(t *testing.T) {
	const (
		wait = "Wait: the first of them can be evaluated from %s on, if the metrics backend keeps samples for %s."
		text = "check-metrics/%s: The history of %s is too short in %s: the longest begins %s before the end of the window, at %s; " +
			"%s are needed to compare with. " + wait
	)
	gap := func(source, metric, of, span, since, need, at string) string {
		return fmt.Sprintf(text, source, metric, of, span, since, need, at, need)
	}
	const total, buckets = "http_requests_total", "http_request_duration_seconds_bucket"
	for name, c := range map[string]struct {
		// spans of history of each Service, and created, how long before now they were created.
		spans   []time.Duration
		created time.Duration
		want    []string
	}{
		"five minutes": {spans: []time.Duration{0, 0, 0}, want: []string{
			gap("errors", total, "all series", "less than a minute", "2026-01-15T12:00:00Z", "1 day 3 hours", "2026-01-16T15:00:00Z"),
			gap("traffic", total, "all series", "less than a minute", "2026-01-15T12:00:00Z", "8 days", "2026-01-23T11:30:00Z"),
			gap("traffic-drop", total, "all series", "less than a minute", "2026-01-15T12:00:00Z", "21 days 18 hours", "2026-02-06T06:00:00Z"),
			gap("latency", buckets, "all series", "less than a minute", "2026-01-15T12:00:00Z", "1 day 3 hours", "2026-01-16T15:00:00Z"),
		}},
		"two days": {spans: []time.Duration{48 * time.Hour}, want: []string{
			gap("traffic", total, "all series", "2 days", "2026-01-13T12:00:00Z", "8 days", "2026-01-21T11:30:00Z"),
			gap("traffic-drop", total, "all series", "2 days", "2026-01-13T12:00:00Z", "21 days 18 hours", "2026-02-04T06:00:00Z"),
		}},
		"four weeks": {spans: []time.Duration{historyRate, historyRate}},
		"one of an old Service began late": {spans: []time.Duration{historyRate, 24 * time.Hour, historyRate}, created: 90 * day, want: []string{
			gap("errors", total, "1 of 3 series", "1 day", "2026-01-14T12:00:00Z", "1 day 3 hours", "2026-01-15T15:00:00Z"),
			gap("traffic", total, "1 of 3 series", "1 day", "2026-01-14T12:00:00Z", "8 days", "2026-01-22T11:30:00Z"),
			gap("traffic-drop", total, "1 of 3 series", "1 day", "2026-01-14T12:00:00Z", "21 days 18 hours", "2026-02-05T06:00:00Z"),
			gap("latency", buckets, "1 of 3 series", "1 day", "2026-01-14T12:00:00Z", "1 day 3 hours", "2026-01-15T15:00:00Z"),
		}},
		"one of a new Service": {spans: []time.Duration{historyRate, 24 * time.Hour, historyRate}, created: 25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := shapeOf(sources()[0], []string{"code", "namespace", "service"})
			g, series := servicesSince(t, c.spans, c.created)
			f := &fake{
				t: t, names: []string{total, buckets}, labels: map[string][]string{total + "{}": {"code", "namespace", "service"}},
				ranged: map[string][]metrics.Series{s.requestRates(""): series, s.durations(""): series},
			}
			gaps := Collect(t.Context(), Input{
				Provider: listing{f}, Graph: g,
				Wanting: wanting(facts.SourceErrors, facts.SourceTraffic, facts.SourceTrafficDrop, facts.SourceLatency),
			})
			if diff := cmp.Diff(c.want, historyOf(t, gaps)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if found := g.Trends().Anomalies; len(found) > 0 {
				t.Errorf("found %+v", found)
			}
		})
	}
}

// servicesSince has a Service with constant requests for each span.
func servicesSince(t *testing.T, spans []time.Duration, created time.Duration) (*facts.Graph, []metrics.Series) {
	t.Helper()
	var objects strings.Builder
	var series []metrics.Series
	for i, span := range spans {
		stamp := ""
		if created > 0 {
			stamp = ", creationTimestamp: " + noon().Add(-created).Format(time.RFC3339)
		}
		fmt.Fprintf(&objects, "apiVersion: v1\nkind: Service\nmetadata: {name: web-%d, namespace: shop%s}\n---\n", i, stamp)
		series = append(series, metrics.Series{
			Labels: labelled("namespace", "shop", "service", fmt.Sprintf("web-%d", i), outcomeLabel, outcomeAll),
			Points: every(stepRate, span, func(time.Duration) float64 { return 50 }),
		})
	}
	return testkit.Graph(t, objects.String()), series
}

// TestAHistoryIsSparseIfNoAnomalyCanBeSeenInIt has Services whose newest values are unusual: each is found, or known to be too sparse.
func TestAHistoryIsSparseIfNoAnomalyCanBeSeenInIt(t *testing.T) {
	steady := func(time.Duration) float64 { return 1 }
	for name, c := range map[string]struct {
		spans time.Duration
		keep  func(ago time.Duration) bool
		want  bool
	}{
		"all of 28 hours":           {spans: 28 * time.Hour, keep: func(time.Duration) bool { return true }},
		"each second of two days":   {spans: 2 * day, keep: func(ago time.Duration) bool { return ago%time.Hour == 0 }, want: true},
		"each second of three days": {spans: 3 * day, keep: func(ago time.Duration) bool { return ago%time.Hour == 0 }},
		"each fourth, but all today": {
			spans: 8 * day, keep: func(ago time.Duration) bool { return ago < day || ago%(2*time.Hour) == 0 }, want: true,
		},
	} {
		var points []metrics.Point
		for _, p := range every(stepRate, c.spans, steady) {
			ago := noon().Sub(p.Time)
			if ago < 2*time.Hour {
				p.Value = 100
			}
			if ago < 2*time.Hour || c.keep(ago) || ago == c.spans {
				points = append(points, p)
			}
		}
		first, _ := firstOf(points)
		if got := sparse(points, first, noon(), Rules{Step: stepRate}); got != c.want {
			t.Errorf("%s: sparse %v, want %v", name, got, c.want)
		}
		if found, ok := Anomalous(points, noon(), Rules{Step: stepRate}); ok == c.want {
			t.Errorf("%s: found %+v", name, found)
		}
	}
}

// TestAHistoryOfWhichMostSamplesAreMissingIsAGap has Services that are measured in a part of the half hours, now among them.
func TestAHistoryOfWhichMostSamplesAreMissingIsAGap(t *testing.T) {
	for name, c := range map[string]struct {
		keep    func(ago time.Duration) bool
		missing bool
	}{
		"each tenth": {keep: func(ago time.Duration) bool { return ago%(5*time.Hour) == 0 }, missing: true},
		"only a month ago and now": {keep: func(ago time.Duration) bool {
			return ago < 2*time.Hour || ago > historyRate-12*time.Hour
		}, missing: true},
		"each eighth":   {keep: func(ago time.Duration) bool { return ago%(4*time.Hour) == 0 }, missing: true},
		"each second":   {keep: func(ago time.Duration) bool { return ago%time.Hour == 0 }},
		"working hours": {keep: func(ago time.Duration) bool { return ago%day < 9*time.Hour }},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := shapeOf(sources()[0], []string{"code", "namespace", "service"})
			g, series := servicesSince(t, []time.Duration{historyRate, historyRate}, 90*day)
			for i, p := range series[1].Points {
				if !c.keep(noon().Sub(p.Time)) {
					series[1].Points[i].Value = math.NaN()
				}
			}
			// All fail now: a guess would report it.
			last := series[1].Points[len(series[1].Points)-2:]
			failed := metrics.Series{Labels: maps.Clone(series[1].Labels), Points: slices.Clone(last)}
			failed.Labels[outcomeLabel] = outcomeFailed
			f := &fake{
				t: t, names: []string{"http_requests_total"},
				labels: map[string][]string{"http_requests_total{}": {"code", "namespace", "service"}},
				ranged: map[string][]metrics.Series{s.requestRates(""): append(series, failed)},
			}
			gaps := Collect(t.Context(), Input{
				Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceErrors, facts.SourceTraffic, facts.SourceTrafficDrop),
			})
			if found := g.Trends().Anomalies; (len(found) > 0) == c.missing {
				t.Errorf("found %+v", found)
			}
			var want []facts.Gap
			if c.missing {
				want = []facts.Gap{{
					Source: "metrics: history of http_requests_total", Reason: v1alpha1.GapIncomplete, Optional: true,
					Checks: []string{"check-metrics/errors", "check-metrics/traffic", "check-metrics/traffic-drop"},
					Message: "Most samples of http_requests_total are missing in 1 of 2 series: they have some in less than a third of the time " +
						"since the first, or in less than 1 day of it, which is too little to compare with.",
					Remediation: "Check how often the metrics backend scrapes their targets (`up`), and whether their Pods run only for a part " +
						"of the time: many count nothing between a restart and the next request.",
				}}
			}
			if diff := cmp.Diff(want, gaps); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// TestLatenciesOfSparseRequestsAreAGap has two Services without percentiles at night: one has no samples then, the other few requests.
func TestLatenciesOfSparseRequestsAreAGap(t *testing.T) {
	s, _ := shapeOf(sources()[0], []string{"code", "namespace", "service"})
	g, requests := servicesSince(t, []time.Duration{historyRate, historyRate}, 90*day)
	_, durations := servicesSince(t, []time.Duration{historyRate, historyRate}, 90*day)
	for i := range durations {
		for k, p := range durations[i].Points {
			if noon().Sub(p.Time)%day >= 4*time.Hour {
				durations[i].Points[k].Value = math.NaN()
				if i == 0 {
					requests[i].Points[k].Value = math.NaN()
				}
			}
		}
	}
	f := &fake{
		t: t, names: []string{"http_requests_total", "http_request_duration_seconds_bucket"},
		labels: map[string][]string{"http_requests_total{}": {"code", "namespace", "service"}},
		ranged: map[string][]metrics.Series{s.requestRates(""): requests, s.durations(""): durations},
	}
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceErrors, facts.SourceLatency)})
	var got []string
	for _, gap := range gaps {
		before, _, _ := strings.Cut(gap.Message, ":")
		got = append(got, fmt.Sprint(gap.Checks, before))
	}
	want := []string{
		"[check-metrics/errors]Most samples of http_requests_total are missing in 1 of 2 series",
		"[check-metrics/latency]Most samples of http_request_duration_seconds_bucket are missing in 1 of 2 series",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSparseSeriesAreBoundedWhateverTheClockWas(t *testing.T) {
	at := func(ago time.Duration) metrics.Point { return metrics.Point{Time: noon().Add(-ago), Value: 1} }
	full := every(stepRate, historyRate, func(time.Duration) float64 { return 1 })
	for name, c := range map[string]struct {
		points []metrics.Point
		want   bool
	}{
		"all measured":                    {points: full},
		"later than now":                  {points: []metrics.Point{at(-time.Hour)}},
		"one, decades ago":                {points: []metrics.Point{at(50 * 365 * day)}, want: true},
		"all measured, and one years ago": {points: append(slices.Clone(full), at(9*365*day))},
		"many at one time":                {points: slices.Repeat([]metrics.Point{at(0), at(historyRate)}, 1000), want: true},
	} {
		first, _ := firstOf(c.points)
		if got := sparse(c.points, first, noon(), Rules{Step: stepRate}); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestAHistoryThatTheQueryBudgetShortensIsAGap(t *testing.T) {
	s, _ := shapeOf(sources()[0], []string{"code", "namespace", "service"})
	g, series := servicesSince(t, []time.Duration{historyRateShort}, 0)
	f := &fake{
		t: t, names: []string{"http_requests_total"}, labels: map[string][]string{"http_requests_total{}": {"code", "namespace", "service"}},
		ranged: map[string][]metrics.Series{s.requestRates(""): series},
		refuse: func(_ string, span metrics.Range) error {
			if span.End.Sub(span.Start) > historyRateShort {
				return tooLarge()
			}
			return nil
		},
	}
	gaps := Collect(t.Context(), Input{
		Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceErrors, facts.SourceTraffic, facts.SourceTrafficDrop),
	})
	want := []string{"check-metrics/traffic-drop: Only the last 8 days of http_requests_total were read, because more exceeds the query " +
		"budget; 21 days 18 hours are needed to compare with. Raise spec.queryBudget of the MetricsBackend, or inspect fewer namespaces " +
		"per Inspection."}
	if diff := cmp.Diff(want, historyOf(t, gaps)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestTooLittleHistoryOfVolumesIsAGap(t *testing.T) {
	data := labelled("namespace", "shop", "persistentvolumeclaim", "data")
	f := &fake{
		t: t, names: []string{claimSpace().free},
		instant: map[string]metrics.Vector{capacitiesOf([]filesystems{claimSpace()}, ""): {ofKind(facts.FillSpace, data, 100*gib)}},
		ranged: map[string][]metrics.Series{
			"min by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes{})": {
				{Labels: data, Points: every(stepFill, day, func(ago time.Duration) float64 { return (1 + ago.Hours()/24) * gib })},
			},
		},
	}
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceClaimFill, facts.SourceClaimFree)})
	want := []string{"check-metrics/claim-fill: The history of kubelet_volume_stats_available_bytes is too short in all series: the longest " +
		"begins 1 day before the end of the window, at 2026-01-14T12:00:00Z; 3 days 12 hours are needed to compare with. Wait: the first " +
		"of them can be evaluated from 2026-01-18T00:00:00Z on, if the metrics backend keeps samples for 3 days 12 hours."}
	if diff := cmp.Diff(want, historyOf(t, gaps)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if fills := g.Trends().Fills; len(fills) != 1 || fills[0].Forecast {
		t.Errorf("fills %+v, want one that is nearly full", fills)
	}
}

func TestTooLittleHistoryOfSuspectsIsAGap(t *testing.T) {
	pod := labelled("namespace", "shop", "pod", "api-6d4cf56db6-x2k4p", suspectLabel, string(facts.AnomalyRestarts))
	since := every(stepRestarts, 5*time.Hour, func(time.Duration) float64 { return 1 })
	f := &fake{
		t: t, names: []string{restartsMetric, cpuMetric}, instant: map[string]metrics.Vector{
			restarting("") + " or " + risenUsage(""): {{Labels: pod, Value: 9}},
			firstUsage(""):                           {{Value: float64(noon().Add(-5 * time.Minute).Unix())}},
		},
		ranged: map[string][]metrics.Series{restartHistory(`namespace=~"shop",`): {{Points: since}}},
	}
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceRestarts, facts.SourceLoad)})
	got := historyOf(t, gaps)
	want := []string{
		"check-metrics/load: The history of container_cpu_usage_seconds_total and container_memory_working_set_bytes is too short in all " +
			"series: the longest begins 5 minutes before the end of the window, at 2026-01-15T11:55:00Z; 7 days are needed to compare with. " +
			"Wait: the first of them can be evaluated from 2026-01-22T11:55:00Z on, if the metrics backend keeps samples for 7 days.",
		"check-metrics/restarts: The history of kube_pod_container_status_restarts_total is too short in all series: the longest begins 5 " +
			"hours before the end of the window, at 2026-01-15T07:00:00Z; 2 days 6 hours are needed to compare with. Wait: the first of them " +
			"can be evaluated from 2026-01-17T13:00:00Z on, if the metrics backend keeps samples for 2 days 6 hours.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestUsageThatExceedsTheBudgetDoesNotHideRestarts refuses the query for both.
func TestUsageThatExceedsTheBudgetDoesNotHideRestarts(t *testing.T) {
	f := &fake{
		t: t, names: []string{restartsMetric, cpuMetric}, instant: map[string]metrics.Vector{restarting(""): {}},
		refuseInstant: func(expression string) error {
			if strings.Contains(expression, cpuMetric) {
				return tooLarge()
			}
			return nil
		},
	}
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceRestarts, facts.SourceLoad)})
	if len(gaps) != 1 || gaps[0].Source != "metrics: "+whatLoad || !g.Provided(facts.SourceRestarts) || g.Provided(facts.SourceLoad) {
		t.Errorf("gaps %+v", gaps)
	}
}

// TestWhatTheQueryForBothFailsForIsQueriedForItself refuses only the query for both, which returns more than each.
func TestWhatTheQueryForBothFailsForIsQueriedForItself(t *testing.T) {
	measured := metrics.Sample{Labels: labelled(suspectLabel, measuredBefore), Value: 1}
	f := &fake{
		t: t, names: []string{restartsMetric, cpuMetric},
		instant: map[string]metrics.Vector{restarting(""): {}, risenUsage(""): {measured}},
		refuseInstant: func(expression string) error {
			if expression == restarting("")+" or "+risenUsage("") {
				return tooLarge()
			}
			return nil
		},
	}
	g := shop(t)
	gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanting(facts.SourceRestarts, facts.SourceLoad)})
	if len(gaps) > 0 || !g.Provided(facts.SourceRestarts) || !g.Provided(facts.SourceLoad) {
		t.Errorf("gaps %+v", gaps)
	}
}

package trend

import (
	"slices"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// TestARunSendsNoMoreQueriesThanBefore counts the queries of clusters on the strict fake. Before are those of the version that had no
// checks of traffic, CPU and memory: the new ones must not cost more.
func TestARunSendsNoMoreQueriesThanBefore(t *testing.T) {
	for name, c := range map[string]struct {
		// requests are the sources that count them; risen and restarted are suspects; failed and dropped happen at each source.
		requests                          []string
		risen, restarted, failed, dropped bool
		before, want                      int
	}{
		// Names of metrics, capacity, space and inodes of claims and of nodes, suspects.
		"without requests":                      {before: 10, want: 8},
		"without requests, more used":           {risen: true, before: 10, want: 9},
		"without requests, restarts, more used": {restarted: true, risen: true, before: 12, want: 10},
		// For each source: labels, requests, durations, and the samples where requests dropped.
		"quiet":                       {requests: []string{"http_requests_total"}, before: 13, want: 11},
		"quiet, some requests failed": {requests: []string{"http_requests_total"}, failed: true, before: 14, want: 11},
		"an incident": {
			requests: []string{"http_requests_total"}, failed: true, dropped: true, risen: true, restarted: true, before: 16, want: 14,
		},
		"several sources": {
			requests: []string{"http_requests_total", "istio_requests_total", "grpc_server_handled_total"}, before: 19, want: 17,
		},
		"an incident at several sources": {
			requests: []string{"http_requests_total", "istio_requests_total", "grpc_server_handled_total"}, failed: true, dropped: true,
			risen: true, restarted: true, before: 24, want: 22,
		},
		"no requests of a namespace that is read": {requests: []string{"apiserver_request_total"}, before: 12, want: 10},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fake{t: t, labels: map[string][]string{}, instant: map[string]metrics.Vector{}, ranged: map[string][]metrics.Series{}}
			f.volumes()
			f.suspects(c.restarted, c.risen)
			for _, s := range sources() {
				if slices.Contains(c.requests, s.total) {
					f.source(s, c.failed, c.dropped)
				}
			}
			g := shop(t)
			wanted := wanting(slices.DeleteFunc(Sources(), func(s facts.Source) bool {
				return s == facts.SourceAlerts || s == facts.SourceTargets || s == facts.SourceRules
			})...)
			if gaps := Collect(t.Context(), Input{Provider: listing{f}, Graph: g, Wanting: wanted}); len(gaps) > 0 {
				t.Errorf("gaps %+v", gaps)
			}
			if len(f.asked) != c.want || c.want > c.before {
				t.Errorf("%d queries, want %d; %d before:\n%q", len(f.asked), c.want, c.before, f.asked)
			}
		})
	}
}

// volumes has claims and nodes.
func (f *fake) volumes() {
	claims := []filesystems{claimSpace(), claimInodes()}
	nodes := []filesystems{nodeSpace(), nodeInodes()}
	for _, kind := range slices.Concat(claims, nodes) {
		f.names = append(f.names, kind.free)
		f.ranged["min by ("+kind.by+") ("+kind.free+"{"+trim(kind.matchers)+"})"] = nil
	}
	for _, kinds := range [][]filesystems{claims, nodes} {
		f.instant[capacitiesOf(kinds, "")] = metrics.Vector{
			ofKind(facts.FillSpace, metrics.Labels{}, 1), ofKind(facts.FillInodes, metrics.Labels{}, 1),
		}
	}
}

// suspects has restarts and usage, and may have an object with more of each.
func (f *fake) suspects(restarted, risen bool) {
	f.names = append(f.names, restartsMetric, cpuMetric, memoryMetric)
	found := metrics.Vector{{Labels: labelled(suspectLabel, measuredBefore), Value: 1}}
	if restarted {
		pod := labelled("namespace", "shop", "pod", "api-6d4cf56db6-x2k4p", suspectLabel, string(facts.AnomalyRestarts))
		found = append(found, metrics.Sample{Labels: pod, Value: 9})
		count := metrics.Series{Points: every(stepRestarts, historyRestarts, func(time.Duration) float64 { return 1 })}
		f.ranged[restartHistory(`namespace=~"shop",`)] = []metrics.Series{count}
	}
	if risen {
		owner := labelled("namespace", "shop", ownerLabel, "api", suspectLabel, string(facts.AnomalyCPU))
		found = append(found, metrics.Sample{Labels: owner, Value: 2})
		f.ranged[usageHistory(`namespace=~"shop",pod=~"(api)(-.+)?",`)] = nil
	}
	f.instant[restarting("")+" or "+risenUsage("")] = found
}

// source has requests and their durations; some requests may have failed lately, and most of them may be missing.
func (f *fake) source(s source, failed, dropped bool) {
	f.names = append(f.names, s.total)
	labels := append([]string{s.status[0]}, s.groups[0]...)
	f.labels[s.total+"{}"] = labels
	fit, ok := shapeOf(s, labels)
	if !ok {
		f.t.Fatalf("%s does not fit", s.total)
	}
	object := func(outcome string) metrics.Labels {
		return labelled(outcomeLabel, outcome, "exported_namespace", "shop", "exported_service", "api",
			"destination_workload_namespace", "shop", "destination_workload", "api")
	}
	all := every(stepRate, historyRate, func(ago time.Duration) float64 {
		if dropped && ago < time.Hour {
			return 1
		}
		return 50
	})
	series := []metrics.Series{{Labels: object(outcomeAll), Points: all}}
	if failed {
		series = append(series, metrics.Series{Labels: object(outcomeFailed), Points: every(stepRate, stepRate, func(time.Duration) float64 { return 1 })})
	}
	f.ranged[fit.requestRates("")] = series
	if dropped {
		f.ranged[fit.samples(s.groups[0][0]+`=~"shop",`)] = nil
	}
	if s.buckets != "" {
		f.names = append(f.names, s.buckets)
		f.ranged[fit.durations("")] = nil
	}
}

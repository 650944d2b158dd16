package trend

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
	"kubeops.io/kubeops/internal/provider/metrics"
)

const (
	cpuMetric    = "container_cpu_usage_seconds_total"
	memoryMetric = "container_memory_working_set_bytes"
	// usageBefore is how long ago the usage is that is compared with that of now.
	usageBefore = 7 * 24 * time.Hour
	whatLoad    = "CPU and memory of workloads"
	// maxLoaded workloads whose usage is higher than a week ago are evaluated.
	maxLoaded = 200
	// An anomaly of CPU is at least minCPURatio times the usual usage and minCPU cores above it.
	minCPURatio = 2
	minCPU      = 0.1
	// An anomaly of memory is at least minMemoryRatio times the usual usage and minMemory bytes above it, on average of its Pods.
	minMemoryRatio = 1.5
	minMemory      = 64 << 20
)

// load finds workloads that use more CPU or memory than usual, among those that use more than a week ago.
func (r *reader) load(ctx context.Context, risen metrics.Vector) []facts.Anomaly {
	suspects := map[facts.Ref]bool{}
	weekAgo := false
	var namespaces, owners []string
	for _, sample := range risen {
		if sample.Labels[suspectLabel] == measuredBefore {
			weekAgo = true
			continue
		}
		if ref, ok := r.scope.Owner(sample.Labels["namespace"], sample.Labels[ownerLabel]); ok {
			suspects[ref] = true
			namespaces = append(namespaces, ref.Namespace)
			owners = append(owners, sample.Labels[ownerLabel])
		}
	}
	if !weekAgo {
		r.noteYoungUsage(ctx)
	}
	if len(suspects) == 0 {
		r.in.Graph.Provide(facts.SourceLoad)
		return nil
	}
	series, ok := r.series(ctx, question{
		what: whatLoad, checks: r.checksRequiring(facts.SourceLoad), step: stepRate, namespace: "namespace",
		spans: []time.Duration{historyRate, historyRateShort}, within: scope.Selection{Names: merged(namespaces, nil)},
		expression: func(matcher string) string { return usageHistory(matcher + podsOf(owners)) },
	})
	if !ok {
		return nil
	}
	r.in.Graph.Provide(facts.SourceLoad)
	return r.unusualLoad(suspects, series)
}

// noteYoungUsage notes that no usage of a week ago is known, and since when it is.
func (r *reader) noteYoungUsage(ctx context.Context) {
	within := r.scope.Within(scope.Workloads()...)
	found, ok := r.instant(ctx, whatLoad, r.checksRequiring(facts.SourceLoad), firstUsage(r.matcher("namespace", within.Names)))
	if !ok {
		return
	}
	since := r.in.Graph.Now
	if len(found) > 0 && metrics.Usable(found[0].Value) && found[0].Value > 0 && found[0].Value < float64(since.Unix()) {
		since = time.Unix(int64(found[0].Value), 0)
	}
	r.covered = usageBefore
	r.noteHistory(facts.SourceLoad, cpuMetric+" and "+memoryMetric, facts.Ref{}, since, usageBefore)
}

// firstUsage queries the time of the first usage within a week, to the hour.
func firstUsage(matcher string) string {
	usage := containersOf(cpuMetric, matcher) + " or " + containersOf(memoryMetric, matcher)
	return "min_over_time(min(timestamp(" + usage + "))[1w:1h])"
}

// byOwner sums by workload: the server reduces the names of Pods, so the response has one series across all Pods.
func byOwner(expression string) string {
	s := shaped{group: []string{"namespace", ownerLabel}, pod: "pod"}
	return fmt.Sprintf("sum by (%s) (%s)", s.by(), s.owner(expression))
}

// containersOf selects series of containers, without those of whole Pods and of the pause container of older runtimes.
func containersOf(metric, matcher string) string {
	return fmt.Sprintf(`%s{%spod!="",container!="",container!="POD"}`, metric, matcher)
}

// podsOf selects the Pods of workloads by their names.
func podsOf(owners []string) string {
	var names []string
	for _, owner := range merged(owners, nil) {
		names = append(names, regexp.QuoteMeta(owner))
	}
	return "pod=~" + quoted("("+strings.Join(names, "|")+")(-.+)?") + ","
}

// perPod is the mean of the Pods of a workload. A workload with more replicas uses more memory in total, which is no anomaly, and so does
// one during a rollout.
func perPod(memory string) string {
	s := shaped{group: []string{"namespace", ownerLabel}, pod: "pod"}
	return fmt.Sprintf("%s / count by (%s) (%s)", byOwner(memory), s.by(), s.owner("count by (namespace, pod) ("+memory+")"))
}

// risenUsage queries workloads that use more in the last hour than in the day a week ago, by how much, and whether any usage of a week
// ago is known. What an anomaly takes at least is in the query: otherwise idle workloads, whose usage varies most, are all that it
// returns.
func risenUsage(matcher string) string {
	cpu := containersOf(cpuMetric, matcher)
	memory := containersOf(memoryMetric, matcher)
	ratio := func(now, before string, least float64, usage facts.AnomalyKind) string {
		return marked(fmt.Sprintf("(%s > %g) / (%s) > %g", now, least, before, minMemoryRatio), suspectLabel, string(usage))
	}
	risen := fmt.Sprintf("topk(%d, %s or %s)", maxLoaded,
		ratio(byOwner("rate("+cpu+"[1h])"), byOwner("rate("+cpu+"[1d] offset 1w)"), minCPU/2, facts.AnomalyCPU),
		ratio(perPod(memory), "avg_over_time(("+perPod(memory)+")[1d:1h] offset 1w)", minMemory, facts.AnomalyMemory))
	return risen + " or " + marked("count("+cpu+" offset 1w or "+memory+" offset 1w)", suspectLabel, measuredBefore)
}

// usageHistory queries the usage of workloads.
func usageHistory(matcher string) string {
	return marked(byOwner("rate("+containersOf(cpuMetric, matcher)+"[30m])"), suspectLabel, string(facts.AnomalyCPU)) + " or " +
		marked(perPod(containersOf(memoryMetric, matcher)), suspectLabel, string(facts.AnomalyMemory))
}

func (r *reader) unusualLoad(suspects map[facts.Ref]bool, series []metrics.Series) []facts.Anomaly {
	var anomalies []facts.Anomaly
	for _, one := range series {
		ref, ok := r.scope.Owner(one.Labels["namespace"], one.Labels[ownerLabel])
		if !ok || !suspects[ref] {
			continue
		}
		metric := cpuMetric
		rules := Rules{Step: stepRate, Effect: func(now, usual float64) bool {
			return now >= minCPURatio*usual && now-usual >= minCPU
		}}
		kind := facts.AnomalyKind(one.Labels[suspectLabel])
		switch kind {
		case facts.AnomalyCPU:
		case facts.AnomalyMemory:
			metric = memoryMetric
			rules.Runs = defaultRuns()[:2] // a point is of one moment, not of half an hour
			rules.Effect = func(now, usual float64) bool { return now >= minMemoryRatio*usual && now-usual >= minMemory }
		default:
			continue
		}
		if found, ok := Anomalous(one.Points, r.end(stepRate), rules); ok {
			anomalies = append(anomalies, anomalyOf(ref, kind, metric, found))
		}
	}
	return sorted(anomalies)
}

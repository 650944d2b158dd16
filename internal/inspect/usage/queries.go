package usage

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// names are the labels of cAdvisor's metrics: the kubelet of Kubernetes 1.16 renamed them from pod_name and container_name.
type names struct{ pod, container string }

// templates make the expressions. All of them take matchers, which end in a comma or are empty.
type templates struct {
	names  names
	match  map[string]string
	window time.Duration
}

// quoted is a text in PromQL. Go's quoting has the same escapes (https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals).
func quoted(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "")) }

// matching are the matchers of labels that all series have.
func matching(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "=" + quoted(labels[name]) + ",")
	}
	return b.String()
}

// inNamespaces is the matcher of some namespaces; empty for all.
func inNamespaces(namespaces []string) string {
	if len(namespaces) == 0 {
		return `namespace!="",`
	}
	safe := make([]string, 0, len(namespaces))
	for _, name := range namespaces {
		safe = append(safe, regexp.QuoteMeta(name))
	}
	return "namespace=~" + quoted(strings.Join(safe, "|")) + ","
}

// containers selects the series of containers: not those of whole Pods, nor of the pause container that older runtimes show.
func (t templates) containers(metric, more string) string {
	return fmt.Sprintf(`%[1]s{%[2]s%[3]s%[4]s!="",%[5]s!="",%[5]s!="POD"}`, metric, matching(t.match), more, t.names.pod, t.names.container)
}

// by groups what has several series for one container: one for each restart, and for each server that scrapes.
func (t templates) by(function, expression string) string {
	return fmt.Sprintf("%s by (namespace,%s,%s) (%s)", function, t.names.pod, t.names.container, expression)
}

// step of the averages of CPU: a thousandth of the window, and no less than five minutes, which every scrape interval in use
// has several samples of.
func (t templates) step() time.Duration {
	const least = 5 * time.Minute
	thousandth := t.window / 1008 // 7 days in steps of 10 minutes
	if thousandth <= least {
		return least
	}
	return (thousandth + least - 1).Truncate(least)
}

// cpuRate is the use of CPU in cores. Kubelets before 1.8 told it for each core, without a total; those are not read.
func (t templates) cpuRate(more string) string {
	return t.by("max", fmt.Sprintf("rate(%s[%s])", t.containers("container_cpu_usage_seconds_total", more+`cpu=~"|total",`), duration(t.step())))
}

// over is a subquery over the window.
func (t templates) over(expression string, step time.Duration) string {
	return fmt.Sprintf("(%s)[%s:%s]", expression, duration(t.window), duration(step))
}

// cpu is the 95th percentile over the window.
func (t templates) cpu(more string) string {
	return "quantile_over_time(0.95," + t.over(t.cpuRate(more), t.step()) + ")"
}

// cpuPeak is the highest average.
func (t templates) cpuPeak(more string) string {
	return "max_over_time(" + t.over(t.cpuRate(more), t.step()) + ")"
}

// memoryPeak is over all samples: a peak between two steps counts.
func (t templates) memoryPeak(more string) string {
	return t.by("max", fmt.Sprintf("max_over_time(%s[%s])", t.containers("container_memory_working_set_bytes", more), duration(t.window)))
}

// resident is the peak of memory that is no cache of files, lately.
func (t templates) resident(more string) string {
	return t.by("max", fmt.Sprintf("max_over_time(%s[%s])", t.containers("container_memory_rss", more), duration(recent)))
}

// lifeStep is the step in which lives are counted.
func (t templates) lifeStep() time.Duration { return 3 * t.step() }

// lives counts in how many steps of the window a container was seen.
func (t templates) lives(more string) string {
	return "count_over_time(" + t.over(t.by("max", t.containers("container_memory_working_set_bytes", more)), t.lifeStep()) + ")"
}

// throttled is the share of periods in which the limit was used up, as the alert CPUThrottlingHigh of the kubernetes-mixin
// reckons it. Only what matters is sent.
func (t templates) throttled(more string) string {
	sum := func(metric string) string {
		return t.by("sum", fmt.Sprintf("increase(%s[%s])", t.containers(metric, more), duration(recent)))
	}
	return sum("container_cpu_cfs_throttled_periods_total") + " / " + sum("container_cpu_cfs_periods_total") + " > 0.1"
}

// owners tells which controller Pods had.
func (t templates) owners(more string) string {
	return fmt.Sprintf(`max by (namespace,pod,owner_kind,owner_name) (max_over_time(kube_pod_owner{%s%sowner_is_controller="true"}[%s]))`,
		matching(t.match), more, duration(t.window))
}

// nodeLabels are those that may name the node of a series of cAdvisor.
const nodeLabels = "node,kubernetes_io_hostname,instance"

// nodeCPU and nodeMemory are of the root of all control groups: of all that runs on the machine.
func (t templates) nodeCPU(string) string {
	return fmt.Sprintf(`quantile_over_time(0.95,(max by (%s) (rate(container_cpu_usage_seconds_total{%sid="/",cpu=~"|total"}[5m])))[%s:5m])`,
		nodeLabels, matching(t.match), duration(recent))
}

func (t templates) nodeMemory(string) string {
	return fmt.Sprintf(`max by (%s) (quantile_over_time(0.95,container_memory_working_set_bytes{%sid="/"}[%s]))`,
		nodeLabels, matching(t.match), duration(recent))
}

// Marks of discovery.
const (
	mark           = "kubeops_has"
	markNew        = "pod"
	markOld        = "pod_name"
	markThrottling = "throttling"
	markOwners     = "owners"
	markNodes      = "nodes"
)

// discovery asks in one query which of the metrics there are, and by which labels.
func discovery(match map[string]string) string {
	all := matching(match)
	var parts []string
	for _, p := range []struct{ mark, selector string }{
		{markNew, fmt.Sprintf(`container_memory_working_set_bytes{%snamespace!="",pod!="",container!=""}`, all)},
		{markOld, fmt.Sprintf(`container_memory_working_set_bytes{%snamespace!="",pod_name!="",container_name!=""}`, all)},
		{markThrottling, fmt.Sprintf(`container_cpu_cfs_periods_total{%snamespace!=""}`, all)},
		{markOwners, fmt.Sprintf(`kube_pod_owner{%sowner_is_controller="true"}`, all)},
		{markNodes, fmt.Sprintf(`container_memory_working_set_bytes{%sid="/"}`, all)},
	} {
		parts = append(parts, fmt.Sprintf(`label_replace(count(%s),%q,%q,"","")`, p.selector, mark, p.mark))
	}
	return strings.Join(parts, " or ")
}

// duration in PromQL: whole minutes are all that is asked for.
func duration(d time.Duration) string { return strconv.FormatInt(int64(d/time.Minute), 10) + "m" }

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

// templates build expressions from matchers, which end in a comma or are empty.
type templates struct {
	names  names
	match  map[string]string
	window time.Duration
}

// quoted returns a PromQL string, which has the same escapes as Go
// (https://prometheus.io/docs/prometheus/latest/querying/basics/#string-literals).
func quoted(text string) string { return strconv.Quote(strings.ToValidUTF8(text, "")) }

// matching returns matchers for the labels that all series have.
func matching(labels map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(name + "=" + quoted(labels[name]) + ",")
	}
	return b.String()
}

// inNamespaces returns the matcher of some namespaces, or of all if the list is empty.
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

// containers selects series of containers, without those of whole Pods and of the pause container of older runtimes.
func (t templates) containers(metric, more string) string {
	return fmt.Sprintf(`%[1]s{%[2]s%[3]s%[4]s!="",%[5]s!="",%[5]s!="POD"}`, metric, matching(t.match), more, t.names.pod,
		t.names.container)
}

// by aggregates several series of a container: one per restart and per scraping server.
func (t templates) by(function, expression string) string {
	return fmt.Sprintf("%s by (namespace,%s,%s) (%s)", function, t.names.pod, t.names.container, expression)
}

// step of CPU averages: a thousandth of the window, but at least five minutes, which contain several samples at any common scrape
// interval.
func (t templates) step() time.Duration {
	const minStep = 5 * time.Minute
	thousandth := t.window / 1008 // 7 days in steps of 10 minutes
	if thousandth <= minStep {
		return minStep
	}
	return (thousandth + minStep - 1).Truncate(minStep)
}

// cpuRate is the CPU usage in cores. Kubelets before 1.8, which only report single cores, are not supported.
func (t templates) cpuRate(more string) string {
	series := t.containers("container_cpu_usage_seconds_total", more+`cpu=~"|total",`)
	return t.by("max", fmt.Sprintf("rate(%s[%s])", series, duration(t.step())))
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

// memoryPeak covers all samples, including peaks between steps.
func (t templates) memoryPeak(more string) string {
	return t.by("max", fmt.Sprintf("max_over_time(%s[%s])", t.containers("container_memory_working_set_bytes", more), duration(t.window)))
}

// resident is the recent peak of memory without file cache.
func (t templates) resident(more string) string {
	return t.by("max", fmt.Sprintf("max_over_time(%s[%s])", t.containers("container_memory_rss", more), duration(recent)))
}

// lifeStep is the unit of lives.
func (t templates) lifeStep() time.Duration { return 3 * t.step() }

// lives counts the steps of the window in which a container existed.
func (t templates) lives(more string) string {
	return "count_over_time(" + t.over(t.by("max", t.containers("container_memory_working_set_bytes", more)), t.lifeStep()) + ")"
}

// ended returns the times of the last samples, in seconds since 1970, of containers that have samples in the window but no current one. A
// subquery finds them to the step.
func (t templates) ended(more string) string {
	series := t.containers("container_memory_working_set_bytes", more)
	return fmt.Sprintf("%s unless %s", t.by("max", "max_over_time("+t.over("timestamp("+series+")", t.step())+")"), t.by("count", series))
}

// lastSample returns the time of the last sample in the window of any of the series, in seconds since 1970.
func (t templates) lastSample(selector string) string {
	return "max(max_over_time(" + t.over("timestamp("+selector+")", t.step()) + "))"
}

// throttled is the share of periods in which the limit was reached, computed like the alert CPUThrottlingHigh of kubernetes-mixin.
// The server only returns relevant values.
func (t templates) throttled(more string) string {
	sum := func(metric string) string {
		return t.by("sum", fmt.Sprintf("increase(%s[%s])", t.containers(metric, more), duration(recent)))
	}
	return sum("container_cpu_cfs_throttled_periods_total") + " / " + sum("container_cpu_cfs_periods_total") + " > 0.1"
}

// owners queries the controllers of Pods.
func (t templates) owners(more string) string {
	return fmt.Sprintf(`max by (namespace,pod,owner_kind,owner_name) (max_over_time(kube_pod_owner{%s%sowner_is_controller="true"}[%s]))`,
		matching(t.match), more, duration(t.window))
}

// nodeLabels may identify the node of a cAdvisor series.
const nodeLabels = "node,kubernetes_io_hostname,instance"

// nodeCPU and nodeMemory query the root control group: everything that runs on the machine.
func (t templates) nodeCPU(string) string {
	return fmt.Sprintf(
		`quantile_over_time(0.95,(max by (%s) (rate(container_cpu_usage_seconds_total{%sid="/",cpu=~"|total"}[5m])))[%s:5m])`,
		nodeLabels,
		matching(t.match),
		duration(recent),
	)
}

func (t templates) nodeMemory(string) string {
	return fmt.Sprintf(`max by (%s) (quantile_over_time(0.95,container_memory_working_set_bytes{%sid="/"}[%s]))`,
		nodeLabels, matching(t.match), duration(recent))
}

// Marks in the result of discovery.
const (
	mark           = "kubeops_has"
	markNew        = "pod"
	markOld        = "pod_name"
	markThrottling = "throttling"
	markOwners     = "owners"
	markNodes      = "nodes"
)

// discovery is one query for which metrics exist, and with which labels, in some namespaces, or in all if the list is empty.
func discovery(match map[string]string, namespaces []string) string {
	all := matching(match)
	within := all + inNamespaces(namespaces)
	owners := all
	if len(namespaces) > 0 {
		owners = within
	}
	var parts []string
	for _, p := range []struct{ mark, selector string }{
		// A container has several series if several servers scrape it.
		{markNew, fmt.Sprintf(`count by (namespace,pod,container) (container_memory_working_set_bytes{%spod!="",container!=""})`, within)},
		{markOld, fmt.Sprintf(`count by (namespace,pod_name,container_name) (container_memory_working_set_bytes{%spod_name!="",`+
			`container_name!=""})`, within)},
		{markThrottling, fmt.Sprintf(`container_cpu_cfs_periods_total{%s}`, strings.TrimSuffix(within, ","))},
		{markOwners, fmt.Sprintf(`kube_pod_owner{%sowner_is_controller="true"}`, owners)},
		{markNodes, fmt.Sprintf(`container_memory_working_set_bytes{%sid="/"}`, all)},
	} {
		parts = append(parts, fmt.Sprintf(`label_replace(count(%s),%q,%q,"","")`, p.selector, mark, p.mark))
	}
	return strings.Join(parts, " or ")
}

// duration in PromQL, in whole minutes.
func duration(d time.Duration) string { return strconv.FormatInt(int64(d/time.Minute), 10) + "m" }

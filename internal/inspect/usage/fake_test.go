package usage

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/metrics"
	"kubeops.io/kubeops/internal/testkit"
)

// row is a container of a Pod in the fake server. Negative numbers have no series.
type row struct {
	namespace, pod, container                     string
	lives, cpu, peak, memory, resident, throttled float64
	owner                                         string // kind/name, as kube-state-metrics tells
}

// fake is a strict metrics server: it accepts only the expressions that this package may send.
type fake struct {
	metrics.Provider
	t    testing.TB
	rows []row
	// old labels; missing metrics; rows of nodes.
	old    bool
	lacks  []string
	nodes  []metrics.Sample
	budget int
	// fails returns errors by prefix of the expression.
	fails   map[string]error
	queries []string
	// ended are the times of the last samples of containers without current ones, by Pod/container, before the time of the graph.
	ended map[string]time.Duration
	// last is the time since the last sample of a metric that lacks current ones, by a part of its selector.
	last map[string]time.Duration
}

func (f *fake) Query(_ context.Context, expression string, at time.Time) (metrics.Vector, error) {
	f.queries = append(f.queries, expression)
	if !at.Equal(testkit.Now()) {
		f.t.Errorf("asks for %s", at)
	}
	if strings.Count(expression, "(") != strings.Count(expression, ")") || strings.Contains(expression, ",,") ||
		strings.Contains(expression, ",}") {
		f.t.Errorf("does not parse: %s", expression)
	}
	for part, err := range f.fails {
		if strings.Contains(expression, part) {
			return nil, err
		}
	}
	if strings.HasPrefix(expression, "label_replace(") {
		return f.discovery(), nil
	}
	if strings.Contains(expression, `id="/"`) && !strings.Contains(expression, "timestamp(") {
		return f.nodes, nil
	}
	if strings.HasPrefix(expression, "max(max_over_time((timestamp(") {
		for selector, ago := range f.last {
			if strings.Contains(expression, selector) {
				return metrics.Vector{{Value: float64(at.Add(-ago).Unix())}}, nil
			}
		}
		return nil, nil
	}
	value := f.column(expression)
	within := f.within(expression)
	var vector metrics.Vector
	for _, r := range f.rows {
		v := value(r)
		if v < 0 || !within(r.namespace) {
			continue
		}
		labels := metrics.Labels{"namespace": r.namespace, "pod": r.pod, "container": r.container}
		if f.old {
			labels = metrics.Labels{"namespace": r.namespace, "pod_name": r.pod, "container_name": r.container}
		}
		if strings.Contains(expression, "kube_pod_owner") {
			kind, name, ok := strings.Cut(r.owner, "/")
			if !ok {
				continue
			}
			labels = metrics.Labels{"namespace": r.namespace, "pod": r.pod, "owner_kind": kind, "owner_name": name}
		}
		vector = append(vector, metrics.Sample{Labels: labels, Time: at, Value: v})
	}
	if f.budget > 0 && len(vector) > f.budget {
		return nil, problem.UserError(v1alpha1.ReasonBudgetExceeded, nil,
			"the answer to the query has more than %d series; ask for fewer", f.budget)
	}
	return vector, nil
}

func (f *fake) discovery() metrics.Vector {
	var vector metrics.Vector
	name := markNew
	if f.old {
		name = markOld
	}
	for _, m := range []string{name, markThrottling, markOwners, markNodes} {
		if !strings.Contains(strings.Join(f.lacks, " "), m) {
			value := 5.0
			if m == name {
				value = float64(len(f.rows) - len(f.ended))
			}
			vector = append(vector, metrics.Sample{Labels: metrics.Labels{mark: m}, Value: value})
		}
	}
	return vector
}

// column returns the value that an expression selects, and fails the test on an unknown one.
func (f *fake) column(expression string) func(row) float64 {
	pod, container := "pod", "container"
	if f.old {
		pod, container = "pod_name", "container_name"
	}
	by := fmt.Sprintf(" by (namespace,%s,%s) (", pod, container)
	if !strings.Contains(expression, by) && !strings.Contains(expression, "kube_pod_owner") {
		f.t.Errorf("is not grouped by the labels that there are: %s", expression)
	}
	for _, known := range []struct {
		begins string
		value  func(row) float64
	}{
		{"count_over_time((max" + by + "container_memory_working_set_bytes{", func(r row) float64 { return r.lives }},
		{"max" + by + "max_over_time((timestamp(container_memory_working_set_bytes{", func(r row) float64 {
			if ago, ok := f.ended[r.pod+"/"+r.container]; ok {
				return float64(testkit.Now().Add(-ago).Unix())
			}
			return -1
		}},
		{"quantile_over_time(0.95,(max" + by + "rate(container_cpu_usage_seconds_total{", func(r row) float64 { return r.cpu }},
		{"max_over_time((max" + by + "rate(container_cpu_usage_seconds_total{", func(r row) float64 { return r.peak }},
		{"max" + by + "max_over_time(container_memory_working_set_bytes{", func(r row) float64 { return r.memory }},
		{"max" + by + "max_over_time(container_memory_rss{", func(r row) float64 { return r.resident }},
		{"sum" + by + "increase(container_cpu_cfs_throttled_periods_total{", func(r row) float64 { return r.throttled }},
		{"max by (namespace,pod,owner_kind,owner_name) (max_over_time(kube_pod_owner{", func(row) float64 { return 1 }},
	} {
		if strings.HasPrefix(expression, known.begins) {
			return known.value
		}
	}
	f.t.Fatalf("an unexpected query: %s", expression)
	return nil
}

var namespaces = regexp.MustCompile(`namespace=~"([^"]*)"`)

// within returns the namespaces that an expression selects.
func (f *fake) within(expression string) func(string) bool {
	found := namespaces.FindStringSubmatch(expression)
	if found == nil {
		if !strings.Contains(expression, `namespace!=""`) {
			f.t.Errorf("names no namespaces: %s", expression)
		}
		return func(string) bool { return true }
	}
	pattern := regexp.MustCompile("^(?:" + strings.ReplaceAll(found[1], `\\`, `\`) + ")$")
	return pattern.MatchString
}

// all requires every source.
func all() map[facts.Source][]string {
	return map[facts.Source][]string{
		facts.SourceUsage: {"size"}, facts.SourceThrottling: {"throttled"}, facts.SourceNodeUsage: {"node"},
	}
}

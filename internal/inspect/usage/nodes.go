package usage

import (
	"context"
	"net"
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/provider/metrics"
)

// nodes reads the usage of nodes: one query per resource, however many nodes there are.
func (r *reader) nodes(ctx context.Context, known discovered) []facts.NodeUsage {
	checks := r.checksRequiring(facts.SourceNodeUsage)
	if len(r.in.Graph.Nodes) == 0 {
		return nil
	}
	if !known.nodes {
		r.missingMetric(ctx, missing{
			metric: "container_memory_working_set_bytes", having: `with id="/"`, checks: checks,
			selector: "container_memory_working_set_bytes{" + matching(r.in.Options.MatchLabels) + `id="/"}`,
		})
		return nil
	}
	q := templates{match: r.in.Options.MatchLabels}
	names := map[string]string{}
	for _, n := range r.in.Graph.Nodes {
		for _, address := range n.Addresses {
			names[address] = n.Name
		}
	}
	for _, n := range r.in.Graph.Nodes {
		names[n.Name] = n.Name // takes precedence over another node's address
	}
	used := map[string]*facts.NodeUsage{}
	for _, n := range r.in.Graph.Nodes {
		used[n.Name] = &facts.NodeUsage{Node: n.Name, CPU: facts.Untold, Memory: facts.Untold}
	}
	read := func(what string, expression func(string) string, of func(*facts.NodeUsage) *float32) bool {
		return r.whole(ctx, question{what: what, checks: checks, expression: expression}, func(vector metrics.Vector) {
			for _, sample := range vector {
				if name, ok := nodeOf(names, sample.Labels); ok {
					value := of(used[name])
					*value = max(*value, number(sample.Value))
				}
			}
		})
	}
	cpu := read("CPU usage of nodes", q.nodeCPU, func(n *facts.NodeUsage) *float32 { return &n.CPU })
	memory := read("memory usage of nodes", q.nodeMemory, func(n *facts.NodeUsage) *float32 { return &n.Memory })
	if cpu || memory {
		r.in.Graph.Provide(facts.SourceNodeUsage)
	}
	all := make([]facts.NodeUsage, 0, len(used))
	for _, n := range used {
		if n.CPU >= 0 || n.Memory >= 0 {
			all = append(all, *n)
		}
	}
	return all
}

// whole runs a query that cannot be split.
func (r *reader) whole(ctx context.Context, q question, each func(metrics.Vector)) bool {
	parts := r.parts
	defer func() { r.parts = parts }()
	r.parts = [][]string{{}}
	return r.querySplit(ctx, q, each)
}

// nodeOf returns the node that labels identify.
func nodeOf(names map[string]string, labels metrics.Labels) (string, bool) {
	for _, name := range strings.Split(nodeLabels, ",") {
		value := labels[name]
		if host, _, err := net.SplitHostPort(value); err == nil {
			value = host
		}
		if node, ok := names[value]; ok && value != "" {
			return node, true
		}
	}
	return "", false
}

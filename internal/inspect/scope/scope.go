// Package scope decides which of a backend's data a report may show. A metrics or log backend is usually shared: it stores the series,
// alerts and lines of all namespaces, and the credentials that KubeOps reads it with say nothing about who sees the report. The
// permissions of the run do: a Filter admits what belongs to an object that the run listed, and nothing else. Every stage that reads
// a backend joins its data to objects through the Filter. docs/trends.md and docs/log-analysis.md describe what that leaves out.
package scope

import (
	"maps"
	"slices"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Filter admits data of the objects that one run read. It is not safe for concurrent use.
type Filter struct {
	graph   *facts.Graph
	labeled *facts.Labeled
	// requested namespaces; nil for all.
	requested map[string]bool
	// populated are the namespaces with objects that were read, by kind.
	populated map[facts.Kind]map[string]bool
	// kinds are the result of the function of that name.
	kinds []facts.Kind
	// containers by workload; see Container.
	containers map[facts.Ref]map[string]bool
}

// New derives a filter from the objects that a run read. Namespaces are those that were requested; empty for all.
func New(g *facts.Graph, namespaces []string) *Filter {
	f := &Filter{graph: g, labeled: facts.NewLabeled(g), populated: map[facts.Kind]map[string]bool{}}
	if len(namespaces) > 0 {
		f.requested = map[string]bool{}
		for _, namespace := range namespaces {
			f.requested[namespace] = true
		}
	}
	f.kinds = kinds()
	f.populate()
	return f
}

// populate records which namespaces have objects. A list that failed after some pages counts with what it returned.
func (f *Filter) populate() {
	add := func(ref facts.Ref) {
		if !f.inspects(ref.Namespace) {
			return
		}
		if f.populated[ref.Kind] == nil {
			f.populated[ref.Kind] = map[string]bool{}
		}
		f.populated[ref.Kind][ref.Namespace] = true
	}
	g := f.graph
	addAll(add, g.Pods, func(n *facts.PodNode) facts.Ref { return n.Ref })
	addAll(add, g.Workloads, func(n *facts.WorkloadNode) facts.Ref { return n.Ref })
	addAll(add, g.Jobs, func(n *facts.JobNode) facts.Ref { return n.Ref })
	addAll(add, g.CronJobs, func(n *facts.CronJobNode) facts.Ref { return n.Ref })
	addAll(add, g.Services, func(n *facts.ServiceNode) facts.Ref { return n.Ref })
	addAll(add, g.Ingresses, func(n *facts.IngressNode) facts.Ref { return n.Ref })
	addAll(add, g.PVCs, func(n *facts.PVCNode) facts.Ref { return n.Ref })
	addAll(add, g.HPAs, func(n *facts.HPANode) facts.Ref { return n.Ref })
	addAll(add, g.PDBs, func(n *facts.PDBNode) facts.Ref { return n.Ref })
	addAll(add, g.Quotas, func(n *facts.QuotaNode) facts.Ref { return n.Ref })
}

func addAll[T any](add func(facts.Ref), nodes []T, ref func(T) facts.Ref) {
	for _, node := range nodes {
		add(ref(node))
	}
}

// kinds are the namespaced kinds that labels can name, and Pods' owners.
func kinds() []facts.Kind {
	return append(Workloads(), facts.Service, facts.Ingress, facts.PVC, facts.HPA, facts.PDB, facts.ResourceQuota)
}

// Workloads are Pods and the kinds that own them, for Within.
func Workloads() []facts.Kind {
	return []facts.Kind{
		facts.Pod, facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.ReplicaSet, facts.ReplicationController, facts.Job,
		facts.CronJob,
	}
}

// Graph of the objects that were read.
func (f *Filter) Graph() *facts.Graph { return f.graph }

// inspects reports whether a namespace was requested.
func (f *Filter) inspects(namespace string) bool { return f.requested == nil || f.requested[namespace] }

// Whole reports whether the run read the whole cluster: Pods in all namespaces, Nodes and Namespaces. Only such a run sees what belongs
// to no object, such as alerts of the monitoring itself, and the texts that come with alerts.
func (f *Filter) Whole() bool {
	return f.requested == nil && f.graph.Complete(facts.Pod, "") && f.graph.Complete(facts.Namespace, "") && f.Cluster()
}

// Cluster reports whether series of the cluster itself may be shown, such as those of the API server: Nodes were listed.
func (f *Filter) Cluster() bool { return f.graph.Complete(facts.Node, "") }

// Reads reports whether objects in a namespace were read.
func (f *Filter) Reads(namespace string) bool {
	if namespace == "" || !f.inspects(namespace) {
		return false
	}
	for _, kind := range f.kinds {
		if f.populated[kind][namespace] {
			return true
		}
	}
	if f.graph.Complete(facts.Namespace, "") && !f.graph.Has(facts.Ref{Kind: facts.Namespace, Name: namespace}) {
		return false // of another cluster, or deleted
	}
	return slices.ContainsFunc(f.kinds, func(kind facts.Kind) bool { return f.graph.Complete(kind, namespace) })
}

// Selection of namespaces for queries.
type Selection struct {
	// All namespaces were read, so queries need not name them.
	All bool
	// Names of the namespaces to read, sorted, unless All is set.
	Names []string
}

// Empty reports whether there is nothing to query.
func (s Selection) Empty() bool { return !s.All && len(s.Names) == 0 }

// Within selects the namespaces in which at least one of the kinds was read. A backend that is queried for them returns no data of
// others, which would only be dropped, and no data of others uses up the budgets of queries.
func (f *Filter) Within(kinds ...facts.Kind) Selection {
	names := map[string]bool{}
	for _, kind := range kinds {
		if f.requested == nil && f.graph.Complete(kind, "") {
			return Selection{All: true}
		}
		maps.Copy(names, f.populated[kind])
		for namespace := range f.requested {
			if f.graph.Complete(kind, namespace) {
				names[namespace] = true
			}
		}
	}
	return Selection{Names: slices.Sorted(maps.Keys(names))}
}

// Everywhere selects the namespaces in which anything was read that labels can name.
func (f *Filter) Everywhere() Selection { return f.Within(kinds()...) }

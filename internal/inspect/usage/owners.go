package usage

import (
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/scope"
)

// owners finds the workload of a Pod that the run read.
type owners struct {
	graph *facts.Graph
	scope *scope.Filter
	// workloads by namespace and name, possibly of several kinds.
	workloads map[podName][]facts.Ref
	// gone maps deleted Pods to their workloads according to kube-state-metrics.
	gone map[podName]facts.Ref
}

type podName struct{ namespace, name string }

func newOwners(filter *scope.Filter) owners {
	g := filter.Graph()
	o := owners{graph: g, scope: filter, workloads: map[podName][]facts.Ref{}, gone: map[podName]facts.Ref{}}
	add := func(ref facts.Ref) {
		if owner := g.TopOwner(ref); owner == ref || owner.Kind.IsCustom() {
			at := podName{ref.Namespace, ref.Name}
			o.workloads[at] = append(o.workloads[at], owner)
		}
	}
	for _, w := range g.Workloads {
		add(w.Ref)
	}
	for _, c := range g.CronJobs {
		add(c.Ref)
	}
	for _, j := range g.Jobs {
		add(j.Ref)
	}
	return o
}

// ofPod returns the top-level owner of a Pod in the graph.
func (o *owners) ofPod(namespace, pod string) (facts.Ref, bool) {
	ref := facts.Ref{Kind: facts.Pod, Namespace: namespace, Name: pod}
	if !o.scope.Has(ref) {
		return facts.Ref{}, false
	}
	return o.graph.TopOwner(ref), true
}

// scraped is how long a container runs until it surely has samples.
const scraped = 10 * time.Minute

// runs reports whether a container of a Pod in the graph has run long enough to have current samples.
func (o *owners) runs(s seen) bool {
	pod, ok := facts.Lookup[*facts.PodNode](o.graph, facts.Ref{Kind: facts.Pod, Namespace: s.namespace, Name: s.pod})
	if !ok {
		return false
	}
	for _, containers := range [][]facts.Container{pod.Containers, pod.InitContainers} {
		for i := range containers {
			if c := &containers[i]; c.Name == s.container {
				return c.State.Status == facts.StateRunning && o.graph.Now.Sub(c.State.Started) > scraped
			}
		}
	}
	return false
}

// record stores the owner of a Pod from kube-state-metrics. If that controller is gone too, its own owner follows from its name.
func (o *owners) record(namespace, pod, kind, name string) {
	at := podName{namespace, pod}
	ref := facts.Ref{Kind: facts.Kind(kind), Namespace: namespace, Name: name}
	if o.graph.Has(ref) {
		o.gone[at] = o.graph.TopOwner(ref)
		return
	}
	above := facts.Kind("")
	switch facts.Kind(kind) {
	case facts.ReplicaSet:
		above = facts.Deployment
	case facts.Job:
		above = facts.CronJob
	}
	base, suffix := cut(name)
	if parent := (facts.Ref{Kind: above, Namespace: namespace, Name: base}); above != "" && suffix != "" && o.graph.Has(parent) {
		o.gone[at] = parent
	}
}

// ofGone returns the workload of a deleted Pod: the one from kube-state-metrics, or else the one whose controller would generate the
// Pod's name. It is false if the name fits several workloads, and if not all Pods of the namespace were read: then nothing shows that
// the Pod was deleted.
func (o *owners) ofGone(namespace, pod string) (facts.Ref, bool) {
	if !o.scope.AllPods(namespace) {
		return facts.Ref{}, false
	}
	if ref, ok := o.gone[podName{namespace, pod}]; ok {
		return ref, true
	}
	var found []facts.Ref
	one, last := cut(pod)
	two, before := cut(one)
	for _, ref := range o.workloads[podName{namespace, one}] {
		switch ref.Kind {
		case facts.StatefulSet:
			if digits(last) {
				found = append(found, ref)
			}
		case facts.DaemonSet, facts.ReplicaSet, facts.ReplicationController, facts.Job:
			if random(last) {
				found = append(found, ref)
			}
		}
	}
	for _, ref := range o.workloads[podName{namespace, two}] {
		switch {
		case ref.Kind == facts.Deployment && random(last) && hash(before), ref.Kind == facts.CronJob && random(last) && digits(before):
			found = append(found, ref)
		}
	}
	if len(found) != 1 {
		return facts.Ref{}, false
	}
	return found[0], true
}

// cut splits a name at its last dash.
func cut(name string) (base, suffix string) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return "", ""
	}
	return name[:i], name[i+1:]
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// letters of random suffixes in Kubernetes (k8s.io/apimachinery/pkg/util/rand).
const letters = "bcdfghjklmnpqrstvwxz2456789"

// random is the suffix of Pods: five letters. hash is the suffix that Deployments give ReplicaSets: up to ten letters.
func random(s string) bool { return len(s) == 5 && strings.Trim(s, letters) == "" }
func hash(s string) bool   { return s != "" && len(s) <= 10 && strings.Trim(s, letters) == "" }

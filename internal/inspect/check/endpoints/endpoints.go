// Package endpoints judges the Pods, endpoints and ports of a Service, for checks of Services and of what routes to them (Ingresses,
// webhooks).
package endpoints

import (
	"slices"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Health is whether a Service can deliver traffic.
type Health int

const (
	// Healthy has a ready endpoint, or is still within its grace, or cannot be judged from what was read.
	Healthy Health = iota
	// SelectsNothing has a selector that matches no Pod.
	SelectsNothing
	// NotReady selects Pods, none of which is ready.
	NotReady
	// Unserved has no selector and no endpoints.
	Unserved
)

// State is the state of the Pods and endpoints of a Service.
type State struct {
	// Health is the judgement; the other fields explain it.
	Health Health
	// Pods that are selected; set for NotReady.
	Pods []*facts.PodNode
	// Workloads whose Pods would be selected, if they had any; set for SelectsNothing.
	Workloads []*facts.WorkloadNode
	// ScaledToZero is true when there are such workloads and none of them wants a Pod.
	ScaledToZero bool
}

// Judge judges a Service for all checks: findings about the Service and about what routes to it (an Ingress, a webhook) never
// disagree.
func Judge(g *facts.Graph, service *facts.ServiceNode, params check.Params) State {
	if service.Type == "ExternalName" || !service.Deleting.IsZero() || !g.OlderThan(service.Created, params.StartupGrace) {
		return State{}
	}
	slicesRead := g.Complete(facts.EndpointSlice, service.Namespace)
	ready, _ := Counts(g, service.Ref)
	if len(service.Selector) == 0 {
		if slicesRead && ready == 0 {
			return State{Health: Unserved}
		}
		return State{}
	}
	if !g.Complete(facts.Pod, service.Namespace) {
		return State{}
	}
	pods := g.Selected(service.Namespace, facts.SelectorFromSet(service.Selector))
	if len(pods) == 0 {
		return judgeWithoutPods(g, service, params)
	}
	between := BetweenCrashes(g, pods)
	// EndpointSlices follow Pods with a delay, and Pods are read at another moment than slices: both must agree. A Pod that is ready for a
	// moment between two crashes counts as not ready, and so do its endpoints, of two IP families at most.
	if int(ready) > 2*len(between) || service.PublishNotReady && (ready > 0 || !slicesRead) ||
		slices.ContainsFunc(pods, func(p *facts.PodNode) bool { return p.Ready && p.Deleting.IsZero() && !p.IsLooping(g.Now) }) {
		return State{}
	}
	// One Pod beyond its grace is enough: a workload that keeps replacing its Pods never has only old ones.
	if slices.ContainsFunc(pods, func(p *facts.PodNode) bool { return g.OlderThan(notReadySince(g, p), params.StartupGrace) }) {
		return State{Health: NotReady, Pods: pods}
	}
	return State{}
}

// BetweenCrashes are the Pods that are ready only for a moment between two crashes.
func BetweenCrashes(g *facts.Graph, pods []*facts.PodNode) []*facts.PodNode {
	var between []*facts.PodNode
	for _, p := range pods {
		if p.Ready && p.Deleting.IsZero() && p.IsLooping(g.Now) {
			between = append(between, p)
		}
	}
	return between
}

// notReadySince is when a Pod began not to be ready. One that keeps crashing never was for long.
func notReadySince(g *facts.Graph, pod *facts.PodNode) time.Time {
	if pod.Deleting.IsZero() && pod.IsLooping(g.Now) {
		return pod.Created
	}
	return pod.NotReadySince()
}

func judgeWithoutPods(g *facts.Graph, service *facts.ServiceNode, params check.Params) State {
	state := State{Health: SelectsNothing, ScaledToZero: true}
	selector := facts.SelectorFromSet(service.Selector)
	for _, workload := range g.TopWorkloads(service.Namespace) {
		if !podtemplate.Selects(selector, workload.Ref, workload.TemplateLabels) {
			continue
		}
		state.Workloads = append(state.Workloads, workload)
		if workload.Desired == 0 {
			continue
		}
		state.ScaledToZero = false
		since := workload.Created
		if available, ok := workload.Condition("Available"); ok && !available.Since.IsZero() {
			since = available.Since
		}
		if !g.OlderThan(since, params.StartupGrace) {
			return State{} // between the old Pods and the new ones
		}
	}
	state.ScaledToZero = state.ScaledToZero && len(state.Workloads) > 0
	// Workloads that are scaled to zero do not matter beside one that wants Pods.
	if !state.ScaledToZero {
		state.Workloads = slices.DeleteFunc(state.Workloads, func(w *facts.WorkloadNode) bool { return w.Desired == 0 })
	}
	return state
}

// Counts adds up the EndpointSlices of a Service. Services of two IP families have a slice for each; that counts
// endpoints twice, which is enough to distinguish some from none.
func Counts(g *facts.Graph, service facts.Ref) (ready, notReady int32) {
	for _, slice := range g.EndpointsOf(service) {
		ready += slice.Ready
		notReady += slice.NotReady
	}
	return ready, notReady
}

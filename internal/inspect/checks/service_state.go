package checks

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// serviceHealth says whether a Service has somewhere to send traffic.
type serviceHealth int

const (
	// serviceHealthy has a ready endpoint, or is still within its grace, or cannot be judged from what was read.
	serviceHealthy serviceHealth = iota
	// serviceSelectsNothing has a selector that matches no Pod.
	serviceSelectsNothing
	// serviceNotReady selects Pods, none of which is ready.
	serviceNotReady
	// serviceUnserved has no selector, and nobody has given it an endpoint.
	serviceUnserved
)

// serviceState is what stands behind a Service.
type serviceState struct {
	health serviceHealth
	// pods that are selected; set for serviceNotReady.
	pods []*facts.PodNode
	// workloads whose Pods would be selected, if they had any; set for serviceSelectsNothing.
	workloads []*facts.WorkloadNode
	// scaledToZero is true when there are such workloads and none of them wants a Pod.
	scaledToZero bool
}

// judgeService is the one judgement of a Service, so that the Service itself and what routes to it (an Ingress, a webhook)
// never disagree about it.
func judgeService(g *facts.Graph, service *facts.ServiceNode, params Params) serviceState {
	if service.Type == "ExternalName" || !service.Deleting.IsZero() || !outlived(g, service.Created, params.StartupGrace) {
		return serviceState{}
	}
	slicesRead := g.Complete(facts.EndpointSlice, service.Namespace)
	ready, _ := endpointCounts(g, service.Ref)
	if len(service.Selector) == 0 {
		if slicesRead && ready == 0 {
			return serviceState{health: serviceUnserved}
		}
		return serviceState{}
	}
	if !g.Complete(facts.Pod, service.Namespace) {
		return serviceState{}
	}
	pods := g.Selected(service.Namespace, facts.SelectorFromSet(service.Selector))
	if len(pods) == 0 {
		return judgeWithoutPods(g, service, params)
	}
	// EndpointSlices follow Pods with a delay, and Pods are read at another moment than slices: both must agree.
	if ready > 0 || (service.PublishNotReady && !slicesRead) ||
		slices.ContainsFunc(pods, func(p *facts.PodNode) bool { return p.Ready && p.Deleting.IsZero() }) {
		return serviceState{}
	}
	// One Pod that had its whole grace is enough: a workload that keeps replacing its Pods would never have an old one only.
	if slices.ContainsFunc(pods, func(p *facts.PodNode) bool { return outlived(g, notReadySince(p), params.StartupGrace) }) {
		return serviceState{health: serviceNotReady, pods: pods}
	}
	return serviceState{}
}

func judgeWithoutPods(g *facts.Graph, service *facts.ServiceNode, params Params) serviceState {
	state := serviceState{health: serviceSelectsNothing, scaledToZero: true}
	selector := facts.SelectorFromSet(service.Selector)
	for _, workload := range topWorkloads(g, service.Namespace) {
		if !selector.Matches(workload.TemplateLabels) {
			continue
		}
		state.workloads = append(state.workloads, workload)
		if workload.Desired == 0 {
			continue
		}
		state.scaledToZero = false
		since := workload.Created
		if available, ok := workload.Condition("Available"); ok && !available.Since.IsZero() {
			since = available.Since
		}
		if !outlived(g, since, params.StartupGrace) {
			return serviceState{} // between the old Pods and the new ones
		}
	}
	state.scaledToZero = state.scaledToZero && len(state.workloads) > 0
	// A workload that wants Pods is what matters; others that rest beside it are not.
	if !state.scaledToZero {
		state.workloads = slices.DeleteFunc(state.workloads, func(w *facts.WorkloadNode) bool { return w.Desired == 0 })
	}
	return state
}

// topWorkloads are the workloads of a namespace that are not made by another one and are here to stay.
func topWorkloads(g *facts.Graph, namespace string) []*facts.WorkloadNode {
	var top []*facts.WorkloadNode
	for _, workload := range g.Workloads {
		if workload.Namespace == namespace && workload.Deleting.IsZero() && g.TopOwner(workload.Ref) == workload.Ref {
			top = append(top, workload)
		}
	}
	return top
}

// notReadySince is when a Pod that is not ready began to be so. A Pod in a crash loop is ready for a moment after each
// restart; it counts from its creation.
func notReadySince(pod *facts.PodNode) time.Time {
	looping := slices.ContainsFunc(pod.Containers, func(c facts.Container) bool { return c.State.Reason == "CrashLoopBackOff" })
	switch {
	case !pod.Deleting.IsZero():
		return pod.Deleting
	case looping || pod.ReadySince.IsZero():
		return pod.Created
	default:
		return pod.ReadySince
	}
}

// endpointCounts adds up the EndpointSlices of a Service. Services of two IP families have a slice for each; that counts
// endpoints twice and is enough to tell some from none.
func endpointCounts(g *facts.Graph, service facts.Ref) (ready, notReady int32) {
	for _, slice := range g.EndpointsOf(service) {
		ready += slice.Ready
		notReady += slice.NotReady
	}
	return ready, notReady
}

// selects says whether a Service finds its endpoints by a selector, and is here to stay.
func selects(service *facts.ServiceNode) bool {
	return service.Type != "ExternalName" && len(service.Selector) > 0 && service.Deleting.IsZero()
}

// undeclared says whether a Service port looks for a container port by a name that none of the Pods declares. Without a
// Pod there is nothing to say.
func undeclared(port facts.ServicePort, pods []*facts.PodNode) bool {
	if port.TargetName == "" || len(pods) == 0 {
		return false
	}
	for _, pod := range pods {
		if pod.Spec == nil || slices.ContainsFunc(pod.Spec.Ports, func(p facts.ContainerPort) bool {
			return p.Name == port.TargetName && protocol(p.Protocol) == protocol(port.Protocol)
		}) {
			return false
		}
	}
	return true
}

// protocol of a port; TCP is the API's default.
func protocol(name string) string {
	if name == "" {
		return "TCP"
	}
	return name
}

// outlived says whether something that began at a time has lasted longer than it may. A time that is not told is long ago.
func outlived(g *facts.Graph, since time.Time, patience time.Duration) bool {
	return g.Now.Sub(since) > patience
}

// workloadNames is for messages: Deployment cart and StatefulSet db.
func workloadNames(workloads []*facts.WorkloadNode) string {
	names := make([]string, 0, len(workloads))
	for _, w := range workloads {
		names = append(names, string(w.Kind)+" "+w.Name)
	}
	return firstFew(names)
}

func fewPodNames(pods []*facts.PodNode) string {
	names := make([]string, 0, len(pods))
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return firstFew(names)
}

// firstFew lists up to three names and counts the others.
func firstFew(names []string) string {
	const few = 3
	if len(names) > few {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
	}
	return strings.Join(names, ", ")
}

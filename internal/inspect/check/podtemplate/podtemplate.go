// Package podtemplate holds the Pod templates that people set up, with their owners and what admission fills in.
package podtemplate

import (
	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Template is a Pod template, or the spec of a Pod that nothing made, with its owner.
type Template struct {
	facts.SpecUse
	// Lean is Spec.Lean; never nil.
	Lean *corev1.PodSpec
	// Live is true where Lean is what running Pods have, with all that admission filled in.
	Live bool
	// Workload is nil where the owner is a Job, a CronJob or a Pod.
	Workload *facts.WorkloadNode
}

// Configured are the Pod templates whose owners people set up, in a fixed order, and the specs of Pods that nothing made. Left
// out are the namespaces of the distribution, what is being deleted, finished or scaled to zero, and Pods that belong to
// something else than a workload: static Pods of a node, and those of an operator's resources.
func Configured(g *facts.Graph) []Template {
	var all []Template
	for _, use := range g.Specs() {
		if s, ok := templateOf(g, use); ok {
			all = append(all, s)
		}
	}
	return all
}

func templateOf(g *facts.Graph, use facts.SpecUse) (Template, bool) {
	if use.Spec.Lean == nil || check.IsSystemNamespace(use.Owner.Namespace) {
		return Template{}, false
	}
	s := Template{SpecUse: use, Lean: use.Spec.Lean}
	switch node := g.Get(use.Owner).(type) {
	case *facts.WorkloadNode:
		s.Workload = node
		return s, use.Template && node.Deleting.IsZero() && (node.Desired > 0 || node.Kind == facts.DaemonSet)
	case *facts.JobNode:
		return s, use.Template && node.Deleting.IsZero() && !node.IsFinished()
	case *facts.CronJobNode:
		return s, use.Template && node.Deleting.IsZero()
	case *facts.PodNode:
		s.Live = true
		return s, node.Deleting.IsZero() && !node.Owned
	default:
		return Template{}, false
	}
}

// Effective are the configured templates with what their Pods have in place of what the template says, where there are Pods: admission
// fills in requests and limits that the template leaves open.
func Effective(g *facts.Graph) []Template {
	running := map[facts.Ref]*facts.PodSpec{}
	for _, use := range g.Specs() {
		if !use.Template && use.Spec.Lean != nil && use.Owner.Kind != facts.Pod {
			running[use.Owner] = use.Spec // of several, as during a rollout, the last
		}
	}
	all := Configured(g)
	for i := range all {
		if spec := running[all[i].Owner]; spec != nil {
			all[i].Spec = spec
			all[i].Lean = spec.Lean
			all[i].Live = true
		}
	}
	return all
}

// Serving says whether the Pods run until somebody stops them, and not until their work is done.
func (s Template) Serving() bool { return s.Workload != nil || s.Owner.Kind == facts.Pod }

// Running are the containers that run for as long as the Pod: the containers and the sidecars.
func (s Template) Running() []*corev1.Container {
	var all []*corev1.Container
	for i := range s.Lean.InitContainers {
		if c := &s.Lean.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	for i := range s.Lean.Containers {
		all = append(all, &s.Lean.Containers[i])
	}
	return all
}

// All are the containers of every sort.
func (s Template) All() []*corev1.Container {
	var all []*corev1.Container
	for i := range s.Lean.InitContainers {
		all = append(all, &s.Lean.InitContainers[i])
	}
	for i := range s.Lean.Containers {
		all = append(all, &s.Lean.Containers[i])
	}
	return all
}

// Name is the owner in texts: Deployment cart.
func (s Template) Name() string { return string(s.Owner.Kind) + " " + s.Owner.Name }

// Package podtemplate lists the Pod templates that users configure, with their owners and the defaults that admission sets.
package podtemplate

import (
	"iter"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Template is a Pod template, or the spec of a Pod without an owner, with its owner.
type Template struct {
	facts.SpecUse
	// Lean is Spec.Lean; never nil.
	Lean *corev1.PodSpec
	// Live is true if Lean is the spec of running Pods, including what admission has set.
	Live bool
	// Workload is nil if the owner is a Job, a CronJob or a Pod.
	Workload *facts.WorkloadNode
}

// Configured are the Pod templates that users configure, in a fixed order, and the specs of Pods without an owner. Skipped
// are system namespaces, owners that are being deleted, finished or scaled to zero, and Pods whose owner is not a workload:
// static Pods of a node, and those of an operator's resources.
func Configured(g *facts.Graph) iter.Seq[Template] {
	return func(yield func(Template) bool) {
		for _, use := range g.Specs() {
			if s, ok := templateOf(g, use); ok && !yield(s) {
				return
			}
		}
	}
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
	default: // a custom resource, by the ReplicaSet that stands for it
		s.Workload = g.Revision(use.Owner)
		return s, s.Workload != nil && use.Template && s.Workload.Deleting.IsZero() && s.Workload.Desired > 0
	}
}

// Effective are the configured templates with the specs of their Pods, if there are any: admission sets requests and limits
// that the template omits.
func Effective(g *facts.Graph) iter.Seq[Template] {
	return func(yield func(Template) bool) {
		running := map[facts.Ref]*facts.PodSpec{}
		for _, use := range g.Specs() {
			if !use.Template && use.Spec.Lean != nil && use.Owner.Kind != facts.Pod {
				running[use.Owner] = use.Spec // the last of several, as during a rollout
			}
		}
		for s := range Configured(g) {
			if spec := running[s.Owner]; spec != nil {
				s.Spec = spec
				s.Lean = spec.Lean
				s.Live = true
			}
			if !yield(s) {
				return
			}
		}
	}
}

// Serving reports whether the Pods run until they are stopped, rather than until they complete.
func (s Template) Serving() bool { return s.Workload != nil || s.Owner.Kind == facts.Pod }

// Running returns the containers that run as long as the Pod: the containers and the sidecars.
func (s Template) Running() []*corev1.Container { return facts.Running(s.Lean) }

// All returns all containers, init containers included.
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
func (s Template) Name() string { return s.Owner.Kind.Name() + " " + s.Owner.Name }

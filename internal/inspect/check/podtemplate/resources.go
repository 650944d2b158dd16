package podtemplate

import (
	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// HasRequest says whether a container states a request of a resource; a limit counts as one.
func HasRequest(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, request := r.Requests[name]
	return request || HasLimit(r, name)
}

// HasLimit says whether a container states a limit of a resource.
func HasLimit(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, limit := r.Limits[name]
	return limit
}

// Defaults are what the LimitRanges of a namespace fill in for containers at creation.
type Defaults struct {
	// CPURequest, MemoryRequest and MemoryLimit say which of them a LimitRange has a default for.
	CPURequest, MemoryRequest, MemoryLimit bool
}

// DefaultsOf are the defaults of all LimitRanges, by namespace.
func DefaultsOf(g *facts.Graph) map[string]Defaults {
	all := map[string]Defaults{}
	for _, l := range g.LimitRanges {
		d := all[l.Namespace]
		d.CPURequest = d.CPURequest || l.DefaultsCPURequest
		d.MemoryRequest = d.MemoryRequest || l.DefaultsMemoryRequest
		d.MemoryLimit = d.MemoryLimit || l.DefaultsMemoryLimit
		all[l.Namespace] = d
	}
	return all
}

// Settled says whether it is known what admission fills in: Pods show it, and LimitRanges tell.
func (s Template) Settled(g *facts.Graph) bool {
	return s.Live || g.Complete(facts.LimitRange, s.Owner.Namespace)
}

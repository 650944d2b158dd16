package podtemplate

import (
	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// HasRequest reports whether a container sets a request for a resource; a limit counts as one.
func HasRequest(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, request := r.Requests[name]
	return request || HasLimit(r, name)
}

// HasLimit reports whether a container sets a limit for a resource.
func HasLimit(r *corev1.ResourceRequirements, name corev1.ResourceName) bool {
	if r == nil {
		return false
	}
	_, limit := r.Limits[name]
	return limit
}

// Defaults are the defaults that the LimitRanges of a namespace set for new containers.
type Defaults struct {
	// CPURequest, MemoryRequest and MemoryLimit are set if a LimitRange has a default for them.
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

// Settled reports whether the defaults set by admission are known, from running Pods or from LimitRanges. A manifest is judged as it is: a
// LimitRange that is not in the files is no reason to rely on one.
func (s Template) Settled(g *facts.Graph) bool {
	return s.Live || g.FromManifests || g.Complete(facts.LimitRange, s.Owner.Namespace)
}

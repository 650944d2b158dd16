// Package specparts keeps one copy of equal parts of Pod specs: the Pods of a workload usually have the containers of its template, and
// many containers have the same requests and limits.
package specparts

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Parts are those that are known. It is not safe for concurrent use; the zero value is ready to use.
type Parts struct {
	containers map[[sha256.Size]byte][]corev1.Container
	resources  map[string]corev1.ResourceRequirements
	// encoded is scratch space.
	encoded []byte
}

// Share replaces the parts of a spec by equal ones of earlier specs, which must not be changed any more.
func (p *Parts) Share(spec *corev1.PodSpec) {
	if spec == nil {
		return
	}
	if p.containers == nil {
		p.containers = map[[sha256.Size]byte][]corev1.Container{}
		p.resources = map[string]corev1.ResourceRequirements{}
	}
	spec.Containers = p.shared(spec.Containers)
	spec.InitContainers = p.shared(spec.InitContainers)
}

func (p *Parts) shared(containers []corev1.Container) []corev1.Container {
	if len(containers) == 0 {
		return containers
	}
	p.encoded = p.encoded[:0]
	for i := range containers {
		c := &containers[i]
		start := len(p.encoded)
		size := c.Size()
		p.encoded = slices.Grow(p.encoded, size)[:start+size]
		if _, err := c.MarshalToSizedBuffer(p.encoded[start:]); err != nil {
			return containers
		}
		p.encoded = binary.AppendUvarint(p.encoded, uint64(size)) //nolint:gosec // not negative
	}
	sum := sha256.Sum256(p.encoded)
	if known, ok := p.containers[sum]; ok {
		return known
	}
	for i := range containers {
		p.shareResources(&containers[i].Resources)
	}
	p.containers[sum] = containers
	return containers
}

func (p *Parts) shareResources(of *corev1.ResourceRequirements) {
	size := of.Size()
	p.encoded = slices.Grow(p.encoded[:0], size)[:size]
	if _, err := of.MarshalToSizedBuffer(p.encoded); err != nil || size == 0 {
		return
	}
	if known, ok := p.resources[string(p.encoded)]; ok {
		*of = known
		return
	}
	p.resources[string(p.encoded)] = *of
}

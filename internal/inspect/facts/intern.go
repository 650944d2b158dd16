package facts

import (
	"encoding/json"
)

// spec returns one copy of equal Pod specs: the thousand Pods of a workload share one.
func (b *Builder) spec(spec *PodSpec) *PodSpec {
	if spec == nil {
		return nil
	}
	key, err := json.Marshal(spec) // plain data: cannot fail, and equal values give equal bytes
	if err != nil {
		return spec
	}
	if known, ok := b.specs[string(key)]; ok {
		return known
	}
	b.specs[string(key)] = spec
	return spec
}

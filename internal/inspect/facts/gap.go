package facts

import (
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/remedy"
)

// Gap is a source that was not read, or only in part.
type Gap struct {
	// Kind that the source provides; empty for sources without kinds, such as log lines.
	Kind Kind
	// Kinds in addition to Kind, where gaps with the same reason were joined.
	Kinds []Kind
	// Source as users know it, for example "pods", "pods in namespace shop" or "pods/log".
	Source string
	Reason v1alpha1.GapReason
	// Message says what was not read and why.
	Message string
	// Remediation is how to fix it.
	Remediation remedy.Text
	// Checks are the ids of affected checks; derived from the kinds when empty.
	Checks []string
	// Optional gaps leave a report complete; see the API type.
	Optional bool
}

// AllKinds are the kinds that the source provides.
func (g Gap) AllKinds() []Kind {
	if g.Kind == "" {
		return g.Kinds
	}
	return append([]Kind{g.Kind}, g.Kinds...)
}

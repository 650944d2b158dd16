package facts

import "kubeops.io/kubeops/api/v1alpha1"

// Gap is a source that could not be read, wholly or in part.
type Gap struct {
	// Kind that the source would have given; empty when it gives none, such as log lines.
	Kind Kind
	// Kinds beyond Kind, when gaps with one reason were joined.
	Kinds []Kind
	// Source as people know it, for example "pods", "pods in namespace shop" or "pods/log".
	Source string
	Reason v1alpha1.GapReason
	// Message says what could not be read, and why; Remediation what to do about it.
	Message, Remediation string
	// Checks by id that were hurt; filled from the kinds when empty.
	Checks []string
}

// AllKinds are the kinds that the source would have given.
func (g Gap) AllKinds() []Kind {
	if g.Kind == "" {
		return g.Kinds
	}
	return append([]Kind{g.Kind}, g.Kinds...)
}

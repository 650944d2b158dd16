package lastline

import (
	"kubeops.io/kubeops/internal/inspect/check/access"
)

// forbidden explains what the API server says to a ServiceAccount without permission, by the roles and bindings that come nearest.
func forbidden(l line) (Saying, bool) {
	d, ok := access.Parse(l.text)
	if !ok {
		return Saying{}, false
	}
	answer := l.access.Explain(d, l.g.TopOwner(l.pod.Ref))
	return Saying{Why: answer.Why, Fix: answer.Fix, Evidence: answer.Evidence, Culprits: answer.Culprits}, true
}

package workload

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// enforceLabel of a Namespace is the Pod Security level that it enforces.
const enforceLabel = "pod-security.kubernetes.io/enforce"

// isHistory reports whether what refused is gone since: the webhook is not configured anymore, or the namespace enforces a lower Pod
// Security level. Its controller has not tried again, since it waits longer after each refusal.
func (b blocked) isHistory(g *facts.Graph) bool {
	switch b.By {
	case apimessage.WebhookDenies, apimessage.WebhookFails:
		return g.Complete(facts.ValidatingWebhook, "") && g.Complete(facts.MutatingWebhook, "") && len(g.WebhookConfigurations(b.Name)) == 0
	case apimessage.PodSecurity:
		namespace, ok := facts.Lookup[*facts.NamespaceNode](g, facts.Ref{Kind: facts.Namespace, Name: b.owner.Namespace})
		if !ok {
			return false
		}
		refused, _, _ := strings.Cut(b.Name, ":")
		now := podSecurityLevel(namespace.Labels[enforceLabel]) // 0 without the label: the API server has a default
		return now > 0 && now < podSecurityLevel(refused)
	default:
		return false
	}
}

// podSecurityLevel orders the Pod Security levels; 0 for others.
func podSecurityLevel(name string) int {
	switch name {
	case "privileged":
		return 1
	case "baseline":
		return 2
	case "restricted":
		return 3
	default:
		return 0
	}
}

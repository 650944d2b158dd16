package workload

import (
	"strings"

	psaapi "k8s.io/pod-security-admission/api"

	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
)

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
		now := psaapi.Level(namespace.Labels[psaapi.EnforceLevelLabel])
		then := psaapi.Level(refused)
		// Without the label, the API server has a default.
		return now.Valid() && then.Valid() && psaapi.CompareLevels(now, then) < 0
	default:
		return false
	}
}

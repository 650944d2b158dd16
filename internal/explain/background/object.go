package background

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// object describes the object of the root cause itself, where it is none of those that make up its workload.
func (g *gatherer) object(ctx context.Context, cause v1alpha1.Finding) {
	key := client.ObjectKey{Namespace: cause.Object.Namespace, Name: cause.Object.Name}
	about := cause.Object.Kind + " " + key.String()
	var text string
	switch cause.Object.Kind {
	case "Service":
		service := &corev1.Service{}
		if g.ok("services", g.cluster.Get(ctx, key, service)) {
			text = compact(map[string]any{
				"type": service.Spec.Type, "selector": service.Spec.Selector, "ports": service.Spec.Ports,
				"externalName": service.Spec.ExternalName,
			})
		}
	case "Ingress":
		ingress := &networkingv1.Ingress{}
		if g.ok("ingresses", g.cluster.Get(ctx, key, ingress)) {
			text = compact(ingress.Spec)
		}
	case "PersistentVolumeClaim":
		claim := &corev1.PersistentVolumeClaim{}
		if g.ok("persistentvolumeclaims", g.cluster.Get(ctx, key, claim)) && claim.Status.Phase != corev1.ClaimBound &&
			g.count["volume"] == 0 {
			g.claim(ctx, claim)
		}
	case "Node":
		node := &corev1.Node{}
		key.Namespace = ""
		about = "Node " + key.Name
		if g.ok("nodes", g.cluster.Get(ctx, key, node)) {
			text, _ = nodeText(node)
		}
	case "ResourceQuota":
		quota := &corev1.ResourceQuota{}
		if g.ok("resourcequotas", g.cluster.Get(ctx, key, quota)) {
			text = "hard: " + quantities(quota.Status.Hard) + "\nused: " + quantities(quota.Status.Used)
		}
	}
	const maxObject = 1500
	text = clipAtWord(text, maxObject)
	g.add("object", v1alpha1.EvidenceSpec, about, text, text)
}

// version says which Kubernetes it is.
func (g *gatherer) version(ctx context.Context) {
	if version, err := g.cluster.Version(ctx); err == nil {
		g.add("version", v1alpha1.EvidenceCondition, "version of Kubernetes", version, "")
	}
}

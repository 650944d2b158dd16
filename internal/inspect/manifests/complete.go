package manifests

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// markComplete marks the kinds of which the files contain every object in their namespaces. Kinds that controllers create, such as
// Pods, cluster-scoped kinds but ClusterRoles, and kinds of documents that could not be read are not complete: they may exist although the
// files lack them.
func (r *reader) markComplete() {
	generated := []facts.Kind{facts.Pod, facts.EndpointSlice, facts.Event}
	workloads := []facts.Kind{
		facts.Deployment,
		facts.ReplicaSet,
		facts.StatefulSet,
		facts.DaemonSet,
		facts.ReplicationController,
		facts.Job,
	}
	for namespace := range r.namespaces {
		for _, kind := range facts.Kinds() {
			operator := r.operatorNamespaces[namespace] && slices.Contains(workloads, kind)
			if kind.Namespaced() && !slices.Contains(generated, kind) && !operator && !slices.Contains(r.unread, kind) {
				r.builder.Covered(kind, namespace)
			}
		}
		// Kubernetes creates these two in every namespace.
		r.addImplicit("ServiceAccount", namespace, "default", nil)
		r.addImplicit("ConfigMap", namespace, "kube-root-ca.crt", nil)
	}
	if !slices.Contains(r.unread, facts.ClusterRole) {
		r.builder.Covered(facts.ClusterRole, "") // but those that Kubernetes ships, which checks know by their names
	}
	for secret, owner := range r.generatedSecrets {
		if _, written := r.positions[objectKey{"Secret", secret.Namespace, secret.Name}]; !written {
			r.addImplicit("Secret", secret.Namespace, secret.Name, &owner)
		}
	}
}

// addImplicit adds an object that exists in the cluster although no file defines it.
func (r *reader) addImplicit(kind facts.Kind, namespace, name string, owner *metav1.OwnerReference) {
	if _, written := r.positions[objectKey{string(kind), namespace, name}]; written {
		return
	}
	meta := facts.Meta{Ref: facts.Ref{Kind: kind, Namespace: namespace, Name: name}, Owned: true, Observed: -1}
	if owner != nil {
		meta.Owner = facts.Ref{Kind: facts.KindOf(owner.APIVersion, owner.Kind), Namespace: namespace, Name: owner.Name}
	}
	r.builder.Add(&facts.ConfigNode{Meta: meta, Automount: true})
}

// createsNoPods lists common kinds of custom resources from which no workloads are created. Any other kind may create some.
func createsNoPods(group, kind string) bool {
	switch group {
	case "cert-manager.io", "external-secrets.io", "bitnami.com", "gateway.networking.k8s.io", "networking.istio.io", "security.istio.io",
		"traefik.io", "traefik.containo.us", "apiextensions.k8s.io", "snapshot.storage.k8s.io", "cilium.io", "projectcalico.org",
		"kyverno.io", "keda.sh", "autoscaling.k8s.io", "kubeops.io":
		return true
	case "monitoring.coreos.com":
		return kind == "ServiceMonitor" || kind == "PodMonitor" || kind == "PrometheusRule" || kind == "Probe" || kind == "ScrapeConfig"
	default:
		return false
	}
}

// recordGeneratedSecrets records the Secrets that a controller creates from a custom resource: spec.secretName of cert-manager,
// spec.target.name of External Secrets, or the name of the resource itself, as for Sealed Secrets.
func (r *reader) recordGeneratedSecrets(f *found, object *unstructured.Unstructured) {
	namespace := f.ref.Namespace
	if namespace == "" {
		namespace = r.options.Namespace
	}
	if !createsNoPods(f.gvk.Group, f.gvk.Kind) {
		r.operatorNamespaces[namespace] = true
	}
	owner := metav1.OwnerReference{
		APIVersion: f.gvk.GroupVersion().String(), Kind: f.gvk.Kind, Name: f.ref.Name, Controller: ptr.To(true),
	}
	for _, path := range [][]string{{"spec", "secretName"}, {"spec", "target", "name"}, {"spec", "output", "secretName"}} {
		if name, ok, _ := unstructured.NestedString(object.Object, path...); ok && name != "" {
			r.generatedSecrets[facts.Ref{Kind: facts.Secret, Namespace: namespace, Name: name}] = owner
		}
	}
	switch f.gvk.Kind {
	case "ExternalSecret", "SealedSecret", "VaultSecret", "SopsSecret", "OnePasswordItem":
		r.generatedSecrets[facts.Ref{Kind: facts.Secret, Namespace: namespace, Name: f.ref.Name}] = owner
	}
}

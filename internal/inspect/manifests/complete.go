package manifests

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// cover says that all that people write into the namespaces of the files is there. Pods and the like, which controllers make,
// and kinds without a namespace, which come with the cluster, are not covered: nothing can be said about their absence.
func (r *reader) cover() {
	made := []facts.Kind{facts.Pod, facts.EndpointSlice, facts.Event}
	workloads := []facts.Kind{facts.Deployment, facts.ReplicaSet, facts.StatefulSet, facts.DaemonSet, facts.ReplicationController, facts.Job}
	for namespace := range r.namespaces {
		for _, kind := range facts.Kinds() {
			if kind.Namespaced() && !slices.Contains(made, kind) && !(r.makers[namespace] && slices.Contains(workloads, kind)) {
				r.builder.Covered(kind, namespace)
			}
		}
		// These two are in every namespace, whoever made it.
		r.present("ServiceAccount", namespace, "default", nil)
		r.present("ConfigMap", namespace, "kube-root-ca.crt", nil)
	}
	for secret, owner := range r.declared {
		if _, written := r.places[place{"Secret", secret.Namespace, secret.Name}]; !written {
			r.present("Secret", secret.Namespace, secret.Name, &owner)
		}
	}
}

// present adds an object that nobody writes into files and that is there all the same.
func (r *reader) present(kind facts.Kind, namespace, name string, owner *metav1.OwnerReference) {
	if _, written := r.places[place{string(kind), namespace, name}]; written {
		return
	}
	meta := facts.Meta{Ref: facts.Ref{Kind: kind, Namespace: namespace, Name: name}, Owned: true, Observed: -1}
	if owner != nil {
		meta.Owner = facts.Ref{Kind: facts.KindOf(owner.APIVersion, owner.Kind), Namespace: namespace, Name: owner.Name}
	}
	r.builder.Add(&facts.KeyedNode{Meta: meta, Automount: true})
}

// makesNoPods says of the kinds that most repositories hold that no workloads come of them. Of others they may.
func makesNoPods(group, kind string) bool {
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

// declares notes the Secrets that a controller will make of a custom resource: cert-manager's spec.secretName, External
// Secrets' spec.target.name, and what has the name of the resource itself, as with Sealed Secrets.
func (r *reader) declares(f *found, object *unstructured.Unstructured) {
	namespace := f.ref.Namespace
	if namespace == "" {
		namespace = r.options.Namespace
	}
	if !makesNoPods(f.gvk.Group, f.gvk.Kind) {
		r.makers[namespace] = true
	}
	owner := metav1.OwnerReference{
		APIVersion: f.gvk.GroupVersion().String(), Kind: f.gvk.Kind, Name: f.ref.Name, Controller: ptr.To(true),
	}
	for _, path := range [][]string{{"spec", "secretName"}, {"spec", "target", "name"}, {"spec", "output", "secretName"}} {
		if name, ok, _ := unstructured.NestedString(object.Object, path...); ok && name != "" {
			r.declared[facts.Ref{Kind: facts.Secret, Namespace: namespace, Name: name}] = owner
		}
	}
	switch f.gvk.Kind {
	case "ExternalSecret", "SealedSecret", "VaultSecret", "SopsSecret", "OnePasswordItem":
		r.declared[facts.Ref{Kind: facts.Secret, Namespace: namespace, Name: f.ref.Name}] = owner
	}
}

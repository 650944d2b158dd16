// Package origin tells from labels, annotations and field managers what an object is created from.
package origin

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Tool is the tool that creates objects from a source.
type Tool string

// Tools that change objects back to what their source says.
const (
	// Helm: Namespace and Name are those of the release.
	Helm Tool = "Helm"
	// ArgoCD: Namespace and Name are those of the Application; the namespace is empty for the one of Argo CD.
	ArgoCD Tool = "Argo CD"
	// Kustomization: Namespace and Name are those of Flux' Kustomization.
	Kustomization Tool = "Kustomization"
	// HelmRelease: Namespace and Name are those of Flux' HelmRelease.
	HelmRelease Tool = "HelmRelease"
	// File is no tool: Name is the file and line of an object that was read from manifests.
	File Tool = "file"
)

// Origin is what an object is created from. Name is empty if unknown.
type Origin struct {
	Tool            Tool
	Namespace, Name string
}

// maxOriginName is the longest name of an object of Kubernetes. A longer value is not a name.
const maxOriginName = 253

// Of returns what an object is created from: nil for objects that a controller creates, even if it copies the labels of the object
// that it creates them for. Kind is the name of the kind without its group. The outer tool counts: Flux and Argo CD also use Helm.
func Of(kind string, o *metav1.ObjectMeta) *Origin {
	if metav1.GetControllerOfNoCopy(o) != nil {
		return nil
	}
	wrote := func(manager string) bool {
		return slices.ContainsFunc(o.ManagedFields, func(f metav1.ManagedFieldsEntry) bool {
			return f.Manager == manager && f.Subresource == ""
		})
	}
	const helmRelease, kustomization = "helm.toolkit.fluxcd.io/", "kustomize.toolkit.fluxcd.io/"
	switch application, tracked := trackedBy(kind, o); {
	case o.Labels[helmRelease+"name"] != "":
		return origin(HelmRelease, o.Labels[helmRelease+"namespace"], o.Labels[helmRelease+"name"])
	case tracked:
		return origin(ArgoCD, application.Namespace, application.Name)
	case o.Labels["argocd.argoproj.io/instance"] != "":
		return origin(ArgoCD, "", o.Labels["argocd.argoproj.io/instance"])
	case wrote("argocd-controller"):
		return origin(ArgoCD, "", o.Labels["app.kubernetes.io/instance"]) // its default tracking label
	case o.Labels[kustomization+"name"] != "":
		return origin(Kustomization, o.Labels[kustomization+"namespace"], o.Labels[kustomization+"name"])
	case wrote("helm-controller"):
		return origin(HelmRelease, "", "")
	case wrote("kustomize-controller"):
		return origin(Kustomization, "", "")
	}
	// A StatefulSet copies its labels to its claims.
	byLabel := o.Labels["app.kubernetes.io/managed-by"] == "Helm" && kind != "PersistentVolumeClaim"
	if o.Annotations[annotationRelease+"name"] != "" || byLabel || wrote("helm") {
		return origin(Helm, o.Annotations[annotationRelease+"namespace"], o.Annotations[annotationRelease+"name"])
	}
	return nil
}

// Annotations that say what an object is created from.
const (
	annotationTracking = "argocd.argoproj.io/tracking-id"
	annotationRelease  = "meta.helm.sh/release-"
)

// IsAnnotation reports whether an annotation says what an object is created from, by its key.
func IsAnnotation(key string) bool {
	return key == annotationTracking || strings.HasPrefix(key, annotationRelease)
}

func origin(tool Tool, namespace, name string) *Origin {
	if len(namespace) > maxOriginName || len(name) > maxOriginName || name == "" {
		return &Origin{Tool: tool}
	}
	// Clones, since a label may be part of a large text.
	return &Origin{Tool: tool, Namespace: strings.Clone(namespace), Name: strings.Clone(name)}
}

// trackedBy returns the Argo CD Application of the tracking annotation APPLICATION:GROUP/KIND:NAMESPACE/NAME, where APPLICATION is
// NAMESPACE_NAME outside of Argo CD's namespace. An annotation that was copied from another object does not count, as for Argo CD
// (https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/).
func trackedBy(kind string, o *metav1.ObjectMeta) (application Origin, ok bool) {
	parts := strings.SplitN(o.Annotations[annotationTracking], ":", 3)
	if len(parts) != 3 || parts[0] == "" {
		return Origin{}, false
	}
	_, of, _ := strings.Cut(parts[1], "/")
	_, name, _ := strings.Cut(parts[2], "/")
	if of != kind || name != o.Name {
		return Origin{}, false
	}
	if namespace, name, outside := strings.Cut(parts[0], "_"); outside {
		return Origin{Namespace: namespace, Name: name}, true
	}
	return Origin{Name: parts[0]}, true
}

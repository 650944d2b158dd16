// Package source names what owns the manifest of an object, such as an Argo CD Application or a Helm release.
package source

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels and annotations of the tools that apply manifests from a repository or a chart, from their documentation.
const (
	fluxKustomization = "kustomize.toolkit.fluxcd.io/"
	fluxHelmRelease   = "helm.toolkit.fluxcd.io/"
	ArgoTracking      = "argocd.argoproj.io/tracking-id"
	ArgoInstance      = "argocd.argoproj.io/instance"
	HelmRelease       = "meta.helm.sh/release-"
	ManagedBy         = "app.kubernetes.io/managed-by"
)

// Of names the tool that applies an object from a source outside of the cluster and would revert a change, with the name of its
// own resource where the object says so; empty if there is none. Labels say more than managedFields, which are the fallback.
func Of(o metav1.Object) string {
	labels := o.GetLabels()
	annotations := o.GetAnnotations()
	argo, _, _ := strings.Cut(annotations[ArgoTracking], ":")
	switch {
	case labels[fluxKustomization+"name"] != "":
		return "Flux (Kustomization " + qualified(labels[fluxKustomization+"namespace"], labels[fluxKustomization+"name"]) + ")"
	case labels[fluxHelmRelease+"name"] != "":
		return "Flux (HelmRelease " + qualified(labels[fluxHelmRelease+"namespace"], labels[fluxHelmRelease+"name"]) + ")"
	case argo != "":
		return "Argo CD (Application " + argo + ")"
	case labels[ArgoInstance] != "":
		return "Argo CD (Application " + labels[ArgoInstance] + ")"
	case annotations[HelmRelease+"name"] != "":
		return "Helm (release " + qualified(annotations[HelmRelease+"namespace"], annotations[HelmRelease+"name"]) + ")"
	case labels[ManagedBy] == "Helm":
		return "Helm"
	}
	return managerOf(o.GetManagedFields())
}

// managerOf names the tool behind the managers of the fields.
func managerOf(fields []metav1.ManagedFieldsEntry) string {
	for _, tool := range []struct {
		name     string
		managers []string
	}{
		{"Flux", []string{"kustomize-controller", "helm-controller", "flux"}},
		{"Argo CD", []string{"argocd-controller", "argocd-application-controller", "argocd"}},
		{"Helm", []string{"helm", "Helm"}},
	} {
		if slices.ContainsFunc(fields, func(f metav1.ManagedFieldsEntry) bool { return slices.Contains(tool.managers, f.Manager) }) {
			return tool.name
		}
	}
	return ""
}

func qualified(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

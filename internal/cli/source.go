package cli

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Labels and annotations of the tools that apply manifests from a repository or a chart, from their documentation.
const (
	fluxKustomization = "kustomize.toolkit.fluxcd.io/"
	fluxHelmRelease   = "helm.toolkit.fluxcd.io/"
	argoTracking      = "argocd.argoproj.io/tracking-id"
	argoInstance      = "argocd.argoproj.io/instance"
	helmRelease       = "meta.helm.sh/release-"
	managedBy         = "app.kubernetes.io/managed-by"
)

// sourceOf names the tool that applies an object from a source outside of the cluster and would revert a change, with the name of its
// own resource where the object says so; empty if there is none. Labels say more than managedFields, which are the fallback.
func sourceOf(o metav1.Object) string {
	labels := o.GetLabels()
	annotations := o.GetAnnotations()
	argo, _, _ := strings.Cut(annotations[argoTracking], ":")
	switch {
	case labels[fluxKustomization+"name"] != "":
		return "Flux (Kustomization " + qualified(labels[fluxKustomization+"namespace"], labels[fluxKustomization+"name"]) + ")"
	case labels[fluxHelmRelease+"name"] != "":
		return "Flux (HelmRelease " + qualified(labels[fluxHelmRelease+"namespace"], labels[fluxHelmRelease+"name"]) + ")"
	case argo != "":
		return "Argo CD (Application " + argo + ")"
	case labels[argoInstance] != "":
		return "Argo CD (Application " + labels[argoInstance] + ")"
	case annotations[helmRelease+"name"] != "":
		return "Helm (release " + qualified(annotations[helmRelease+"namespace"], annotations[helmRelease+"name"]) + ")"
	case labels[managedBy] == "Helm":
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

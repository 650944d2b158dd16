package doctor

import (
	appsv1 "k8s.io/api/apps/v1"

	"kubeops.io/kubeops/internal/remedy"
)

// defaultNamespace is that of config/default, which its folders install into.
const defaultNamespace = "kubeops-system"

// Annotations of Helm on everything that it installs.
const (
	releaseName      = "meta.helm.sh/release-name"
	releaseNamespace = "meta.helm.sh/release-namespace"
)

// origin of an installation: what installs its objects again.
type origin struct {
	// release of Helm and its namespace; empty for Kustomize.
	release, namespace string
	// overlay is set if the installation is that of an overlay into another namespace than that of config/default.
	overlay bool
}

func originOf(d *appsv1.Deployment) origin {
	if d.Annotations[releaseName] != "" {
		return origin{release: d.Annotations[releaseName], namespace: d.Annotations[releaseNamespace]}
	}
	return origin{overlay: d.Namespace != defaultNamespace}
}

// again is how to install the objects of a folder of config again.
func (o origin) again(folder string) remedy.Text {
	switch {
	case o.release != "":
		return o.upgrade("")
	case o.overlay:
		return "Apply your overlay again, in the version of the manager: `kubectl apply --server-side --force-conflicts -k <overlay>`."
	}
	return remedy.Sprintf("In the checkout of the version of the manager, run `kubectl apply --server-side --force-conflicts -k %s`.",
		folder)
}

// upgrade a release of Helm; the value of a setting is NAME=VALUE, or empty.
func (o origin) upgrade(set string) remedy.Text {
	if set == "" {
		return remedy.Sprintf("In the checkout of the version of the manager, run `helm upgrade %s charts/kubeops --namespace %s "+
			"--reset-then-reuse-values`.", o.release, o.namespace)
	}
	return remedy.Sprintf("In the checkout of the version of the manager, run `helm upgrade %s charts/kubeops --namespace %s "+
		"--reset-then-reuse-values --set %s`.", o.release, o.namespace, set)
}

// component is how to add a component to an installation, or to remove it. The value is its switch in the chart.
func (o origin) component(folder, value string, enabled bool) remedy.Text {
	switch {
	case o.release != "" && enabled:
		return o.upgrade("components." + value + "=true")
	case o.release != "":
		return o.upgrade("components." + value + "=false")
	case enabled:
		return remedy.Sprintf("Add component `config/components/%s` to the overlay.", folder)
	}
	return remedy.Sprintf("Remove component `config/components/%s` from the overlay.", folder)
}

// origin of what all managers share, such as CustomResourceDefinitions: that of the first manager.
func (e *examination) origin() origin {
	if len(e.installed) == 0 {
		return origin{}
	}
	return originOf(e.installed[0].deployment)
}

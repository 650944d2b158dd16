package doctor

import (
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/remedy"
)

// defaultNamespace is that of config/default, which its folders install into.
const defaultNamespace = "kubeops-system"

// Folders of config whose objects the chart has a switch for.
const (
	folderCRDs     = "config/crd"
	folderPolicies = "config/admission"
)

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
	if from := releaseOf(d); from.release != "" {
		return from
	}
	return origin{overlay: d.Namespace != defaultNamespace}
}

// releaseOf is the origin of an object of a release of Helm; without one, it is that of config/default.
func releaseOf(object metav1.Object) origin {
	annotations := object.GetAnnotations()
	return origin{release: annotations[releaseName], namespace: annotations[releaseNamespace]}
}

// again is how to install the objects of a folder of config again. Those that the chart has a switch for may be missing because it is off.
func (o origin) again(folder string) remedy.Text {
	switch {
	case o.release != "" && folder == folderCRDs:
		return o.upgrade("crds.install=true")
	case o.release != "" && folder == folderPolicies:
		return o.upgrade("components.admission=true")
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

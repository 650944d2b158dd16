package doctor

import (
	"context"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
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

// impersonated are the names of the ServiceAccounts that the roles of a manager let it act as. Who cannot read roles gets the default.
func (e *examination) impersonated(ctx context.Context, i *installation) []string {
	var names []string
	for _, ref := range e.boundTo(ctx, i) {
		for _, rule := range e.rulesOf(ctx, ref) {
			acts := slices.Contains(rule.Resources, "serviceaccounts") &&
				(slices.Contains(rule.Verbs, asAccount) || slices.Contains(rule.Verbs, asAnything))
			if acts {
				names = append(names, rule.ResourceNames...)
			}
		}
	}
	if len(names) == 0 {
		return []string{v1alpha1.DefaultServiceAccountName}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// boundRole is a role of a binding; the namespace is that of a Role.
type boundRole struct{ kind, namespace, name string }

// boundTo are the roles that the ServiceAccount of a manager has, as far as they can be read.
func (e *examination) boundTo(ctx context.Context, i *installation) (roles []boundRole) {
	isSubject := func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == i.deployment.Namespace && s.Name == i.account
	}
	cluster := &rbacv1.ClusterRoleBindingList{}
	if e.client.List(ctx, cluster) == nil {
		for n := range cluster.Items {
			if slices.ContainsFunc(cluster.Items[n].Subjects, isSubject) {
				roles = append(roles, boundRole{cluster.Items[n].RoleRef.Kind, "", cluster.Items[n].RoleRef.Name})
			}
		}
	}
	for _, namespace := range i.namespaces {
		list := &rbacv1.RoleBindingList{}
		if e.client.List(ctx, list, client.InNamespace(namespace)) != nil {
			continue
		}
		for n := range list.Items {
			if slices.ContainsFunc(list.Items[n].Subjects, isSubject) {
				roles = append(roles, boundRole{list.Items[n].RoleRef.Kind, namespace, list.Items[n].RoleRef.Name})
			}
		}
	}
	return roles
}

// rulesOf a role; none if it cannot be read, as if it did not exist.
func (e *examination) rulesOf(ctx context.Context, role boundRole) []rbacv1.PolicyRule {
	if role.kind == "Role" {
		found := &rbacv1.Role{}
		if err := e.client.Get(ctx, client.ObjectKey{Namespace: role.namespace, Name: role.name}, found); err != nil {
			return nil
		}
		return found.Rules
	}
	found := &rbacv1.ClusterRole{}
	if err := e.client.Get(ctx, client.ObjectKey{Name: role.name}, found); err != nil {
		return nil
	}
	return found.Rules
}

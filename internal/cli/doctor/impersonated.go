package doctor

import (
	"context"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// impersonated are the names of the ServiceAccounts that the roles of a manager let it act as, by the namespace of their binding: "" for
// those of all namespaces.
type impersonated map[string][]string

// in a namespace, or in all of them (""), sorted. Without a role it is the default, which is what the manager needs at least.
func (names impersonated) in(namespace string) []string {
	list := slices.Concat(names[""], names[namespace])
	if len(list) == 0 {
		return []string{v1alpha1.DefaultServiceAccountName}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// impersonatedBy reads the roles of a manager. An error means that the names are not known.
func (e *examination) impersonatedBy(ctx context.Context, i *installation) (impersonated, error) {
	names := impersonated{}
	roles, err := e.boundTo(ctx, i)
	if err != nil {
		return nil, err
	}
	for _, role := range roles {
		rules, err := e.rulesOf(ctx, role)
		if err != nil {
			return nil, err
		}
		for _, rule := range rules {
			acts := slices.Contains(rule.Resources, "serviceaccounts") &&
				(slices.Contains(rule.Verbs, asAccount) || slices.Contains(rule.Verbs, asAnything))
			if acts {
				names[role.namespace] = append(names[role.namespace], rule.ResourceNames...)
			}
		}
	}
	return names, nil
}

// boundRole is a role of a binding; the namespace is that of a RoleBinding.
type boundRole struct{ kind, namespace, name string }

// boundTo are the roles that the ServiceAccount of a manager has.
func (e *examination) boundTo(ctx context.Context, i *installation) (roles []boundRole, err error) {
	isSubject := func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == i.deployment.Namespace && s.Name == i.account
	}
	cluster := &rbacv1.ClusterRoleBindingList{}
	if err := e.client.List(ctx, cluster); err != nil {
		return nil, e.failed(err, "list ClusterRoleBindings")
	}
	for n := range cluster.Items {
		if slices.ContainsFunc(cluster.Items[n].Subjects, isSubject) {
			roles = append(roles, boundRole{cluster.Items[n].RoleRef.Kind, "", cluster.Items[n].RoleRef.Name})
		}
	}
	for _, namespace := range i.namespaces {
		list := &rbacv1.RoleBindingList{}
		if err := e.client.List(ctx, list, client.InNamespace(namespace)); err != nil {
			return nil, e.failed(err, "list RoleBindings in namespace "+namespace)
		}
		for n := range list.Items {
			if slices.ContainsFunc(list.Items[n].Subjects, isSubject) {
				roles = append(roles, boundRole{list.Items[n].RoleRef.Kind, namespace, list.Items[n].RoleRef.Name})
			}
		}
	}
	return roles, nil
}

// rulesOf a role; none if it does not exist.
func (e *examination) rulesOf(ctx context.Context, role boundRole) ([]rbacv1.PolicyRule, error) {
	if role.kind == "Role" {
		found := &rbacv1.Role{}
		err := e.client.Get(ctx, client.ObjectKey{Namespace: role.namespace, Name: role.name}, found)
		if client.IgnoreNotFound(err) != nil {
			return nil, e.failed(err, "read Roles in namespace "+role.namespace)
		}
		return found.Rules, nil
	}
	found := &rbacv1.ClusterRole{}
	if err := e.client.Get(ctx, client.ObjectKey{Name: role.name}, found); client.IgnoreNotFound(err) != nil {
		return nil, e.failed(err, "read ClusterRoles")
	}
	return found.Rules, nil
}

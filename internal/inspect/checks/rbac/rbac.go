// Package rbac checks roles and their bindings.
package rbac

import (
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks returns the checks of roles and bindings.
func Checks() []check.Check {
	var all []check.Check
	for _, p := range slices.Concat(wildcardPowers(), escalationPowers(), workPowers()) {
		powerCheck := p.check()
		if powerCheck.ID == "rbac-secrets-readable" {
			byRole := powerCheck.Run
			powerCheck.Run = func(g *facts.Graph, params check.Params) []check.Finding {
				return append(byRole(g, params), secretsByBuiltin(g)...)
			}
		}
		all = append(all, powerCheck)
	}
	return append(slices.Concat(all, bindingChecks(), accessTidinessChecks()), forbiddenCheck())
}

// bindingChecks report bindings that are dangerous regardless of the role.
func bindingChecks() []check.Check {
	all := []check.Check{
		{
			ID: "rbac-cluster-admin-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityHigh,
			Summary: "A binding grants cluster-admin.",
			Meaning: "cluster-admin allows everything. ServiceAccounts with it are the highest risk: anyone who compromises one of " +
				"their Pods, or can create Pods in their namespace, controls the cluster. The severity is critical if all users or all " +
				"ServiceAccounts get it, and medium for users, groups and ServiceAccounts of kube-system. A RoleBinding grants " +
				"everything in its namespace, Secrets and roles included: it is low (high for all users), in kube-system as severe as " +
				"a ClusterRoleBinding, " +
				"since the accounts there control the cluster. The administrators created " +
				"by Kubernetes, kubeadm and cloud providers (system:masters, kubeadm:cluster-admins) are not reported. Accept a " +
				"trusted operator with an ignore rule of the Inspection, by check and name of the binding.",
			Remediation: "Bind a role with only the required permissions, then delete the binding: `kubectl delete clusterrolebinding " +
				"<name>`.",
			Link:  goodPractices + "#least-privilege",
			Needs: []facts.Kind{facts.ClusterRoleBinding},
			Uses:  []facts.Kind{facts.RoleBinding},
			Run:   clusterAdminBound,
		},
		{
			ID: "rbac-anonymous-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityHigh,
			Summary: "A role is bound to clients without credentials.",
			Meaning: "system:anonymous and system:unauthenticated stand for every client that can reach the API server; if it has " +
				"a public address, that is the internet. The severity is critical if the role reads Secrets or changes anything, and " +
				"medium if it allows only non-resource paths such as /metrics. The discovery roles that Kubernetes binds to everyone, " +
				"and read access in kube-public, are not reported.",
			Remediation: "Delete the binding: `kubectl delete clusterrolebinding <name>`. Bind the role to a ServiceAccount or group " +
				"instead.",
			Link:  "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#anonymous-requests",
			Needs: []facts.Kind{facts.RoleBinding},
			Uses:  []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:   anonymousBound,
		},
		{
			ID: "rbac-all-authenticated-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "A role is bound to all authenticated users or to every ServiceAccount.",
			Meaning: "system:authenticated contains every user, node and Pod of the cluster; with some cloud providers, every " +
				"account of the provider. system:serviceaccounts contains every Pod. The severity is high if the role reads Secrets or " +
				"changes objects of Kubernetes itself. The bindings that Kubernetes creates, and read access in kube-public, are not " +
				"reported.",
			Remediation: "Bind the role to the groups or ServiceAccounts that need it, then delete the binding: `kubectl delete " +
				"clusterrolebinding <name>`.",
			Link:  "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles",
			Needs: []facts.Kind{facts.RoleBinding},
			Uses:  []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:   allAuthenticatedBound,
		},
		{
			ID: "rbac-default-serviceaccount-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "A role is bound to the ServiceAccount default of a namespace.",
			Meaning: "Every Pod that sets no serviceAccountName runs as default and unintentionally gets the permissions of the " +
				"role. The severity is low if the role is bound in one namespace, and neither reads Secrets nor changes anything.",
			Remediation: "Create a ServiceAccount for the workload that needs the role (`kubectl -n <namespace> create serviceaccount " +
				"<name>`), and set it in the workload's serviceAccountName and in the binding.",
			Link:  "https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts",
			Needs: []facts.Kind{facts.RoleBinding},
			Uses:  []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:   defaultAccountBound,
		},
	}
	for i := range all {
		all[i].Subject = "subjects of the binding"
	}
	return all
}

// accessTidinessChecks report dangling and unused objects.
func accessTidinessChecks() []check.Check {
	const rbac = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
	return []check.Check{
		{
			ID: "rbac-binding-role-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A binding refers to a role that does not exist.",
			Meaning: "The binding grants nothing, so requests of its subjects are denied. Anyone who can create a role with that " +
				"name decides what the subjects may do. The roleRef of a binding is immutable: recreate the binding. Bindings younger " +
				"than the startup grace are not reported, and for manifests the roles that Kubernetes or a cloud provider ships.",
			Remediation: "Create the role, or delete the binding: `kubectl -n <namespace> delete rolebinding <name>`.",
			Link:        rbac + "#clusterrolebinding-example",
			Needs:       []facts.Kind{facts.RoleBinding},
			Uses:        []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:         bindingRoleMissing,
		},
		{
			ID: "rbac-binding-subject-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A binding refers to a ServiceAccount that does not exist.",
			Meaning: "Usually the ServiceAccount was deleted and the binding was not, or its name or namespace is misspelled. " +
				"Anyone who can create a ServiceAccount with that name gets the role. Users and groups are not checked, since the " +
				"cluster has no list of them. Bindings that Kubernetes ships, and bindings younger than the startup grace, are not " +
				"reported.",
			Remediation: "Correct the subject, or delete the binding: `kubectl -n <namespace> delete rolebinding <name>`.",
			Link:        rbac + "#referring-to-subjects",
			Needs:       []facts.Kind{facts.RoleBinding, facts.ServiceAccount},
			Uses:        []facts.Kind{facts.ClusterRoleBinding},
			Run:         bindingSubjectMissing,
		},
		{
			ID: "rbac-role-unused", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A Role is not bound.",
			Meaning: "A Role applies only in its namespace, and no RoleBinding there refers to it. ClusterRoles are not checked: " +
				"many are meant to be bound by users or are aggregated into others. Roles that Kubernetes ships, owned Roles, and " +
				"Roles younger than the startup grace are not reported.",
			Remediation: "Bind it (`kubectl -n <namespace> create rolebinding <name> --role=<role> " +
				"--serviceaccount=<namespace>:<name>`) or delete it.",
			Link:  rbac + "#role-and-clusterrole",
			Needs: []facts.Kind{facts.Role, facts.RoleBinding},
			Run:   roleUnused,
		},
		{
			ID: "serviceaccount-tokens-legacy", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A ServiceAccount has tokens in Secrets that never expire.",
			Meaning: "Pods get short-lived, bound tokens. A token in a Secret is valid until the Secret is deleted, for everyone " +
				"who can read it or has a copy. Clusters before 1.24 created one per ServiceAccount; since then they are created by " +
				"hand. Tokens that the cluster has marked as invalid are not reported. If the inspection cannot list Secrets (RBAC), " +
				"the list in the ServiceAccount is used.",
			Remediation: "Check whether it is still used: the label kubernetes.io/legacy-token-last-used on the Secret (`kubectl -n " +
				"<namespace> get secrets -L kubernetes.io/legacy-token-last-used`) holds the date. Then delete the Secret. For " +
				"external clients, request a token that expires: `kubectl -n <namespace> create token <name>`.",
			Link:  "https://kubernetes.io/docs/concepts/security/service-accounts/#get-a-token",
			Needs: []facts.Kind{facts.ServiceAccount},
			Uses:  []facts.Kind{facts.Secret},
			Run:   legacyTokens,
		},
	}
}

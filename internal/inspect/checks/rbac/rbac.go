// Package rbac checks roles and their bindings.
package rbac

import (
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks are about who may do what.
func Checks() []check.Check {
	var all []check.Check
	for _, p := range slices.Concat(wildcardPowers(), escalationPowers(), workPowers()) {
		c := p.check()
		if c.ID == "rbac-secrets-readable" {
			byRole := c.Run
			c.Run = func(g *facts.Graph, params check.Params) []check.Finding {
				return append(byRole(g, params), secretsByBuiltin(g)...)
			}
		}
		all = append(all, c)
	}
	return slices.Concat(all, bindingChecks(), accessTidinessChecks())
}

// bindingChecks are about bindings that are the danger themselves, whatever the role.
func bindingChecks() []check.Check {
	return []check.Check{
		{
			ID: "rbac-cluster-admin-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityHigh,
			Summary: "A ClusterRoleBinding makes somebody cluster administrator.",
			Meaning: "cluster-admin may do everything. A ServiceAccount that holds it is the worst: whoever breaks into one of its Pods, or may create Pods in its " +
				"namespace, has the cluster. It is critical where everybody, or every ServiceAccount, is made administrator; medium for users, groups, and " +
				"ServiceAccounts of kube-system. The administrators that Kubernetes, kubeadm and clouds make (system:masters, kubeadm:cluster-admins) are left " +
				"out. Accept an operator that you trust so far with an ignore rule of the Inspection, by check and name of the binding.",
			Remediation: "Give a role with the rights that are needed instead, then delete the binding: `kubectl delete clusterrolebinding <name>`.",
			Link:        goodPractices + "#least-privilege",
			Needs:       []facts.Kind{facts.ClusterRoleBinding},
			Run:         clusterAdminBound,
		},
		{
			ID: "rbac-anonymous-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityHigh,
			Summary: "A role is given to whoever reaches the API server without credentials.",
			Meaning: "system:anonymous and system:unauthenticated are everybody who can open a connection to the API server; where it has a public address, that is " +
				"the internet. It is critical where the role reads Secrets or changes anything, and medium where it allows nothing but paths that are no " +
				"resources, such as /metrics. The roles for discovery that Kubernetes gives to everybody, and reading in kube-public, are left out.",
			Remediation: "Delete the binding: `kubectl delete clusterrolebinding <name>`; give the role to a ServiceAccount or group instead.",
			Link:        "https://kubernetes.io/docs/reference/access-authn-authz/authentication/#anonymous-requests",
			Needs:       []facts.Kind{facts.RoleBinding},
			Uses:        []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:         anonymousBound,
		},
		{
			ID: "rbac-all-authenticated-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "A role is given to everybody who can log in, or to every ServiceAccount.",
			Meaning: "system:authenticated is each user, node and Pod of the cluster; in some clouds, each account that the cloud knows. system:serviceaccounts is " +
				"each Pod. It is high where the role reads Secrets or changes objects of Kubernetes itself. The bindings that Kubernetes makes, and reading in " +
				"kube-public, are left out.",
			Remediation: "Give the role to the groups or ServiceAccounts that need it, then delete the binding: `kubectl delete clusterrolebinding <name>`.",
			Link:        "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles",
			Needs:       []facts.Kind{facts.RoleBinding},
			Uses:        []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:         allAuthenticatedBound,
		},
		{
			ID: "rbac-default-serviceaccount-bound", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "A role is given to the ServiceAccount default of a namespace.",
			Meaning: "Each Pod that names no ServiceAccount runs as default, and so has the role, without anybody having meant it. It is low where the role is given " +
				"in one namespace, and neither reads Secrets nor changes anything.",
			Remediation: "Make a ServiceAccount for the workload that needs the role (`kubectl -n <namespace> create serviceaccount <name>`), name it in the workload's " +
				"serviceAccountName and in the binding.",
			Link:  "https://kubernetes.io/docs/concepts/security/service-accounts/#default-service-accounts",
			Needs: []facts.Kind{facts.RoleBinding},
			Uses:  []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:   defaultAccountBound,
		},
	}
}

// accessTidinessChecks are about what lies around.
func accessTidinessChecks() []check.Check {
	const rbac = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
	return []check.Check{
		{
			ID: "rbac-binding-role-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A binding gives a role that does not exist.",
			Meaning: "The binding gives nothing, so that its subjects are refused what they were to do. And whoever may create a role of that name decides what they " +
				"get. A binding cannot be pointed at another role: it has to be made anew. Bindings younger than the startup grace are left out.",
			Remediation: "Create the role, or delete the binding: `kubectl -n <namespace> delete rolebinding <name>`.",
			Link:        rbac + "#clusterrolebinding-example",
			Needs:       []facts.Kind{facts.RoleBinding},
			Uses:        []facts.Kind{facts.ClusterRoleBinding, facts.Role, facts.ClusterRole},
			Run:         bindingRoleMissing,
		},
		{
			ID: "rbac-binding-subject-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A binding gives a role to a ServiceAccount that does not exist.",
			Meaning: "Most often the ServiceAccount was deleted and the binding left, or its name or namespace is misspelt. Whoever may create a ServiceAccount of that " +
				"name gets the role. Users and groups cannot be judged, since the cluster has no list of them. Bindings that Kubernetes ships, and bindings " +
				"younger than the startup grace, are left out.",
			Remediation: "Correct the subject, or delete the binding: `kubectl -n <namespace> delete rolebinding <name>`.",
			Link:        rbac + "#referring-to-subjects",
			Needs:       []facts.Kind{facts.RoleBinding, facts.ServiceAccount},
			Uses:        []facts.Kind{facts.ClusterRoleBinding},
			Run:         bindingSubjectMissing,
		},
		{
			ID: "rbac-role-unused", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "No binding gives a Role to anybody.",
			Meaning: "A Role works only in its namespace, and no RoleBinding there names it. ClusterRoles are not judged: many wait for bindings that people make, or are " +
				"joined to others. Roles that Kubernetes ships, that something owns, or that are younger than the startup grace are left out.",
			Remediation: "Bind it (`kubectl -n <namespace> create rolebinding <name> --role=<role> --serviceaccount=<namespace>:<name>`) or delete it.",
			Link:        rbac + "#role-and-clusterrole",
			Needs:       []facts.Kind{facts.Role, facts.RoleBinding},
			Run:         roleUnused,
		},
		{
			ID: "serviceaccount-tokens-legacy", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A ServiceAccount has tokens in Secrets, which never expire.",
			Meaning: "Pods get short-lived tokens that are bound to them. A token in a Secret works until the Secret is deleted, for everybody who can read it or has a " +
				"copy. Clusters before 1.24 made one for each ServiceAccount; later ones are made by hand. Tokens that the cluster has marked as invalid are left " +
				"out. Where the inspection may not list Secrets, the list in the ServiceAccount is judged.",
			Remediation: "See whether it is still used: the label kubernetes.io/legacy-token-last-used on the Secret (`kubectl -n <namespace> get secrets -L " +
				"kubernetes.io/legacy-token-last-used`) tells the day. Then delete the Secret; who needs a token from outside can ask for one that expires: " +
				"`kubectl -n <namespace> create token <name>`.",
			Link:  "https://kubernetes.io/docs/concepts/security/service-accounts/#get-a-token",
			Needs: []facts.Kind{facts.ServiceAccount},
			Uses:  []facts.Kind{facts.Secret},
			Run:   legacyTokens,
		},
	}
}

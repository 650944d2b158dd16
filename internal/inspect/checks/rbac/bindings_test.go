package rbac

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// clusterBinding is a ClusterRoleBinding b of a ClusterRole.
func clusterBinding(role string, subjects string) string {
	return checktest.Document(rbacAPI, "ClusterRoleBinding", `name: b, creationTimestamp: "2026-01-15T10:00:00Z"`,
		"roleRef: {kind: ClusterRole, name: '"+role+"'}\nsubjects: ["+subjects+"]")
}

// roleBinding is a RoleBinding b of a Role or ClusterRole.
func roleBinding(namespace, kind, role, subjects string) string {
	return checktest.Document(rbacAPI, "RoleBinding", "namespace: "+namespace+`, name: b, creationTimestamp: "2026-01-15T10:00:00Z"`,
		"roleRef: {kind: "+kind+", name: '"+role+"'}\nsubjects: ["+subjects+"]")
}

const (
	unknown       = "{kind: User, name: 'system:anonymous'}"
	unauthorized  = "{kind: Group, name: 'system:unauthenticated'}"
	authenticated = "{kind: Group, name: 'system:authenticated'}"
	allAccounts   = "{kind: Group, name: 'system:serviceaccounts'}"
	shopDefault   = "{kind: ServiceAccount, name: default, namespace: shop}"
)

func TestBindingsOfClusterAdminAreReported(t *testing.T) {
	found := func(severity, subjects string) string {
		return checktest.Lines(severity+" ClusterRoleBinding/b: ClusterRoleBinding b grants cluster-admin to "+subjects+".",
			"  spec: roleRef: ClusterRole cluster-admin",
			"  spec: subjects: "+subjects)
	}
	inNamespace := func(severity, namespace string) string {
		return checktest.Lines(severity+" RoleBinding/"+namespace+"/b: RoleBinding b grants cluster-admin in namespace "+namespace+
			" to ServiceAccount ci/runner.", "  spec: roleRef: ClusterRole cluster-admin", "  spec: subjects: ServiceAccount ci/runner")
	}
	checktest.RunTextCases(t, Checks(), "rbac-cluster-admin-bound", map[string]checktest.TextCase{
		"a ServiceAccount": {clusterBinding("cluster-admin", runner), found("high", "ServiceAccount ci/runner")},
		"a user and a ServiceAccount": {clusterBinding("cluster-admin", jane+", "+runner), found("high",
			"User jane, ServiceAccount ci/runner")},
		"a user": {clusterBinding("cluster-admin", jane), found("medium", "User jane")},
		"an account of kube-system": {clusterBinding("cluster-admin", kubeRunner), found("medium",
			"ServiceAccount kube-system/runner")},
		"all users": {clusterBinding("cluster-admin", runner+", "+authenticated), found("critical",
			"ServiceAccount ci/runner, Group system:authenticated")},
		"anonymous users":               {clusterBinding("cluster-admin", unknown), found("critical", "User system:anonymous")},
		"every Pod":                     {clusterBinding("cluster-admin", allAccounts), found("critical", "Group system:serviceaccounts")},
		"the administrators of old":     {clusterBinding("cluster-admin", "{kind: Group, name: 'system:masters'}"), ""},
		"the administrators of kubeadm": {clusterBinding("cluster-admin", "{kind: Group, name: 'kubeadm:cluster-admins'}"), ""},
		"the control plane of a cloud":  {clusterBinding("cluster-admin", "{kind: User, name: 'eks:addon-manager'}"), ""},
		"no Pods":                       {clusterBinding("cluster-admin", ""), ""},
		"another role":                  {clusterBinding("view", runner), ""},
		"of a namespace only":           {roleBinding("shop", "ClusterRole", "cluster-admin", runner), inNamespace("low", "shop")},
		"of a namespace for all users": {roleBinding("shop", "ClusterRole", "cluster-admin", authenticated), checktest.Lines(
			"high RoleBinding/shop/b: RoleBinding b grants cluster-admin in namespace shop to Group system:authenticated.",
			"  spec: roleRef: ClusterRole cluster-admin", "  spec: subjects: Group system:authenticated")},
		"of the system's namespace": {
			roleBinding("kube-system", "ClusterRole", "cluster-admin", runner), inNamespace("high", "kube-system"),
		},
		"a Role that only has that name": {roleBinding("shop", "Role", "cluster-admin", runner), ""},
	})
}

func TestBindingsOfAnonymousUsersAreReported(t *testing.T) {
	found := func(severity, where, subject, does string) string {
		return checktest.Lines(severity+where+" grants ClusterRole tool to "+subject+": every client that can reach the API "+
			"server has it.", "  spec: subjects: "+subject,
			"  spec: roleRef: ClusterRole tool, which "+does)
	}
	const wide, narrow = " ClusterRoleBinding/b: ClusterRoleBinding b", " RoleBinding/shop/b: RoleBinding b in namespace shop"
	reads, secrets, changes := clusterRole(ruleOf("get", "", "pods")), clusterRole(ruleOf("get", "", "secrets")),
		clusterRole(ruleOf("create", "", "pods"))
	checktest.RunTextCases(t, Checks(), "rbac-anonymous-bound", map[string]checktest.TextCase{
		"to read": {reads + clusterBinding("tool", unknown), found("high", wide, "User system:anonymous", "only reads")},
		"to read Secrets": {secrets + clusterBinding("tool", unauthorized), found("critical", wide,
			"Group system:unauthenticated", "reads Secrets")},
		"to change something": {changes + roleBinding("shop", "ClusterRole", "tool", unknown), found("critical", narrow,
			"User system:anonymous", "changes objects")},
		"everything": {clusterRole(ruleOf(`"*"`, "*", `"*"`)) + clusterBinding("tool", unknown), found("critical", wide,
			"User system:anonymous", "reads Secrets and changes objects")},
		"paths": {clusterRole("{verbs: [get], nonResourceURLs: [/metrics]}") + clusterBinding("tool", unknown),
			found("medium", wide, "User system:anonymous", "only reads")},
		"a role that does not exist": {clusterBinding("tool", unknown), ""},
		"other subjects":             {changes + clusterBinding("tool", jane+", "+authenticated), ""},
		"for discovery":              {clusterBinding("system:public-info-viewer", unauthorized), ""},
		"to read in kube-public":     {reads + roleBinding("kube-public", "ClusterRole", "tool", unknown), ""},
		"a group called like a user": {reads + clusterBinding("tool", "{kind: Group, name: 'system:anonymous'}"), ""},
	})
	checktest.RunTextCases(t, Checks(), "rbac-anonymous-bound", map[string]checktest.TextCase{
		"a role that could not be read": {
			clusterBinding("tool", unknown),
			checktest.Lines("high ClusterRoleBinding/b: ClusterRoleBinding b grants ClusterRole tool to User system:anonymous: every "+
				"client that can reach the API server has it.",
				"  spec: subjects: User system:anonymous", "  spec: roleRef: ClusterRole tool, which could not be read"),
		},
		"cluster-admin needs no reading": {
			clusterBinding("cluster-admin", unknown),
			checktest.Lines("critical ClusterRoleBinding/b: ClusterRoleBinding b grants ClusterRole cluster-admin to User "+
				"system:anonymous: every client that can reach the API server has it.",
				"  spec: subjects: User system:anonymous", "  spec: roleRef: ClusterRole cluster-admin, which reads Secrets and "+
					"changes objects"),
		},
	}, facts.ClusterRole)
}

func TestBindingsOfAllAuthenticatedUsersAreReported(t *testing.T) {
	found := func(severity, subject, who, does string) string {
		return checktest.Lines(severity+" ClusterRoleBinding/b: ClusterRoleBinding b grants ClusterRole "+
			"tool to "+subject+": "+who+" has it.", "  spec: subjects: "+subject,
			"  spec: roleRef: ClusterRole tool, which "+does)
	}
	const all, login = "Group system:authenticated", "every authenticated user"
	reads := clusterRole(ruleOf("get", "", "pods"))
	checktest.RunTextCases(t, Checks(), "rbac-all-authenticated-bound", map[string]checktest.TextCase{
		"to read": {reads + clusterBinding("tool", authenticated), found("medium", all, login, "only reads")},
		"every Pod": {reads + clusterBinding("tool", allAccounts), found("medium", "Group system:serviceaccounts",
			"every ServiceAccount, and therefore every Pod,", "only reads")},
		"to read Secrets": {clusterRole(ruleOf("list", "", "secrets")) + clusterBinding("tool", authenticated),
			found("high", all, login, "reads Secrets")},
		"to change what Kubernetes has": {clusterRole(ruleOf("create", "", "pods")) + clusterBinding("tool", authenticated),
			found("high", all, login, "changes objects")},
		"to change what an operator has": {clusterRole(ruleOf("create", "example.com", "widgets")) + clusterBinding("tool",
			authenticated), found("medium", all, login, "changes objects")},
		"to ask what one may do": {clusterRole(ruleOf("create", "authorization.k8s.io", "selfsubjectaccessreviews")) +
			clusterBinding("tool", authenticated), found("medium", all, login, "only reads")},
		"to use a policy": {clusterRole(ruleOf("use", "policy", "podsecuritypolicies")) + clusterBinding("tool", authenticated),
			found("medium", all, login, "changes nothing: policies apply to who may use them")},
		"to use a policy and to create Pods": {
			clusterRole(ruleOf("use", "security.openshift.io", "securitycontextconstraints")+", "+ruleOf("create", "", "pods")) +
				clusterBinding("tool", authenticated), found("high", all, login, "changes objects")},
		"for discovery":                 {clusterBinding("system:discovery", authenticated), ""},
		"the accounts of one namespace": {reads + clusterBinding("tool", "{kind: Group, name: 'system:serviceaccounts:shop'}"), ""},
		"to read in kube-public":        {reads + roleBinding("kube-public", "ClusterRole", "tool", authenticated), ""},
		"a role that does not exist":    {clusterBinding("tool", authenticated), ""},
	})
}

func TestBindingsOfTheDefaultServiceAccountAreReported(t *testing.T) {
	wide := "ClusterRoleBinding/b: ClusterRoleBinding b grants ClusterRole tool to ServiceAccount shop/default: every Pod there " +
		"without a serviceAccountName has it."
	narrow := "RoleBinding/shop/b: RoleBinding b in namespace shop grants ClusterRole tool to ServiceAccount shop/default: every Pod " +
		"there without a serviceAccountName has it."
	reads, changes := clusterRole(ruleOf("get", "", "pods")), clusterRole(ruleOf("create", "", "pods"))
	subjects := "  spec: subjects: ServiceAccount shop/default"
	checktest.RunTextCases(t, Checks(), "rbac-default-serviceaccount-bound", map[string]checktest.TextCase{
		"in the cluster": {reads + clusterBinding("tool", shopDefault), checktest.Lines("medium "+wide, subjects,
			"  spec: roleRef: ClusterRole tool, which only reads")},
		"to change something": {changes + roleBinding("shop", "ClusterRole", "tool", shopDefault), checktest.Lines("medium "+narrow,
			subjects, "  spec: roleRef: ClusterRole tool, which changes objects")},
		"to read in a namespace": {reads + roleBinding("shop", "ClusterRole", "tool", shopDefault), checktest.Lines("low "+narrow,
			subjects, "  spec: roleRef: ClusterRole tool, which only reads")},
		"written without its namespace": {
			reads + roleBinding("shop", "ClusterRole", "tool", "{kind: ServiceAccount, name: default}"), checktest.Lines("low "+narrow,
				subjects, "  spec: roleRef: ClusterRole tool, which only reads"),
		},
		"another account":            {changes + clusterBinding("tool", runner), ""},
		"a user of that name":        {changes + clusterBinding("tool", "{kind: User, name: default}"), ""},
		"a role that does not exist": {clusterBinding("tool", shopDefault), ""},
	})
}

package rbac

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func account(namespace, name, rest string) string {
	return checktest.Document("v1", "ServiceAccount", "name: "+name+", namespace: "+namespace, rest)
}

func TestABindingOfAMissingRoleIsReported(t *testing.T) {
	const message = "low RoleBinding/shop/b: RoleBinding b in namespace shop refers to Role tool, which does not exist: it grants nothing."
	evidence := []string{"  spec: roleRef: Role tool", "  spec: subjects: User jane"}
	role := checktest.Document(rbacAPI, "Role", "name: tool, namespace: shop", "rules: []")
	checktest.RunTextCases(t, Checks(), "rbac-binding-role-missing", map[string]checktest.TextCase{
		"no such Role": {roleBinding("shop", "Role", "tool", jane), checktest.Lines(append([]string{message}, evidence...)...)},
		"one of another namespace": {
			roleBinding("shop", "Role", "tool", jane) + checktest.Document(rbacAPI, "Role", "name: tool, namespace: cart", "rules: []"),
			checktest.Lines(append([]string{message}, evidence...)...),
		},
		"a ClusterRole of that name": {roleBinding("shop", "Role", "tool", jane) + clusterRole(""),
			checktest.Lines(append(append([]string{message}, evidence...), "  spec: ClusterRole tool exists")...)},
		"no such ClusterRole": {
			clusterBinding("tool", jane) + role,
			checktest.Lines("low ClusterRoleBinding/b: ClusterRoleBinding b refers to ClusterRole tool, which does not exist: it "+
				"grants nothing.", "  spec: roleRef: ClusterRole tool", "  spec: subjects: User jane"),
		},
		"it exists": {roleBinding("shop", "Role", "tool", jane) + role, ""},
		"just created": {checktest.Document(rbacAPI, "RoleBinding", `name: b, namespace: shop, creationTimestamp: "2026-01-15T11:59:50Z"`,
			"roleRef: {kind: Role, name: tool}"), ""},
		"being deleted": {
			checktest.Document(rbacAPI, "RoleBinding", `name: b, namespace: shop, deletionTimestamp: "2026-01-15T11:00:00Z"`,
				"roleRef: {kind: Role, name: tool}"), "",
		},
		"a kind that there is not": {checktest.Document(rbacAPI, "RoleBinding", "name: b, namespace: shop",
			"roleRef: {kind: Group, name: tool}"), ""},
	})
	checktest.RunTextCases(t, Checks(), "rbac-binding-role-missing", map[string]checktest.TextCase{
		"roles could not be read": {roleBinding("shop", "Role", "tool", jane) + clusterBinding("tool", jane), ""},
	}, facts.Role, facts.ClusterRole)
}

func TestABindingOfAMissingSubjectIsReported(t *testing.T) {
	const message = "low ClusterRoleBinding/b: ClusterRoleBinding b grants ClusterRole tool to ServiceAccount ci/runner, which does " +
		"not exist."
	checktest.RunTextCases(t, Checks(), "rbac-binding-subject-missing", map[string]checktest.TextCase{
		"no such account": {clusterBinding("tool", runner), checktest.Lines(message, "  spec: roleRef: ClusterRole tool")},
		"of another namespace": {clusterBinding("tool", runner) + account("shop", "runner", ""), checktest.Lines(message,
			"  spec: roleRef: ClusterRole tool")},
		"one of several": {clusterBinding("tool", runner+", "+jane), checktest.Lines(message, "  spec: roleRef: ClusterRole tool",
			"  spec: 1 other subject")},
		"named as a user": {clusterBinding("tool", "{kind: User, name: 'system:serviceaccount:ci:runner'}"),
			checktest.Lines(message, "  spec: roleRef: ClusterRole tool")},
		"it exists":        {clusterBinding("tool", runner) + account("ci", "runner", ""), ""},
		"users and groups": {clusterBinding("tool", jane+", "+authenticated), ""},
		"what Kubernetes ships": {checktest.Document(rbacAPI, "ClusterRoleBinding", "name: 'system:controller:route-controller'",
			"roleRef: {kind: ClusterRole, name: a}\nsubjects: ["+kubeRunner+"]"), ""},
		"the binding is deleted": {checktest.Document(rbacAPI, "ClusterRoleBinding", `name: b, deletionTimestamp: "2026-01-15T11:00:00Z"`,
			"roleRef: {kind: ClusterRole, name: a}\nsubjects: ["+runner+"]"), ""},
		"just created": {checktest.Document(rbacAPI, "ClusterRoleBinding", `name: b, creationTimestamp: "2026-01-15T11:59:50Z"`,
			"roleRef: {kind: ClusterRole, name: a}\nsubjects: ["+runner+"]"), ""},
	})
	checktest.RunTextCases(t, Checks(), "rbac-binding-subject-missing", map[string]checktest.TextCase{
		"accounts could not be read": {clusterBinding("tool", runner), ""},
	}, facts.ServiceAccount)
}

func TestARoleWithoutBindingIsReported(t *testing.T) {
	role := func(metadata string) string {
		return checktest.Document(rbacAPI, "Role", "namespace: shop, "+metadata, "rules: ["+ruleOf("get", "", "pods")+"]")
	}
	checktest.RunTextCases(t, Checks(), "rbac-role-unused", map[string]checktest.TextCase{
		"not bound": {role("name: tool"), checktest.Lines("info Role/shop/tool: Role tool is not bound: no RoleBinding in "+
			"namespace shop refers to it.", "  spec: rule: get on pods")},
		"bound":                 {role("name: tool") + roleBinding("shop", "Role", "tool", jane), ""},
		"a ClusterRole":         {clusterRole(""), ""},
		"what Kubernetes ships": {role("name: 'system:tool'"), ""},
		"owned":                 {role("name: tool, ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: u}]"), ""},
		"just created":          {role(`name: tool, creationTimestamp: "2026-01-15T11:59:50Z"`), ""},
		"being deleted":         {role(`name: tool, deletionTimestamp: "2026-01-15T11:59:50Z"`), ""},
	})
	checktest.RunTextCases(t, Checks(), "rbac-role-unused", map[string]checktest.TextCase{"bindings could not be read": {
		role("name: tool"), ""}}, facts.RoleBinding)
}

func TestTokensInSecretsAreReported(t *testing.T) {
	const message = "low ServiceAccount/shop/web: ServiceAccount web has a token in a Secret that does not expire."
	secret := func(metadata string) string {
		return checktest.Document("v1", "Secret", "namespace: shop, "+metadata, "type: kubernetes.io/service-account-token")
	}
	web := account("shop", "web", "secrets: [{name: web-dockercfg}, {name: web-token-x2x2x}]")
	token := secret("name: web-token-x2x2x, annotations: {kubernetes.io/service-account.name: web}")
	checktest.RunTextCases(t, Checks(), "serviceaccount-tokens-legacy", map[string]checktest.TextCase{
		"a token": {web + token, checktest.Lines(message, "  spec: Secrets with its token: web-token-x2x2x")},
		"one that it does not list": {account("shop", "web", "") + token, checktest.Lines(message,
			"  spec: Secrets with its token: web-token-x2x2x")},
		"one that is gone": {web, ""},
		"one that is refused": {web + secret("name: web-token-x2x2x, labels: {kubernetes.io/legacy-token-invalid-since: "+
			"'2025-12-01'}, annotations: {kubernetes.io/service-account.name: web}"), ""},
		"that of another account": {account("shop", "api", "") + token, ""},
		"another Secret":          {web + secret("name: web-dockercfg"), ""},
		"an account of that name": {account("cart", "web", "") + token, ""},
	})
	checktest.RunTextCases(t, Checks(), "serviceaccount-tokens-legacy", map[string]checktest.TextCase{
		"Secrets could not be read": {web, checktest.Lines(message, "  spec: Secrets listed in the ServiceAccount: web-token-x2x2x")},
		"no tokens are listed":      {account("shop", "web", "secrets: [{name: web-dockercfg}]"), ""},
	}, facts.Secret)
}

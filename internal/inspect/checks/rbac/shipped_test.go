package rbac

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

// shippedRoles is a choice of the roles and bindings that each cluster has from its first day, and those that kubeadm adds.
func shippedRoles() string {
	const bootstrapped = ", labels: {kubernetes.io/bootstrapping: rbac-defaults}"
	role := func(name, rules string) string {
		return checktest.Document(rbacAPI, "ClusterRole", "name: '"+name+"'"+bootstrapped, "rules: ["+rules+"]")
	}
	bind := func(name, labels, role, subjects string) string {
		return checktest.Document(rbacAPI, "ClusterRoleBinding", "name: '"+name+"'"+labels,
			"roleRef: {kind: ClusterRole, name: '"+role+"'}\nsubjects: ["+subjects+"]")
	}
	const allUsers = "{kind: Group, name: 'system:authenticated'}"
	return role("cluster-admin", ruleOf(`"*"`, "*", `"*"`)) +
		role("admin", ruleOf("create, get, list", "", "secrets, pods, pods/exec, serviceaccounts/token")) +
		role("view", ruleOf("get, list", "", "pods")) +
		role("system:discovery", `{verbs: [get], nonResourceURLs: [/api, /apis/*]}`) +
		role("system:basic-user", ruleOf("create", "authorization.k8s.io", "selfsubjectaccessreviews")) +
		role("system:public-info-viewer", `{verbs: [get], nonResourceURLs: [/healthz, /version]}`) +
		role("system:service-account-issuer-discovery", `{verbs: [get], nonResourceURLs: [/openid/v1/jwks]}`) +
		role("system:node", ruleOf("create, get", "", "serviceaccounts/token, secrets, pods")) +
		role("system:kubelet-api-admin", ruleOf(`"*"`, "", "nodes/proxy")) +
		role("system:controller:clusterrole-aggregation-controller", ruleOf("escalate, get", groupRBAC, "clusterroles")) +
		role("system:controller:replicaset-controller", ruleOf("create", "", "pods")) +
		role("system:controller:generic-garbage-collector", ruleOf("delete, get, list", "*", `"*"`)) +
		bind("cluster-admin", bootstrapped, "cluster-admin", "{kind: Group, name: 'system:masters'}") +
		bind("system:discovery", bootstrapped, "system:discovery", allUsers) +
		bind("system:basic-user", bootstrapped, "system:basic-user", allUsers) +
		bind("system:public-info-viewer", bootstrapped, "system:public-info-viewer",
			allUsers+", {kind: Group, name: 'system:unauthenticated'}") +
		bind("system:service-account-issuer-discovery", bootstrapped, "system:service-account-issuer-discovery",
			"{kind: Group, name: 'system:serviceaccounts'}") +
		bind("system:node", bootstrapped, "system:node", "") +
		bind("system:controller:clusterrole-aggregation-controller", bootstrapped, "system:controller:clusterrole-aggregation-controller",
			"{kind: ServiceAccount, name: clusterrole-aggregation-controller, namespace: kube-system}") +
		bind("system:controller:replicaset-controller", bootstrapped, "system:controller:replicaset-controller",
			"{kind: ServiceAccount, name: replicaset-controller, namespace: kube-system}") +
		bind("system:controller:generic-garbage-collector", bootstrapped, "system:controller:generic-garbage-collector",
			"{kind: ServiceAccount, name: generic-garbage-collector, namespace: kube-system}") +
		bind("kubeadm:cluster-admins", "", "cluster-admin", "{kind: Group, name: 'kubeadm:cluster-admins'}") +
		bind("kubeadm:apiserver-kubelet-client", "", "system:kubelet-api-admin", "{kind: User, name: kube-apiserver-kubelet-client}") +
		checktest.Document(rbacAPI, "Role", "name: 'kubeadm:bootstrap-signer-clusterinfo', namespace: kube-public",
			`rules: [{verbs: [get], apiGroups: [""], resources: [configmaps], resourceNames: [cluster-info]}]`) +
		checktest.Document(rbacAPI, "RoleBinding", "name: 'kubeadm:bootstrap-signer-clusterinfo', namespace: kube-public",
			"roleRef: {kind: Role, name: 'kubeadm:bootstrap-signer-clusterinfo'}\nsubjects: [{kind: User, name: 'system:anonymous'}]") +
		checktest.Document(rbacAPI, "Role", "name: 'system:controller:token-cleaner', namespace: kube-system"+bootstrapped,
			"rules: ["+ruleOf("get, delete", "", "secrets")+"]") +
		checktest.Document(rbacAPI, "RoleBinding", "name: 'system:controller:token-cleaner', namespace: kube-system"+bootstrapped,
			"roleRef: {kind: Role, name: 'system:controller:token-cleaner'}\nsubjects: [{kind: ServiceAccount, name: token-cleaner, "+
				"namespace: kube-system}]")
}

func TestRolesShippedWithKubernetesAreNotReported(t *testing.T) {
	for _, check := range Checks() {
		if got := checktest.Text(t, Checks(), check.ID, shippedRoles()); got != "" {
			t.Errorf("%s found:\n%s", check.ID, got)
		}
	}
}

package rbac

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const rbacAPI = "rbac.authorization.k8s.io/v1"

// clusterRole is a ClusterRole tool with rules, written as in YAML's flow style.
func clusterRole(rules string) string {
	return checktest.Document(rbacAPI, "ClusterRole", "name: tool", "rules: ["+rules+"]")
}

func ruleOf(verbs, group, resources string) string {
	return `{verbs: [` + verbs + `], apiGroups: ["` + group + `"], resources: [` + resources + `]}`
}

// toolBinding is a ClusterRoleBinding of ClusterRole tool.
func toolBinding(subject string) string {
	return checktest.Document(rbacAPI, "ClusterRoleBinding", "name: tool",
		"roleRef: {kind: ClusterRole, name: tool}\nsubjects: ["+subject+"]")
}

// toolIn is a RoleBinding of ClusterRole tool.
func toolIn(namespace, subject string) string {
	return checktest.Document(rbacAPI, "RoleBinding", "name: tool, namespace: "+namespace,
		"roleRef: {kind: ClusterRole, name: tool}\nsubjects: ["+subject+"]")
}

const (
	runner     = "{kind: ServiceAccount, name: runner, namespace: ci}"
	kubeRunner = "{kind: ServiceAccount, name: runner, namespace: kube-system}"
	jane       = "{kind: User, name: jane}"
	byRunner   = "  spec: bound by ClusterRoleBinding tool to ServiceAccount ci/runner"
	inShop     = "  spec: bound by RoleBinding tool in namespace shop to ServiceAccount ci/runner"
	inSystem   = "  spec: bound by RoleBinding tool in namespace kube-system to ServiceAccount ci/runner"
)

func TestRolesWithDangerousPermissionsAreReported(t *testing.T) {
	for name, tc := range map[string]struct {
		check, rules string
		// want are the severity and the message; narrow the severity where the role is given in namespace shop, or empty.
		severity, message, narrow, evidence string
	}{
		"all verbs": {
			"rbac-wildcard-verbs", ruleOf(`"*"`, "apps", "deployments"), "medium", "do everything to deployments", "low",
			"rule: * on deployments (apps)",
		},
		"all resources": {
			"rbac-wildcard-resources", ruleOf("get, list", "", `"*"`), "medium", "get, list every resource of the API group core", "low",
			"rule: get, list on *",
		},
		"everything": {
			"rbac-wildcard-resources", ruleOf("get", "", `"*"`) + "," + ruleOf(`"*"`, "*", `"*"`), "high",
			"do everything to every resource", "low",
			"rule: * on * (*)\n  spec: rule: get on *",
		},
		"escalate": {
			"rbac-escalation-verbs", ruleOf("get, escalate", groupRBAC, "roles"), "high", "add any permission to roles (escalate)",
			"medium",
			"rule: get, escalate on roles (rbac.authorization.k8s.io)",
		},
		"bind": {
			"rbac-escalation-verbs", ruleOf("bind", groupRBAC, "clusterroles"), "high",
			"bind any of the clusterroles to themselves (bind)", "medium",
			"rule: bind on clusterroles (rbac.authorization.k8s.io)",
		},
		"impersonate": {
			"rbac-escalation-verbs", ruleOf("impersonate", "", "serviceaccounts"), "high",
			"act as any of the serviceaccounts (impersonate)", "medium",
			"rule: impersonate on serviceaccounts",
		},
		"tokens": {
			"rbac-token-creation", ruleOf("create", "", "serviceaccounts/token"), "high", "create tokens of any ServiceAccount", "medium",
			"rule: create on serviceaccounts/token",
		},
		"Secrets": {"rbac-secrets-readable", ruleOf("list", "", "pods, secrets"), "medium", "read every Secret", "",
			"rule: list on pods, secrets"},
		"exec": {"rbac-pod-exec", ruleOf("create", "", `"*/exec"`), "medium", "run commands in any Pod", "",
			"rule: create on */exec"},
		"attach": {"rbac-pod-exec", ruleOf("create", "", "pods/attach"), "medium", "attach to any Pod", "",
			"rule: create on pods/attach"},
		"a container for debugging": {"rbac-pod-exec", ruleOf("patch", "", "pods/ephemeralcontainers"), "medium", "add a container to any Pod",
			"", "rule: patch on pods/ephemeralcontainers"},
		"ports": {"rbac-port-forward", ruleOf("create", "", "pods/portforward"), "low", "forward any port of any Pod", "",
			"rule: create on pods/portforward"},
		"Pods": {"rbac-pod-creation", ruleOf("create", "", "pods"), "low", "create Pods", "", "rule: create on pods"},
		"what makes Pods": {"rbac-pod-creation", ruleOf(`"*"`, "batch", "cronjobs"), "low", "create CronJobs", "",
			"rule: * on cronjobs (batch)"},
		"kubelets": {"rbac-node-proxy", ruleOf("get", "", "nodes/proxy"), "medium", "access the API of every kubelet", "",
			"rule: get on nodes/proxy"},
		"volumes of any kind": {"rbac-persistent-volume-creation", ruleOf("create", "", "persistentvolumes"), "low",
			"create PersistentVolumes, including hostPath volumes", "", "rule: create on persistentvolumes"},
		"webhooks": {"rbac-webhook-write", ruleOf("patch", "admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
			"medium", "write any admission webhook configuration", "",
			"rule: patch on mutatingwebhookconfigurations (admissionregistration.k8s.io)"},
		"certificates to log in by": {
			"rbac-csr-approval", ruleOf("update", groupCerts, "certificatesigningrequests/approval") + "," + ruleOf("approve", groupCerts,
				"signers"),
			"medium", "approve certificates for any user of the cluster", "", "rule: approve on signers (certificates.k8s.io)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			role := clusterRole(tc.rules)
			want := checktest.Lines(tc.severity+" ClusterRole/tool: ClusterRole tool allows its "+
				"subjects to "+tc.message+", in the whole cluster.", "  spec: "+tc.evidence, byRunner)
			narrow := ""
			if tc.narrow != "" {
				narrow = checktest.Lines(tc.narrow+" ClusterRole/tool: ClusterRole tool allows its "+
					"subjects to "+tc.message+", in the namespaces of its bindings.", "  spec: "+tc.evidence, inShop)
			}
			for given, one := range map[string]struct{ documents, want string }{
				"given in the cluster": {role + toolBinding(runner), want},
				"given in a namespace": {role + toolIn("shop", runner), narrow},
				"given in both":        {role + toolBinding(runner) + toolIn("shop", runner), want},
				"not bound":            {role, ""},
				"given to the system's own": {role + toolBinding("{kind: Group, name: 'system:masters'}, {kind: User, name: "+
					"'system:kube-scheduler'}, "+kubeRunner), ""},
				"being deleted": {strings.Replace(role, "name: tool",
					`name: tool, deletionTimestamp: "2026-01-15T11:00:00Z"`, 1) + toolBinding(runner), ""},
				"made by the API server": {strings.Replace(role, "name: tool",
					"name: tool, labels: {kubernetes.io/bootstrapping: rbac-defaults}", 1) + toolBinding(runner), ""},
				"whose binding goes away": {role + strings.Replace(toolBinding(runner), "name: tool",
					`name: tool, deletionTimestamp: "2026-01-15T11:00:00Z"`, 1), ""},
				"given to a user like that": {role + toolBinding("{kind: User, name: 'system:serviceaccount:ci:runner'}"), want},
				"with no rule of that sort": {clusterRole(ruleOf("get", "", "pods")) + toolBinding(runner), ""},
				"without any rule":          {clusterRole("") + toolBinding(runner), ""},
				"about single objects only": {clusterRole(strings.ReplaceAll(ruleOf("get, create, patch, update", "", "secrets, pods"),
					"}", ", resourceNames: [a]}")) + toolBinding(runner), ""},
				"about paths, not resources": {clusterRole(`{verbs: ["*"], nonResourceURLs: ["*"]}`) + toolBinding(runner), ""},
			} {
				if diff := cmp.Diff(one.want, checktest.Text(t, Checks(), tc.check, one.documents)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", given, diff)
				}
			}
		})
	}
}

func TestHarmlessRulesAreNotReported(t *testing.T) {
	for name, tc := range map[string]struct{ check, rules string }{
		"all verbs on custom resources":  {"rbac-wildcard-verbs", ruleOf(`"*"`, "example.com", "widgets")},
		"all verbs on events and leases": {"rbac-wildcard-verbs", ruleOf(`"*"`, "", "events, leases")},
		"all resources of an operator":   {"rbac-wildcard-resources", ruleOf(`"*"`, "example.com", `"*"`)},
		"to bind single roles": {"rbac-escalation-verbs",
			`{verbs: [bind], apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view]}`},
		"tokens of single accounts": {"rbac-token-creation",
			`{verbs: [create], apiGroups: [""], resources: [serviceaccounts/token], resourceNames: [a]}`},
		"to write Secrets unread": {"rbac-secrets-readable", ruleOf("create, delete", "", "secrets")},
		"secrets of another API":  {"rbac-secrets-readable", ruleOf("get", "example.com", "secrets")},
		"pods/* is no wildcard":   {"rbac-pod-exec", ruleOf("create", "", "pods/*")},
		"to look at Pods":         {"rbac-pod-creation", ruleOf("get, list, watch, delete", "", "pods")},
		"nodes/metrics":           {"rbac-node-proxy", ruleOf("get", "", "nodes/metrics, nodes")},
		"to look at volumes":      {"rbac-persistent-volume-creation", ruleOf("get, update", "", "persistentvolumes")},
		"to look at webhooks": {"rbac-webhook-write", ruleOf("get, list", "admissionregistration.k8s.io",
			"mutatingwebhookconfigurations")},
		"signers without their requests": {"rbac-csr-approval", ruleOf("approve", groupCerts, "signers")},
		"requests of cert-manager's signers": {"rbac-csr-approval", ruleOf("update", groupCerts, "certificatesigningrequests/approval") +
			`,{verbs: [approve], apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: ["issuers.cert-manager.io/*"]}`},
		"serving certificates of kubelets": {"rbac-csr-approval", ruleOf("update", groupCerts, "certificatesigningrequests/approval") +
			`,{verbs: [approve], apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/kubelet-serving]}`},
		"everything is reported once":         {"rbac-secrets-readable", ruleOf(`"*"`, "*", `"*"`)},
		"so is every permission of one group": {"rbac-escalation-verbs", ruleOf(`"*"`, groupRBAC, `"*"`)},
	} {
		t.Run(name, func(t *testing.T) {
			if got := checktest.Text(t, Checks(), tc.check, clusterRole(tc.rules)+toolBinding(runner)); got != "" {
				t.Errorf("found:\n%s", got)
			}
		})
	}
}

func TestRolesBoundInKubeSystemCountAsClusterWide(t *testing.T) {
	role := clusterRole(ruleOf("get", "", "secrets"))
	want := checktest.Lines("medium ClusterRole/tool: ClusterRole tool allows its subjects to read every Secret, in namespace "+
		"kube-system.", "  spec: rule: get on secrets", inSystem)
	if diff := cmp.Diff(want, checktest.Text(t, Checks(), "rbac-secrets-readable", role+toolIn("kube-system", runner)+toolIn("shop",
		runner))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	own := checktest.Document(rbacAPI, "Role", "name: tool, namespace: shop", "rules: ["+ruleOf("create", "",
		"serviceaccounts/token")+"]") +
		checktest.Document(rbacAPI, "RoleBinding", "name: tool, namespace: shop", "roleRef: {kind: Role, name: tool}\nsubjects: ["+jane+"]")
	want = checktest.Lines("medium Role/shop/tool: Role tool allows its subjects to create tokens of any ServiceAccount, in "+
		"namespace shop.", "  spec: rule: create on serviceaccounts/token",
		"  spec: bound by RoleBinding tool in namespace shop to User jane")
	if diff := cmp.Diff(want, checktest.Text(t, Checks(), "rbac-token-creation", own)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestEvidenceListsThreeBindingsAndCountsTheRest(t *testing.T) {
	documents := clusterRole(ruleOf("get", "", "secrets"))
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		documents += strings.Replace(toolBinding(jane), "name: tool", "name: "+name, 1)
	}
	if got := checktest.Text(t, Checks(), "rbac-secrets-readable", documents); !strings.HasSuffix(got,
		"bound by ClusterRoleBinding c to User jane\n  spec: and 2 more bindings\n") {
		t.Errorf("got:\n%s", got)
	}
}

func TestBuiltinRolesThatReadSecretsAreReportedOnTheirBindings(t *testing.T) {
	bind := func(role, subject string) string {
		return checktest.Document(rbacAPI, "ClusterRoleBinding", "name: b",
			"roleRef: {kind: ClusterRole, name: "+role+"}\nsubjects: ["+subject+"]")
	}
	in := func(namespace string) string {
		return checktest.Document(rbacAPI, "RoleBinding", "name: b, namespace: "+namespace,
			"roleRef: {kind: ClusterRole, name: edit}\nsubjects: ["+jane+"]")
	}
	system := checktest.Lines("medium RoleBinding/kube-system/b: RoleBinding b allows User jane to read every Secret in kube-system, with the "+
		"tokens of Kubernetes' own components: role edit includes it.",
		"  spec: roleRef: ClusterRole edit", "  spec: subjects: User jane")
	want := checktest.Lines("medium ClusterRoleBinding/b: ClusterRoleBinding b allows User jane to read every Secret in the cluster: "+
		"role edit includes it.",
		"  spec: roleRef: ClusterRole edit", "  spec: subjects: User jane")
	for documents, want := range map[string]string{
		bind("edit", jane): want, bind("view", jane): "", bind("admin", kubeRunner): "", bind("cluster-admin", jane): "",
		in("kube-system"): system, in("shop"): "",
	} {
		if diff := cmp.Diff(want, checktest.Text(t, Checks(), "rbac-secrets-readable", documents)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", documents, diff)
		}
	}
}

func TestRolesAreCheckedWithIncompleteFacts(t *testing.T) {
	role := clusterRole(ruleOf("create", "", "serviceaccounts/token"))
	if got := checktest.Text(t, Checks(), "rbac-token-creation", role+toolIn("shop", runner), facts.ClusterRoleBinding,
		facts.Role); !strings.HasPrefix(got, "medium ClusterRole/tool") {
		t.Errorf("got %q", got)
	}
}

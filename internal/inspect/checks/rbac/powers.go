package rbac

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check/access"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

const goodPractices = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"

// wildcardPowers are rules that are broader than intended.
func wildcardPowers() []power {
	return []power{
		{
			id: "rbac-wildcard-verbs", severity: v1alpha1.SeverityMedium, narrow: v1alpha1.SeverityLow,
			summary: "A bound role allows every verb on Kubernetes resources.",
			meaning: "The verb * allows all current and future verbs, including easily overlooked ones: deletecollection, impersonate " +
				"on ServiceAccounts, bind and escalate on roles. Rules for custom resources, for events and leases, or for single " +
				"objects by name are not reported. The severity is low if the role is bound in single namespaces only.",
			remedy: "Replace * with the verbs that are needed, such as get, list, watch, create, update, patch and delete: EDIT.",
			link:   goodPractices + "#least-privilege", allows: wildcardVerbs,
		},
		{
			id: "rbac-wildcard-resources", severity: v1alpha1.SeverityMedium, narrow: v1alpha1.SeverityLow,
			summary: "A bound role applies to every resource.",
			meaning: "The resource * includes Secrets, roles, and every kind installed in the future. The severity is high if every " +
				"verb is allowed too, which equals cluster-admin, and low if the role is bound in single namespaces only. Rules for " +
				"the API groups of operators, or for single objects by name, are not reported.",
			remedy: "Replace * with the resources that are needed: EDIT. `kubectl api-resources` lists their names.",
			link:   goodPractices + "#least-privilege", allows: wildcardResources,
			graver: func(rule facts.AccessRule) v1alpha1.Severity {
				if slices.Contains(rule.Verbs, "*") {
					return v1alpha1.SeverityHigh
				}
				return ""
			},
		},
	}
}

func wildcardVerbs(rule facts.AccessRule) string {
	if len(rule.Names) > 0 || len(rule.Resources) == 0 || !slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "*") ||
		harmless(rule) ||
		!slices.ContainsFunc(rule.Groups, kubernetesGroup) {
		return ""
	}
	return "do everything to " + phrase.List(rule.Resources)
}

func wildcardResources(rule facts.AccessRule) string {
	if len(rule.Names) > 0 || !slices.Contains(rule.Resources, "*") || !slices.ContainsFunc(rule.Groups, kubernetesGroup) {
		return ""
	}
	objects := "every resource"
	if !slices.Contains(rule.Groups, "*") {
		groups := slices.Clone(rule.Groups)
		for i := range groups {
			if groups[i] == groupCore {
				groups[i] = "core"
			}
		}
		objects += " of the API " + phrase.Plural(len(groups), "group ", "groups ") + phrase.List(groups)
	}
	if slices.Contains(rule.Verbs, "*") {
		return "do everything to " + objects
	}
	return phrase.List(rule.Verbs) + " " + objects
}

// escalationPowers are rules that allow subjects to gain more permissions.
func escalationPowers() []power {
	return []power{
		{
			id: "rbac-escalation-verbs", severity: v1alpha1.SeverityHigh, narrow: v1alpha1.SeverityMedium,
			summary: "A bound role allows privilege escalation.",
			meaning: "escalate allows writing more permissions into a role than the subject has, bind allows binding any role to " +
				"oneself, impersonate allows acting as any other user, group or ServiceAccount: ultimately as cluster administrator. " +
				"Permissions to bind or impersonate single objects by name are not reported. The severity is medium if the role is " +
				"bound in single namespaces only. KubeOps' own manager can impersonate ServiceAccounts by name: it reads clusters as " +
				"the ServiceAccount set in the Inspection.",
			remedy: "Remove the verb, or list the roles or accounts that it is needed for in resourceNames: EDIT.",
			link:   goodPractices + "#escalate-verb", allows: escalationPermission,
		},
		{
			id: "rbac-token-creation", severity: v1alpha1.SeverityHigh, narrow: v1alpha1.SeverityMedium,
			summary: "A bound role allows creating tokens of ServiceAccounts.",
			meaning: "A subject that can create serviceaccounts/token can act as each ServiceAccount in the scope of the role, with " +
				"all its permissions and with a token lifetime of its choice. Rules for single ServiceAccounts by name are not " +
				"reported. The severity is medium if the role is bound in single namespaces only.",
			remedy: "List the ServiceAccounts in resourceNames, or bind the role with a RoleBinding in their namespace only: EDIT.",
			link:   goodPractices + "#token-request",
			allows: permission("create tokens of any ServiceAccount", "serviceaccounts/token", "create"),
		},
		{
			id: "rbac-secrets-readable", severity: v1alpha1.SeverityMedium,
			summary: "A bound role allows reading every Secret of the cluster.",
			meaning: "get, list or watch on Secrets, granted by a ClusterRoleBinding (or by a RoleBinding in kube-system), reads every " +
				"password and key in the cluster, including tokens of more privileged accounts. list and watch return the contents " +
				"just as get does. Rules for single Secrets by name, and roles bound in other single namespaces, are not reported. " +
				"Bindings of the built-in admin and edit roles, in the whole cluster or in kube-system, grant the same permission; they " +
				"are reported on the binding.",
			remedy: "Bind the role with a RoleBinding in each namespace that needs it instead of a ClusterRoleBinding, or list the " +
				"Secrets in resourceNames: EDIT.",
			link: goodPractices + "#listing-secrets",
			allows: func(rule facts.AccessRule) string {
				if readsSecrets(rule) {
					return "read every Secret"
				}
				return ""
			},
		},
		{
			id: "rbac-csr-approval", severity: v1alpha1.SeverityMedium, clusterOnly: true,
			summary: "A bound role allows approving client certificates.",
			meaning: "A subject that can approve CertificateSigningRequests for a signer such as kubernetes.io/kube-apiserver-client " +
				"can obtain a certificate for any user name and group. This requires update or patch on " +
				"certificatesigningrequests/approval and approve on signers; roles whose rules list only other signers, such as " +
				"kubernetes.io/kubelet-serving or those of cert-manager, are not reported.",
			remedy: "List the signers that are needed in the resourceNames of the rule for signers: EDIT.",
			link:   goodPractices + "#csrs-and-certificate-issuing",
			allows: func(rule facts.AccessRule) string {
				if approves(rule) {
					return "approve certificates for any user of the cluster"
				}
				return ""
			},
			enabled: func(rules []facts.AccessRule) bool {
				return slices.ContainsFunc(rules, func(r facts.AccessRule) bool {
					return allows(r, groupCerts, "certificatesigningrequests/approval", "update", "patch")
				})
			},
		},
		{
			id: "rbac-webhook-write", severity: v1alpha1.SeverityMedium, clusterOnly: true,
			summary: "A bound role allows writing admission webhook configurations.",
			meaning: "A webhook receives each object that it is called for, including Secrets, and a mutating webhook changes it: it " +
				"can, for example, inject a container into a Pod. A faulty webhook stops the cluster. Rules for single configurations " +
				"by name are not reported.",
			remedy: "Remove create, update and patch, or list the configurations in resourceNames (update and patch only): EDIT.",
			link:   goodPractices + "#control-admission-webhooks",
			allows: func(rule facts.AccessRule) string {
				for _, resource := range []string{"mutatingwebhookconfigurations", "validatingwebhookconfigurations"} {
					if allows(rule, "admissionregistration.k8s.io", resource, "create", "update", "patch") {
						return "write any admission webhook configuration"
					}
				}
				return ""
			},
		},
	}
}

// workPowers are permissions on running workloads.
func workPowers() []power {
	return []power{
		{
			id: "rbac-pod-exec", severity: v1alpha1.SeverityMedium,
			summary: "A bound role allows running commands in every Pod of the cluster.",
			meaning: "A subject that can create pods/exec or pods/attach in every namespace runs commands with the permissions of " +
				"every workload and reads the volumes mounted there; in a privileged Pod it controls the node. So does one that can get " +
				"them on API servers before Kubernetes 1.35, by WebSocket, and one that can update or patch pods/ephemeralcontainers: it " +
				"adds a container of its choice. Roles bound in single namespaces other than kube-system are not reported.",
			remedy: "Bind the role with a RoleBinding in each namespace that needs it instead of a ClusterRoleBinding, or remove the " +
				"rule: EDIT.",
			link: goodPractices + "#privilege-escalation-risks",
			allows: anyPermission(permission("run commands in any Pod", "pods/exec", "create"),
				permission("attach to any Pod", "pods/attach", "create"),
				permission("add a container to any Pod", "pods/ephemeralcontainers", "update", "patch")),
			before135: anyPermission(permission("run commands in any Pod (get is enough before Kubernetes 1.35)", "pods/exec", "get"),
				permission("attach to any Pod (get is enough before Kubernetes 1.35)", "pods/attach", "get")),
		},
		{
			id: "rbac-port-forward", severity: v1alpha1.SeverityLow,
			summary: "A bound role allows connections to every port of every Pod.",
			meaning: "A subject that can create pods/portforward in every namespace reaches each port of each Pod, including those that " +
				"listen on localhost only and those that NetworkPolicies protect: the connection comes from the Pod's node. Before " +
				"Kubernetes 1.35, get is enough. Roles bound in single namespaces other than kube-system are not reported.",
			remedy: "Bind the role with a RoleBinding in each namespace that needs it instead of a ClusterRoleBinding, or remove the " +
				"rule: EDIT.",
			link:      goodPractices + "#privilege-escalation-risks",
			allows:    permission("forward any port of any Pod", "pods/portforward", "create"),
			before135: permission("forward any port of any Pod (get is enough before Kubernetes 1.35)", "pods/portforward", "get"),
		},
		{
			id: "rbac-node-proxy", severity: v1alpha1.SeverityMedium, clusterOnly: true,
			summary: "A bound role allows direct access to the kubelets.",
			meaning: "A subject that can get or create nodes/proxy reaches the kubelet API, which runs commands in each Pod of the " +
				"node and bypasses admission control and the audit log. get alone is sufficient for that. For metrics, logs and " +
				"statistics, nodes/metrics, nodes/log and nodes/stats are sufficient.",
			remedy: "Replace nodes/proxy with the narrowest of nodes/metrics, nodes/stats, nodes/log and nodes/healthz that is " +
				"needed: EDIT.",
			link:   goodPractices + "#access-to-proxy-subresource-of-nodes",
			allows: permission("access the API of every kubelet", "nodes/proxy", "get", "create"),
		},
		{
			id: "rbac-pod-creation", severity: v1alpha1.SeverityLow,
			summary: "A bound role allows creating Pods in every namespace.",
			meaning: "A subject that can create Pods, or workloads that create them, can run them as any ServiceAccount of the " +
				"namespace and mount its Secrets, and so has the permissions of all of them. Unless Pod Security prevents it, a " +
				"privileged Pod controls the node. Roles bound in single namespaces other than kube-system are not reported.",
			remedy: "Bind the role with a RoleBinding in each namespace that needs it instead of a ClusterRoleBinding: EDIT.",
			link:   goodPractices + "#workload-creation", allows: createsPods,
		},
		{
			id: "rbac-persistent-volume-creation", severity: v1alpha1.SeverityLow, clusterOnly: true,
			summary: "A bound role allows creating PersistentVolumes.",
			meaning: "A PersistentVolume of type hostPath is a directory of a node; a Pod that claims it reads and writes there " +
				"regardless of Pod Security. Storage provisioners need this permission; users claim volumes and do not need to " +
				"create them.",
			remedy: "Let a StorageClass provision volumes, and remove create on persistentvolumes: EDIT.",
			link:   goodPractices + "#persistent-volume-creation",
			allows: permission("create PersistentVolumes, including hostPath volumes", "persistentvolumes", "create"),
		},
	}
}

// permission returns a judge of a single permission in the core group.
func permission(text, resource string, verbs ...string) func(facts.AccessRule) string {
	return func(rule facts.AccessRule) string {
		if allows(rule, groupCore, resource, verbs...) {
			return text
		}
		return ""
	}
}

// anyPermission returns the first non-empty result of several judges.
func anyPermission(judges ...func(facts.AccessRule) string) func(facts.AccessRule) string {
	return func(rule facts.AccessRule) string {
		for _, judge := range judges {
			if text := judge(rule); text != "" {
				return text
			}
		}
		return ""
	}
}

func escalationPermission(rule facts.AccessRule) string {
	for _, resource := range []string{"clusterroles", "roles"} {
		if access.HasVerb(rule, "escalate") && access.HasGroup(rule, groupRBAC) &&
			access.HasResource(rule, resource) { // a role restricted by name can be rewritten, too
			return "add any permission to " + resource + " (escalate)"
		}
		if allows(rule, groupRBAC, resource, "bind") {
			return "bind any of the " + resource + " to themselves (bind)"
		}
	}
	for _, resource := range []string{"users", "groups", "serviceaccounts"} {
		if allows(rule, groupCore, resource, "impersonate") {
			return "act as any of the " + resource + " (impersonate)"
		}
	}
	return ""
}

// approves reports whether a rule covers signers whose certificates the API server trusts.
func approves(rule facts.AccessRule) bool {
	if !access.HasVerb(rule, "approve") || !access.HasGroup(rule, groupCerts) || !access.HasResource(rule, "signers") {
		return false
	}
	return len(rule.Names) == 0 || slices.ContainsFunc(rule.Names, func(name string) bool {
		return name == "kubernetes.io/*" || strings.HasPrefix(name, "kubernetes.io/kube-apiserver-client") ||
			name == "kubernetes.io/legacy-unknown"
	})
}

func createsPods(rule facts.AccessRule) string {
	for _, kind := range []facts.Kind{
		facts.Pod, facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.ReplicaSet, facts.ReplicationController, facts.Job,
		facts.CronJob,
	} {
		group, _, grouped := strings.Cut(kind.APIVersion(), "/")
		if !grouped {
			group = groupCore
		}
		if allows(rule, group, kind.Resource(), "create") {
			return "create " + string(kind) + "s"
		}
	}
	return ""
}

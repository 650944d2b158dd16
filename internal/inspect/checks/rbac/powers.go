package rbac

import (
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
)

const goodPractices = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"

// wildcardPowers are rules that are wider than anybody meant.
func wildcardPowers() []power {
	return []power{
		{
			id: "rbac-wildcard-verbs", severity: v1alpha1.SeverityMedium, narrow: v1alpha1.SeverityLow,
			summary: "A role that is given to somebody allows every verb on resources of Kubernetes.",
			meaning: "The verb * allows what exists now and whatever comes later, and hides verbs that nobody thinks of: deletecollection, impersonate on " +
				"ServiceAccounts, bind and escalate on roles. Rules for the custom resources of an operator, for events and leases, or for single objects " +
				"by name are left out. It is low where the role is given in single namespaces only.",
			remedy: "Write down the verbs that are needed instead of *, such as get, list, watch, create, update, patch and delete: EDIT.",
			link:   goodPractices + "#least-privilege", allows: wildcardVerbs,
		},
		{
			id: "rbac-wildcard-resources", severity: v1alpha1.SeverityMedium, narrow: v1alpha1.SeverityLow,
			summary: "A role that is given to somebody is about every resource.",
			meaning: "The resource * takes in Secrets, roles, and every kind that will ever be installed. It is high where every verb is allowed as well, " +
				"since that is the right of a cluster administrator, and low where the role is given in single namespaces only. Rules for the API groups " +
				"of operators, or for single objects by name, are left out.",
			remedy: "Write down the resources that are needed instead of *: EDIT. `kubectl api-resources` lists their names.",
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
	if len(rule.Names) > 0 || len(rule.Resources) == 0 || !slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "*") || harmless(rule) ||
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

// escalationPowers are rules with which their holders can get more rights.
func escalationPowers() []power {
	return []power{
		{
			id: "rbac-escalation-verbs", severity: v1alpha1.SeverityHigh, narrow: v1alpha1.SeverityMedium,
			summary: "A role that is given to somebody lets them take rights that they were not given.",
			meaning: "With escalate one may write more into a role than one holds, with bind give oneself any role, with impersonate act as any other user, " +
				"group or ServiceAccount: in the end as cluster administrator. Rights to bind or impersonate single ones by name are left out. It is medium " +
				"where the role is given in single namespaces only. KubeOps' own manager holds impersonate on ServiceAccounts, with which it reads clusters " +
				"as the ServiceAccount that an Inspection names.",
			remedy: "Take the verb out, or name the roles or accounts that it is for in resourceNames: EDIT.",
			link:   goodPractices + "#escalate-verb", allows: escalationRight,
		},
		{
			id: "rbac-token-creation", severity: v1alpha1.SeverityHigh, narrow: v1alpha1.SeverityMedium,
			summary: "A role that is given to somebody lets them make tokens of ServiceAccounts.",
			meaning: "Who may create serviceaccounts/token can act as each ServiceAccount that the role reaches, with all its rights, and with a token that " +
				"goes on working for as long as they asked. Rules for single ServiceAccounts by name are left out. It is medium where the role is given in " +
				"single namespaces only.",
			remedy: "Name the ServiceAccounts whose tokens are needed in resourceNames, or give the right with a RoleBinding in their namespace only: EDIT.",
			link:   goodPractices + "#token-request",
			allows: right("create tokens of any ServiceAccount", "serviceaccounts/token", "create"),
		},
		{
			id: "rbac-secrets-readable", severity: v1alpha1.SeverityMedium,
			summary: "A role that is given to somebody lets them read every Secret of the cluster.",
			meaning: "get, list or watch on Secrets, by a ClusterRoleBinding (or by a RoleBinding in kube-system), reads every password and key that the cluster " +
				"holds, and tokens of stronger accounts among them. list and watch show the contents as well as get does. Rules for single Secrets by name, " +
				"and roles that are given in other single namespaces, are left out. ClusterRoleBindings of the built-in admin and edit roles give the same " +
				"right; there the finding is on the binding.",
			remedy: "Give the right where it is needed only, with a RoleBinding in each namespace instead of a ClusterRoleBinding, or name the Secrets in resourceNames: EDIT.",
			link:   goodPractices + "#listing-secrets",
			allows: func(rule facts.AccessRule) string {
				if readsSecrets(rule) {
					return "read every Secret"
				}
				return ""
			},
		},
		{
			id: "rbac-csr-approval", severity: v1alpha1.SeverityMedium, clusterOnly: true,
			summary: "A role that is given to somebody lets them approve certificates with which clients log in.",
			meaning: "Who may approve CertificateSigningRequests for a signer such as kubernetes.io/kube-apiserver-client can have a certificate made for any " +
				"user name and group. The right needs update or patch on certificatesigningrequests/approval and approve on signers; roles whose rules name only " +
				"other signers, such as kubernetes.io/kubelet-serving or those of cert-manager, are left out.",
			remedy: "Name the signers that are needed in the resourceNames of the rule on signers: EDIT.",
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
			summary: "A role that is given to somebody lets them write admission webhook configurations.",
			meaning: "A webhook sees each object that it asks for as it is written, Secrets among them, and a mutating one changes it: into a Pod that runs what its " +
				"author wants, for example. A bad one stops the cluster. Rules for single configurations by name are left out.",
			remedy: "Take create, update and patch out, or name the configurations in resourceNames (update and patch only): EDIT.",
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

// workPowers are rights over what runs.
func workPowers() []power {
	return []power{
		{
			id: "rbac-pod-exec", severity: v1alpha1.SeverityMedium,
			summary: "A role that is given to somebody lets them run commands in every Pod of the cluster.",
			meaning: "Who may create pods/exec or pods/attach in every namespace runs commands with the rights of every workload, and reads what is mounted " +
				"there; in a privileged Pod that is the node. Roles that are given in single namespaces other than kube-system are left out.",
			remedy: "Give the right with a RoleBinding in each namespace where it is needed instead of a ClusterRoleBinding, or take it out: EDIT.",
			link:   goodPractices + "#privilege-escalation-risks",
			allows: anyRight(right("run commands in any Pod", "pods/exec", "create"), right("attach to any Pod", "pods/attach", "create")),
		},
		{
			id: "rbac-node-proxy", severity: v1alpha1.SeverityMedium, clusterOnly: true,
			summary: "A role that is given to somebody lets them talk to the kubelets directly.",
			meaning: "Who may get or create nodes/proxy reaches the kubelet's own API, which runs commands in each Pod of the node, past admission control and " +
				"audit log. Reading is enough for that. For metrics, logs and statistics the narrower nodes/metrics, nodes/log and nodes/stats are enough.",
			remedy: "Replace nodes/proxy by nodes/metrics, nodes/stats, nodes/log or nodes/healthz, whichever is needed: EDIT.",
			link:   goodPractices + "#access-to-proxy-subresource-of-nodes",
			allows: right("reach the API of every kubelet", "nodes/proxy", "get", "create"),
		},
		{
			id: "rbac-pod-creation", severity: v1alpha1.SeverityLow,
			summary: "A role that is given to somebody lets them create Pods in every namespace.",
			meaning: "Who may create Pods, or workloads that make them, can run them as any ServiceAccount of the namespace and mount its Secrets, so that it has " +
				"the rights of all of them. Where Pod Security does not forbid it, a privileged Pod is the node. Roles that are given in single namespaces other " +
				"than kube-system are left out.",
			remedy: "Give the right with a RoleBinding in each namespace where it is needed instead of a ClusterRoleBinding: EDIT.",
			link:   goodPractices + "#workload-creation", allows: createsPods,
		},
		{
			id: "rbac-persistent-volume-creation", severity: v1alpha1.SeverityLow, clusterOnly: true,
			summary: "A role that is given to somebody lets them create PersistentVolumes.",
			meaning: "A PersistentVolume of type hostPath is a folder of a node, and who claims it reads and writes there whatever Pod Security says. Provisioners of " +
				"storage need the right; people claim volumes and need not create them.",
			remedy: "Let a StorageClass make volumes and take create on persistentvolumes out: EDIT.",
			link:   goodPractices + "#persistent-volume-creation",
			allows: right("create PersistentVolumes, of folders of the nodes too", "persistentvolumes", "create"),
		},
	}
}

// right makes a judge of a single right in the core group.
func right(text, resource string, verbs ...string) func(facts.AccessRule) string {
	return func(rule facts.AccessRule) string {
		if allows(rule, groupCore, resource, verbs...) {
			return text
		}
		return ""
	}
}

// anyRight asks several judges until one has something to say.
func anyRight(judges ...func(facts.AccessRule) string) func(facts.AccessRule) string {
	return func(rule facts.AccessRule) string {
		for _, judge := range judges {
			if text := judge(rule); text != "" {
				return text
			}
		}
		return ""
	}
}

func escalationRight(rule facts.AccessRule) string {
	for _, resource := range []string{"clusterroles", "roles"} {
		if hasVerb(rule, "escalate") && hasGroup(rule, groupRBAC) && hasResource(rule, resource) { // a named role can be made any role
			return "write any right into " + resource + " (escalate)"
		}
		if allows(rule, groupRBAC, resource, "bind") {
			return "give themselves any of the " + resource + " (bind)"
		}
	}
	for _, resource := range []string{"users", "groups", "serviceaccounts"} {
		if allows(rule, groupCore, resource, "impersonate") {
			return "act as any of the " + resource + " (impersonate)"
		}
	}
	return ""
}

// approves says whether a rule is about signers whose certificates the API server believes.
func approves(rule facts.AccessRule) bool {
	if !hasVerb(rule, "approve") || !hasGroup(rule, groupCerts) || !hasResource(rule, "signers") {
		return false
	}
	return len(rule.Names) == 0 || slices.ContainsFunc(rule.Names, func(name string) bool {
		return name == "kubernetes.io/*" || strings.HasPrefix(name, "kubernetes.io/kube-apiserver-client") || name == "kubernetes.io/legacy-unknown"
	})
}

func createsPods(rule facts.AccessRule) string {
	for _, kind := range []facts.Kind{
		facts.Pod, facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.ReplicaSet, facts.ReplicationController, facts.Job, facts.CronJob,
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

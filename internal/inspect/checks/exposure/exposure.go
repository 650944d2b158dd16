// Package exposure checks who can reach what, over the network and within a namespace.
package exposure

import (
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks are about who can reach what, over the network and within a namespace.
func Checks() []check.Check {
	return slices.Concat(networkPolicyChecks(), namespaceGuardChecks(), ingressExposureChecks(), serviceExposureChecks())
}

func networkPolicyChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
	templates := append(facts.WorkloadKinds(), facts.Job, facts.CronJob)
	return []check.Check{
		{
			ID: "namespace-no-network-policy", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "Pods of a namespace can be reached from every other Pod of the cluster.",
			Meaning: "A Pod that no NetworkPolicy isolates for ingress takes connections from everywhere. There is a finding for each namespace with such Pods; those in the " +
				"network of their node are left out, which no policy covers, and so are namespaces whose names begin with kube-. Policies of a network plugin's " +
				"own kinds, such as CiliumNetworkPolicy, are not seen. Policies do nothing unless the network plugin enforces them.",
			Remediation: "Deny by default, then allow what is needed: `kubectl -n <namespace> apply -f -` with a NetworkPolicy that has podSelector: {} and policyTypes: [Ingress].",
			Link:        link + "#default-deny-all-ingress-traffic",
			Needs:       []facts.Kind{facts.Pod, facts.NetworkPolicy},
			Uses:        append(templates, facts.Namespace),
			Run:         noNetworkPolicy,
		},
		{
			ID: "network-policy-selects-nothing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A NetworkPolicy is about no Pod.",
			Meaning: "Its podSelector matches no Pod of its namespace, and no workload, Job or CronJob there makes Pods with such labels: the Pods that it was meant to protect " +
				"are open, or it is left over. Policies younger than the startup grace are left out.",
			Remediation: "Compare its podSelector with the labels of the Pods (`kubectl get pods --show-labels`) and correct it, or delete the policy.",
			Link:        link + "#networkpolicy-resource",
			Needs:       []facts.Kind{facts.NetworkPolicy, facts.Pod},
			Uses:        templates,
			Run:         policySelectsNothing,
		},
		{
			ID: "network-policy-allows-all", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "A NetworkPolicy lets in everything.",
			Meaning: "One of its ingress rules names neither peers nor ports, and so allows all that any other policy for the same Pods would keep out: what policies allow adds " +
				"up. It is low where the policy is about all Pods of the namespace. For what is open to the world it may be meant. Namespaces whose names begin " +
				"with kube- are left out.",
			Remediation: "Name in the rule who may come (from) and where to (ports): `kubectl -n <namespace> edit networkpolicy <name>`.",
			Link:        link + "#allow-all-ingress-traffic",
			Needs:       []facts.Kind{facts.NetworkPolicy},
			Run:         policyAllowsAll,
		},
		{
			ID: "network-policy-peer-matches-nothing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A NetworkPolicy allows traffic with Pods that do not exist.",
			Meaning: "A rule has a podSelector without namespaceSelector, which means Pods of the policy's own namespace, and nothing there has such labels. Often the Pods that " +
				"are meant live in another namespace. Policies that are about no Pod themselves, and policies younger than the startup grace, are left out.",
			Remediation: "Correct the labels in the rule, or add the namespace in which the Pods live: a namespaceSelector in the same entry as the podSelector.",
			Link:        link + "#behavior-of-to-and-from-selectors",
			Needs:       []facts.Kind{facts.NetworkPolicy, facts.Pod},
			Uses:        templates,
			Run:         policyPeerMatchesNothing,
		},
	}
}

func namespaceGuardChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces"
	return []check.Check{
		{
			ID: "namespace-no-pod-security", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A namespace has no Pod Security level, so that privileged Pods may be created in it.",
			Meaning: "Without the label pod-security.kubernetes.io/enforce, who may create Pods may create such as take over their node. Namespaces without Pods, and those whose " +
				"names begin with kube-, are left out; so are all where the webhook of a policy engine is seen (Kyverno, Gatekeeper, Kubewarden, Polaris). A level " +
				"that the API server's own configuration sets for all namespaces is not seen: then accept this with an ignore rule of the Inspection.",
			Remediation: "Try what it would refuse: `kubectl label --dry-run=server --overwrite namespace <name> pod-security.kubernetes.io/enforce=baseline`; without warnings, do it " +
				"without --dry-run.",
			Link:  link,
			Needs: []facts.Kind{facts.Namespace, facts.Pod, facts.ValidatingWebhook},
			Run:   noPodSecurity,
		},
		{
			ID: "namespace-pod-security-privileged", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A namespace allows privileged Pods, although none of its Pods needs that.",
			Meaning: "The namespace has the label pod-security.kubernetes.io/enforce=privileged, which is no restriction, and each of its Pods and workloads keeps to the level " +
				"baseline. Namespaces with one that does not are left out, and so are those without Pods and those whose names begin with kube-.",
			Remediation: "Set the level that its Pods keep to: `kubectl label --overwrite namespace <name> pod-security.kubernetes.io/enforce=baseline`.",
			Link:        link,
			Needs:       []facts.Kind{facts.Namespace, facts.Pod},
			Uses:        append(facts.WorkloadKinds(), facts.Job, facts.CronJob),
			Run:         podSecurityPrivileged,
		},
		{
			ID: "default-namespace-used", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "Workloads run in the namespace default.",
			Meaning: "default is where things land when nobody says where. Rights, quotas and policies are given by namespace, and what has none of its own shares them all; the " +
				"namespace cannot be deleted with what is in it either.",
			Remediation: "Give the workloads a namespace: `kubectl create namespace <name>`, then apply their manifests with `-n <name>` and delete them from default.",
			Link:        "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces",
			Needs:       []facts.Kind{facts.Pod},
			Uses:        append(facts.WorkloadKinds(), facts.Job, facts.CronJob),
			Run:         defaultNamespaceUsed,
		},
	}
}

func ingressExposureChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/services-networking/ingress/"
	return []check.Check{
		{
			ID: "ingress-without-tls", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "An Ingress serves a host without TLS.",
			Meaning: "A host of its rules stands in no tls entry, so that what visitors send, passwords among it, crosses the network in the clear. A wildcard in tls covers one label, " +
				"as it does in certificates. It is low for names that are no public ones (without a point, .local, .internal and the like) and for rules without " +
				"a host. Left out are Ingresses whose annotations bring certificates from elsewhere (load balancers of clouds, TLS passthrough), classes that always " +
				"encrypt (tailscale, cloudflare, ngrok), and the short-lived ones with which ACME proves a domain. Where TLS ends before the Ingress, " +
				"accept this with an ignore rule of the Inspection.",
			Remediation: "Add the host and a Secret with its certificate under spec.tls: `kubectl edit ingress <name>`. cert-manager makes and renews certificates.",
			Link:        link + "#tls",
			Needs:       []facts.Kind{facts.Ingress},
			Run:         ingressWithoutTLS,
		},
		{
			ID: "ingress-host-wildcard", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "An Ingress answers for hosts that it does not name.",
			Meaning: "A rule without a host takes requests for every name, and one with a wildcard for every name below a domain, whoever made that name point here. Such a rule " +
				"also answers where an Ingress of another team is missing. An Ingress with nothing but a default backend says so openly, and is left out.",
			Remediation: "Name the hosts that are meant: `kubectl -n <namespace> edit ingress <name>`.",
			Link:        link + "#hostname-wildcards",
			Needs:       []facts.Kind{facts.Ingress},
			Run:         ingressHostWildcard,
		},
		{
			ID: "ingress-hosts-clash", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
			Summary: "Two Ingresses claim the same host and path.",
			Meaning: "Both are of the same class, and send requests for the same host and path to different Services. One of them never sees its traffic, and which one is up to the " +
				"controller; between namespaces, one team can take over the other's traffic. The finding is on the younger. Left out are Ingresses that share " +
				"on purpose by annotation (canaries, conditions), and default backends.",
			Remediation: "Take the host or path out of one of them: `kubectl edit ingress <name>`.",
			Link:        link + "#multiple-matches",
			Needs:       []facts.Kind{facts.Ingress},
			Uses:        []facts.Kind{facts.IngressClass},
			Run:         ingressHostsClash,
		},
	}
}

func serviceExposureChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/services-networking/service/"
	return []check.Check{
		{
			ID: "service-exposed-to-internet", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A load balancer lets in everybody.",
			Meaning: "A Service of type LoadBalancer names no source ranges, or all addresses, and no annotation keeps its load balancer internal. It is low for what is " +
				"meant for visitors, and medium where one of its ports is that of a database, a message queue, remote login or the cluster itself. Services " +
				"whose load balancers got private addresses only are left out.",
			Remediation: "Say who may come in: `kubectl -n <namespace> patch service <name> -p '{\"spec\":{\"loadBalancerSourceRanges\":[\"203.0.113.0/24\"]}}'`, or use type " +
				"ClusterIP behind an Ingress.",
			Link:  link + "#loadbalancer",
			Needs: []facts.Kind{facts.Service},
			Run:   exposedToInternet,
		},
		{
			ID: "service-external-ips", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "A Service claims addresses with spec.externalIPs.",
			Meaning: "Each node sends traffic for these addresses to the Service, whoever they belong to: who may write Services can put themselves between the cluster's Pods and any " +
				"address (CVE-2020-8554). Few need the field, and clusters can forbid it with the admission plugin DenyServiceExternalIPs.",
			Remediation: "Use type LoadBalancer, with MetalLB or the like on bare metal, and take the field out: `kubectl -n <namespace> patch service <name> --type=merge -p " +
				"'{\"spec\":{\"externalIPs\":null}}'`.",
			Link:  link + "#external-ips",
			Needs: []facts.Kind{facts.Service},
			Run:   externalIPs,
		},
		{
			ID: "service-node-port-open", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "A Service opens a port on every node.",
			Meaning: "A Service of type NodePort can be reached at each address of each node, past Ingresses and their TLS; only a firewall in front of the nodes keeps anybody out. " +
				"The node ports that a LoadBalancer brings with it are left out.",
			Remediation: "Use type ClusterIP behind an Ingress or a load balancer: `kubectl -n <namespace> patch service <name> -p '{\"spec\":{\"type\":\"ClusterIP\"}}'`.",
			Link:        link + "#type-nodeport",
			Needs:       []facts.Kind{facts.Service},
			Run:         nodePortOpen,
		},
		{
			ID: "service-external-name", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "A Service is another name for a Service of another namespace.",
			Meaning: "A Service of type ExternalName whose name ends in .svc or .svc.cluster.local leads into another namespace. What may only route to Services of its own namespace, such as an " +
				"Ingress, gets past that rule with it, unless its controller forbids ExternalName. Names outside of the cluster are left out.",
			Remediation: "Let clients use the name of the other Service; between namespaces, routes of the Gateway API with a ReferenceGrant say openly who may.",
			Link:        link + "#externalname",
			Needs:       []facts.Kind{facts.Service},
			Run:         externalNameBypass,
		},
	}
}

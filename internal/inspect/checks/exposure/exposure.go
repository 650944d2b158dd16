// Package exposure checks network exposure and namespace isolation.
package exposure

import (
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// Checks returns the checks of network exposure and namespace isolation.
func Checks() []check.Check {
	return slices.Concat(networkPolicyChecks(), namespaceGuardChecks(), ingressExposureChecks(), serviceExposureChecks())
}

func networkPolicyChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/services-networking/network-policies/"
	templates := append(facts.WorkloadKinds(), facts.Job, facts.CronJob)
	return []check.Check{
		{
			ID: "namespace-no-network-policy", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "The Pods of a namespace are reachable from every other Pod of the cluster.",
			Meaning: "A Pod that no NetworkPolicy isolates for ingress accepts connections from everywhere. There is one finding " +
				"per namespace with such Pods. Pods in the host network, which no policy covers, and namespaces whose names begin with " +
				"kube- are not reported. Custom policies of a network plugin, such as CiliumNetworkPolicy, are not considered. " +
				"Policies have no effect unless the network plugin enforces them.",
			Remediation: "Write the policies that allow the required traffic, then deny the rest: `kubectl -n <namespace> apply -f " +
				"<file>` with a NetworkPolicy that has podSelector: {} and policyTypes: [Ingress].",
			Link:  link + "#default-deny-all-ingress-traffic",
			Needs: []facts.Kind{facts.Pod, facts.NetworkPolicy},
			Uses:  append(templates, facts.Namespace),
			Run:   noNetworkPolicy,
		},
		{
			ID: "network-policy-selects-nothing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A NetworkPolicy selects no Pods.",
			Meaning: "Its podSelector matches no Pod of its namespace, and no workload, Job or CronJob there creates Pods with " +
				"such labels: either the Pods that it should protect are unprotected, or it is obsolete. Policies younger than the " +
				"startup grace are not reported.",
			Remediation: "Compare its podSelector with the labels of the Pods (`kubectl get pods --show-labels`). Correct it, or " +
				"delete the policy.",
			Link:  link + "#networkpolicy-resource",
			Needs: []facts.Kind{facts.NetworkPolicy, facts.Pod},
			Uses:  templates,
			Run:   policySelectsNothing,
		},
		{
			ID: "network-policy-allows-all", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "A NetworkPolicy allows all ingress traffic.",
			Meaning: "One of its ingress rules has neither from nor ports, and so allows everything that other policies for the " +
				"same Pods would block: NetworkPolicies are additive. The severity is low if the policy selects all Pods of the " +
				"namespace. For public services this may be intended. Namespaces whose names begin with kube- are not reported.",
			Remediation: "Add the allowed sources (from) and ports to the rule: `kubectl -n <namespace> edit networkpolicy <name>`.",
			Link:        link + "#allow-all-ingress-traffic",
			Needs:       []facts.Kind{facts.NetworkPolicy},
			Run:         policyAllowsAll,
		},
		{
			ID: "network-policy-peer-matches-nothing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A NetworkPolicy allows traffic with Pods that do not exist.",
			Meaning: "A rule has a podSelector without namespaceSelector, which selects Pods of the policy's own namespace, and " +
				"nothing there has such labels. Often the intended Pods run in another namespace. Policies that select no Pods " +
				"themselves, and policies younger than the startup grace, are not reported.",
			Remediation: "Correct the labels in the rule, or add a namespaceSelector for the namespace of the Pods to the same entry " +
				"as the podSelector.",
			Link:  link + "#behavior-of-to-and-from-selectors",
			Needs: []facts.Kind{facts.NetworkPolicy, facts.Pod},
			Uses:  templates,
			Run:   policyPeerMatchesNothing,
		},
	}
}

func namespaceGuardChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces"
	return []check.Check{
		{
			ID: "namespace-no-pod-security", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A namespace has no Pod Security level: it accepts privileged Pods.",
			Meaning: "Without the label pod-security.kubernetes.io/enforce, anyone who can create Pods can create Pods that " +
				"control their node. Namespaces without Pods, and those whose names begin with kube-, are not reported. Nothing is " +
				"reported if the webhook of a policy engine is present (Kyverno, Gatekeeper, Kubewarden, Polaris). A default level in " +
				"the configuration of the API server is not visible: accept the finding with an ignore rule of the Inspection then.",
			Remediation: "Test what would be rejected: `kubectl label --dry-run=server --overwrite namespace <name> " +
				"pod-security.kubernetes.io/enforce=baseline`. If there are no warnings, run it without --dry-run.",
			Link:  link,
			Needs: []facts.Kind{facts.Namespace, facts.Pod, facts.ValidatingWebhook},
			Run:   noPodSecurity,
		},
		{
			ID: "namespace-pod-security-privileged", Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityLow,
			Summary: "A namespace allows privileged Pods although none of its Pods needs it.",
			Meaning: "The namespace has the label pod-security.kubernetes.io/enforce=privileged, which restricts nothing, and all " +
				"its Pods and workloads comply with the level baseline. Namespaces without Pods, and those whose names begin with " +
				"kube-, are not reported.",
			Remediation: "Set the level that its Pods comply with: `kubectl label --overwrite namespace <name> " +
				"pod-security.kubernetes.io/enforce=baseline`.",
			Link:  link,
			Needs: []facts.Kind{facts.Namespace, facts.Pod},
			Uses:  append(facts.WorkloadKinds(), facts.Job, facts.CronJob),
			Run:   podSecurityPrivileged,
		},
		{
			ID: "default-namespace-used", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "Workloads run in the namespace default.",
			Meaning: "default receives every object that is created without a namespace. Permissions, quotas and policies apply " +
				"per namespace, so unrelated workloads in default share them, and the namespace cannot be deleted.",
			Remediation: "Create a namespace for the workloads (`kubectl create namespace <name>`), apply their manifests with `-n " +
				"<name>`, then delete them from default.",
			Link:  "https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/#initial-namespaces",
			Needs: []facts.Kind{facts.Pod},
			Uses:  append(facts.WorkloadKinds(), facts.Job, facts.CronJob),
			Run:   defaultNamespaceUsed,
		},
	}
}

func ingressExposureChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/services-networking/ingress/"
	return []check.Check{
		{
			ID: "ingress-without-tls", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "An Ingress serves a host without TLS.",
			Meaning: "A host of its rules has no tls entry, so requests, including passwords, are sent unencrypted. A wildcard in " +
				"tls covers one label, as in certificates. The severity is low for non-public names (without a dot, .local, .internal " +
				"and similar) and for rules without a host. Not reported are Ingresses whose annotations provide certificates from " +
				"elsewhere (cloud load balancers, TLS passthrough), classes that always encrypt (tailscale, cloudflare, ngrok), and " +
				"ACME challenge solvers. If TLS is terminated before the Ingress, accept this with an ignore rule of the Inspection.",
			Remediation: "Add the host and a Secret with its certificate to spec.tls: `kubectl edit ingress <name>`. cert-manager " +
				"issues and renews certificates.",
			Link:  link + "#tls",
			Needs: []facts.Kind{facts.Ingress},
			Run:   ingressWithoutTLS,
		},
		{
			ID: "ingress-host-wildcard", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "An Ingress serves hosts that it does not list.",
			Meaning: "A rule without a host matches every name, and one with a wildcard every name below a domain, including names " +
				"that others point at the cluster. Such a rule also answers when the Ingress of another team is missing. An Ingress " +
				"with only a default backend does so explicitly and is not reported.",
			Remediation: "List the intended hosts: `kubectl -n <namespace> edit ingress <name>`.",
			Link:        link + "#hostname-wildcards",
			Needs:       []facts.Kind{facts.Ingress},
			Run:         ingressHostWildcard,
		},
		{
			ID: "ingress-hosts-clash", Static: true, Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "Two Ingresses claim the same host and path.",
			Meaning: "Both have the same class and route the same host and path to different Services. One of them receives no " +
				"traffic; which one depends on the controller. Between namespaces, one team can take over the traffic of the other. " +
				"The finding is reported on the younger Ingress. Ingresses that share a host deliberately by annotation (canaries, " +
				"conditions), and default backends, are not reported.",
			Remediation: "Remove the host or path from one of them: `kubectl edit ingress <name>`.",
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
			Summary: "A load balancer accepts connections from any address.",
			Meaning: "A Service of type LoadBalancer has no source ranges, or includes all addresses, and no annotation makes its " +
				"load balancer internal. The severity is low in general, and medium if a port is usually that of a database, a message " +
				"queue, remote login or the cluster itself. Services whose load balancers have private addresses only are not reported.",
			Remediation: "Restrict the source addresses: `kubectl -n <namespace> patch service <name> -p " +
				"'{\"spec\":{\"loadBalancerSourceRanges\":[\"203.0.113.0/24\"]}}'`, or use type ClusterIP behind an Ingress.",
			Link:  link + "#loadbalancer",
			Needs: []facts.Kind{facts.Service},
			Run:   exposedToInternet,
		},
		{
			ID: "service-external-ips", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityMedium,
			Summary: "A Service claims addresses with spec.externalIPs.",
			Meaning: "Each node routes traffic for these addresses to the Service, regardless of who owns them: anyone who can " +
				"write Services can intercept traffic between the Pods of the cluster and any address (CVE-2020-8554). The field is " +
				"rarely needed, and clusters can forbid it with the admission plugin DenyServiceExternalIPs.",
			Remediation: "Use type LoadBalancer, with MetalLB or similar on bare metal, and remove the field: `kubectl -n <namespace> " +
				"patch service <name> --type=merge -p '{\"spec\":{\"externalIPs\":null}}'`.",
			Link:  link + "#external-ips",
			Needs: []facts.Kind{facts.Service},
			Run:   externalIPs,
		},
		{
			ID: "service-node-port-open", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "A Service opens a port on every node.",
			Meaning: "A Service of type NodePort is reachable at every address of every node and bypasses Ingresses and their TLS; " +
				"only a firewall in front of the nodes restricts it. The node ports of a LoadBalancer are not reported.",
			Remediation: "Use type ClusterIP behind an Ingress or a load balancer: `kubectl -n <namespace> patch service <name> -p " +
				"'{\"spec\":{\"type\":\"ClusterIP\"}}'`.",
			Link:  link + "#type-nodeport",
			Needs: []facts.Kind{facts.Service},
			Run:   nodePortOpen,
		},
		{
			ID: "service-external-name", Static: true, Category: v1alpha1.CategorySecurity, Severity: v1alpha1.SeverityInfo,
			Summary: "A Service is an alias of a Service in another namespace.",
			Meaning: "A Service of type ExternalName whose name ends in .svc or .svc.cluster.local points to another namespace. " +
				"Objects that can only route to Services of their own namespace, such as an Ingress, bypass that restriction with it, " +
				"unless their controller forbids ExternalName. Names outside the cluster are not reported.",
			Remediation: "Use the name of the other Service in clients. Between namespaces, use Gateway API routes with a ReferenceGrant.",
			Link:        link + "#externalname",
			Needs:       []facts.Kind{facts.Service},
			Run:         externalNameBypass,
		},
	}
}

package security

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func hostChecks() []check.Check {
	const link = "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline"
	return []check.Check{
		{
			ID: "pod-host-network", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload use the host network.",
			Meaning: "spec.hostNetwork is true: the Pods can reach services that listen on the node's addresses, including localhost, " +
				"can capture the node's traffic with the required capabilities, and are not subject to " +
				"NetworkPolicies." + kubeSystemNote(),
			Remediation: "Remove spec.hostNetwork from the Pod template and expose ports with a Service. Run node agents that need it " +
				"in a separate namespace, and add an ignore rule for them.",
			Link: link,
			Run: specCheck(v1alpha1.SeverityMedium, "uses the host network", func(spec *facts.PodSpec) []violation {
				return enabledField(spec.Lean.HostNetwork, "spec.hostNetwork: true")
			}),
		},
		{
			ID: "pod-host-pid", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload use the host PID namespace.",
			Meaning: "spec.hostPID is true: the Pods see all processes of the node with their arguments, can signal processes of the " +
				"same user, and can read their environment variables, including secrets, if they run as root." + kubeSystemNote(),
			Remediation: "Remove spec.hostPID from the Pod template. shareProcessNamespace is sufficient to see processes of other " +
				"containers in the Pod.",
			Link: link,
			Run: specCheck(v1alpha1.SeverityMedium, "uses the host PID namespace", func(spec *facts.PodSpec) []violation {
				return enabledField(spec.Lean.HostPID, "spec.hostPID: true")
			}),
		},
		{
			ID: "pod-host-ipc", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload use the host IPC namespace.",
			Meaning: "spec.hostIPC is true: the Pods can read and change shared memory of processes on the node and of other Pods with " +
				"hostIPC. Containers of a Pod share an IPC namespace without it." + kubeSystemNote(),
			Remediation: "Remove spec.hostIPC from the Pod template.",
			Link:        link,
			Run: specCheck(v1alpha1.SeverityMedium, "uses the host IPC namespace", func(spec *facts.PodSpec) []violation {
				return enabledField(spec.Lean.HostIPC, "spec.hostIPC: true")
			}),
		},
		{
			ID: "pod-host-port", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "Pods of a workload use host ports.",
			Meaning: "A container port has a hostPort: it is reachable at the node's addresses without a Service or Ingress, and a " +
				"node can run only one such Pod. Pods with hostNetwork are not reported: all their ports are ports of the " +
				"node." + kubeSystemNote(),
			Remediation: "Remove hostPort from the container's ports and expose the port with a Service; use type NodePort or " +
				"LoadBalancer for access from outside the cluster.",
			Link: "https://kubernetes.io/docs/concepts/configuration/overview/#services",
			Run:  specCheck(v1alpha1.SeverityLow, "uses host ports", hostPorts),
		},
		{
			ID: "container-privileged", Static: true, Severity: v1alpha1.SeverityHigh,
			Summary: "A workload runs privileged containers.",
			Meaning: "securityContext.privileged is true: the container has all capabilities, all devices of the node, and no seccomp " +
				"or AppArmor profile. An attacker in the container controls the node, and with the kubelet's credentials the Pods and " +
				"Secrets on it." + kubeSystemNote(),
			Remediation: "Remove privileged from the container's securityContext and add only the capabilities that it needs, for " +
				"example `securityContext: {capabilities: {drop: [ALL], add: [NET_ADMIN]}}`. Use a device plugin for access to devices.",
			Link: link,
			Run:  specCheck(v1alpha1.SeverityHigh, "runs privileged containers", privilegedContainers),
		},
	}
}

func privilegedContainers(spec *facts.PodSpec) []violation {
	rule := func(c *corev1.Container) (string, v1alpha1.Severity) {
		if !isPrivileged(c) {
			return "", ""
		}
		return "securityContext.privileged: true", ""
	}
	return append(containerViolations(spec, rule), ephemeralContainerViolations(spec, rule)...)
}

func enabledField(enabled bool, text string) []violation {
	if !enabled {
		return nil
	}
	return []violation{{text: text}}
}

func hostPorts(spec *facts.PodSpec) []violation {
	if spec.Lean.HostNetwork {
		return nil
	}
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		var ports []string
		for _, p := range c.Ports {
			if p.HostPort != 0 {
				protocol := p.Protocol
				if protocol == "" {
					protocol = corev1.ProtocolTCP
				}
				ports = append(ports, fmt.Sprintf("%d/%s", p.HostPort, protocol))
			}
		}
		if len(ports) == 0 {
			return "", ""
		}
		return "hostPort " + strings.Join(ports, ", "), ""
	})
}

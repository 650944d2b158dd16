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
			Summary: "Pods of a workload share the network of their node.",
			Meaning: "spec.hostNetwork is true: the Pods reach what listens on the node's own addresses, localhost among them, see its traffic where they have the " +
				"rights, and no NetworkPolicy holds for them." + aboutKubeSystem(),
			Remediation: "Take spec.hostNetwork out of the Pod template, and publish ports by a Service. Agents of nodes that need it are best kept in a namespace " +
				"of their own, and may be ignored by a rule.",
			Link: link,
			Run: specCheck(v1alpha1.SeverityMedium, "shares the network of its nodes", func(s *facts.PodSpec) []piece {
				return flag(s.Lean.HostNetwork, "spec.hostNetwork: true")
			}),
		},
		{
			ID: "pod-host-pid", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload see the processes of their node.",
			Meaning: "spec.hostPID is true: the Pods see all processes of the node with their arguments, can signal those of their own user, and as root read " +
				"their environment, where secrets are." + aboutKubeSystem(),
			Remediation: "Take spec.hostPID out of the Pod template. To see processes of other containers of the Pod, shareProcessNamespace is enough.",
			Link:        link,
			Run: specCheck(v1alpha1.SeverityMedium, "sees the processes of its nodes", func(s *facts.PodSpec) []piece {
				return flag(s.Lean.HostPID, "spec.hostPID: true")
			}),
		},
		{
			ID: "pod-host-ipc", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload share the memory segments and semaphores of their node.",
			Meaning: "spec.hostIPC is true: the Pods can read and change shared memory of programs on the node and of other such Pods. Hardly any program " +
				"needs that; containers of one Pod share theirs anyway." + aboutKubeSystem(),
			Remediation: "Take spec.hostIPC out of the Pod template.",
			Link:        link,
			Run: specCheck(v1alpha1.SeverityMedium, "shares memory segments and semaphores with its nodes", func(s *facts.PodSpec) []piece {
				return flag(s.Lean.HostIPC, "spec.hostIPC: true")
			}),
		},
		{
			ID: "pod-host-port", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "Pods of a workload open ports on their node.",
			Meaning: "A container port has a hostPort: it can be reached at the node's addresses, past Services and Ingresses, and only one such Pod fits on a " +
				"node. Pods on the node's network are left out: there every port is one of the node." + aboutKubeSystem(),
			Remediation: "Take hostPort out of the container's ports and publish the port by a Service, of type NodePort or LoadBalancer where it must be reached " +
				"from outside.",
			Link: "https://kubernetes.io/docs/concepts/configuration/overview/#services",
			Run:  specCheck(v1alpha1.SeverityLow, "opens ports on its nodes", portsOfHost),
		},
		{
			ID: "container-privileged", Static: true, Severity: v1alpha1.SeverityHigh,
			Summary: "A workload runs privileged containers.",
			Meaning: "securityContext.privileged is true: the container has all capabilities and all devices of the node, and no filter holds it. Whoever gets into " +
				"it has the node, and with the kubelet's credentials the Pods and secrets there." + aboutKubeSystem(),
			Remediation: "Take privileged out of the container's securityContext and add only the capabilities that it needs: `securityContext: {capabilities: {drop: " +
				"[ALL], add: [NET_ADMIN]}}`. For devices there are device plugins.",
			Link: link,
			Run:  specCheck(v1alpha1.SeverityHigh, "runs privileged containers", privilegedContainers),
		},
	}
}

func privilegedContainers(s *facts.PodSpec) []piece {
	judge := func(c *corev1.Container) (string, v1alpha1.Severity) {
		if !privileged(c) {
			return "", ""
		}
		return "securityContext.privileged: true", ""
	}
	return append(containerPieces(s, judge), debugPieces(s, judge)...)
}

func flag(set bool, text string) []piece {
	if !set {
		return nil
	}
	return []piece{{text: text}}
}

func portsOfHost(s *facts.PodSpec) []piece {
	if s.Lean.HostNetwork {
		return nil
	}
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
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

package security

import (
	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func containerHardeningChecks() []check.Check {
	const link = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
	return []check.Check{
		{
			ID: "privilege-escalation-allowed", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload allows privilege escalation.",
			Meaning: "allowPrivilegeEscalation is not false: programs with the setuid bit work, and a non-root process can become " +
				"root. Privileged containers are not reported." + kubeSystemNote(),
			Remediation: "Set `securityContext: {allowPrivilegeEscalation: false}` in each container. It affects only images that use " +
				"setuid programs, such as sudo, su or ping.",
			Link: link,
			Run:  specCheck(v1alpha1.SeverityLow, "allows privilege escalation", privilegeEscalation),
		},
		{
			ID: "root-filesystem-writable", Static: true, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload has containers with a writable root filesystem.",
			Meaning: "readOnlyRootFilesystem is not true: an attacker in the container can change programs and store tools until it " +
				"restarts, and files written there use the node's ephemeral storage.",
			Remediation: "Set `securityContext: {readOnlyRootFilesystem: true}` in each container and mount an emptyDir where the " +
				"program writes, often /tmp.",
			Link: link,
			Run:  specCheck(v1alpha1.SeverityInfo, "has containers with a writable root filesystem", writableRootFilesystem),
		},
		{
			ID: "seccomp-unconfined", Static: true, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload has containers without a seccomp profile.",
			Meaning: "seccompProfile.type is Unconfined (medium), or seccompProfile is set neither on the container nor on the Pod " +
				"(info), which is equivalent unless the kubelet has seccompDefault. The runtime's default profile blocks system calls " +
				"that are often used to attack the kernel. Privileged containers are not reported: they have no seccomp " +
				"profile." + kubeSystemNote(),
			Remediation: "Set `securityContext: {seccompProfile: {type: RuntimeDefault}}` in the Pod template, and remove Unconfined " +
				"from its containers.",
			Link: "https://kubernetes.io/docs/tutorials/security/seccomp/",
			Run:  specCheck(v1alpha1.SeverityInfo, "has containers without a seccomp profile", seccompUnconfined),
		},
	}
}

func privilegeEscalation(spec *facts.PodSpec) []violation {
	if isWindows(spec) {
		return nil
	}
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		switch {
		case isPrivileged(c):
			return "", ""
		case c.SecurityContext == nil || c.SecurityContext.AllowPrivilegeEscalation == nil:
			return "securityContext.allowPrivilegeEscalation is not set", ""
		case *c.SecurityContext.AllowPrivilegeEscalation:
			return "securityContext.allowPrivilegeEscalation: true", ""
		default:
			return "", ""
		}
	})
}

func writableRootFilesystem(spec *facts.PodSpec) []violation {
	if isWindows(spec) {
		return nil
	}
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		if c.SecurityContext != nil && c.SecurityContext.ReadOnlyRootFilesystem != nil && *c.SecurityContext.ReadOnlyRootFilesystem {
			return "", ""
		}
		return "securityContext.readOnlyRootFilesystem is not true", ""
	})
}

func seccompUnconfined(spec *facts.PodSpec) []violation {
	if isWindows(spec) {
		return nil
	}
	var podProfile *corev1.SeccompProfile
	if spec.Lean.SecurityContext != nil {
		podProfile = spec.Lean.SecurityContext.SeccompProfile
	}
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		profile := podProfile
		if c.SecurityContext != nil && c.SecurityContext.SeccompProfile != nil {
			profile = c.SecurityContext.SeccompProfile
		}
		switch {
		case isPrivileged(c):
			return "", ""
		case profile == nil:
			return "seccompProfile is not set on the container or the Pod", ""
		case profile.Type == corev1.SeccompProfileTypeUnconfined:
			return "seccompProfile.type: Unconfined", v1alpha1.SeverityMedium
		default:
			return "", ""
		}
	})
}

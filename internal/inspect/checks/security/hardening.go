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
			Summary: "Processes of a workload may gain more rights than they were started with.",
			Meaning: "allowPrivilegeEscalation is not false, so that programs with the setuid bit work: a process that is not root can become it. Privileged " +
				"containers are left out." + aboutKubeSystem(),
			Remediation: "Set in each container `securityContext: {allowPrivilegeEscalation: false}`. Only images that call sudo, su or ping with the setuid bit notice.",
			Link:        link,
			Run:         specCheck(v1alpha1.SeverityLow, "lets its processes gain more rights than they were started with", escalation),
		},
		{
			ID: "root-filesystem-writable", Static: true, Severity: v1alpha1.SeverityInfo,
			Summary: "Containers of a workload can write to their image's files.",
			Meaning: "readOnlyRootFilesystem is not true: who gets into the container can change its programs and leave tools there until it restarts, and what is " +
				"written there fills the node's disk.",
			Remediation: "Set in each container `securityContext: {readOnlyRootFilesystem: true}` and mount an emptyDir where the program writes, often /tmp.",
			Link:        link,
			Run:         specCheck(v1alpha1.SeverityInfo, "can write to the files of its images", writableRoot),
		},
		{
			ID: "seccomp-unconfined", Static: true, Severity: v1alpha1.SeverityInfo,
			Summary: "No filter of system calls holds the containers of a workload.",
			Meaning: "seccompProfile is Unconfined, which is medium; or it is not set on container or Pod, which means the same unless the kubelet has seccompDefault, " +
				"and is information. The runtime's filter keeps off the rare system calls through which kernels are attacked. Privileged containers are left out: " +
				"no filter holds for them." + aboutKubeSystem(),
			Remediation: "Set in the Pod template `securityContext: {seccompProfile: {type: RuntimeDefault}}`, and take Unconfined out of its containers.",
			Link:        "https://kubernetes.io/docs/tutorials/security/seccomp/",
			Run:         specCheck(v1alpha1.SeverityInfo, "has containers without a filter of system calls", unconfined),
		},
	}
}

func escalation(s *facts.PodSpec) []piece {
	if windows(s) {
		return nil
	}
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		switch {
		case privileged(c):
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

func writableRoot(s *facts.PodSpec) []piece {
	if windows(s) {
		return nil
	}
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		if c.SecurityContext != nil && c.SecurityContext.ReadOnlyRootFilesystem != nil && *c.SecurityContext.ReadOnlyRootFilesystem {
			return "", ""
		}
		return "securityContext.readOnlyRootFilesystem is not true", ""
	})
}

func unconfined(s *facts.PodSpec) []piece {
	if windows(s) {
		return nil
	}
	var ofPod *corev1.SeccompProfile
	if s.Lean.SecurityContext != nil {
		ofPod = s.Lean.SecurityContext.SeccompProfile
	}
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		profile := ofPod
		if c.SecurityContext != nil && c.SecurityContext.SeccompProfile != nil {
			profile = c.SecurityContext.SeccompProfile
		}
		switch {
		case privileged(c):
			return "", ""
		case profile == nil:
			return "seccompProfile is not set on container or Pod", ""
		case profile.Type == corev1.SeccompProfileTypeUnconfined:
			return "seccompProfile.type: Unconfined", v1alpha1.SeverityMedium
		default:
			return "", ""
		}
	})
}

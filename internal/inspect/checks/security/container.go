package security

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func containerSecurityChecks() []check.Check {
	const link = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
	return []check.Check{
		{
			ID: "capabilities-added", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload gives its containers capabilities beyond the usual ones.",
			Meaning: "capabilities.add names rights of root that runtimes do not give by themselves. Some are as good as the node (ALL, SYS_ADMIN, SYS_MODULE, " +
				"SYS_RAWIO, SYS_PTRACE, BPF, DAC_READ_SEARCH, MAC_ADMIN): high. Some change what others use (NET_ADMIN, SYS_BOOT, SYS_TIME, SYSLOG, PERFMON and the " +
				"like): medium. Others are low, and those that the standard baseline allows are left out, as privileged containers are." + aboutKubeSystem(),
			Remediation: "Remove what the program does without from securityContext.capabilities.add; NET_BIND_SERVICE is enough for ports below 1024. Often the " +
				"need was of one command at the start: let an init container do that.",
			Link: link + "#set-capabilities-for-a-container",
			Run:  specCheck(v1alpha1.SeverityLow, "gives its containers capabilities beyond the usual ones", capabilitiesAdded),
		},
		{
			ID: "capabilities-not-dropped", Static: true, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload leaves its containers the capabilities that the runtime gives.",
			Meaning: "capabilities.drop does not name ALL, so that a process that is root, or becomes it, may forge packets (NET_RAW), change owners of files and " +
				"more. Hardly any server needs one of them. Privileged containers are left out.",
			Remediation: "Set in each container `securityContext: {capabilities: {drop: [ALL]}}`, and add back what fails to work, most often NET_BIND_SERVICE.",
			Link:        link + "#set-capabilities-for-a-container",
			Run:         specCheck(v1alpha1.SeverityInfo, "leaves its containers the capabilities that the runtime gives", capabilitiesKept),
		},
		{
			ID: "runs-as-root", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload runs as root, or nothing keeps it from doing so.",
			Meaning: "runAsUser is 0, which is medium; or neither runAsUser nor runAsNonRoot is set, so that the image decides, and most images are root unless " +
				"they say otherwise. Root in a container is root on the node as soon as anything lets it out. Pods with user namespaces of their own (hostUsers: " +
				"false) are left out." + aboutKubeSystem(),
			Remediation: "Set in the Pod template `securityContext: {runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001}`, with a user that the image can work as; or " +
				"`hostUsers: false` where it must be root within.",
			Link:        link,
			ExplainedBy: []string{"container-privileged"},
			Run:         specCheck(v1alpha1.SeverityLow, "runs as root, or is not kept from it", runsAsRoot),
		},
	}
}

// capability is the name without the prefix CAP_, which runtimes accept too.
func capability(c corev1.Capability) string {
	return strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_")
}

func capabilitiesAdded(s *facts.PodSpec) []piece {
	if windows(s) {
		return nil
	}
	judge := func(c *corev1.Container) (string, v1alpha1.Severity) {
		if c.SecurityContext == nil || c.SecurityContext.Capabilities == nil || privileged(c) {
			return "", ""
		}
		var added []string
		worst := v1alpha1.SeverityLow
		for _, name := range c.SecurityContext.Capabilities.Add {
			severity := dangerOf(capability(name))
			if severity == "" {
				continue
			}
			added = append(added, string(name))
			if severity.Rank() < worst.Rank() {
				worst = severity
			}
		}
		if len(added) == 0 {
			return "", ""
		}
		return "capabilities.add " + strings.Join(added, ", "), worst
	}
	return append(containerPieces(s, judge), debugPieces(s, judge)...)
}

// dangerOf is the severity of a capability; empty for those that the standard baseline allows.
func dangerOf(capability string) v1alpha1.Severity {
	switch capability {
	case "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT":
		return ""
	case "ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN":
		return v1alpha1.SeverityHigh
	case "NET_ADMIN", "SYS_BOOT", "SYS_TIME", "SYSLOG", "PERFMON", "MAC_OVERRIDE", "AUDIT_CONTROL", "CHECKPOINT_RESTORE", "SYS_TTY_CONFIG", "LINUX_IMMUTABLE":
		return v1alpha1.SeverityMedium
	default:
		return v1alpha1.SeverityLow
	}
}

func capabilitiesKept(s *facts.PodSpec) []piece {
	if windows(s) {
		return nil
	}
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		switch {
		case privileged(c):
			return "", ""
		case c.SecurityContext == nil || c.SecurityContext.Capabilities == nil || len(c.SecurityContext.Capabilities.Drop) == 0:
			return "securityContext.capabilities.drop is not set", ""
		case slices.ContainsFunc(c.SecurityContext.Capabilities.Drop, func(name corev1.Capability) bool { return capability(name) == "ALL" }):
			return "", ""
		default:
			return "securityContext.capabilities.drop does not name ALL", ""
		}
	})
}

func runsAsRoot(s *facts.PodSpec) []piece {
	if windows(s) || (s.Lean.HostUsers != nil && !*s.Lean.HostUsers) {
		return nil
	}
	var podUser *int64
	var podNonRoot *bool
	if pod := s.Lean.SecurityContext; pod != nil {
		podUser, podNonRoot = pod.RunAsUser, pod.RunAsNonRoot
	}
	return containerPieces(s, func(c *corev1.Container) (string, v1alpha1.Severity) {
		user, nonRoot := podUser, podNonRoot
		if own := c.SecurityContext; own != nil {
			if own.RunAsUser != nil {
				user = own.RunAsUser
			}
			if own.RunAsNonRoot != nil {
				nonRoot = own.RunAsNonRoot
			}
		}
		switch {
		case user != nil && *user == 0:
			return "runAsUser: 0", v1alpha1.SeverityMedium
		case user != nil, nonRoot != nil && *nonRoot:
			return "", ""
		default:
			return "neither runAsUser nor runAsNonRoot is set", ""
		}
	})
}

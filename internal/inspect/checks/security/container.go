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
			Summary: "A workload adds Linux capabilities beyond the runtime's defaults.",
			Meaning: "capabilities.add contains capabilities that container runtimes do not grant by default. High: capabilities that " +
				"allow full control of the node (ALL, SYS_ADMIN, SYS_MODULE, SYS_RAWIO, SYS_PTRACE, BPF, DAC_READ_SEARCH, MAC_ADMIN). " +
				"Medium: capabilities that affect other workloads, such as NET_ADMIN, SYS_BOOT, SYS_TIME, SYSLOG and PERFMON. Low: all " +
				"others, except those that the Pod Security Standard baseline allows. Privileged containers are not " +
				"reported." + kubeSystemNote(),
			Remediation: "Remove capabilities that are not needed from securityContext.capabilities.add. NET_BIND_SERVICE is " +
				"sufficient for ports below 1024. If only the startup needs a capability, move that step to an init container.",
			Link: link + "#set-capabilities-for-a-container",
			Run:  specCheck(v1alpha1.SeverityLow, "adds capabilities beyond the runtime's defaults", capabilitiesAdded),
		},
		{
			ID: "capabilities-not-dropped", Static: true, Severity: v1alpha1.SeverityInfo,
			Summary: "A workload does not drop all capabilities.",
			Meaning: "capabilities.drop does not contain ALL. A root process keeps the runtime's default capabilities, for example to " +
				"forge packets (NET_RAW) or change the owner of files (CHOWN). Few servers need any of them. Privileged containers are " +
				"not reported.",
			Remediation: "Set `securityContext: {capabilities: {drop: [ALL]}}` in each container, and add only the capabilities that " +
				"it needs, for example NET_BIND_SERVICE.",
			Link: link + "#set-capabilities-for-a-container",
			Run:  specCheck(v1alpha1.SeverityInfo, "does not drop all capabilities", capabilitiesNotDropped),
		},
		{
			ID: "runs-as-root", Static: true, Severity: v1alpha1.SeverityLow,
			Summary: "A workload runs as root or in its group, or can run as root.",
			Meaning: "runAsUser is 0 (medium), or neither runAsUser nor runAsNonRoot is set (low): the image selects the user, which " +
				"is root by default. Or runAsGroup is 0 beside another user (low), which reads files that only root's group " +
				"may. Root in a container is root on the node after a container escape. Pods with a user namespace " +
				"(hostUsers: false) are not reported." + kubeSystemNote(),
			Remediation: "Set `securityContext: {runAsNonRoot: true, runAsUser: 10001, fsGroup: 10001}` in the Pod template, with a " +
				"user that the image supports. Set `hostUsers: false` if the container needs root.",
			Link:        link,
			ExplainedBy: []string{"container-privileged"},
			Run:         specCheck(v1alpha1.SeverityLow, "runs as root or in its group, or can run as root", runsAsRoot),
		},
	}
}

// capability is the name without the prefix CAP_, which runtimes also accept.
func capability(c corev1.Capability) string {
	return strings.TrimPrefix(strings.ToUpper(string(c)), "CAP_")
}

func capabilitiesAdded(spec *facts.PodSpec) []violation {
	if isWindows(spec) {
		return nil
	}
	rule := func(c *corev1.Container) (string, v1alpha1.Severity) {
		if c.SecurityContext == nil || c.SecurityContext.Capabilities == nil || isPrivileged(c) {
			return "", ""
		}
		var added []string
		worst := v1alpha1.SeverityLow
		for _, name := range c.SecurityContext.Capabilities.Add {
			severity := capabilitySeverity(capability(name))
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
	return append(containerViolations(spec, rule), ephemeralContainerViolations(spec, rule)...)
}

// capabilitySeverity is the severity of a capability; empty for those that the standard baseline allows.
func capabilitySeverity(capability string) v1alpha1.Severity {
	switch capability {
	case "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETPCAP",
		"SETUID", "SYS_CHROOT":
		return ""
	case "ALL", "SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "SYS_PTRACE", "BPF", "DAC_READ_SEARCH", "MAC_ADMIN":
		return v1alpha1.SeverityHigh
	case "NET_ADMIN", "SYS_BOOT", "SYS_TIME", "SYSLOG", "PERFMON", "MAC_OVERRIDE", "AUDIT_CONTROL", "CHECKPOINT_RESTORE", "SYS_TTY_CONFIG",
		"LINUX_IMMUTABLE":
		return v1alpha1.SeverityMedium
	default:
		return v1alpha1.SeverityLow
	}
}

func capabilitiesNotDropped(spec *facts.PodSpec) []violation {
	if isWindows(spec) {
		return nil
	}
	isAll := func(name corev1.Capability) bool { return capability(name) == "ALL" }
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		switch {
		case isPrivileged(c):
			return "", ""
		case c.SecurityContext == nil || c.SecurityContext.Capabilities == nil || len(c.SecurityContext.Capabilities.Drop) == 0:
			return "securityContext.capabilities.drop is not set", ""
		case slices.ContainsFunc(c.SecurityContext.Capabilities.Drop, isAll):
			return "", ""
		default:
			return "securityContext.capabilities.drop does not contain ALL", ""
		}
	})
}

func runsAsRoot(spec *facts.PodSpec) []violation {
	if isWindows(spec) || (spec.Lean.HostUsers != nil && !*spec.Lean.HostUsers) {
		return nil
	}
	var podUser, podGroup *int64
	var podNonRoot *bool
	if pod := spec.Lean.SecurityContext; pod != nil {
		podUser = pod.RunAsUser
		podGroup = pod.RunAsGroup
		podNonRoot = pod.RunAsNonRoot
	}
	return containerViolations(spec, func(c *corev1.Container) (string, v1alpha1.Severity) {
		user := podUser
		group := podGroup
		nonRoot := podNonRoot
		if container := c.SecurityContext; container != nil {
			if container.RunAsUser != nil {
				user = container.RunAsUser
			}
			if container.RunAsGroup != nil {
				group = container.RunAsGroup
			}
			if container.RunAsNonRoot != nil {
				nonRoot = container.RunAsNonRoot
			}
		}
		switch {
		case user != nil && *user == 0:
			return "runAsUser: 0", v1alpha1.SeverityMedium
		case group != nil && *group == 0:
			return "runAsGroup: 0", ""
		case user != nil, nonRoot != nil && *nonRoot:
			return "", ""
		default:
			return "neither runAsUser nor runAsNonRoot is set", ""
		}
	})
}

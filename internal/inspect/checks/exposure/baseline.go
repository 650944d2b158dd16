package exposure

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// beyondBaseline reports whether a Pod spec may violate the Pod Security level baseline. It errs on the
// side of true: fields that baseline allows in part count as violations.
func beyondBaseline(use *facts.PodSpec) bool {
	s := use.Lean
	if s == nil || s.HostNetwork || s.HostPID || s.HostIPC ||
		slices.ContainsFunc(s.Volumes, func(v corev1.Volume) bool { return v.HostPath != nil }) {
		return true
	}
	if c := s.SecurityContext; c != nil &&
		(len(c.Sysctls) > 0 || c.SELinuxOptions != nil || c.WindowsOptions != nil || withoutConfinement(c.SeccompProfile,
			c.AppArmorProfile)) {
		return true
	}
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range containers {
			if contextBeyond(containers[i].SecurityContext) || opensNode(&containers[i]) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.EphemeralContainers, func(e corev1.EphemeralContainer) bool { return contextBeyond(e.SecurityContext) })
}

func contextBeyond(c *corev1.SecurityContext) bool {
	if c == nil {
		return false
	}
	return (c.Privileged != nil && *c.Privileged) || c.SELinuxOptions != nil || c.WindowsOptions != nil ||
		(c.ProcMount != nil && *c.ProcMount != corev1.DefaultProcMount) || withoutConfinement(c.SeccompProfile, c.AppArmorProfile) ||
		(c.Capabilities != nil && slices.ContainsFunc(c.Capabilities.Add,
			func(name corev1.Capability) bool { return name != "NET_BIND_SERVICE" }))
}

func withoutConfinement(seccomp *corev1.SeccompProfile, apparmor *corev1.AppArmorProfile) bool {
	return (seccomp != nil && seccomp.Type == corev1.SeccompProfileTypeUnconfined) ||
		(apparmor != nil && apparmor.Type == corev1.AppArmorProfileTypeUnconfined)
}

// opensNode reports whether a container uses a host port, or has probes of another host.
func opensNode(c *corev1.Container) bool {
	handlers := []*corev1.ProbeHandler{}
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe != nil {
			handlers = append(handlers, &probe.ProbeHandler)
		}
	}
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.HostPort != 0 }) || c.Lifecycle != nil ||
		slices.ContainsFunc(handlers, func(h *corev1.ProbeHandler) bool {
			return (h.HTTPGet != nil && h.HTTPGet.Host != "") || (h.TCPSocket != nil && h.TCPSocket.Host != "")
		})
}

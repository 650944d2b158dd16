package security

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func hostPathChecks() []check.Check {
	return []check.Check{
		{
			ID: "host-path-mounted", Static: true, Severity: v1alpha1.SeverityMedium,
			Summary: "Pods of a workload mount hostPath volumes.",
			Meaning: "A hostPath volume exposes files of the node. High: a container can write to a path that gives control of the " +
				"node or of other Pods (/, /etc, /root, /proc, /sys, /dev, /boot, /run, directories with binaries, and directories of " +
				"the kubelet, the container runtime and etcd). Medium: a container can write to another path, or read one of these. " +
				"Low: all others. container-socket-mounted reports runtime sockets. Read-only mounts of time zones, CA certificates " +
				"and kernel modules are not reported." + kubeSystemNote(),
			Remediation: "Use a PersistentVolumeClaim, a ConfigMap or an emptyDir. If a node agent needs the path, set readOnly: true " +
				"in volumeMounts and mount the narrowest path.",
			Link: "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
			Run:  specCheck(v1alpha1.SeverityMedium, "mounts hostPath volumes", hostPaths),
		},
		{
			ID: "container-socket-mounted", Static: true, Severity: v1alpha1.SeverityHigh,
			Summary: "Pods of a workload mount the socket of the container runtime.",
			Meaning: "A hostPath volume is the socket of Docker, containerd, CRI-O or Podman, or its directory. A client of the socket " +
				"can start privileged containers on the node; a read-only mount does not prevent it." + kubeSystemNote(),
			Remediation: "Remove the volume from the Pod template. Build images with rootless BuildKit or Buildah, and read container " +
				"states from the kubelet or the Kubernetes API.",
			Link: "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline",
			Run:  specCheck(v1alpha1.SeverityHigh, "mounts the socket of the container runtime", runtimeSockets),
		},
	}
}

// isRuntimeSocket is true for the socket of a container runtime and for its directory.
func isRuntimeSocket(hostPath string) bool {
	switch hostPath {
	case "/run/containerd", "/run/crio", "/run/podman", "/run/k3s/containerd", "/run/dockershim":
		return true
	}
	switch path.Base(hostPath) {
	case "docker.sock", "containerd.sock", "crio.sock", "cri-dockerd.sock", "podman.sock", "dockershim.sock":
		return true
	default:
		return false
	}
}

// normalizeHostPath cleans a path and resolves /var/run, which is a link to /run on nodes.
func normalizeHostPath(p string) string {
	p = path.Clean("/" + strings.TrimPrefix(p, "/"))
	if p == "/var/run" || strings.HasPrefix(p, "/var/run/") {
		return strings.TrimPrefix(p, "/var")
	}
	return p
}

func runtimeSockets(spec *facts.PodSpec) []violation {
	var violations []violation
	for i := range spec.Lean.Volumes {
		if v := &spec.Lean.Volumes[i]; v.HostPath != nil && isRuntimeSocket(normalizeHostPath(v.HostPath.Path)) {
			users, _ := mountedBy(spec, v.Name)
			text := fmt.Sprintf("volume %s: hostPath %s, %s", v.Name, v.HostPath.Path, describeMounts(users, ""))
			violations = append(violations, violation{text: text})
		}
	}
	return violations
}

func hostPaths(spec *facts.PodSpec) []violation {
	var violations []violation
	for i := range spec.Lean.Volumes {
		v := &spec.Lean.Volumes[i]
		if v.HostPath == nil {
			continue
		}
		clean := normalizeHostPath(v.HostPath.Path)
		users, writable := mountedBy(spec, v.Name)
		if isRuntimeSocket(clean) || !writable && isHarmlessToRead(clean) {
			continue
		}
		severity := v1alpha1.SeverityLow
		access := " read-only"
		switch {
		case writable && isSensitivePath(clean):
			severity = v1alpha1.SeverityHigh
			access = " read-write"
		case writable:
			severity = v1alpha1.SeverityMedium
			access = " read-write"
		case len(users) > 0 && isSensitivePath(clean):
			severity = v1alpha1.SeverityMedium
		}
		text := fmt.Sprintf("volume %s: hostPath %s, %s", v.Name, v.HostPath.Path, describeMounts(users, access))
		violations = append(violations, violation{text, severity})
	}
	return violations
}

func describeMounts(users []string, access string) string {
	if len(users) == 0 {
		return "not mounted by a container"
	}
	return "mounted" + access + " by container " + strings.Join(users, ", ")
}

// mountedBy are the containers that mount a volume. If some can write to it, only those.
func mountedBy(spec *facts.PodSpec, volume string) (users []string, writable bool) {
	var readers, writers []string
	for _, containers := range [][]corev1.Container{spec.Lean.InitContainers, spec.Lean.Containers} {
		for i := range containers {
			for _, mount := range containers[i].VolumeMounts {
				name := containers[i].Name
				switch {
				case mount.Name != volume:
				case mount.ReadOnly && !slices.Contains(readers, name):
					readers = append(readers, name)
				case !mount.ReadOnly && !slices.Contains(writers, name):
					writers = append(writers, name)
				}
			}
		}
	}
	if len(writers) > 0 {
		return writers, true
	}
	return readers, false
}

// isSensitivePath is true if write access to a path gives control of the node or of other Pods.
func isSensitivePath(p string) bool {
	if p == "/dev/log" || p == "/dev/null" || p == "/dev/zero" || p == "/dev/random" || p == "/dev/urandom" {
		return false // what is written to them, such as the lines of syslog, changes nothing on the node
	}
	if p == "/" || p == "/run" || p == "/var" || p == "/var/lib" || p == "/usr" {
		return true
	}
	for _, directory := range []string{
		"/etc", "/root", "/home", "/boot", "/dev", "/proc", "/sys", "/run/systemd", "/run/dbus", "/bin", "/sbin", "/lib", "/lib64",
		"/usr/bin", "/usr/sbin", "/usr/lib",
		"/usr/local/bin", "/opt/cni", "/var/lib/kubelet", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/crio",
		"/var/lib/etcd", "/var/lib/rancher", "/var/spool/cron",
	} {
		if p == directory || strings.HasPrefix(p, directory+"/") {
			return true
		}
	}
	return false
}

// isHarmlessToRead is true for files without information about the node that many Pods mount.
func isHarmlessToRead(p string) bool {
	for _, known := range []string{
		"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/etc/ssl/certs", "/etc/pki/ca-trust", "/usr/share/ca-certificates",
		"/lib/modules", "/usr/lib/modules",
	} {
		if p == known || strings.HasPrefix(p, known+"/") {
			return true
		}
	}
	return false
}

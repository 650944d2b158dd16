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
			Summary: "Pods of a workload mount paths of their node.",
			Meaning: "A volume of type hostPath shows the Pods files of the node. It is high where a container can write to a path from which the node or other " +
				"Pods can be taken over (/, /etc, /root, /proc, /sys, /dev, /boot, /run, binaries, the folders of the kubelet, the container runtime and etcd), " +
				"medium where it can write elsewhere or read such a path, and low else. Sockets of the container runtime have a check of their own. Time zones " +
				"and the like that are mounted read-only are left out." + aboutKubeSystem(),
			Remediation: "Use a PersistentVolumeClaim, a ConfigMap or an emptyDir. Where the path itself is needed, as agents of nodes do, set readOnly: true at the " +
				"mount and name the narrowest path.",
			Link: "https://kubernetes.io/docs/concepts/storage/volumes/#hostpath",
			Run:  specCheck(v1alpha1.SeverityMedium, "mounts paths of its nodes", hostPaths),
		},
		{
			ID: "container-socket-mounted", Static: true, Severity: v1alpha1.SeverityHigh,
			Summary: "Pods of a workload mount the socket of the container runtime.",
			Meaning: "A volume of type hostPath is the socket of Docker, containerd, CRI-O or podman, or the folder that it is in. Whoever can talk to it starts a " +
				"privileged container on the node; readOnly at the mount does not hinder that." + aboutKubeSystem(),
			Remediation: "Build images without the runtime's socket (BuildKit without root, Buildah), and read containers' states from the kubelet or the API. " +
				"Remove the volume from the Pod template.",
			Link: "https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline",
			Run:  specCheck(v1alpha1.SeverityHigh, "mounts the socket of the container runtime", runtimeSockets),
		},
	}
}

// runtimeSocket says whether a path is the socket of a container runtime, or the folder of one.
func runtimeSocket(hostPath string) bool {
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

// cleanHostPath is the path without detours; /var/run is a link to /run on every node.
func cleanHostPath(p string) string {
	p = path.Clean("/" + strings.TrimPrefix(p, "/"))
	if p == "/var/run" || strings.HasPrefix(p, "/var/run/") {
		return strings.TrimPrefix(p, "/var")
	}
	return p
}

func runtimeSockets(s *facts.PodSpec) []piece {
	var pieces []piece
	for i := range s.Lean.Volumes {
		if v := &s.Lean.Volumes[i]; v.HostPath != nil && runtimeSocket(cleanHostPath(v.HostPath.Path)) {
			users, _ := mountedBy(s, v.Name)
			pieces = append(pieces, piece{text: fmt.Sprintf("volume %s: hostPath %s, %s", v.Name, v.HostPath.Path, mountedText(users, ""))})
		}
	}
	return pieces
}

func hostPaths(s *facts.PodSpec) []piece {
	var pieces []piece
	for i := range s.Lean.Volumes {
		v := &s.Lean.Volumes[i]
		if v.HostPath == nil {
			continue
		}
		clean := cleanHostPath(v.HostPath.Path)
		users, writable := mountedBy(s, v.Name)
		if runtimeSocket(clean) || !writable && harmlessToRead(clean) {
			continue
		}
		severity := v1alpha1.SeverityLow
		how := " read-only"
		switch {
		case writable && sensitivePath(clean):
			severity = v1alpha1.SeverityHigh
			how = " for writing"
		case writable:
			severity = v1alpha1.SeverityMedium
			how = " for writing"
		case len(users) > 0 && sensitivePath(clean):
			severity = v1alpha1.SeverityMedium
		}
		pieces = append(pieces, piece{fmt.Sprintf("volume %s: hostPath %s, %s", v.Name, v.HostPath.Path, mountedText(users, how)), severity})
	}
	return pieces
}

func mountedText(users []string, how string) string {
	if len(users) == 0 {
		return "mounted by no container"
	}
	return "mounted" + how + " by container " + strings.Join(users, ", ")
}

// mountedBy names the containers that mount a volume, those that can write to it if there are any.
func mountedBy(s *facts.PodSpec, volume string) (users []string, writable bool) {
	var readers, writers []string
	for _, containers := range [][]corev1.Container{s.Lean.InitContainers, s.Lean.Containers} {
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

// sensitivePath says whether writing to a path of the node, or to one above or below, takes over the node or other Pods.
func sensitivePath(p string) bool {
	if p == "/" || p == "/run" || p == "/var" || p == "/var/lib" || p == "/usr" {
		return true
	}
	for _, folder := range []string{
		"/etc", "/root", "/home", "/boot", "/dev", "/proc", "/sys", "/run/systemd", "/run/dbus", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib",
		"/usr/local/bin", "/opt/cni", "/var/lib/kubelet", "/var/lib/docker", "/var/lib/containerd", "/var/lib/containers", "/var/lib/crio", "/var/lib/etcd",
		"/var/lib/rancher", "/var/spool/cron",
	} {
		if p == folder || strings.HasPrefix(p, folder+"/") {
			return true
		}
	}
	return false
}

// harmlessToRead are files that say nothing of the node, and that many Pods share with it for good reasons.
func harmlessToRead(p string) bool {
	for _, known := range []string{"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo", "/etc/ssl/certs", "/etc/pki/ca-trust", "/usr/share/ca-certificates", "/lib/modules", "/usr/lib/modules"} {
		if p == known || strings.HasPrefix(p, known+"/") {
			return true
		}
	}
	return false
}

package lastline

import (
	"fmt"
	"path"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// tokenFolder is where the token of the ServiceAccount is mounted.
const tokenFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

// spec is the container in the spec of its Pod; nil if it is not known.
func (l line) spec() *corev1.Container {
	if l.pod.Spec == nil || l.pod.Spec.Lean == nil {
		return nil
	}
	for _, containers := range [][]corev1.Container{l.pod.Spec.Lean.Containers, l.pod.Spec.Lean.InitContainers} {
		for i := range containers {
			if containers[i].Name == l.container.Name {
				return &containers[i]
			}
		}
	}
	return nil
}

// mount is the volume that is mounted nearest above a path, and its mount.
func (l line) mount(file string) (volume *corev1.Volume, mount corev1.VolumeMount, found bool) {
	spec := l.spec()
	if spec == nil {
		return nil, corev1.VolumeMount{}, false
	}
	for _, m := range spec.VolumeMounts {
		above := file == m.MountPath || strings.HasPrefix(file, strings.TrimSuffix(m.MountPath, "/")+"/")
		if above && len(m.MountPath) > len(mount.MountPath) {
			mount = m
			found = true
		}
	}
	if !found {
		return nil, corev1.VolumeMount{}, false
	}
	volumes := l.pod.Spec.Lean.Volumes
	i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
	if i < 0 {
		return nil, mount, true
	}
	return &volumes[i], mount, true
}

func (l line) owner() string { return l.g.OwnerName(l.pod) }

func execFormat(l line) (Saying, bool) {
	if !l.has("exec format error") {
		return Saying{}, false
	}
	node, known := facts.Lookup[*facts.NodeNode](l.g, facts.Ref{Kind: facts.Node, Name: l.pod.NodeName})
	arch := ""
	if known {
		arch = node.NodeLabels["kubernetes.io/arch"]
	}
	s := Saying{
		Why: "its image is built for another CPU architecture than that of its node, or its script has no #! line",
		Fix: "Build the image for the architecture of the nodes (`kubectl get nodes -L kubernetes.io/arch`), or put #! at the very start " +
			"of the script.",
	}
	if arch == "" {
		return s, true
	}
	s.Evidence = []check.Evidence{check.FromSpec("node %s: kubernetes.io/arch=%s", node.Name, arch), check.FromSpec("image: %s",
		l.container.Image)}
	s.Why = fmt.Sprintf("its image is built for another CPU architecture than that of its node (%s), or its script has no #! line", arch)
	others := map[string]bool{}
	for _, n := range l.g.Nodes {
		if a := n.NodeLabels["kubernetes.io/arch"]; a != "" && a != arch {
			others[a] = true
		}
	}
	s.Fix = remedy.Sprintf("Build the image for %s as well (docker buildx build --platform)", arch)
	if len(others) > 0 {
		s.Why = fmt.Sprintf("its image is built for another CPU architecture than that of its node (%s)", arch)
		s.Fix += remedy.Sprintf(", or set nodeSelector kubernetes.io/arch in the template of %s to the architecture of the "+
			"image", l.owner())
	} else {
		s.Fix += ", or put #! at the very start of the script"
	}
	s.Fix += "."
	return s, true
}

func tokenNotMounted(l line) (Saying, bool) {
	const inCluster = "unable to load in-cluster configuration"
	if !l.has(inCluster) && (!l.has("no such file", "enoent", "not found", "does not exist", "cannot find") || !l.has(tokenFolder)) {
		return Saying{}, false
	}
	spec := l.pod.Spec
	if spec == nil || spec.Lean == nil {
		return Saying{}, false
	}
	account := spec.ServiceAccount
	if account == "" {
		account = "default"
	}
	ref := facts.Ref{Kind: facts.ServiceAccount, Namespace: l.pod.Namespace, Name: account}
	node, known := facts.Lookup[*facts.ConfigNode](l.g, ref)
	switch own := spec.Lean.AutomountServiceAccountToken; {
	case own != nil && !*own:
		return Saying{
			Why: "it needs the token of its ServiceAccount, which is not mounted: automountServiceAccountToken is false in the Pod " +
				"template",
			Fix: remedy.Sprintf("Set automountServiceAccountToken: true in the Pod template of %s.", l.owner()),
			Evidence: []check.Evidence{
				check.FromSpec("automountServiceAccountToken: false, serviceAccountName: %s", account),
			},
		}, true
	case own == nil && known && !node.Automount:
		return Saying{
			Why: fmt.Sprintf("it needs the token of its ServiceAccount, which is not mounted: automountServiceAccountToken is false on "+
				"ServiceAccount %s", account),
			Fix: remedy.Sprintf("Set automountServiceAccountToken: true in the Pod template of %s, which changes only these "+
				"Pods.", l.owner()),
			Evidence: []check.Evidence{
				check.FromSpec("ServiceAccount %s: automountServiceAccountToken: false", account),
			},
			Culprits: []facts.Ref{ref},
		}, true
	default:
		return Saying{}, false
	}
}

func readOnly(l line) (Saying, bool) {
	if !l.has("read-only file system", "erofs") {
		return Saying{}, false
	}
	file := l.path()
	if _, mount, mounted := l.mount(file); mounted && file != "" {
		if mount.ReadOnly {
			return Saying{
				Why:      fmt.Sprintf("it writes below %s, where volume %s is mounted read-only", mount.MountPath, mount.Name),
				Fix:      remedy.Sprintf("Remove readOnly from the mount of volume %s, or let the program write elsewhere.", mount.Name),
				Evidence: []check.Evidence{check.FromSpec("volumeMount %s at %s: readOnly: true", mount.Name, mount.MountPath)},
			}, true
		}
		if volume, _, _ := l.mount(file); volume != nil && (volume.ConfigMap != nil || volume.Secret != nil) {
			return Saying{
				Why: fmt.Sprintf("it writes below %s, where volume %s of a ConfigMap or Secret is mounted, which is always read-only",
					mount.MountPath, mount.Name),
				Fix: "Copy the files to an emptyDir volume with an init container, or let the program write elsewhere.",
			}, true
		}
	}
	spec := l.spec()
	if spec == nil || spec.SecurityContext == nil || spec.SecurityContext.ReadOnlyRootFilesystem == nil ||
		!*spec.SecurityContext.ReadOnlyRootFilesystem {
		return Saying{}, false
	}
	where := "to its root file system"
	folder := "the folder"
	if file != "" {
		where = "to " + file
		folder = path.Dir(file)
	}
	return Saying{
		Why:      fmt.Sprintf("it writes %s, and securityContext.readOnlyRootFilesystem is true", where),
		Fix:      remedy.Sprintf("Mount an emptyDir volume at %s in the Pod template of %s.", folder, l.owner()),
		Evidence: []check.Evidence{check.FromSpec("container %s: readOnlyRootFilesystem: true", l.container.Name)},
	}, true
}

// runsAs is the user that the spec sets for the container; false where the image decides.
func (l line) runsAs() (int64, bool) {
	if spec := l.spec(); spec != nil && spec.SecurityContext != nil && spec.SecurityContext.RunAsUser != nil {
		return *spec.SecurityContext.RunAsUser, true
	}
	if l.pod.Spec != nil && l.pod.Spec.Lean != nil {
		if c := l.pod.Spec.Lean.SecurityContext; c != nil && c.RunAsUser != nil {
			return *c.RunAsUser, true
		}
	}
	return 0, false
}

func permissionDenied(l line) (Saying, bool) {
	file := l.path()
	if !l.has("permission denied", "eacces", "operation not permitted") || file == "" {
		return Saying{}, false
	}
	volume, mount, mounted := l.mount(file)
	user, set := l.runsAs()
	if mounted && volume != nil && volume.ConfigMap == nil && volume.Secret == nil {
		pod := l.pod.Spec.Lean.SecurityContext
		if (!set || user != 0) && (pod == nil || pod.FSGroup == nil) {
			evidence := []check.Evidence{check.FromSpec("volume %s is mounted at %s; fsGroup is not set", mount.Name, mount.MountPath)}
			who := "the user of its image"
			if set {
				who = fmt.Sprintf("user %d", user)
				evidence = append(evidence, check.FromSpec("runAsUser: %d", user))
			}
			return Saying{
				Why: fmt.Sprintf("%s has no permission for %s in volume %s, and fsGroup is not set", who, file, mount.Name),
				Fix: remedy.Sprintf("Set securityContext.fsGroup in the Pod template of %s to a group of that user: the volume then "+
					"belongs to "+
					"the group, if its driver supports it.", l.owner()),
				Evidence: evidence,
			}, true
		}
		return Saying{}, false
	}
	if !set || user == 0 || mounted {
		return Saying{}, false
	}
	return Saying{
		Why: fmt.Sprintf("user %d has no permission for %s in the image", user, file),
		Fix: remedy.Sprintf("Give user %d permission for it in the image (chown or chmod in the Dockerfile), set runAsUser to the "+
			"user that "+
			"the image is made for, or mount a volume there.", user),
		Evidence: []check.Evidence{check.FromSpec("runAsUser: %d; no volume is mounted at %s", user, path.Dir(file))},
	}, true
}

// ownership explains files that a program refuses because of their owner or mode: databases, Erlang and SSH do so.
func ownership(l line) (Saying, bool) {
	if !l.has("wrong ownership", "accessible by owner only", "must be owned by", "bad owner or permissions", "permissions are too open",
		"unprotected private key", "has invalid permissions", "insecure permissions", "should be u=rwx") {
		return Saying{}, false
	}
	file := l.path()
	_, mount, mounted := l.mount(file)
	if !mounted || file == "" || l.pod.Spec == nil || l.pod.Spec.Lean == nil {
		return Saying{}, false
	}
	s := Saying{
		Why: fmt.Sprintf("it refuses the owner or the mode of %s in volume %s", file, mount.Name),
		Fix: remedy.Sprintf("Give the program a folder of its own in the volume that it creates itself (as PGDATA below the mount), or "+
			"let an init container of %s chown and chmod the files to the user that the program runs as.", l.owner()),
		Evidence: []check.Evidence{check.FromSpec("volume %s is mounted at %s", mount.Name, mount.MountPath)},
	}
	if user, set := l.runsAs(); set {
		s.Evidence = append(s.Evidence, check.FromSpec("runAsUser: %d", user))
	}
	if pod := l.pod.Spec.Lean.SecurityContext; pod != nil && pod.FSGroup != nil {
		s.Evidence = append(s.Evidence, check.FromSpec("fsGroup: %d, which lets its group read and write the files", *pod.FSGroup))
	}
	return s, true
}

func fileMissing(l line) (Saying, bool) {
	if !l.has("no such file or directory", "enoent", "filenotfound") {
		return Saying{}, false
	}
	file := l.path()
	if file == "" || strings.HasPrefix(file, tokenFolder) {
		return Saying{}, false
	}
	volume, mount, mounted := l.mount(file)
	if !mounted {
		if l.spec() == nil {
			return Saying{}, false
		}
		return Saying{
			Why: fmt.Sprintf("%s is not in its image, and no volume is mounted there", file),
			Fix: remedy.Sprintf("Correct the path in the configuration, add the file to the image, or mount a ConfigMap, Secret or "+
				"volume at %s.",
				path.Dir(file)),
			Evidence: []check.Evidence{check.FromSpec("volumeMounts of container %s: %s", l.container.Name, l.mountPaths())},
		}, true
	}
	if volume == nil {
		return Saying{}, false
	}
	s := Saying{
		Why: fmt.Sprintf("%s is not in volume %s, which is mounted at %s", file, mount.Name, mount.MountPath),
		Fix: remedy.Sprintf("Put the file into volume %s, or correct the path.", mount.Name),
	}
	if volume.ConfigMap != nil {
		ref := facts.Ref{Kind: facts.ConfigMap, Namespace: l.pod.Namespace, Name: volume.ConfigMap.Name}
		config, known := facts.Lookup[*facts.ConfigNode](l.g, ref)
		if known && slices.Contains(config.Keys, path.Base(file)) && mount.SubPath == "" {
			return Saying{}, false // it may have come since
		}
		s.Why = fmt.Sprintf("%s is not in ConfigMap %s, which is mounted at %s", file, ref.Name, mount.MountPath)
		s.Fix = remedy.Sprintf("Add key %s to ConfigMap %s, or correct the path.", path.Base(file), ref.Name)
		if known {
			s.Evidence = append(s.Evidence, check.FromSpec("keys of ConfigMap %s: %s", ref.Name, text.List(config.Keys, 5)))
		}
		s.Culprits = []facts.Ref{ref}
	}
	if volume.Secret != nil {
		s.Why = fmt.Sprintf("%s is not in Secret %s, which is mounted at %s", file, volume.Secret.SecretName, mount.MountPath)
		s.Fix = remedy.Sprintf("Add key %s to Secret %s, or correct the path.", path.Base(file), volume.Secret.SecretName)
	}
	return s, true
}

func (l line) mountPaths() string {
	var paths []string
	for _, m := range l.spec().VolumeMounts {
		paths = append(paths, m.MountPath)
	}
	if len(paths) == 0 {
		return "none"
	}
	return text.List(paths, 5)
}

func diskFull(l line) (Saying, bool) {
	if !l.has("no space left on device", "enospc", "disk quota exceeded") {
		return Saying{}, false
	}
	s := Saying{
		Why: "no space is left where it writes",
		Fix: "Free or enlarge the volume that it writes to; without a volume, the disk of its node is full.",
	}
	file := l.path()
	volume, mount, mounted := l.mount(file)
	switch {
	case l.has("inotify"):
		s.Why = "its node has no inotify watches left"
		s.Fix = "Raise fs.inotify.max_user_watches and fs.inotify.max_user_instances on the nodes (sysctl)."
	case mounted && file != "":
		s.Why = fmt.Sprintf("volume %s, mounted at %s, is full", mount.Name, mount.MountPath)
		s.Fix = remedy.Sprintf("Enlarge volume %s, or remove what is not needed from it.", mount.Name)
		if volume != nil && volume.EmptyDir != nil && volume.EmptyDir.SizeLimit != nil {
			s.Evidence = []check.Evidence{check.FromSpec("emptyDir %s: sizeLimit %s", mount.Name, volume.EmptyDir.SizeLimit.String())}
		}
		for _, claim := range l.pod.Spec.Refs {
			if claim.Kind == facts.PVC && claim.Field == facts.VolumeField(mount.Name) {
				s.Culprits = []facts.Ref{{Kind: facts.PVC, Namespace: l.pod.Namespace, Name: claim.Name}}
				s.Evidence = append(s.Evidence, check.FromSpec("volume %s: PersistentVolumeClaim %s", mount.Name, claim.Name))
			}
		}
	}
	return s, true
}

func filesExhausted(l line) (Saying, bool) {
	if !l.has("too many open files", "emfile", "enfile") {
		return Saying{}, false
	}
	return Saying{
		Why: "it has reached the limit of open files",
		Fix: "Look for connections and files that the program does not close; else raise the limit (LimitNOFILE of the container " +
			"runtime, or " +
			"fs.inotify.max_user_instances on the node for programs that watch files).",
	}, true
}

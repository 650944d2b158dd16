package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
)

// Leak is a field whose value looks like a secret. The value is never kept.
type Leak struct {
	// Field, for example env DB_PASSWORD of container api, or data app.properties.
	Field string
	// Rule that matched, for example aws-access-token.
	Rule string
}

// maxJobs of one spec are kept.
const maxJobs = 8

// jobsOf finds the Jobs in commands and arguments of init containers, as kubectl and programs that wait for Jobs take them: job/NAME,
// job.batch/NAME, or job NAME. A path such as jobs/main.py is the Job of no one, and one of a namespace that the command names is not that
// of the Pod.
func jobsOf(s *corev1.PodSpec) []JobUse {
	var jobs []JobUse
	for i := range s.InitContainers {
		c := &s.InitContainers[i]
		text := strings.Join(slices.Concat(c.Command, c.Args), " ")
		previous := ""
		words := strings.FieldsFunc(text[:min(len(text), maxCommand)], notInName)
		waits := namesObjects(words)
		for _, word := range words {
			kind, name, typed := strings.Cut(word, "/")
			if !typed {
				kind, name = previous, word
			}
			previous = word
			switch kind {
			case "job", "jobs", "job.batch", "jobs.batch":
			default:
				continue
			}
			found := JobUse{c.Name, strings.TrimRight(name, "."), typed && waits}
			if len(validation.IsDNS1123Subdomain(found.Job)) == 0 && len(jobs) < maxJobs && !slices.Contains(jobs, found) {
				jobs = append(jobs, found)
			}
		}
	}
	return jobs
}

// namesObjects reports whether a command is that of a program that looks at objects, in the namespace of its Pod.
func namesObjects(words []string) bool {
	elsewhere := slices.ContainsFunc(words, func(w string) bool {
		return strings.HasPrefix(w, "-n") || strings.HasPrefix(w, "--namespace")
	})
	return !elsewhere && slices.ContainsFunc(words, func(w string) bool {
		name := w[strings.LastIndexByte(w, '/')+1:]
		return name == "kubectl" || name == "oc" || name == "wait" || strings.Contains(name, "wait-for")
	})
}

// maxCommand is how many bytes of a command are searched for names of Jobs.
const maxCommand = 8 << 10

// notInName is true between words that are names of objects, or types and names.
func notInName(r rune) bool {
	return r != '-' && r != '.' && r != '/' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
}

// lean is a Pod spec without what differs between the Pods of one workload, and without what may contain secrets: values of
// environment variables, commands, arguments and volume sources. What checks need stays in the types of the API: resources, probes,
// ports, security contexts, affinity, topology spread, tolerations and kinds of volumes. The parts are shared with the object, which
// is dropped after reducing.
func lean(s *corev1.PodSpec) *corev1.PodSpec {
	out := &corev1.PodSpec{
		RestartPolicy: s.RestartPolicy, TerminationGracePeriodSeconds: s.TerminationGracePeriodSeconds, DNSPolicy: s.DNSPolicy,
		DNSConfig:                    s.DNSConfig,
		AutomountServiceAccountToken: s.AutomountServiceAccountToken, ServiceAccountName: s.ServiceAccountName,
		HostNetwork: s.HostNetwork, HostPID: s.HostPID, HostIPC: s.HostIPC, HostUsers: s.HostUsers,
		ShareProcessNamespace: s.ShareProcessNamespace, SecurityContext: s.SecurityContext, OS: s.OS,
		Affinity: s.Affinity, NodeSelector: s.NodeSelector, TopologySpreadConstraints: s.TopologySpreadConstraints,
		PriorityClassName: s.PriorityClassName, RuntimeClassName: s.RuntimeClassName, HostAliases: s.HostAliases, Resources: s.Resources,
		EnableServiceLinks: s.EnableServiceLinks, SchedulerName: s.SchedulerName, ImagePullSecrets: s.ImagePullSecrets,
		InitContainers: leanContainers(s.InitContainers, s.Volumes), Containers: leanContainers(s.Containers, s.Volumes),
	}
	for _, t := range s.Tolerations {
		if t.Key != corev1.TaintNodeNotReady && t.Key != corev1.TaintNodeUnreachable { // admission adds these to every Pod
			out.Tolerations = append(out.Tolerations, t)
		}
	}
	for i := range s.EphemeralContainers {
		e := &s.EphemeralContainers[i]
		kept := corev1.EphemeralContainerCommon{Name: e.Name, Image: e.Image, SecurityContext: e.SecurityContext}
		out.EphemeralContainers = append(out.EphemeralContainers, corev1.EphemeralContainer{EphemeralContainerCommon: kept})
	}
	for i := range s.Volumes {
		if v := &s.Volumes[i]; !isTokenVolume(v) {
			out.Volumes = append(out.Volumes, leanVolume(v))
		}
	}
	return out
}

// tokenVolume is the start of the name of the volume with a token that admission adds to every Pod; the rest is random.
const tokenVolume = "kube-api-access-"

// isTokenVolume is true for the volume with a token. Other types of volumes with such a name come from someone else.
func isTokenVolume(v *corev1.Volume) bool {
	return v.Projected != nil && strings.HasPrefix(v.Name, tokenVolume)
}

// VolumeField is the field of references in a volume (SpecRef.Field). It is the same for the token volumes of all Pods, so Pods of a
// workload share one spec, and a finding has the same text for each of them.
func VolumeField(volume string) string {
	if strings.HasPrefix(volume, tokenVolume) {
		volume = strings.TrimSuffix(tokenVolume, "-")
	}
	return "volume " + volume
}

// leanContainers are containers of a Pod that has the volumes.
func leanContainers(containers []corev1.Container, volumes []corev1.Volume) []corev1.Container {
	tokenVolume := ""
	if i := slices.IndexFunc(volumes, func(v corev1.Volume) bool { return isTokenVolume(&v) }); i >= 0 {
		tokenVolume = volumes[i].Name
	}
	var out []corev1.Container
	for i := range containers {
		c := &containers[i]
		kept := corev1.Container{
			Name: c.Name, Image: c.Image, ImagePullPolicy: c.ImagePullPolicy, Ports: c.Ports, Resources: c.Resources,
			LivenessProbe: leanProbe(c.LivenessProbe), ReadinessProbe: leanProbe(c.ReadinessProbe), StartupProbe: leanProbe(c.StartupProbe),
			Lifecycle: leanLifecycle(c.Lifecycle), SecurityContext: c.SecurityContext, RestartPolicy: c.RestartPolicy,
			VolumeDevices: c.VolumeDevices,
		}
		for _, mount := range c.VolumeMounts {
			if tokenVolume == "" || mount.Name != tokenVolume {
				kept.VolumeMounts = append(kept.VolumeMounts, mount)
			}
		}
		for _, env := range c.Env {
			kept.Env = append(kept.Env, corev1.EnvVar{Name: env.Name, ValueFrom: env.ValueFrom})
		}
		out = append(out, kept)
	}
	return out
}

// leanProbe drops headers, which may contain credentials.
func leanProbe(p *corev1.Probe) *corev1.Probe {
	if p == nil {
		return nil
	}
	kept := *p
	kept.ProbeHandler = leanHandler(p.ProbeHandler)
	return &kept
}

func leanHandler(h corev1.ProbeHandler) corev1.ProbeHandler {
	if h.HTTPGet != nil {
		get := *h.HTTPGet
		get.HTTPHeaders = nil
		h.HTTPGet = &get
	}
	return h
}

func leanLifecycle(l *corev1.Lifecycle) *corev1.Lifecycle {
	if l == nil {
		return nil
	}
	one := func(h *corev1.LifecycleHandler) *corev1.LifecycleHandler {
		if h == nil || h.HTTPGet == nil {
			return h
		}
		kept := *h
		get := *h.HTTPGet
		get.HTTPHeaders = nil
		kept.HTTPGet = &get
		return &kept
	}
	return &corev1.Lifecycle{PostStart: one(l.PostStart), PreStop: one(l.PreStop), StopSignal: l.StopSignal}
}

// leanVolume keeps the source of hostPath and emptyDir volumes, and only the kind of others.
func leanVolume(v *corev1.Volume) corev1.Volume {
	kept := corev1.Volume{Name: v.Name, VolumeSource: v.VolumeSource}
	switch {
	case v.VolumeSource == corev1.VolumeSource{}:
		kept.EmptyDir = &corev1.EmptyDirVolumeSource{} // the API server's default
	case v.ConfigMap != nil:
		config := &corev1.ConfigMapVolumeSource{LocalObjectReference: v.ConfigMap.LocalObjectReference}
		kept.VolumeSource = corev1.VolumeSource{ConfigMap: config}
	case v.Secret != nil:
		secret := &corev1.SecretVolumeSource{SecretName: v.Secret.SecretName, DefaultMode: v.Secret.DefaultMode}
		kept.VolumeSource = corev1.VolumeSource{Secret: secret}
	case v.Projected != nil:
		kept.VolumeSource = corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{}}
	case v.DownwardAPI != nil:
		kept.VolumeSource = corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{}}
	case v.PersistentVolumeClaim != nil, v.Ephemeral != nil:
		if v.Ephemeral != nil {
			kept.VolumeSource = corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}
		}
	}
	return kept
}

// SpecUse is one distinct Pod spec of an owner: the template of a workload, or what Pods without such a template have.
type SpecUse struct {
	// Owner is where findings about the spec are reported: the topmost owner that is known.
	Owner Ref
	// Spec is not nil.
	Spec *PodSpec
	// Labels of the template, or of one of the Pods.
	Labels map[string]string
	// Template is true for the template of a workload, false for Pods as they run.
	Template bool
	// Pods counts unfinished Pods with this spec; 0 for a template whose Pods differ from it by defaults.
	Pods int
}

// Specs returns every distinct Pod spec with its owner, in a fixed order: templates of workloads (each once, at the topmost owner),
// then specs of unfinished Pods. The Pods of a workload usually share one spec, so the length grows with workloads, not Pods.
func (g *Graph) Specs() []SpecUse { return g.specs }

func (g *Graph) indexSpecs() {
	type key struct {
		owner Ref
		spec  *PodSpec
	}
	at := map[key]int{}
	add := func(owner Ref, spec *PodSpec, labels map[string]string, template bool) {
		if spec == nil {
			return
		}
		i, known := at[key{owner, spec}]
		if !known {
			i = len(g.specs)
			at[key{owner, spec}] = i
			g.specs = append(g.specs, SpecUse{Owner: owner, Spec: spec, Labels: labels, Template: template})
		}
		if !template {
			g.specs[i].Pods++
		}
	}
	for _, w := range g.Workloads {
		if g.IsTopWorkload(w) {
			add(g.TopOwner(w.Ref), w.Template, w.TemplateLabels, true)
		}
	}
	for _, c := range g.CronJobs {
		add(c.Ref, c.Template, c.TemplateLabels, true)
	}
	for _, j := range g.Jobs {
		if g.TopOwner(j.Ref) == j.Ref {
			add(j.Ref, j.Template, j.TemplateLabels, true)
		}
	}
	for _, pod := range g.Pods {
		if pod.Phase != string(corev1.PodSucceeded) && pod.Phase != string(corev1.PodFailed) {
			add(g.TopOwner(pod.Ref), pod.Spec, pod.Labels, false)
		}
	}
}

// HasAlias reports whether a Pod gives a host an address of its own, which is taken without a lookup.
func (n *PodNode) HasAlias(host string) bool {
	return n.Spec != nil && n.Spec.Lean != nil && slices.ContainsFunc(n.Spec.Lean.HostAliases, func(a corev1.HostAlias) bool {
		return slices.ContainsFunc(a.Hostnames, func(name string) bool { return strings.EqualFold(name, strings.TrimSuffix(host, ".")) })
	})
}

// Running returns the containers of a spec that run as long as the Pod: the sidecars and the containers.
func Running(spec *corev1.PodSpec) []*corev1.Container {
	var all []*corev1.Container
	for i := range spec.InitContainers {
		if value(spec.InitContainers[i].RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			all = append(all, &spec.InitContainers[i])
		}
	}
	for i := range spec.Containers {
		all = append(all, &spec.Containers[i])
	}
	return all
}

package facts

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"kubeops.io/kubeops/internal/inspect/facts/podsecurity"
)

func reducePod(p *corev1.Pod) *PodNode {
	node := &PodNode{
		Meta: metaOf(Pod, &p.ObjectMeta), NodeName: p.Spec.NodeName,
		Phase: string(p.Status.Phase), Reason: clip(p.Status.Reason), Message: clip(p.Status.Message),
		Started: timeOf(p.Status.StartTime), Spec: reducePodSpec(&p.Spec, p.Annotations, p.Name),
	}
	node.Labels = maps.Clone(p.Labels)
	node.setConditions(p.Status.Conditions)
	node.Containers = reduceContainers(p.Spec.Containers)
	setStatuses(node.Containers, p.Status.ContainerStatuses)
	node.InitContainers = reduceContainers(p.Spec.InitContainers)
	setStatuses(node.InitContainers, p.Status.InitContainerStatuses)
	return node
}

// setConditions keeps whether the Pod is ready, and the conditions that say more than other fields of the node, to save memory in every
// Pod.
func (n *PodNode) setConditions(conditions []corev1.PodCondition) {
	// The first one of a type counts, as in Condition.
	if i := slices.IndexFunc(conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady }); i >= 0 {
		n.Ready = conditions[i].Status == corev1.ConditionTrue
		n.ReadySince = conditions[i].LastTransitionTime.Time
	}
	kept := 0
	for i := range conditions {
		if n.informs(&conditions[i]) {
			kept++
		}
	}
	if kept == 0 {
		return
	}
	n.Conditions = make([]Condition, 0, kept)
	for i := range conditions {
		if c := &conditions[i]; n.informs(c) {
			n.Conditions = append(n.Conditions,
				Condition{clip(string(c.Type)), string(c.Status), clip(c.Reason), clip(c.Message), c.LastTransitionTime.Time})
		}
	}
}

// informs is false for conditions that follow from the states of the containers, from the name of the node, or from Ready.
func (n *PodNode) informs(c *corev1.PodCondition) bool {
	if c.Type == corev1.PodInitialized || c.Type == corev1.ContainersReady {
		return false
	}
	if c.Status != corev1.ConditionTrue || c.Message != "" {
		return true
	}
	switch c.Type {
	case corev1.PodScheduled:
		return n.NodeName == ""
	case corev1.PodReady, corev1.PodReadyToStartContainers:
		return !n.Ready
	}
	return true
}

// reduceContainers reduces the containers of a spec, without their status.
func reduceContainers(specs []corev1.Container) []Container {
	if len(specs) == 0 {
		return nil
	}
	containers := make([]Container, 0, len(specs))
	for i := range specs {
		s := &specs[i]
		c := Container{
			Name: s.Name, Image: s.Image,
			Sidecar:       value(s.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways,
			MemoryLimit:   quantity(s.Resources.Limits, corev1.ResourceMemory),
			CPULimit:      milli(s.Resources.Limits, corev1.ResourceCPU),
			MemoryRequest: quantity(s.Resources.Requests, corev1.ResourceMemory),
			HasReadiness:  s.ReadinessProbe != nil, HasLiveness: s.LivenessProbe != nil, HasStartup: s.StartupProbe != nil,
		}
		containers = append(containers, c)
	}
	return containers
}

// setStatuses joins containers with their status.
func setStatuses(containers []Container, statuses []corev1.ContainerStatus) {
	for i := range containers {
		for j := range statuses {
			if status := &statuses[j]; status.Name == containers[i].Name {
				containers[i].setStatus(&containerStatus{
					ready: status.Ready, started: value(status.Started, false), restarts: status.RestartCount,
					state: reduceState(status.State), last: reduceState(status.LastTerminationState),
				})
			}
		}
	}
}

// containerStatus is what is kept of the status of a container.
type containerStatus struct {
	ready, started bool
	restarts       int32
	state, last    ContainerState
}

func (c *Container) setStatus(s *containerStatus) {
	c.Ready, c.Started, c.Restarts = s.ready, s.started, s.restarts
	c.State = s.state
	c.Previous = nil
	if s.last != (ContainerState{}) {
		previous := s.last
		c.Previous = &previous
	}
}

// keepDigests sets the digests of the images that the containers of a Pod run.
func keepDigests(node *PodNode, object any) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return
	}
	for _, list := range []struct {
		containers []Container
		statuses   []corev1.ContainerStatus
	}{{node.Containers, pod.Status.ContainerStatuses}, {node.InitContainers, pod.Status.InitContainerStatuses}} {
		for i := range list.containers {
			for j := range list.statuses {
				if status := &list.statuses[j]; status.Name == list.containers[i].Name {
					list.containers[i].Digest = imageDigest(status.ImageID)
				}
			}
		}
	}
}

// imageDigest is the digest in an imageID such as docker.io/library/nginx@sha256:...; empty for the ID of a local image, which is not what
// a registry serves.
func imageDigest(imageID string) string {
	_, digest, found := strings.Cut(imageID, "@")
	if !found {
		return ""
	}
	return digest
}

func reduceState(s corev1.ContainerState) ContainerState {
	switch {
	case s.Waiting != nil:
		return ContainerState{Status: StateWaiting, Reason: clip(s.Waiting.Reason), Message: clip(s.Waiting.Message)}
	case s.Running != nil:
		return ContainerState{Status: StateRunning, Started: s.Running.StartedAt.Time}
	case s.Terminated != nil:
		return ContainerState{
			Status: StateTerminated, Reason: clip(s.Terminated.Reason), Message: clip(s.Terminated.Message),
			ExitCode: s.Terminated.ExitCode, Signal: s.Terminated.Signal,
			Started: s.Terminated.StartedAt.Time, Finished: s.Terminated.FinishedAt.Time,
		}
	default:
		return ContainerState{}
	}
}

// reduceTemplate reduces the spec of a Pod template.
func reduceTemplate(t *corev1.PodTemplateSpec) *PodSpec {
	return reducePodSpec(&t.Spec, t.Annotations, "")
}

// reducePodSpec reduces the spec of a Pod or of a template. podName is empty for templates.
func reducePodSpec(s *corev1.PodSpec, annotations map[string]string, podName string) *PodSpec {
	spec := &PodSpec{
		ServiceAccount: s.ServiceAccountName, HostNetwork: s.HostNetwork, PriorityClass: s.PriorityClassName,
		Lean: lean(s),
	}
	spec.SecurityAnnotations = podsecurity.SecurityAnnotations(annotations, spec.Lean)
	for _, key := range slices.Sorted(maps.Keys(s.NodeSelector)) {
		spec.NodeSelector = append(spec.NodeSelector, key+"="+s.NodeSelector[key])
	}
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range containers {
			spec.Refs = append(spec.Refs, containerRefs(&containers[i])...)
		}
	}
	for i := range s.Volumes {
		spec.Refs = append(spec.Refs, volumeRefs(&s.Volumes[i], podName)...)
	}
	for _, secret := range s.ImagePullSecrets {
		// The kubelet pulls the image without a missing pull secret.
		spec.Refs = append(spec.Refs, SpecRef{Kind: Secret, Name: secret.Name, Optional: true, Field: "imagePullSecrets"})
	}
	for i := range s.Containers {
		spec.Ports = append(spec.Ports, containerPorts(&s.Containers[i])...)
	}
	for i := range s.InitContainers {
		// Sidecars run with the containers; other init containers have terminated.
		if value(s.InitContainers[i].RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			spec.Ports = append(spec.Ports, containerPorts(&s.InitContainers[i])...)
		}
	}
	spec.Hosts = hostsOf(s)
	spec.Jobs = jobsOf(s)
	spec.CPURequest = requests(s, corev1.ResourceCPU, milliValue)
	spec.MemoryRequest = requests(s, corev1.ResourceMemory, wholeValue)
	return spec
}

func containerPorts(c *corev1.Container) []ContainerPort {
	var ports []ContainerPort
	for _, port := range c.Ports {
		ports = append(ports, ContainerPort{port.Name, port.ContainerPort, string(port.Protocol), port.HostPort})
	}
	return ports
}

func containerRefs(c *corev1.Container) []SpecRef {
	var refs []SpecRef
	for _, env := range c.Env {
		if env.ValueFrom == nil {
			continue
		}
		field := fmt.Sprintf("env %s of container %s", env.Name, c.Name)
		if r := env.ValueFrom.ConfigMapKeyRef; r != nil {
			refs = append(refs, SpecRef{ConfigMap, r.Name, r.Key, value(r.Optional, false), field})
		}
		if r := env.ValueFrom.SecretKeyRef; r != nil {
			refs = append(refs, SpecRef{Secret, r.Name, r.Key, value(r.Optional, false), field})
		}
	}
	for _, from := range c.EnvFrom {
		field := "envFrom of container " + c.Name
		if r := from.ConfigMapRef; r != nil {
			refs = append(refs, SpecRef{ConfigMap, r.Name, "", value(r.Optional, false), field})
		}
		if r := from.SecretRef; r != nil {
			refs = append(refs, SpecRef{Secret, r.Name, "", value(r.Optional, false), field})
		}
	}
	return refs
}

func volumeRefs(v *corev1.Volume, podName string) []SpecRef {
	field := VolumeField(v.Name)
	var refs []SpecRef
	add := func(kind Kind, name string, items []corev1.KeyToPath, optional *bool) {
		if len(items) == 0 {
			refs = append(refs, SpecRef{kind, name, "", value(optional, false), field})
		}
		for _, item := range items {
			refs = append(refs, SpecRef{kind, name, item.Key, value(optional, false), field})
		}
	}
	switch {
	case v.ConfigMap != nil:
		add(ConfigMap, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional)
	case v.Secret != nil:
		add(Secret, v.Secret.SecretName, v.Secret.Items, v.Secret.Optional)
	case v.PersistentVolumeClaim != nil:
		add(PVC, v.PersistentVolumeClaim.ClaimName, nil, nil)
	case v.Ephemeral != nil && podName != "":
		add(PVC, podName+"-"+v.Name, nil, nil)
	case v.AzureFile != nil:
		add(Secret, v.AzureFile.SecretName, nil, nil)
	case v.CSI != nil && v.CSI.NodePublishSecretRef != nil:
		add(Secret, v.CSI.NodePublishSecretRef.Name, nil, nil)
	case v.Projected != nil:
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				add(ConfigMap, source.ConfigMap.Name, source.ConfigMap.Items, source.ConfigMap.Optional)
			}
			if source.Secret != nil {
				add(Secret, source.Secret.Name, source.Secret.Items, source.Secret.Optional)
			}
		}
	}
	return refs
}

// requests is what the scheduler reserves: the maximum of containers with sidecars, and of each init container with the sidecars
// before it, plus the overhead of the runtime class.
// https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/#resource-sharing-within-containers
func requests(s *corev1.PodSpec, name corev1.ResourceName, of func(resource.Quantity) int64) int64 {
	var running, sidecars, peak int64
	for i := range s.Containers {
		one, _ := request(&s.Containers[i].Resources, name)
		running += of(one)
	}
	for i := range s.InitContainers {
		one, _ := request(&s.InitContainers[i].Resources, name)
		if value(s.InitContainers[i].RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			sidecars += of(one)
			peak = max(peak, sidecars)
			continue
		}
		peak = max(peak, sidecars+of(one))
	}
	total := max(running+sidecars, peak)
	if s.Resources != nil {
		if whole, ok := request(s.Resources, name); ok {
			total = of(whole) // pod-level requests win over those of the containers
		}
	}
	return total + of(s.Overhead[name])
}

// request of a resource, and whether there is one. The request defaults to the limit: the API server sets that in Pods, but not in
// templates.
func request(r *corev1.ResourceRequirements, name corev1.ResourceName) (resource.Quantity, bool) {
	if q, ok := r.Requests[name]; ok {
		return q, true
	}
	q, ok := r.Limits[name]
	return q, ok
}

func quantity(list corev1.ResourceList, name corev1.ResourceName) int64 {
	return wholeValue(list[name])
}

func milli(list corev1.ResourceList, name corev1.ResourceName) int64 { return milliValue(list[name]) }

// wholeValue is a quantity in its unit, rounded up.
func wholeValue(q resource.Quantity) int64 { return q.Value() }

// milliValue is a quantity times 1000, at most the largest int64.
func milliValue(q resource.Quantity) int64 {
	if q.Value() > (1<<63-1)/1000 {
		return 1<<63 - 1
	}
	return q.MilliValue()
}

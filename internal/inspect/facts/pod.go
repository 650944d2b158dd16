package facts

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// PodNode is a Pod.
type PodNode struct {
	Meta
	// NodeName is empty until the Pod is scheduled.
	NodeName string
	// Phase, Reason and Message of the status; Reason is for example Evicted.
	Phase, Reason, Message string
	// Ready is the Pod's Ready condition, ReadySince its last transition. The conditions of a Pod that has a node and is ready do not
	// repeat that.
	Ready      bool
	ReadySince time.Time
	// Started is status.startTime, when the kubelet accepted the Pod.
	Started time.Time
	// Containers, and InitContainers (sidecars among them).
	Containers, InitContainers []Container
	// Spec of the Pod; Pods of one workload share one value.
	Spec *PodSpec
}

// Container is a container of a Pod, with its state.
type Container struct {
	Name  string
	Image string
	// Digest of the image that runs, such as sha256:...; empty unless clusters are compared, and for images without one.
	Digest string
	// Sidecar is an init container with restartPolicy Always.
	Sidecar bool
	// Ready is the result of the readiness probe, Started that of the startup probe.
	Ready, Started bool
	Restarts       int32
	// State is the current state.
	State ContainerState
	// Previous is the previous termination; nil without one, as for most containers.
	Previous *ContainerState
	// MemoryLimit in bytes and CPULimit in millicores; 0 without a limit.
	MemoryLimit, CPULimit int64
	// MemoryRequest in bytes; 0 without a request.
	MemoryRequest int64
	// Probes that are set.
	HasReadiness, HasLiveness, HasStartup bool
}

// Last is the previous termination. Its status is StateUnknown without one.
func (c *Container) Last() ContainerState { return value(c.Previous, ContainerState{}) }

// ContainerStatus is one of the three states of a container.
type ContainerStatus string

// States of a container; unknown is the zero value.
const (
	StateUnknown    ContainerStatus = ""
	StateWaiting    ContainerStatus = "waiting"
	StateRunning    ContainerStatus = "running"
	StateTerminated ContainerStatus = "terminated"
)

// ContainerState is one state of a container.
type ContainerState struct {
	Status ContainerStatus
	// Reason and Message, for example CrashLoopBackOff, OOMKilled, ErrImagePull.
	Reason, Message string
	// ExitCode and Signal of a terminated container.
	ExitCode, Signal int32
	// Started and Finished times; Finished only of a terminated container.
	Started, Finished time.Time
}

// PodSpec is the spec of a Pod or of a template of a workload.
type PodSpec struct {
	ServiceAccount string
	// Lean is the spec reduced to what checks need; see lean. It may contain commands of probes, which must not be quoted.
	Lean *corev1.PodSpec `json:"-"`
	// SecurityAnnotations are the AppArmor and seccomp annotations that the fields of Lean do not contain. Usually nil.
	SecurityAnnotations map[string]string `json:"-"`
	// Leaks are environment variables, commands and arguments that look like secrets.
	Leaks []Leak
	// Refs are the ConfigMaps, Secrets and PVCs that it refers to.
	Refs []SpecRef
	// NodeSelector is the plain selector, as key=value, sorted.
	NodeSelector []string
	// CPURequest in millicores and MemoryRequest in bytes, summed over the containers as the scheduler does.
	CPURequest, MemoryRequest int64
	// Ports of its containers.
	Ports []ContainerPort
	// HostNetwork uses the node's network.
	HostNetwork bool
	// PriorityClass is priorityClassName.
	PriorityClass string
	// Hosts are the hosts in commands, arguments and plain environment variables; at most maxHosts.
	Hosts []HostUse
	// Jobs are those that the commands and arguments of its init containers name; at most maxJobs.
	Jobs []JobUse
}

// JobUse is a Job of the same namespace that an init container names, most likely to wait for it.
type JobUse struct {
	Container, Job string
	// Typed is set if it is named as job/NAME. Otherwise the word after "job" may be something else.
	Typed bool
}

// HostUse is a host that a container is configured with.
type HostUse struct {
	Container string
	// Field with the host, for example env DB_URL or command.
	Field string
	// Host is a DNS name or an IP address. Port is 0 when none is given.
	Host string
	Port int32
	// File is set if a file of a ConfigMap names it, which the container mounts: it may be a part of an example, or be used for something
	// else.
	File bool
}

// SpecRef is a reference from a Pod's spec to an object of the same namespace.
type SpecRef struct {
	// Kind is ConfigMap, Secret or PersistentVolumeClaim.
	Kind Kind
	Name string
	// Key within the object; empty for the whole object.
	Key string
	// Optional references may be missing.
	Optional bool
	// Field with the reference, for example env DB_URL of container api, or volume config.
	Field string
}

// ContainerPort is a port that a container declares.
type ContainerPort struct {
	Name     string
	Port     int32
	Protocol string
	HostPort int32
}

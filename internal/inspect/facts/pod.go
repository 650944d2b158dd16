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
	// Ready is the Pod's Ready condition; ReadySince is when it last changed.
	Ready      bool
	ReadySince time.Time
	// Started is status.startTime, when the kubelet took the Pod.
	Started time.Time
	// Containers, and InitContainers (sidecars among them).
	Containers, InitContainers []Container
	// Spec is what the Pod needs; Pods of one workload share one value.
	Spec *PodSpec
}

// Container is a container of a Pod, with its state.
type Container struct {
	Name  string
	Image string
	// Sidecar is an init container that restarts always.
	Sidecar bool
	// Ready as the readiness probe says; Started as the startup probe says.
	Ready, Started bool
	Restarts       int32
	// State is what the container does now; Last is how it ended the time before.
	State, Last ContainerState
	// MemoryLimit in bytes and CPULimit in millicores; 0 without a limit.
	MemoryLimit, CPULimit int64
	// MemoryRequest in bytes; 0 without a request.
	MemoryRequest int64
	// Which probes are set.
	HasReadiness, HasLiveness, HasStartup bool
}

// ContainerStatus says in which of the three states a container is.
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

// PodSpec is what a Pod, or the template of a workload, needs of its surroundings.
type PodSpec struct {
	ServiceAccount string
	// Lean is the spec itself, reduced to what checks judge; see lean. It may hold commands of probes: never quote those.
	Lean *corev1.PodSpec `json:"-"`
	// Leaks are variables, commands and arguments in which something stands that looks like a secret.
	Leaks []Leak
	// Refs are the ConfigMaps, Secrets and PVCs that it names.
	Refs []SpecRef
	// NodeSelector is the plain selector, as key=value, sorted.
	NodeSelector []string
	// CPURequest in millicores and MemoryRequest in bytes, summed over the containers as the scheduler does.
	CPURequest, MemoryRequest int64
	// Ports are the named and numbered container ports.
	Ports []ContainerPort
	// HostNetwork shares the node's network.
	HostNetwork bool
	// Priority class name.
	PriorityClass string
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
	// Field says where the reference stands, for example env DB_URL of container api, or volume config.
	Field string
}

// ContainerPort is a port that a container declares.
type ContainerPort struct {
	Name     string
	Port     int32
	Protocol string
	HostPort int32
}

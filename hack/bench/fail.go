package main

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status returns the status that the kubelet or the scheduler writes for a Pod with the flaw.
func (o workload) status(pod *corev1.Pod, nodes int) *corev1.PodStatus {
	status := pod.Status.DeepCopy()
	if !o.scheduled() {
		status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable,
			Message:            o.unschedulable(nodes),
			LastTransitionTime: ago(10 * time.Minute),
		}}
		return status
	}
	started := ago(10 * time.Minute)
	status.Phase = corev1.PodRunning
	status.StartTime = &started
	status.HostIP = "127.0.0.1"
	status.HostIPs = []corev1.HostIP{{IP: status.HostIP}}
	status.PodIP = address(pod.Namespace, pod.Name)
	status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	o.conditions(status)
	o.containers(pod, status)
	return status
}

// address is an address for a Pod that is the same in every run.
func address(namespace, name string) string {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(namespace + "/" + name))
	sum := hash.Sum(nil)
	return netip.AddrFrom4([4]byte{10, sum[1], sum[2], sum[3]}).String()
}

func (o workload) conditions(status *corev1.PodStatus) {
	add := func(of corev1.PodConditionType, ok bool, reason, message string) {
		condition := corev1.PodCondition{Type: of, Status: corev1.ConditionTrue, LastTransitionTime: ago(10 * time.Minute)}
		if !ok {
			condition.Status = corev1.ConditionFalse
			condition.Reason, condition.Message = reason, message
			condition.LastTransitionTime = ago(5 * time.Minute)
		}
		status.Conditions = append(status.Conditions, condition)
	}
	status.Conditions = nil
	const unready = "containers with unready status: [app]"
	add(corev1.PodReadyToStartContainers, true, "", "")
	add(corev1.PodInitialized, o.flaw != initFails, "ContainersNotInitialized", "containers with incomplete status: [prepare]")
	add(corev1.PodReady, o.ready() > 0, "ContainersNotReady", unready)
	add(corev1.ContainersReady, o.ready() > 0, "ContainersNotReady", unready)
	add(corev1.PodScheduled, true, "", "")
}

// containers sets the states of the containers, and the phase that follows from them.
func (o workload) containers(pod *corev1.Pod, status *corev1.PodStatus) {
	container := corev1.ContainerStatus{
		Name: "app", Image: pod.Spec.Containers[0].Image, Started: new(bool),
		ImageID:     pod.Spec.Containers[0].Image + "@sha256:" + fmt.Sprintf("%064x", o.index),
		ContainerID: "containerd://" + fmt.Sprintf("%064x", o.index),
	}
	waiting := func(reason, message string) {
		container.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	}
	ended := func(reason string, code int32) *corev1.ContainerStateTerminated {
		return &corev1.ContainerStateTerminated{
			Reason: reason, ExitCode: code, StartedAt: ago(3 * time.Minute), FinishedAt: ago(2 * time.Minute),
		}
	}
	const backOff = "back-off 5m0s restarting failed container"
	switch o.flaw {
	case crashes:
		container.RestartCount = 7
		container.LastTerminationState.Terminated = ended("Error", 1)
		waiting("CrashLoopBackOff", backOff)
	case outOfMemory:
		container.RestartCount = 7
		container.LastTerminationState.Terminated = ended("OOMKilled", 137)
		waiting("CrashLoopBackOff", backOff)
	case imageMissing:
		status.Phase = corev1.PodPending
		waiting("ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: ErrImagePull: rpc error: "+
			"code = NotFound desc = failed to pull and unpack image %q: not found",
			container.Image, container.Image))
	case keyMissing:
		status.Phase = corev1.PodPending
		waiting("CreateContainerConfigError", fmt.Sprintf("couldn't find key database-url in ConfigMap %s/%s", o.namespace, o.name))
	case neverReady:
		*container.Started = true
		container.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(10 * time.Minute)}}
	case initFails:
		status.Phase = corev1.PodPending
		waiting("PodInitializing", "")
		prepare := corev1.ContainerStatus{Name: "prepare", Image: container.Image, RestartCount: 7}
		prepare.LastTerminationState.Terminated = ended("Error", 2)
		prepare.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: backOff}}
		status.InitContainerStatuses = []corev1.ContainerStatus{prepare}
	default:
		container.Ready = true
		*container.Started = true
		container.State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: ago(10 * time.Minute)}}
	}
	status.ContainerStatuses = []corev1.ContainerStatus{container}
}

// unschedulable is the scheduler's message.
func (o workload) unschedulable(nodes int) string {
	of := fmt.Sprintf("0/%d nodes are available: ", nodes)
	const preemption = "preemption: 0/%[1]d nodes are available: %[1]d "
	switch o.flaw {
	case tooLarge:
		return of + fmt.Sprintf("%[1]d Insufficient cpu. "+preemption+"No preemption victims found for incoming pods.", nodes)
	case noSuchNode:
		return of + fmt.Sprintf("%[1]d node(s) didn't match Pod's node affinity/selector. "+preemption+
			"Preemption is not helpful for scheduling.", nodes)
	default:
		return of + fmt.Sprintf("pod has unbound immediate PersistentVolumeClaims. "+preemption+
			"Preemption is not helpful for scheduling.", nodes)
	}
}

// warning returns the reason and message of the event of the kubelet or the scheduler; empty for Pods that run.
func (o workload) warning(nodes int) (reason, message string) {
	switch o.flaw {
	case healthy, wrongSelector:
		return "", ""
	case tooLarge, noSuchNode, noClass:
		return "FailedScheduling", o.unschedulable(nodes)
	case neverReady:
		return "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"
	case imageMissing:
		return "Failed", "Error: ImagePullBackOff"
	case keyMissing:
		return "Failed", fmt.Sprintf("Error: couldn't find key database-url in ConfigMap %s/%s", o.namespace, o.name)
	default:
		return "BackOff", "Back-off restarting failed container app"
	}
}

func warning(pod *corev1.Pod, reason, message string) *corev1.Event {
	source := corev1.EventSource{Component: "kubelet", Host: pod.Spec.NodeName}
	if pod.Spec.NodeName == "" {
		source = corev1.EventSource{Component: "default-scheduler"}
	}
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name + "." + suffix(reason, 10)},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, FieldPath: "spec.containers{app}",
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, Count: 12,
		Source:         source,
		FirstTimestamp: ago(10 * time.Minute), LastTimestamp: ago(time.Minute),
	}
}

func ago(d time.Duration) metav1.Time { return metav1.NewTime(time.Now().Add(-d)) }

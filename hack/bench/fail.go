package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
)

// fail sets the status of a workload's Pods as a kubelet would, and creates its warning event. Flaws that need no status
// are skipped.
func (o workload) fail(ctx context.Context, client kubernetes.Interface) error {
	if o.status(&corev1.Pod{Spec: o.deployment().Spec.Template.Spec}) == nil {
		return nil
	}
	options := metav1.ListOptions{LabelSelector: labels.SelectorFromSet(o.selector()).String()}
	pods, err := client.CoreV1().Pods(o.namespace).List(ctx, options)
	if err != nil {
		return err
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			fresh, err := client.CoreV1().Pods(o.namespace).Get(ctx, pod.Name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			fresh.Status = *o.status(fresh)
			_, err = client.CoreV1().Pods(o.namespace).UpdateStatus(ctx, fresh, metav1.UpdateOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", o, err)
		}
		reason, message := o.warning()
		if _, err := client.CoreV1().Events(o.namespace).Create(ctx, warning(pod, reason, message), metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// status returns the status of a Pod with the flaw, or nil if none is needed.
func (o workload) status(pod *corev1.Pod) *corev1.PodStatus {
	status := pod.Status.DeepCopy()
	for i := range status.Conditions {
		if t := status.Conditions[i].Type; t == corev1.PodReady || t == corev1.ContainersReady {
			status.Conditions[i].Status = corev1.ConditionFalse
			status.Conditions[i].Reason = "ContainersNotReady"
			status.Conditions[i].Message = "containers with unready status: [app]"
			status.Conditions[i].LastTransitionTime = ago(5 * time.Minute)
		}
	}
	container := corev1.ContainerStatus{Name: "app", Image: pod.Spec.Containers[0].Image}
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
		container.Started = new(bool)
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
		return nil
	}
	status.ContainerStatuses = []corev1.ContainerStatus{container}
	return status
}

// warning returns the reason and message of the kubelet's event.
func (o workload) warning() (reason, message string) {
	switch o.flaw {
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
	return &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, GenerateName: pod.Name + "."},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: "v1", Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, FieldPath: "spec.containers{app}",
		},
		Type: corev1.EventTypeWarning, Reason: reason, Message: message, Count: 12,
		Source:         corev1.EventSource{Component: "kubelet", Host: pod.Spec.NodeName},
		FirstTimestamp: ago(10 * time.Minute), LastTimestamp: ago(time.Minute),
	}
}

func ago(d time.Duration) metav1.Time { return metav1.NewTime(time.Now().Add(-d)) }

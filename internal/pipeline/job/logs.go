package job

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxPods of a Job that are looked at.
	maxPods = 20
	// tailLines and tailBytes of a log are its end, for the diagnosis.
	tailLines = 12
	tailBytes = 8 << 10
)

// pods of the Job of an attempt, the newest first.
func pods(ctx context.Context, clients kubernetes.Interface, attempt pipeline.Attempt) ([]corev1.Pod, error) {
	list, err := clients.CoreV1().Pods(attempt.Namespace).List(ctx, metav1.ListOptions{
		LabelSelector: batchv1.JobNameLabel + "=" + attempt.Key, Limit: maxPods,
	})
	if err != nil {
		return nil, toProblem(attempt, "list the Pods of", err)
	}
	slices.SortFunc(list.Items, func(a, b corev1.Pod) int {
		return b.CreationTimestamp.Compare(a.CreationTimestamp.Time)
	})
	return list.Items, nil
}

// failure of the Job: its message, how a container ended, and its last log lines, as far as they can be read.
func (d *Driver) failure(ctx context.Context, attempt pipeline.Attempt, message string) pipeline.Observation {
	o := pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonJobFailed,
		Message: "Job " + attempt.Key + " failed: " + message}
	clients, err := d.client(attempt)
	if err != nil {
		return o
	}
	found, err := pods(ctx, clients, attempt)
	if err != nil {
		o.Diagnosis = []string{"the log cannot be read: " + err.Error()}
		return o
	}
	for _, pod := range found {
		for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			ended := status.State.Terminated
			if ended == nil || ended.ExitCode == 0 {
				continue
			}
			o.Message = fmt.Sprintf("container %s of Job %s ended with exit code %d (%s)",
				status.Name, attempt.Key, ended.ExitCode, ended.Reason)
			o.Diagnosis = tail(ctx, clients, pod, status.Name)
			return o
		}
	}
	return o
}

// tail is the end of a container's log.
func tail(ctx context.Context, clients kubernetes.Interface, pod corev1.Pod, container string) []string {
	lines, bytes := int64(tailLines), int64(tailBytes)
	stream, err := clients.CoreV1().Pods(pod.Namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: container, TailLines: &lines, LimitBytes: &bytes,
	}).Stream(ctx)
	if err != nil {
		return nil
	}
	defer func() { _ = stream.Close() }()
	content, err := io.ReadAll(io.LimitReader(stream, tailBytes))
	if err != nil && len(content) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(content), "\n"), "\n")
}

// Verify implements pipeline.Verifier: it reads the outputs.
func (d *Driver) Verify(ctx context.Context, attempt pipeline.Attempt, _ string) (pipeline.Observation, error) {
	done := pipeline.Observation{State: pipeline.Succeeded, Message: "Job " + attempt.Key + " completed"}
	if len(attempt.Stage.Job.Outputs) == 0 {
		return done, nil
	}
	clients, err := d.client(attempt)
	if err != nil {
		return done, err
	}
	found, err := pods(ctx, clients, attempt)
	if err != nil {
		return done, err
	}
	for _, pod := range found {
		if pod.Status.Phase != corev1.PodSucceeded || len(pod.Spec.Containers) == 0 {
			continue
		}
		for _, status := range pod.Status.ContainerStatuses {
			if status.Name == pod.Spec.Containers[0].Name && status.State.Terminated != nil {
				done.Outputs = parseOutputs(status.State.Terminated.Message)
				return done, nil
			}
		}
	}
	return pipeline.Observation{
		State: pipeline.Failed, Reason: v1alpha1.ReasonOutputInvalid,
		Message: "Job " + attempt.Key + " completed, but its Pods are gone, and its outputs with them",
	}, nil
}

// parseOutputs reads lines KEY=VALUE. Other lines are ignored: a container may write its last log lines there.
func parseOutputs(message string) map[string]string {
	outputs := map[string]string{}
	for line := range strings.Lines(text.Clip(message, v1alpha1.MaxOutputs)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if ok && key != "" && !strings.ContainsAny(key, " \t") {
			outputs[key] = value
		}
	}
	return outputs
}

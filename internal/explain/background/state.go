package background

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"kubeops.io/kubeops/api/v1alpha1"
)

// container of a Pod with its status.
type container struct {
	corev1.Container
	init   bool
	status corev1.ContainerStatus
	// blocked is set for an init container that runs while the others wait for it.
	blocked bool
}

// title names a container: init container wait.
func (c container) title() string {
	if c.init {
		return "init container " + c.Name
	}
	return "container " + c.Name
}

// sidecar is an init container that keeps running.
func (c container) sidecar() bool {
	return c.init && c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

// containersOf returns the containers of a Pod, init containers first.
func containersOf(pod *corev1.Pod) []container {
	all := make([]container, 0, len(pod.Spec.InitContainers)+len(pod.Spec.Containers))
	status := func(list []corev1.ContainerStatus, name string) corev1.ContainerStatus {
		for _, s := range list {
			if s.Name == name {
				return s
			}
		}
		return corev1.ContainerStatus{}
	}
	for _, c := range pod.Spec.InitContainers {
		one := container{Container: c, init: true, status: status(pod.Status.InitContainerStatuses, c.Name)}
		one.blocked = !one.sidecar() && one.status.State.Running != nil
		all = append(all, one)
	}
	for _, c := range pod.Spec.Containers {
		all = append(all, container{Container: c, status: status(pod.Status.ContainerStatuses, c.Name)})
	}
	return all
}

// fails reports whether a container does not do what it should.
func (c container) fails() bool {
	s := c.status
	switch {
	case s.State.Waiting != nil:
		return !pending(s.State.Waiting.Reason)
	case s.State.Terminated != nil:
		return s.State.Terminated.ExitCode != 0
	case s.State.Running != nil:
		last := s.LastTerminationState.Terminated
		return c.blocked || !s.Ready && !c.init || last != nil && last.ExitCode != 0
	}
	return false
}

// Failing is the name of the first container of a Pod that fails, init containers too; empty if none does.
func Failing(pod *corev1.Pod) string {
	for _, c := range containersOf(pod) {
		if c.fails() {
			return c.Name
		}
	}
	return ""
}

// pending reports whether a container that waits for this reason only waits for others.
func pending(reason string) bool {
	return reason == "" || reason == "PodInitializing" || reason == "ContainerCreating"
}

// ended is the last termination of a container, or nil.
func (c container) ended() *corev1.ContainerStateTerminated {
	if c.status.State.Terminated != nil {
		return c.status.State.Terminated
	}
	return c.status.LastTerminationState.Terminated
}

// states describes the worst Pod and its containers.
func (g *gatherer) states(s *subject) {
	if len(s.pods) == 0 {
		g.add("state", v1alpha1.EvidenceCondition, s.title(), "no Pod exists", "none")
		return
	}
	pod := &s.pods[0]
	var lines, keys []string
	line := "phase " + string(pod.Status.Phase)
	if pod.Status.Reason != "" {
		line += ", " + pod.Status.Reason + ": " + quiet(pod.Status.Message)
		keys = append(keys, pod.Status.Reason)
	}
	lines = append(lines, line)
	for _, c := range pod.Status.Conditions {
		if c.Status != corev1.ConditionTrue && c.Type != corev1.ContainersReady && c.Reason != "ContainersNotReady" {
			lines = append(lines, fmt.Sprintf("condition %s=%s: %s %s", c.Type, c.Status, c.Reason, quiet(c.Message)))
			keys = append(keys, string(c.Type)+c.Reason)
		}
	}
	for _, c := range containersOf(pod) {
		lines = append(lines, c.title()+": "+c.describe())
		if end := c.ended(); end != nil && end.ExitCode != 0 {
			keys = append(keys, fmt.Sprint(c.Name, end.ExitCode, end.Reason))
		}
	}
	slices.Sort(keys)
	g.add("state", v1alpha1.EvidenceCondition, "Pod "+pod.Namespace+"/"+pod.Name, strings.Join(lines, "\n"), strings.Join(keys, "\n"))
}

// describe says what a container does, and how it ended last.
func (c container) describe() string {
	var parts []string
	switch state := c.status.State; {
	case state.Waiting != nil:
		text := "waiting"
		if state.Waiting.Reason != "" {
			text += ", " + state.Waiting.Reason
		}
		if message := quiet(state.Waiting.Message); message != "" {
			text += ": " + message
		}
		parts = append(parts, text)
	case state.Running != nil && c.blocked:
		parts = append(parts, "still running, and the other containers wait for it to end")
	case state.Running != nil && c.status.Ready:
		parts = append(parts, "running and ready")
	case state.Running != nil:
		parts = append(parts, "running, not ready")
	case state.Terminated != nil && state.Terminated.ExitCode == 0:
		parts = append(parts, "completed")
	case state.Terminated == nil:
		parts = append(parts, "not started")
	}
	if end := c.ended(); end != nil && (end.ExitCode != 0 || c.status.RestartCount > 0) {
		text := fmt.Sprintf("terminated with exit code %d", end.ExitCode)
		if end.Signal != 0 {
			text = fmt.Sprintf("terminated by signal %d", end.Signal)
		}
		if end.Reason != "" && end.Reason != "Error" {
			text += ", " + end.Reason
		}
		if !end.StartedAt.IsZero() && end.FinishedAt.After(end.StartedAt.Time) {
			text += " after " + end.FinishedAt.Sub(end.StartedAt.Time).Round(time.Second).String()
		}
		if message := quiet(end.Message); message != "" {
			text += ": " + message
		}
		parts = append(parts, text)
	}
	if c.status.RestartCount > 0 {
		parts = append(parts, fmt.Sprintf("%d restarts", c.status.RestartCount))
	}
	return strings.Join(parts, "; ")
}

// quiet removes from a message what says nothing: UIDs and back-off times of the kubelet.
func quiet(message string) string {
	message = regexp.MustCompile(`\(?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\)?`).ReplaceAllString(message, "")
	if regexp.MustCompile(`(?i)^back-off [\dhms]+ restarting failed container`).MatchString(message) {
		return ""
	}
	message = regexp.MustCompile(`(?i)^back-off pulling image "[^"]*":? ?`).ReplaceAllString(message, "")
	return strings.Join(strings.Fields(message), " ")
}

// siblings compares the worst Pod with those of the same workload that work.
func (g *gatherer) siblings(s *subject) {
	if len(s.pods) < 2 {
		return
	}
	worst := &s.pods[0]
	var healthy []corev1.Pod
	for _, pod := range s.pods[1:] {
		if ready(&pod) && rank(&pod) == 3 {
			healthy = append(healthy, pod)
		}
	}
	text := fmt.Sprintf("%d of %d Pods are healthy.", len(healthy), len(s.pods))
	if len(healthy) > 0 {
		other := &healthy[0]
		text += fmt.Sprintf(" Pod %s is on node %s, Pod %s on node %s.", other.Name, other.Spec.NodeName, worst.Name, worst.Spec.NodeName)
		if difference := diff(other.Spec, worst.Spec); difference != "" {
			text += " The specs differ, healthy (-) against failing (+):\n" + difference
		}
	}
	g.add("sibling", v1alpha1.EvidenceCondition, "other Pods of "+s.title(), text, "")
}

// times says since when what is the case.
func (g *gatherer) times(s *subject) {
	var lines []string
	line := func(what string, at time.Time) {
		if !at.IsZero() {
			lines = append(lines, what+" "+clock(at))
		}
	}
	line("now", g.now)
	if g.cause.FirstSeen != nil {
		line("first reported", g.cause.FirstSeen.Time)
	}
	if s.owner != nil {
		line(s.title()+" created", s.owner.GetCreationTimestamp().Time)
	}
	if len(s.pods) > 0 {
		pod := &s.pods[0]
		line("Pod "+pod.Name+" created", pod.CreationTimestamp.Time)
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status != corev1.ConditionTrue {
				line("not ready since", c.LastTransitionTime.Time)
			}
		}
		for _, c := range containersOf(pod) {
			if end := c.ended(); end != nil && c.fails() {
				line(c.title()+" last started", end.StartedAt.Time)
				line(c.title()+" last ended", end.FinishedAt.Time)
			}
		}
	}
	g.add("time", v1alpha1.EvidenceCondition, "times", strings.Join(lines, "\n"), "")
}

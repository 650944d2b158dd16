package checks

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
)

func crashChecks() []Check {
	return []Check{
		{
			ID: "pod-crash-looping", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A container ends again and again.",
			Meaning: "The container exits soon after each start, and the kubelet waits longer and longer before the next one. " +
				"The exit code says how it ended: 1 and 2 are the program's own, 126 and 127 mean that the command could not be run, " +
				"over 128 a signal ended it. Containers that ran out of memory or were killed for a failing probe are reported as that instead. " +
				"A container that runs now but was restarted at least three times, the last time recently, counts as medium.",
			Remediation: "Read the last lines of the log in the evidence, or kubectl logs --previous, and mend what they name. " +
				"If the image or the configuration was changed lately, kubectl rollout undo brings back the version before.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/#my-pod-is-crashing-or-otherwise-unhealthy",
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.Event, facts.ReplicaSet, facts.Job},
			ExplainedBy: []string{"node-pressure"},
			Run:         crashLooping,
		},
		{
			ID: "pod-oom-killed", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityHigh,
			Summary: "A container needed more memory than its limit, and the kernel killed it.",
			Meaning: "The container's state says OOMKilled, now or within the recent window. With a limit, the container reached it; " +
				"without one, the node itself ran out of memory. It is critical when the container is down because of it.",
			Remediation: "Raise resources.limits.memory above what the program needs at its peak, or make it need less: " +
				"a leak, a cache without a bound, a heap setting that does not know the limit.",
			Link:  "https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/#exceed-a-container-s-memory-limit",
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.ReplicaSet, facts.Job},
			ExplainedBy: []string{"node-pressure"},
			Run:         oomKilled,
		},
		{
			ID: "init-container-failing", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "An init container fails, so the Pod's containers are never started.",
			Meaning: "Init containers run one after the other, and each must end with exit code 0 before the next begins.",
			Remediation: "Read the last lines of the init container's log in the evidence, or kubectl logs -c NAME --previous. " +
				"Often it waits for something that is not there: a database, a Service, a file.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-init-containers/",
			Needs: []facts.Kind{facts.Pod}, Uses: []facts.Kind{facts.ReplicaSet, facts.Job},
			Run: initFailing,
		},
	}
}

// restartsThatCount is how often a container that runs now must have been restarted to be worth a word.
const restartsThatCount = 3

func crashLooping(g *facts.Graph, p Params) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		for _, c := range longRunning(pod) {
			end, looping := crashed(g, p, pod, c)
			if end == nil || outOfMemory(*end) || cannotRun(*end) || killedByProbe(g, p, pod, c) != "" {
				continue
			}
			f := failure{pod: pod, discriminator: c.Name, finding: Finding{
				Message:  fmt.Sprintf("Container %s ends again and again with %s.", c.Name, exitText(*end)),
				Evidence: []Evidence{endEvidence(c, *end)},
				Logs:     &LogRef{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, Previous: c.State.Status != facts.StateTerminated},
			}}
			if !looping {
				f.finding.Severity = v1alpha1.SeverityMedium
				f.finding.Message = fmt.Sprintf("Container %s runs, but it keeps being restarted after it ended with %s.", c.Name, exitText(*end))
			}
			failures = append(failures, f)
		}
	}
	return rollup(g, failures)
}

func oomKilled(g *facts.Graph, p Params) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !pod.Deleting.IsZero() {
			continue
		}
		for _, c := range allContainers(pod) {
			end, down := lastOOM(g, p, c)
			if end == nil {
				continue
			}
			severity := v1alpha1.SeverityHigh
			if down {
				severity = v1alpha1.SeverityCritical
			}
			message := fmt.Sprintf("Container %s has no memory limit, and was killed when its node ran out of memory.", c.Name)
			limit := "no memory limit"
			if c.MemoryLimit > 0 {
				message = fmt.Sprintf("Container %s needs more memory than its limit of %s, and is killed for it.", c.Name, mebibytes(c.MemoryLimit))
				limit = "memory limit " + mebibytes(c.MemoryLimit)
			}
			f := Finding{
				Message: message, Severity: severity,
				Evidence: []Evidence{endEvidence(c, *end), spec("container %s: %s", c.Name, limit)},
				Logs:     &LogRef{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, Previous: c.State.Status != facts.StateTerminated},
			}
			if c.MemoryLimit == 0 && pod.NodeName != "" {
				f.Because = []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}}
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: f})
		}
	}
	return rollup(g, failures)
}

// lastOOM is the recent end of a container by lack of memory, and whether the container is down because of it.
func lastOOM(g *facts.Graph, p Params, c facts.Container) (end *facts.ContainerState, down bool) {
	for _, state := range []facts.ContainerState{c.State, c.Last} {
		if outOfMemory(state) && recent(g, p, state.Finished) {
			return &state, c.State.Status != facts.StateRunning
		}
	}
	return nil, false
}

func outOfMemory(s facts.ContainerState) bool {
	return s.Status == facts.StateTerminated && s.Reason == "OOMKilled"
}

func initFailing(g *facts.Graph, p Params) []Finding {
	var failures []failure
	for _, pod := range g.Pods {
		if !atWork(pod) {
			continue
		}
		for n, c := range pod.InitContainers {
			if c.Sidecar || c.State.Status == facts.StateTerminated && c.State.ExitCode == 0 {
				continue
			}
			end, _ := crashed(g, p, pod, c)
			if end == nil || outOfMemory(*end) || cannotRun(*end) {
				continue
			}
			failures = append(failures, failure{pod: pod, discriminator: c.Name, finding: Finding{
				Message: fmt.Sprintf("Init container %s (%d of %d) fails with %s, so the containers of the Pod are not started.",
					c.Name, n+1, len(pod.InitContainers), exitText(*end)),
				Evidence: []Evidence{endEvidence(c, *end)},
				Logs:     &LogRef{Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, Previous: c.State.Status != facts.StateTerminated},
			}})
		}
	}
	return rollup(g, failures)
}

// crashed says how a container that crashes ended the last time, and whether it is down or soon down again; nil when it
// does not crash.
func crashed(g *facts.Graph, p Params, pod *facts.PodNode, c facts.Container) (end *facts.ContainerState, looping bool) {
	end = &c.Last
	if c.State.Status == facts.StateTerminated {
		end = &c.State
	}
	if end.Status != facts.StateTerminated {
		return nil, false
	}
	switch {
	case c.State.Reason == "CrashLoopBackOff":
		return end, true
	case c.State.Status == facts.StateTerminated && c.State.ExitCode != 0 && (c.Restarts > 0 || pod.Phase != "Failed"):
		return end, true
	case c.State.Status == facts.StateRunning && c.Restarts >= restartsThatCount && end.ExitCode != 0 && recent(g, p, end.Finished):
		// Between two crashes a container looks well; one that was started only just now is still in the loop.
		return end, g.Now.Sub(c.State.Started) < p.StartupGrace
	default:
		return nil, false
	}
}

// recent says whether something happened within the recent window. A time that is not told counts as recent.
func recent(g *facts.Graph, p Params, at time.Time) bool {
	return at.IsZero() || g.Now.Sub(at) <= p.RecentWindow
}

// atWork says whether a Pod is there to run: not finished, and not being deleted.
func atWork(pod *facts.PodNode) bool {
	return pod.Deleting.IsZero() && pod.Phase != "Succeeded" && pod.Phase != "Failed"
}

// longRunning are the containers and sidecars of a Pod, which are meant to keep running.
func longRunning(pod *facts.PodNode) []facts.Container {
	containers := pod.Containers
	for _, c := range pod.InitContainers {
		if c.Sidecar {
			containers = append(containers[:len(containers):len(containers)], c)
		}
	}
	return containers
}

// allContainers are the containers of a Pod, those that run before the others too.
func allContainers(pod *facts.PodNode) []facts.Container {
	return append(pod.Containers[:len(pod.Containers):len(pod.Containers)], pod.InitContainers...)
}

// endEvidence tells how a container ended.
func endEvidence(c facts.Container, end facts.ContainerState) Evidence {
	text := fmt.Sprintf("container %s ended with %s", c.Name, exitText(end))
	if end.Reason != "" && end.Reason != "Error" {
		text += ", reason " + end.Reason
	}
	if c.Restarts > 0 {
		text += fmt.Sprintf(", restarted %d %s", c.Restarts, plural(int(c.Restarts), "time", "times"))
	}
	if end.Message != "" {
		text += ": " + end.Message
	}
	return Evidence{v1alpha1.EvidenceCondition, text}
}

// exitText says what an exit code means. Codes over 128 are 128 plus the number of the signal (POSIX shells, and the
// container runtimes after them).
func exitText(end facts.ContainerState) string {
	code := end.ExitCode
	if code == 0 && end.Signal != 0 {
		code = 128 + end.Signal
	}
	meaning := map[int32]string{
		126: "the command is not executable", 127: "the command was not found", 129: "SIGHUP", 130: "SIGINT", 131: "SIGQUIT",
		132: "SIGILL: an instruction that this CPU does not know", 134: "SIGABRT: the program gave up on itself", 135: "SIGBUS",
		136: "SIGFPE: an arithmetic error", 137: "SIGKILL", 139: "SIGSEGV: a memory access error", 141: "SIGPIPE", 143: "SIGTERM",
	}[code]
	switch {
	case meaning != "":
		return fmt.Sprintf("exit code %d (%s)", code, meaning)
	case code > 128 && code < 160:
		return fmt.Sprintf("exit code %d (signal %d)", code, code-128)
	default:
		return fmt.Sprintf("exit code %d", code)
	}
}

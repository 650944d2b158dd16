// Package pod checks why containers of Pods do not start, keep crashing or are not ready.
package pod

import (
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// Checks are all checks of single Pods, in no fixed order.
func Checks() []check.Check {
	return slices.Concat(crashChecks(), imageChecks(), configChecks(), probeChecks(), podLifecycleChecks(), []check.Check{
		gateCheck(), rejectedCheck(), failedCheck(), hangingCheck(), dependencyCheck(),
	})
}

// recent reports whether something happened within the recent window. An unknown time counts as recent.
func recent(g *facts.Graph, p check.Params, at time.Time) bool {
	return at.IsZero() || g.Now.Sub(at) <= p.RecentWindow
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

// healthy reports whether a container runs, is ready, and was never restarted.
func healthy(c facts.Container) bool {
	return c.State.Status == facts.StateRunning && c.Ready && c.Restarts == 0
}

// titleOf is the name of a container in messages: Container api, Init container migrate, Sidecar proxy.
func titleOf(pod *facts.PodNode, c facts.Container) string {
	switch {
	case c.Sidecar:
		return "Sidecar " + c.Name
	case isInit(pod, c):
		return "Init container " + c.Name
	default:
		return "Container " + c.Name
	}
}

// nameOf is titleOf within a sentence.
func nameOf(pod *facts.PodNode, c facts.Container) string {
	title := titleOf(pod, c)
	return strings.ToLower(title[:1]) + title[1:]
}

// isInit reports whether a container runs before the others, and is no sidecar.
func isInit(pod *facts.PodNode, c facts.Container) bool {
	return !c.Sidecar && place(pod, c) > 0
}

// place of an init container among those of its Pod, from 1; 0 for other containers.
func place(pod *facts.PodNode, c facts.Container) int {
	for i := range pod.InitContainers {
		if pod.InitContainers[i].Name == c.Name {
			return i + 1
		}
	}
	return 0
}

// ofContainer reports whether an event about a Pod is about a container; one without a field path may be.
func ofContainer(e *facts.EventNode, c facts.Container) bool {
	return e.FieldPath == "" || strings.HasSuffix(e.FieldPath, "{"+c.Name+"}")
}

// containerEvent is the newest event about a container with a reason, and a message that begins in a way; or nil.
func containerEvent(g *facts.Graph, pod *facts.PodNode, c facts.Container, reason, opening string) *facts.EventNode {
	for _, e := range g.EventsOf(pod.Ref) {
		if e.Reason == reason && strings.HasPrefix(e.Message, opening) && ofContainer(e, c) {
			return e
		}
	}
	return nil
}

// waitingEvidence quotes why a container waits.
func waitingEvidence(pod *facts.PodNode, c facts.Container) check.Evidence {
	if c.State.Message == "" {
		return check.FromCondition("%s is waiting: %s", nameOf(pod, c), c.State.Reason)
	}
	return check.FromCondition("%s is waiting: %s: %s", nameOf(pod, c), c.State.Reason, c.State.Message)
}

// logsOf names the log that tells most of a container that ended: of the run before, where a new one was begun.
func logsOf(pod *facts.PodNode, c facts.Container) *check.LogRef {
	ended := c.Last().Finished
	if c.State.Status == facts.StateTerminated {
		ended = c.State.Finished
	}
	return &check.LogRef{
		Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, Ended: ended,
		Previous: c.Restarts > 0 && c.State.Status != facts.StateTerminated,
	}
}

// logsCommand is the command that shows the log of logsOf.
func logsCommand(pod *facts.PodNode, c facts.Container) remedy.Text {
	logs := logsOf(pod, c)
	command := remedy.Command("kubectl -n %s logs %s -c %s", logs.Namespace, logs.Pod, logs.Container)
	if logs.Previous {
		command += " --previous"
	}
	return command.Code()
}

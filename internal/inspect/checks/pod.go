package checks

import (
	"slices"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// podChecks are all checks of the subject, unsorted.
func podChecks() []Check {
	return slices.Concat(crashChecks(), imageChecks(), configChecks(), probeChecks(), podLifecycleChecks())
}

// podUses are the kinds with which a finding about a Pod is put on its workload, whatever owns it.
func podUses(more ...facts.Kind) []facts.Kind {
	return append([]facts.Kind{facts.ReplicaSet, facts.Job}, more...)
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

// healthy says that nothing is to be seen at a container: it runs, is ready, and was never restarted.
func healthy(c facts.Container) bool {
	return c.State.Status == facts.StateRunning && c.Ready && c.Restarts == 0
}

// titleOf is how messages call a container: Container api, Init container migrate, Sidecar proxy.
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

// isInit says whether a container runs before the others, and is no sidecar.
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

// ofContainer says whether an event about a Pod speaks of a container; one that names none may.
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
func waitingEvidence(pod *facts.PodNode, c facts.Container) Evidence {
	if c.State.Message == "" {
		return condition("%s is waiting: %s", nameOf(pod, c), c.State.Reason)
	}
	return condition("%s is waiting: %s: %s", nameOf(pod, c), c.State.Reason, c.State.Message)
}

// logsOf names the log that tells most of a container that ended: of the run before, where a new one was begun.
func logsOf(pod *facts.PodNode, c facts.Container) *LogRef {
	ended := c.Last.Finished
	if c.State.Status == facts.StateTerminated {
		ended = c.State.Finished
	}
	return &LogRef{
		Namespace: pod.Namespace, Pod: pod.Name, Container: c.Name, Ended: ended,
		Previous: c.Restarts > 0 && c.State.Status != facts.StateTerminated,
	}
}

// logsCommand is the command that shows the log of logsOf.
func logsCommand(pod *facts.PodNode, c facts.Container) string {
	logs := logsOf(pod, c)
	command := "`kubectl -n " + logs.Namespace + " logs " + logs.Pod + " -c " + logs.Container
	if logs.Previous {
		command += " --previous"
	}
	return command + "`"
}

// ownerName is how texts call the workload that a Pod belongs to: Deployment cart.
func ownerName(g *facts.Graph, pod *facts.PodNode) string {
	owner := g.TopOwner(pod.Ref)
	return string(owner.Kind) + " " + owner.Name
}

// claimsOf are the PersistentVolumeClaims that a Pod names, in the order of its spec.
func claimsOf(pod *facts.PodNode) []facts.Ref {
	if pod.Spec == nil {
		return nil
	}
	var claims []facts.Ref
	for _, r := range pod.Spec.Refs {
		if r.Kind == facts.PVC {
			claims = append(claims, facts.Ref{Kind: facts.PVC, Namespace: pod.Namespace, Name: r.Name})
		}
	}
	return claims
}

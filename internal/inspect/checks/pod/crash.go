package pod

import (
	"fmt"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/lastline"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

// Ids of the checks that one judgement of a container tells apart.
const (
	crashLooping  = "pod-crash-looping"
	oomKilled     = "pod-oom-killed"
	initFailing   = "init-container-failing"
	livenessFails = "liveness-probe-failing"
	startupFails  = "startup-probe-failing"
)

// restartsThatCount is how often a container that runs now must have been restarted to be worth reporting.
const restartsThatCount = 3

func crashChecks() []check.Check {
	return []check.Check{
		{
			ID: crashLooping, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A container keeps crashing.",
			Meaning: "The container exits soon after each start, and the kubelet backs off before restarting it " +
				"(CrashLoopBackOff). The exit code says how it ended: 0 is no error, 1 and 2 are application errors, 126 and 127 a " +
				"command that could not run, above 128 a signal. Containers that were OOMKilled, killed by a failing probe, or cannot " +
				"start have their own checks. A container that is running but was restarted at least three times recently is medium.",
			Remediation: "Read the last lines of the log in the evidence, or `kubectl logs <pod> -c <container> --previous`, and fix " +
				"the error shown. If the image or configuration changed recently, `kubectl rollout undo <workload>/<name>` restores " +
				"the previous revision.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-pods/#my-pod-is-crashing-or-otherwise-unhealthy",
			Needs: []facts.Kind{facts.Pod}, Uses: logKinds(),
			ExplainedBy: []string{dependencyUnreachable},
			Run:         judgedBy(crashLooping, crashFinding),
		},
		{
			ID: oomKilled, Category: v1alpha1.CategoryCapacity,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A container was killed because it ran out of memory.",
			Meaning: "The container's state says OOMKilled, now or within the recent window (an hour unless set). With a memory " +
				"limit, the container reached it; without one, its node ran out of memory. It is critical when it happens repeatedly.",
			Remediation: "Raise resources.limits.memory above peak usage, or reduce usage: look for leaks, unbounded caches and heap " +
				"settings above the limit.",
			Link:  "https://kubernetes.io/docs/tasks/configure-pod-container/assign-memory-resource/#exceed-a-container-s-memory-limit",
			Needs: []facts.Kind{facts.Pod}, Uses: logKinds(),
			ExplainedBy: []string{"node-pressure"},
			Run:         judgedBy(oomKilled, memoryFinding),
		},
		{
			ID: initFailing, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "An init container fails and the Pod's containers do not start.",
			Meaning: "Init containers run in sequence, and each must exit with 0 before the next starts. One exits with another " +
				"code and is retried. Sidecars (init containers with restartPolicy Always) are checked like other containers.",
			Remediation: "Read the last lines of the init container's log in the evidence, or `kubectl logs <pod> -c <init container> " +
				"--previous`. Often a dependency is missing: a database, a Service, a file.",
			Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-init-containers/",
			Needs: []facts.Kind{facts.Pod}, Uses: logKinds(),
			ExplainedBy: []string{dependencyUnreachable},
			Run:         judgedBy(initFailing, initFinding),
		},
	}
}

// logKinds are the kinds that explain why a container ends: they prove what its last log lines say.
func logKinds() []facts.Kind {
	return check.RollUpKinds(facts.Event, facts.Node, facts.Service, facts.EndpointSlice, facts.NetworkPolicy, facts.Namespace,
		facts.ServiceAccount, facts.ConfigMap)
}

// verdict is what is wrong with a container that has ended: exactly one check reports it, so a cause hides its own
// consequences.
type verdict struct {
	// check that reports it; empty when nothing is wrong.
	check string
	// end is how the container ended the last time.
	end facts.ContainerState
	// down says that the container does not run, or was started only just now.
	down bool
}

// judgedBy is a check that reports the containers with a verdict.
func judgedBy(
	id string, finding func(*facts.Graph, *facts.PodNode, facts.Container, verdict) check.Finding,
) func(*facts.Graph, check.Params) []check.Finding {
	return func(g *facts.Graph, p check.Params) []check.Finding {
		var failures []check.FailingPod
		reader := lastline.NewReader(g, p)
		for _, pod := range g.Pods {
			for _, c := range allContainers(pod) {
				v := judgeEnd(g, p, pod, c)
				if v.check != id {
					continue
				}
				f := finding(g, pod, c, v)
				// With terminationMessagePolicy FallbackToLogsOnError, the message is the end of the log.
				if s, ok := reader.Read(pod, c, v.end.Message); ok && id != oomKilled {
					f = lastline.Lift(f, s)
				}
				failures = append(failures, check.FailingPod{Pod: pod, Discriminator: c.Name, Finding: f})
			}
		}
		return check.RollUp(g, failures)
	}
}

// judgeEnd judges a container by the way it ended.
func judgeEnd(g *facts.Graph, p check.Params, pod *facts.PodNode, c facts.Container) verdict {
	if healthy(c) || !pod.Deleting.IsZero() || pod.Phase == "Succeeded" {
		return verdict{}
	}
	end, ok := lastEnd(c)
	if !ok || isInit(pod, c) && c.State.Status == facts.StateTerminated && c.State.ExitCode == 0 {
		return verdict{}
	}
	v := verdict{end: end, down: c.State.Status != facts.StateRunning || g.Now.Sub(c.State.Started) < p.StartupGrace}
	if outOfMemory(end) {
		if recent(g, p, end.Finished) {
			v.check = oomKilled
		}
		return v
	}
	if _, failed := startError(g, p, pod, c); failed {
		return v
	}
	if pod.Phase == "Failed" {
		// Failed containers of finished Pods are reported on their Job. Without one, only a failed init container is
		// reported, since no other check sees it.
		if isInit(pod, c) && end.ExitCode != 0 && pod.Owner.Kind != facts.Job && recent(g, p, end.Finished) {
			v.check = initFailing
		}
		return v
	}
	switch probe := killedByProbe(g, p, pod, c); {
	case probe == "liveness":
		v.check = livenessFails
	case probe == "startup":
		v.check = startupFails
	case !keepsCrashing(g, p, pod, c, end, v.down):
	case isInit(pod, c):
		v.check = initFailing
	default:
		v.check = crashLooping
	}
	return v
}

// keepsCrashing reports whether a container that has ended is in a loop, or often was.
func keepsCrashing(g *facts.Graph, p check.Params, pod *facts.PodNode, c facts.Container, end facts.ContainerState, down bool) bool {
	switch {
	case c.State.Reason == "CrashLoopBackOff":
		return true
	case c.State.Status == facts.StateTerminated:
		return end.ExitCode != 0 && c.Restarts > 0
	case c.State.Status == facts.StateRunning && c.Restarts >= restartsThatCount && recent(g, p, end.Finished) && !lostWithNode(end):
		return down || often(g, p, pod, c)
	default:
		return false
	}
}

// often reports whether a container is restarted at least three times in a recent window. Only the number of restarts over the
// Pod's life is known, so they are assumed to be evenly spread, unless an event says that the kubelet had to hold restarts back.
func often(g *facts.Graph, p check.Params, pod *facts.PodNode, c facts.Container) bool {
	if g.Now.Sub(pod.Created)/time.Duration(c.Restarts) <= p.RecentWindow/restartsThatCount {
		return true
	}
	e := containerEvent(g, pod, c, "BackOff", "Back-off restarting failed container")
	return e != nil && recent(g, p, e.Last)
}

func crashFinding(g *facts.Graph, pod *facts.PodNode, c facts.Container, v verdict) check.Finding {
	f := check.Finding{
		Message:     fmt.Sprintf("%s of %s %s: %s.", titleOf(pod, c), g.OwnerName(pod), loopText(v.end), exitText(v.end)),
		Remediation: exitAdvice(g, pod, c, v.end),
		Evidence:    []check.Evidence{endEvidence(pod, c, v.end)},
		Logs:        logsOf(pod, c),
	}
	if !v.down {
		f.Severity = v1alpha1.SeverityMedium
		f.Message = fmt.Sprintf("%s of %s is running but keeps restarting: last %s.", titleOf(pod, c), g.OwnerName(pod), exitText(v.end))
	}
	if c.State.Status == facts.StateWaiting {
		f.Evidence = append(f.Evidence, waitingEvidence(pod, c))
	}
	return f
}

// loopText keeps an exit without an error from being called a crash.
func loopText(end facts.ContainerState) string {
	if exitCode(end) == 0 {
		return "keeps exiting"
	}
	return "keeps crashing"
}

func initFinding(g *facts.Graph, pod *facts.PodNode, c facts.Container, v verdict) check.Finding {
	f := check.Finding{
		Message: fmt.Sprintf("Init container %s (%d of %d) of %s keeps failing: %s. The containers after it do not start.",
			c.Name, place(pod, c), len(pod.InitContainers), g.OwnerName(pod), exitText(v.end)),
		Remediation: remedy.Sprintf("Read its last log lines: %s, and fix the error shown. Often a dependency is "+
			"missing.", logsCommand(pod, c)),
		Evidence: []check.Evidence{endEvidence(pod, c, v.end)},
		Logs:     logsOf(pod, c),
	}
	if c.State.Status == facts.StateWaiting {
		f.Evidence = append(f.Evidence, waitingEvidence(pod, c))
	}
	return f
}

func memoryFinding(g *facts.Graph, pod *facts.PodNode, c facts.Container, v verdict) check.Finding {
	f := check.Finding{
		Severity:           v1alpha1.SeverityHigh,
		RestrictToCulprits: true,
		Evidence:           []check.Evidence{endEvidence(pod, c, v.end)},
		Logs:               logsOf(pod, c),
	}
	if c.State.Reason == "CrashLoopBackOff" || c.Restarts >= restartsThatCount {
		f.Severity = v1alpha1.SeverityCritical
	}
	request := "no memory request"
	if c.MemoryRequest > 0 {
		request = "memory request " + phrase.Bytes(c.MemoryRequest)
	}
	if c.MemoryLimit > 0 {
		limit := phrase.Bytes(c.MemoryLimit)
		f.Message = fmt.Sprintf("%s of %s was OOMKilled: it exceeded its memory limit of %s.", titleOf(pod, c), g.OwnerName(pod), limit)
		f.Evidence = append(f.Evidence, check.FromSpec("%s: memory limit %s, %s", nameOf(pod, c), limit, request))
		f.Remediation = remedy.Sprintf("Raise resources.limits.memory of container %s above peak usage (`kubectl -n %s top pod %s "+
			"--containers` shows what it uses now), or reduce usage: look for leaks, unbounded caches and heap settings above "+
			"the limit.", c.Name, pod.Namespace, pod.Name)
		return f
	}
	f.Message = fmt.Sprintf("%s of %s was OOMKilled: it has no memory limit and its node ran out of "+
		"memory.", titleOf(pod, c), g.OwnerName(pod))
	f.Evidence = append(f.Evidence, check.FromSpec("%s: no memory limit, %s", nameOf(pod, c), request),
		check.FromSpec("node %s", pod.NodeName))
	f.Remediation = remedy.Sprintf("Set a memory request and limit on container %s; `kubectl describe node %s` shows the memory requests "+
		"on the node.", c.Name, pod.NodeName)
	if pod.NodeName != "" {
		f.Culprits = []facts.Ref{{Kind: facts.Node, Name: pod.NodeName}}
	}
	return f
}

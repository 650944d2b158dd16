package pod

import (
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/reach"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/hostname"
)

const dependencyUnreachable = "dependency-unreachable"

func dependencyCheck() check.Check {
	return check.Check{
		ID: dependencyUnreachable, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "A workload that does not work is configured with a Service that its Pods cannot reach.",
		Meaning: "A container crashes, is not ready, or is an init container that does not end, and its command, arguments, plain " +
			"environment variables or the ConfigMaps that it takes name a Service of the cluster that its Pods cannot reach: it does not " +
			"exist, has no such port, has no ready Pods, dnsPolicy does not use the cluster's DNS, or NetworkPolicies do not allow the " +
			"connection or DNS. If only a file of a ConfigMap names the Service, the severity is medium and the finding explains no " +
			"other, unless a log line of the container names it, too. Policies are judged only if all of the namespace were read; a rule " +
			"with a range of addresses counts as if it allowed every Pod, and policies of other APIs (Cilium, Calico) are not read. " +
			"Hosts outside of the cluster, Pods on the host network and workloads whose Pods are ready are ignored.",
		Remediation: "Correct the host or port in the configuration, or restore the Service, or add the missing rule to the " +
			"NetworkPolicy: the evidence shows which of them it is.",
		Link:  "https://kubernetes.io/docs/tasks/debug/debug-application/debug-service/",
		Needs: []facts.Kind{facts.Pod, facts.Service},
		Uses: check.RollUpKinds(append(facts.WorkloadKinds(), facts.EndpointSlice, facts.NetworkPolicy, facts.Namespace, facts.ConfigMap,
			facts.Event)...),
		// On the Service that it names, not on the workload itself.
		ExplainedBy: check.ServiceFailures(), Run: unreachableDependencies,
	}
}

func unreachableDependencies(g *facts.Graph, p check.Params) []check.Finding {
	index := reach.NewIndex(g, p)
	var failures []check.FailingPod
	for _, pod := range g.Pods {
		if pod.Ready || pod.Spec == nil || !pod.IsActive() {
			continue
		}
		seen := map[string]int{}
		for _, c := range allContainers(pod) {
			if !waitsForOthers(g, p, pod, c) {
				continue
			}
			for _, host := range g.HostsOf(pod, c.Name) {
				o, found := index.Find(pod, host.Host, host.Port)
				if !found || selects(g, o.Culprits, pod) {
					continue
				}
				failure := check.FailingPod{Pod: pod, Discriminator: o.Key, Finding: unreachableFinding(g, pod, c, host, o)}
				at, again := seen[o.Key]
				switch {
				case !again:
					seen[o.Key] = len(failures)
					failures = append(failures, failure)
				case failures[at].Finding.Confirm != nil && failure.Finding.Confirm == nil:
					failures[at] = failure
				}
			}
		}
	}
	return check.RollUp(g, failures)
}

// waitsForOthers reports whether a container fails in a way that a host which it cannot reach may explain.
func waitsForOthers(g *facts.Graph, p check.Params, pod *facts.PodNode, c facts.Container) bool {
	if isInit(pod, c) && c.State.Status == facts.StateRunning {
		hanging, ok := hangingInit(g, p, pod)
		return ok && hanging.Name == c.Name
	}
	switch v := judgeEnd(g, p, pod, c); v.check {
	case crashLooping, initFailing:
		return exitCode(v.end) != 0
	case livenessFails, startupFails:
		return true
	case oomKilled:
		return false
	}
	return c.State.Status == facts.StateRunning && !c.Ready && c.HasReadiness && g.OlderThan(c.State.Started, p.StartupGrace)
}

// selects reports whether one of the objects is a Service of the Pod itself: that it has no ready Pods is a consequence.
func selects(g *facts.Graph, culprits []facts.Ref, pod *facts.PodNode) bool {
	for _, ref := range culprits {
		service, ok := facts.Lookup[*facts.ServiceNode](g, ref)
		if ok && service.Namespace == pod.Namespace && facts.SelectorFromSet(service.Selector).Matches(pod.Labels) {
			return true
		}
	}
	return false
}

func unreachableFinding(
	g *facts.Graph, pod *facts.PodNode, c facts.Container, host facts.HostUse, o reach.Obstacle,
) check.Finding {
	target := host.Host
	if host.Port > 0 {
		target = fmt.Sprintf("%s:%d", host.Host, host.Port)
	}
	f := check.Finding{
		Message:     fmt.Sprintf("Pods of %s cannot reach %s: %s.", g.OwnerName(pod), host.Host, o.Why),
		Remediation: o.Fix, Culprits: o.Culprits, RestrictToCulprits: true,
		Evidence: append([]check.Evidence{check.FromSpec("%s: %s", host.Where(), target)}, o.Evidence...),
	}
	if host.File && !logged(g, pod, c, host.Host) {
		f.Severity = v1alpha1.SeverityMedium
		f.Confirm = &check.Confirmation{Logs: *logsOf(pod, c), Host: host.Host, Severity: v1alpha1.SeverityHigh}
	}
	return f
}

// logged reports whether what is known of a container log names a host: its termination message, and what it logs while it runs.
func logged(g *facts.Graph, pod *facts.PodNode, c facts.Container, host string) bool {
	if hostname.Mentions(c.State.Message, host) || hostname.Mentions(c.Last().Message, host) {
		return true
	}
	running := g.RunningLogs()
	if running == nil {
		return false
	}
	return slices.ContainsFunc(running.Containers, func(log facts.ContainerLog) bool {
		return log.Pod == pod.Ref && log.Container == c.Name &&
			slices.ContainsFunc(log.Lines, func(line facts.RepeatedLine) bool { return hostname.Mentions(line.Example, host) })
	})
}

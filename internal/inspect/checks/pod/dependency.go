package pod

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/reach"
	"kubeops.io/kubeops/internal/inspect/facts"
)

const dependencyUnreachable = "dependency-unreachable"

func dependencyCheck() check.Check {
	return check.Check{
		ID: dependencyUnreachable, Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "A workload that does not work is configured with a Service that its Pods cannot reach.",
		Meaning: "A container crashes, is not ready, or is an init container that does not end, and its command, arguments, plain " +
			"environment variables or the ConfigMaps that it takes name a Service of the cluster that its Pods cannot reach: it does not " +
			"exist, has no such port, has no ready Pods, dnsPolicy does not use the cluster's DNS, or NetworkPolicies do not allow the " +
			"connection or DNS. Policies are judged only if all of the namespace were read; a rule with a range of " +
			"addresses counts as if it allowed every Pod, and policies of other APIs (Cilium, Calico) are not read. Hosts outside of the " +
			"cluster, Pods on the host network and workloads whose Pods are ready are ignored.",
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
		seen := map[string]bool{}
		for _, c := range allContainers(pod) {
			if !waitsForOthers(g, p, pod, c) {
				continue
			}
			for _, host := range g.HostsOf(pod, c.Name) {
				o, found := index.Find(pod, host.Host, host.Port)
				if found && !seen[o.Key] && !selects(g, o.Culprits, pod) {
					seen[o.Key] = true
					f := unreachableFinding(g, pod, host, o)
					failures = append(failures, check.FailingPod{Pod: pod, Discriminator: o.Key, Finding: f})
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

func unreachableFinding(g *facts.Graph, pod *facts.PodNode, host facts.HostUse, o reach.Obstacle) check.Finding {
	target := host.Host
	if host.Port > 0 {
		target = fmt.Sprintf("%s:%d", host.Host, host.Port)
	}
	return check.Finding{
		Message:     fmt.Sprintf("Pods of %s cannot reach %s: %s.", g.OwnerName(pod), host.Host, o.Why),
		Remediation: o.Fix, Culprits: o.Culprits, RestrictToCulprits: true,
		Evidence: append([]check.Evidence{check.FromSpec("%s: %s", host.Where(), target)}, o.Evidence...),
	}
}

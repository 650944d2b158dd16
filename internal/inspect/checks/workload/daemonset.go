package workload

import (
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func daemonSetChecks() []check.Check {
	return []check.Check{
		{
			ID: "daemonset-unavailable", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
			Summary: "A DaemonSet has no ready Pod on some of its nodes.",
			Meaning: "On at least one node that the DaemonSet is meant for, its Pod is missing, not ready, or stuck on its way out " +
				"for longer than the startup grace. It is critical when no node has a ready Pod.",
			Remediation: "See what is wrong with the Pods on those nodes (`kubectl describe pods -l <selector>`) and with the nodes " +
				"themselves (`kubectl describe node <name>`).",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/",
			Needs:       []facts.Kind{facts.DaemonSet},
			Uses:        []facts.Kind{facts.Pod, facts.Event},
			ExplainedBy: append(check.PodFailures(), "workload-not-observed"),
			Run:         daemonSetUnavailable,
		},
		{
			ID: "daemonset-misscheduled", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A DaemonSet has Pods on nodes that should not run it.",
			Meaning: "Pods of the DaemonSet run on nodes whose taints they do not tolerate, most often because the taint came " +
				"later. They keep running, but are not recreated once deleted.",
			Remediation: "If the Pods are wanted there, add a toleration for the node's taint to the DaemonSet; if not, delete them. " +
				"`kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints` shows the taints.",
			Link:  "https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/#taints-and-tolerations",
			Needs: []facts.Kind{facts.DaemonSet},
			Run:   daemonSetMisscheduled,
		},
	}
}

func daemonSetUnavailable(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, set := range g.Workloads {
		if set.Kind != facts.DaemonSet || !set.WantsPods() || set.Ready-betweenCrashes(g, set) >= set.Desired {
			continue
		}
		short, ok := shortageOf(g, set, params)
		if !ok {
			continue
		}
		finding := check.Finding{
			Object:   set.Ref,
			Message:  fmt.Sprintf("DaemonSet %s has no ready Pod on some of its nodes.", set.Name),
			Evidence: shortageEvidence(set, short), Remediation: findShortage(set, short),
		}
		var nodes []string
		for _, pod := range short.down {
			if pod.NodeName != "" {
				nodes = append(nodes, pod.NodeName)
			}
		}
		if len(nodes) > 0 {
			finding.Evidence = append(finding.Evidence, check.FromCondition("nodes without a ready Pod: %s", phrase.List(nodes)))
			finding.Remediation += remedy.Sprintf(" See also the node: `kubectl describe node %s`.", nodes[0])
		}
		if set.Ready <= betweenCrashes(g, set) {
			finding.Severity = v1alpha1.SeverityCritical
			finding.Message = fmt.Sprintf("DaemonSet %s has no ready Pod on any node.", set.Name)
		}
		findings = append(findings, finding)
	}
	return findings
}

func daemonSetMisscheduled(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, set := range g.Workloads {
		// A change of the DaemonSet takes a moment to be reconciled.
		if set.Kind != facts.DaemonSet || set.Misscheduled == 0 || !set.Deleting.IsZero() || set.Observed < set.Generation ||
			!g.OlderThan(set.Changed, params.StartupGrace) {
			continue
		}
		findings = append(findings, check.Finding{
			Object: set.Ref,
			Message: fmt.Sprintf("DaemonSet %s has Pods on nodes that should not run it: once deleted, they are not "+
				"recreated.", set.Name),
			Evidence: []check.Evidence{check.FromCondition("Pods on %d %s that should not "+
				"run them", set.Misscheduled, phrase.Plural(int(set.Misscheduled), "node", "nodes"))},
			Remediation: remedy.Sprintf("Compare the tolerations and node selector of the DaemonSet (`kubectl -n %s get daemonset %s -o "+
				"yaml`) with the taints of the nodes (`kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints`). "+
				"Add a toleration where its Pods are wanted, delete them where not.", set.Namespace, set.Name),
		})
	}
	return findings
}

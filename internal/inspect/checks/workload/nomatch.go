package workload

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

func noNodeCheck() check.Check {
	return check.Check{
		ID: "daemonset-matches-no-node", Category: v1alpha1.CategoryConfiguration,
		Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
		Summary: "A DaemonSet runs on no node, because no node has the labels that it selects.",
		Meaning: "The DaemonSet desires no Pods for longer than the startup grace, all nodes were read, and no node has a label " +
			"of its nodeSelector. It is medium if a node has a label with a similar key or value, and info otherwise: DaemonSets for " +
			"optional hardware or for another operating system wait for nodes that may never come, and some are switched off by a " +
			"label that no node is meant to have.",
		Remediation: "Correct nodeSelector in the DaemonSet's Pod template, or label the nodes: `kubectl label node <node> <key>=<value>`.",
		Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/#running-pods-on-select-nodes",
		Needs:       []facts.Kind{facts.DaemonSet, facts.Node},
		Run:         matchesNoNode,
	}
}

func matchesNoNode(g *facts.Graph, params check.Params) []check.Finding {
	if !g.Complete(facts.Node, "") || len(g.Nodes) == 0 {
		return nil
	}
	have := labelsOfNodes(g)
	var findings []check.Finding
	for _, set := range g.Workloads {
		if set.Kind != facts.DaemonSet || set.Desired > 0 || !set.Deleting.IsZero() || set.Observed < set.Generation ||
			set.Template == nil || !g.OlderThan(set.Changed, params.StartupGrace) {
			continue
		}
		var unmet []string
		for _, label := range set.Template.NodeSelector {
			if key, value, _ := strings.Cut(label, "="); !have[key][value] {
				unmet = append(unmet, label)
			}
		}
		if len(unmet) > 0 {
			findings = append(findings, noNodeFinding(set, unmet, have))
		}
	}
	return findings
}

// nodeLabels are the values of each label that some node has.
type nodeLabels map[string]map[string]bool

func labelsOfNodes(g *facts.Graph) nodeLabels {
	have := nodeLabels{}
	for _, node := range g.Nodes {
		for key, value := range node.NodeLabels {
			if have[key] == nil {
				have[key] = map[string]bool{}
			}
			have[key][value] = true
		}
	}
	return have
}

// maxLabelValues of one key are compared with a value: a label with more is the name of the node or of its machine.
const maxLabelValues = 100

func noNodeFinding(set *facts.WorkloadNode, unmet []string, have nodeLabels) check.Finding {
	f := check.Finding{
		Object: set.Ref, Severity: v1alpha1.SeverityInfo, Class: v1alpha1.ClassRecommendation,
		Message: fmt.Sprintf("DaemonSet %s runs on no node: no node has the %s %s of its nodeSelector.", set.Name,
			phrase.Plural(len(unmet), "label", "labels"), strings.Join(unmet, ", ")),
		Evidence: []check.Evidence{check.FromCondition("0 Pods desired"),
			check.FromSpec("nodeSelector: %s", strings.Join(set.Template.NodeSelector, ", "))},
		Remediation: remedy.Sprintf("Nothing, if such nodes come later. Otherwise correct nodeSelector in the template of "+
			"DaemonSet %s, or label the nodes that it is meant for: `kubectl label node <node> %s`.", set.Name, remedy.Quoted(unmet...)),
	}
	for _, label := range unmet {
		near := nearLabel(label, have)
		if near == "" {
			continue
		}
		f.Severity, f.Class = v1alpha1.SeverityMedium, v1alpha1.ClassProblem
		f.Evidence = append(f.Evidence, check.FromSpec("nodes have %s", near))
	}
	return f
}

// nearLabel is a label of nodes that a selector likely meant: a similar key with the same value. Another value of the same key is no
// slip: kubernetes.io/os=windows is not met by nodes with linux.
func nearLabel(label string, have nodeLabels) string {
	key, value, _ := strings.Cut(label, "=")
	if values, known := have[key]; known {
		if len(values) > maxLabelValues || strings.HasPrefix(key, "kubernetes.io/") {
			return ""
		}
		if similar := text.Similar(slices.Sorted(maps.Keys(values)), value); similar != "" {
			return key + "=" + similar
		}
		return ""
	}
	var keys []string
	for other, values := range have {
		if values[value] {
			keys = append(keys, other)
		}
	}
	slices.Sort(keys)
	if similar := text.Similar(keys, key); similar != "" {
		return similar + "=" + value
	}
	return ""
}

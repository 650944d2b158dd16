package node

import (
	"fmt"

	"k8s.io/apimachinery/pkg/util/version"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func versionSkewCheck() check.Check {
	return check.Check{
		ID: "node-version-skew", Category: v1alpha1.CategoryReliability,
		Class: v1alpha1.ClassRecommendation, Severity: v1alpha1.SeverityMedium,
		Summary: "The versions of a node's kubelet and the API server are too far apart.",
		Meaning: "A kubelet may be up to three minor versions older than the API server (two, before 1.25), and never " +
			"newer. Outside of that range nothing is tested, unknown fields are dropped silently, and Pods may fail to start. " +
			"A newer kubelet is high.",
		Remediation: "Upgrade the node's kubelet (drain the node first: `kubectl drain <name> --ignore-daemonsets`), or " +
			"the control plane if the kubelet is newer.",
		Link:  "https://kubernetes.io/releases/version-skew-policy/#kubelet",
		Needs: []facts.Kind{facts.Node},
		Run:   nodeVersionSkew,
	}
}

// maxKubeletLag is how many minor versions a kubelet may be older than the API server.
// https://kubernetes.io/releases/version-skew-policy/#kubelet
func maxKubeletLag(kubelet *version.Version) uint {
	if kubelet.Minor() < 25 {
		return 2
	}
	return 3
}

func nodeVersionSkew(g *facts.Graph, _ check.Params) []check.Finding {
	server, err := version.ParseGeneric(g.Version)
	if err != nil {
		return nil // unknown version: nothing to compare with
	}
	var findings []check.Finding
	for _, node := range g.Nodes {
		kubelet, err := version.ParseGeneric(node.KubeletVersion)
		if err != nil || kubelet.Major() != server.Major() || !node.Deleting.IsZero() {
			continue
		}
		finding := check.Finding{Object: node.Ref, Evidence: []check.Evidence{
			check.FromCondition("kubelet %s, API server %s", node.KubeletVersion, g.Version),
		}}
		switch {
		case kubelet.Minor() > server.Minor():
			finding.Severity = v1alpha1.SeverityHigh
			finding.Message = fmt.Sprintf("Node %s runs kubelet %d.%d, newer than API server %d.%d: this is not supported.",
				node.Name, kubelet.Major(), kubelet.Minor(), server.Major(), server.Minor())
			finding.Remediation = "Upgrade the control plane to at least the kubelet's version, or install an older kubelet on the node."
		case kubelet.Minor()+maxKubeletLag(kubelet) < server.Minor():
			finding.Message = fmt.Sprintf(
				"Node %s runs kubelet %d.%d, too old for API server %d.%d: a skew of at most %d minor versions is supported.",
				node.Name,
				kubelet.Major(),
				kubelet.Minor(),
				server.Major(),
				server.Minor(),
				maxKubeletLag(kubelet),
			)
			finding.Remediation = remedy.Sprintf(
				"Drain the node (`kubectl drain %[1]s --ignore-daemonsets`), upgrade its kubelet, then `kubectl uncordon %[1]s`.",
				node.Name,
			)
		default:
			continue
		}
		findings = append(findings, finding)
	}
	return findings
}

package node

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/remedy"
)

func problemCheck() check.Check {
	return check.Check{
		ID: "node-problem", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityHigh,
		Summary: "A node reports a problem of its kernel, disks, container runtime or hardware.",
		Meaning: "A condition whose type names a problem has been True for longer than the startup grace, while the node may be " +
			"Ready. node-problem-detector and agents of clouds write such conditions: KernelDeadlock, ReadonlyFilesystem, " +
			"FrequentKubeletRestart and others whose name contains a word such as Deadlock, Readonly, Corrupt, Frequent, Error, " +
			"Failed, Unhealthy or Problem. Conditions whose name says that something is well (EtcdIsVoter, KernelReady) and unknown " +
			"names are ignored, as are conditions that the kubelet writes, which have their own checks.",
		Remediation: "Drain the node (`kubectl drain <name> --ignore-daemonsets`), repair or replace the machine, then `kubectl " +
			"uncordon <name>`.",
		Link:  "https://kubernetes.io/docs/tasks/debug/debug-cluster/monitor-node-health/",
		Needs: []facts.Kind{facts.Node},
		Uses:  []facts.Kind{facts.Pod},
		Run:   nodeProblem,
	}
}

// problem is what a condition of a node says is wrong.
type problem struct {
	// why completes a sentence about the node.
	why string
	fix remedy.Text
	// mild problems do not affect running Pods.
	mild bool
}

// knownProblems are the conditions of the monitors that come with node-problem-detector
// (https://github.com/kubernetes/node-problem-detector/tree/master/config) and of its plugins for clouds.
func knownProblems() map[string]problem {
	const runtime = "On the machine: `journalctl -u kubelet -u containerd` says why it restarts."
	return map[string]problem{
		"ReadonlyFilesystem": {
			why: "a file system is read-only, so that new Pods cannot start and writes fail",
			fix: "The kernel remounts a file system read-only after an I/O error: `dmesg` on the machine names the disk. Move its Pods " +
				"away, check or replace the disk, and restart the machine.",
		},
		"KernelDeadlock": {
			why: "its kernel has a deadlock: tasks hang", fix: "`dmesg` on the machine names the tasks. Move its Pods away and restart it.",
		},
		"CorruptDockerOverlay2":        {why: "the storage of its container runtime is corrupt"},
		"XfsShutdown":                  {why: "an XFS file system was shut down after an error"},
		"Ext4Error":                    {why: "an ext4 file system has errors"},
		"CperHardwareErrorFatal":       {why: "its hardware reports a fatal error"},
		"FrequentKubeletRestart":       {why: "its kubelet restarts frequently", fix: runtime, mild: true},
		"FrequentDockerRestart":        {why: "its container runtime restarts frequently", fix: runtime, mild: true},
		"FrequentContainerdRestart":    {why: "its container runtime restarts frequently", fix: runtime, mild: true},
		"FrequentUnregisterNetDevice":  {why: "it keeps losing network devices", mild: true},
		"FrequentGcfsSnapshotterStart": {why: "its image snapshotter restarts frequently", mild: true},
		"FilesystemCorruptionProblem":  {why: "a file system is corrupt"},
		"KubeletUnhealthy":             {why: "its kubelet is unhealthy"},
		"KubeletProblem":               {why: "its kubelet is unhealthy"},
		"ContainerRuntimeUnhealthy":    {why: "its container runtime is unhealthy"},
		"ContainerRuntimeProblem":      {why: "its container runtime is unhealthy"},
	}
}

// problemOf is what a condition that is True says is wrong; false for good news, for conditions of the kubelet, and for names that do
// not say which of the two they are.
func problemOf(conditionType string) (problem, bool) {
	switch conditionType {
	case "Ready", "MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable":
		return problem{}, false
	}
	if known, ok := knownProblems()[conditionType]; ok {
		return known, true
	}
	for _, negation := range []string{"No", "Not", "Without"} {
		if rest, ok := strings.CutPrefix(conditionType, negation); ok && rest != "" && unicode.IsUpper(rune(rest[0])) {
			return problem{}, false // NoCorruptDisk
		}
	}
	lower := strings.ToLower(conditionType)
	for _, word := range []string{
		"deadlock", "readonly", "corrupt", "frequent", "error", "fail", "unhealthy", "problem", "fault", "degraded", "hung", "hang",
		"exhausted", "panic",
	} {
		if strings.Contains(lower, word) {
			return problem{why: "condition " + conditionType + " is True"}, true
		}
	}
	return problem{}, false
}

func nodeProblem(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, node := range g.Nodes {
		if !node.Deleting.IsZero() {
			continue
		}
		for _, c := range node.Conditions {
			if c.Status != "True" || !g.OlderThan(c.Since, params.StartupGrace) {
				continue
			}
			p, bad := problemOf(c.Type)
			if !bad {
				continue
			}
			finding := check.Finding{
				Object: node.Ref, Discriminator: c.Type, Evidence: []check.Evidence{check.QuoteCondition(c)},
				Message: fmt.Sprintf("Node %s has a problem: %s.", node.Name, p.why),
				Remediation: p.fix + space(p.fix) + remedy.Sprintf("To move its Pods away: `kubectl drain %[1]s --ignore-daemonsets`, and "+
					"after the repair `kubectl uncordon %[1]s`. %[2]s shows the conditions.", node.Name, kubectl.Describe(node.Ref)),
			}
			if !c.Since.IsZero() {
				finding.Evidence = append(finding.Evidence, check.FromCondition("since %s", c.Since.UTC().Format(time.RFC3339)))
			}
			if p.mild {
				finding.Severity = v1alpha1.SeverityMedium
			}
			findings = append(findings, check.WithPodCount(g, finding))
		}
	}
	return findings
}

// space separates two sentences if there is a first one.
func space(text remedy.Text) remedy.Text {
	if text == "" {
		return ""
	}
	return " "
}

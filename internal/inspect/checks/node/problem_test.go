package node

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAProblemThatANodeReportsIsFoundAndGoodNewsIsNot(t *testing.T) {
	node := func(metadata, conditions string) string {
		return checktest.Document("v1", "Node", "name: worker-7"+metadata, "status:\n  conditions:\n"+
			"  - {type: Ready, status: \"True\", reason: KubeletReady, lastTransitionTime: \"2026-01-10T08:00:00Z\"}\n"+conditions)
	}
	condition := func(conditionType, status, since string) string {
		return "  - {type: " + conditionType + ", status: \"" + status + "\", reason: R, message: text, lastTransitionTime: \"" + since +
			"\"}\n"
	}
	const old = "2026-01-15T09:00:00Z"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"a read-only file system": {
			ID: "node-problem", Documents: node("", condition("ReadonlyFilesystem", "True", old)), Want: []string{
				"high Node/worker-7 [ReadonlyFilesystem]: Node worker-7 has a problem: a file system is read-only, so that new Pods " +
					"cannot " +
					"start and writes fail.",
				"  condition: ReadonlyFilesystem=True (R): text",
				"  condition: since 2026-01-15T09:00:00Z",
			},
		},
		"restarts of the kubelet do not stop Pods": {
			ID: "node-problem", Documents: node("", condition("FrequentKubeletRestart", "True", old)), Want: []string{
				"medium Node/worker-7 [FrequentKubeletRestart]: Node worker-7 has a problem: its kubelet restarts frequently.",
				"  condition: FrequentKubeletRestart=True (R): text",
				"  condition: since 2026-01-15T09:00:00Z",
			},
		},
		"an unknown condition whose name says a problem": {
			ID: "node-problem", Documents: node("", condition("example.com/GpuEccErrors", "True", old)), Want: []string{
				"high Node/worker-7 [example.com/GpuEccErrors]: Node worker-7 has a problem: condition example.com/GpuEccErrors is True.",
				"  condition: example.com/GpuEccErrors=True (R): text",
				"  condition: since 2026-01-15T09:00:00Z",
			},
		},
		"good news": {
			ID: "node-problem", Documents: node("", condition("EtcdIsVoter", "True", old)+condition("KernelReady", "True", old)+
				condition("NoCorruptDisk", "True", old)+condition("NetworkingReady", "True", old)),
		},
		"a problem that is not there": {
			ID: "node-problem", Documents: node("", condition("KernelDeadlock", "False", old)+condition("XfsShutdown", "Unknown", old)),
		},
		"within the grace": {
			ID: "node-problem", Documents: node("", condition("KernelDeadlock", "True", "2026-01-15T11:59:40Z")),
		},
		"a node that is being deleted": {
			ID: "node-problem", Documents: node(`, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [a/b]`,
				condition("KernelDeadlock", "True", old)),
		},
		"what other checks report": {
			ID: "node-problem", Documents: node("", condition("DiskPressure", "True", old)+condition("NetworkUnavailable", "True", old)),
		},
	})
}

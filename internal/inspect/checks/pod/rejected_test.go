package pod

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestPodsThatTheKubeletRejectsAreFound(t *testing.T) {
	failed := func(reason, message, started string) string {
		return checktest.PodOf("cart", "a", "spec: {nodeName: node-1, containers: [{name: api, image: i}]}\nstatus: {phase: Failed, "+
			"reason: "+
			reason+", message: '"+message+"', startTime: \""+started+"\"}")
	}
	const (
		now     = "2026-01-15T11:40:00Z"
		devices = "Pod was rejected: Allocate failed due to requested number of devices unavailable for example.com/fpga. Requested: 2, " +
			"Available: 1, which is unexpected"
	)
	cart := checktest.DeploymentOf("cart")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"for want of a device": {
			ID: "pod-rejected", Documents: cart + failed("UnexpectedAdmissionError", devices, now), Want: []string{
				"high Deployment/shop/cart [UnexpectedAdmissionError]: Pods of Deployment cart are rejected by the kubelet: node " +
					"node-1 counts " +
					"a example.com/fpga as free that its device plugin does not hand out.",
				"  condition: Pod cart-7d9f-a failed with reason UnexpectedAdmissionError: " + devices,
				"  spec: node node-1",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"for want of memory": {
			ID: "pod-rejected", Documents: cart + failed("OutOfmemory", "no room", now), Want: []string{
				"high Deployment/shop/cart [OutOfmemory]: Pods of Deployment cart are rejected by the kubelet: node node-1 has too " +
					"little " +
					"memory left for them.",
				"  condition: Pod cart-7d9f-a failed with reason OutOfmemory: no room",
				"  spec: node node-1",
				"  condition: 1 of 1 Pod: cart-7d9f-a",
			},
		},
		"whose replacements run": {
			ID: "pod-rejected",
			Documents: checktest.WebDeployment("replicas: 1", "replicas: 1, readyReplicas: "+
				"1") + checktest.WebReplicaSet("web-6d4", 1, 1, 1, "") +
				checktest.Document("v1", "Pod", `name: web-6d4-x, namespace: shop, creationTimestamp: "2026-01-15T11:40:00Z",
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-6d4, uid: o1, controller: true}]`,
					"spec: {nodeName: node-1, containers: [{name: api, image: i}]}\nstatus: {phase: Failed, reason: NodeAffinity, "+
						"message: m}"),
			Want: []string{
				"low Deployment/shop/web [NodeAffinity]: Pods of Deployment web are rejected by the kubelet: node node-1 does not " +
					"match their nodeSelector or node affinity.",
				"  condition: Pod web-6d4-x failed with reason NodeAffinity: m",
				"  spec: node node-1",
				"  condition: 1 of 1 Pod: web-6d4-x",
			},
		},
		"of a label that its node does not have": {
			ID: "pod-rejected", Documents: checktest.Document("v1", "Node", "name: node-1, labels: {disk: hdd, zone: a}", "") +
				checktest.Document("v1", "Pod", "name: import, namespace: shop, creationTimestamp: \"2026-01-15T11:40:00Z\"",
					"spec: {nodeName: node-1, nodeSelector: {disk: nvme, zone: a}, containers: [{name: api, image: i}]}\n"+
						"status: {phase: Failed, reason: NodeAffinity, message: m}"),
			Want: []string{
				"high Pod/shop/import [NodeAffinity]: Pod import was rejected by the kubelet: node node-1 lacks the label disk=nvme of the " +
					"nodeSelector.",
				"  condition: Pod import failed with reason NodeAffinity: m",
				"  spec: node node-1",
			},
		},
		"yesterday": {
			ID: "pod-rejected", Documents: cart + failed("OutOfcpu", "", "2026-01-14T11:40:00Z"),
		},
		"left by a shutdown or evicted": {
			ID: "pod-rejected", Documents: cart + failed("Terminated", "shutdown", now) + failed("Evicted", "low", now) +
				failed("Preempting", "critical Pod", now),
		},
		"that ran before": {
			ID: "pod-rejected", Documents: cart + checktest.PodOf("cart", "a", "spec: {nodeName: node-1, containers: [{name: api, image: "+
				"i}]}\nstatus: {phase: Failed, reason: NodeAffinity, containerStatuses: [{name: api, ready: false, restartCount: 0, "+
				"state: "+
				"{terminated: {exitCode: 137, startedAt: \"2026-01-15T11:20:00Z\", finishedAt: \"2026-01-15T11:30:00Z\"}}}]}"),
		},
	})
}

func TestNoRemedyGivesANodeALabelOfWhatItIsNot(t *testing.T) {
	for label, commanded := range map[string]bool{
		"disk: nvme": true, "node-role.kubernetes.io/gpu: ''": true, "kubernetes.io/os: windows": false, "beta.kubernetes.io/arch: arm64": false,
		"topology.kubernetes.io/zone: b": false, "node.kubernetes.io/instance-type: m5": false, "kubernetes.io/hostname: node-2": false,
	} {
		g := testkit.Graph(t, checktest.Document("v1", "Node", "name: node-1, labels: {zone: a}", "")+checktest.Document("v1", "Pod",
			`name: import, namespace: shop, creationTimestamp: "2026-01-15T11:40:00Z"`, "spec: {nodeName: node-1, nodeSelector: {"+label+
				"}, containers: [{name: api, image: i}]}\nstatus: {phase: Failed, reason: NodeAffinity, message: m}"))
		pod, _ := facts.Lookup[*facts.PodNode](g, facts.Ref{Kind: facts.Pod, Namespace: "shop", Name: "import"})
		why, fix := rejectionText(g, pod)
		if strings.Contains(string(fix), "kubectl label") != commanded || !strings.Contains(why, "lacks the label") {
			t.Errorf("%s: %s: %s", label, why, fix)
		}
	}
}

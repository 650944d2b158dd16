package pod

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestPodsWithoutAControllerThatFailedAreFound(t *testing.T) {
	pod := func(name, meta, spec, status string) string {
		return checktest.Document("v1", "Pod", "name: "+name+`, namespace: shop, creationTimestamp: "2026-01-15T11:00:00Z"`+meta,
			"spec: {nodeName: node-1, "+spec+"containers: [{name: etl, image: etl:1}]}\nstatus: {phase: Failed, "+status+"}")
	}
	ended := func(code, at, more string) string {
		return "containerStatuses: [{name: etl, ready: false, restartCount: 0, state: {terminated: {exitCode: " + code +
			", reason: Error, finishedAt: \"" + at + "\"}}}]" + more
	}
	const at = "2026-01-15T11:30:00Z"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"with an exit code": {
			ID: "pod-failed", Documents: pod("etl-1", "", "", ended("3", at, "")), Want: []string{
				"medium Pod/shop/etl-1 [exit code 3]: Pod etl-1 has failed: container etl ended with exit code 3. No controller runs it again.",
				"  condition: container etl terminated with exit code 3",
			},
		},
		"in the same way": {
			ID: "pod-failed",
			Documents: pod("etl-1", "", "", ended("3", at, "")) + pod("etl-2", "", "", ended("3", "2026-01-15T11:40:00Z", "")) +
				pod("etl-3", "", "", ended("3", at, "")),
			Want: []string{
				"medium Pod/shop/etl-2 [exit code 3]: Pod etl-2 has failed: container etl ended with exit code 3. No controller runs it again.",
				"  condition: container etl terminated with exit code 3",
				"  condition: 2 other Pods ended in the same way: etl-1, etl-3",
			},
		},
		"by its deadline": {
			ID: "pod-failed", Documents: pod("import", "", "activeDeadlineSeconds: 20, ", ended("137", at,
				", reason: DeadlineExceeded, message: Pod was active on the node longer than the specified deadline")),
			Want: []string{
				"medium Pod/shop/import [DeadlineExceeded]: Pod import ran for longer than its activeDeadlineSeconds, and was ended.",
				"  condition: Pod import failed: Pod was active on the node longer than the specified deadline",
			},
		},
		"yesterday":     {ID: "pod-failed", Documents: pod("etl-1", "", "", ended("3", "2026-01-14T11:30:00Z", ""))},
		"of a Job":      {ID: "pod-failed", Documents: pod("etl-1", ", ownerReferences: [{apiVersion: batch/v1, kind: Job, name: etl, uid: j, controller: true}]", "", ended("3", at, ""))},
		"of an object":  {ID: "pod-failed", Documents: pod("etl-1", ", ownerReferences: [{apiVersion: tekton.dev/v1, kind: TaskRun, name: etl, uid: j}]", "", ended("3", at, ""))},
		"with its node": {ID: "pod-failed", Documents: pod("etl-1", "", "", ended("137", at, ", reason: Terminated"))},
		"for want of memory": {ID: "pod-failed", Documents: pod("etl-1", "", "", "containerStatuses: [{name: etl, ready: false, restartCount: 0, "+
			"state: {terminated: {exitCode: 137, reason: OOMKilled, finishedAt: \""+at+"\"}}}]")},
		"of a debugger": {ID: "pod-failed", Documents: pod("node-debugger-node-1-x2x4z", "", "", ended("127", at, ""))},
	})
}

package workload

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

// loopingPod is a ready Pod of the owner that has run since a time after a run of a length; both are times of the hour before noon.
func loopingPod(owner, restarts, lastStart, lastEnd, started string) string {
	return checktest.Document("v1", "Pod", `name: web-x, namespace: shop, labels: {app: web}, creationTimestamp: "2026-01-15T10:00:00Z",
  ownerReferences: [{apiVersion: apps/v1, kind: `+owner+`, uid: o1, controller: true}]`, `
spec: {nodeName: node-1, containers: [{name: web, image: web:1}]}
status: {phase: Running, conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-15T11:`+started+`Z"}],
  containerStatuses: [{name: web, ready: true, restartCount: `+restarts+`, state: {running: {startedAt: "2026-01-15T11:`+started+`Z"}},
    lastState: {terminated: {exitCode: 1, startedAt: "2026-01-15T11:`+lastStart+`Z", finishedAt: "2026-01-15T11:`+lastEnd+`Z"}}}]}`)
}

func TestAWorkloadWhosePodIsReadyBetweenTwoCrashesKeepsItsFinding(t *testing.T) {
	const up = "replicas: 1, readyReplicas: 1, availableReplicas: 1, "
	deployment := checktest.WebDeployment("replicas: 1", up+isAvail) + checktest.WebReplicaSet("web-6d4", 1, 1, 1, "")
	set := checktest.WorkloadWeb("StatefulSet", checktest.WebMeta, "replicas: 1", "observedGeneration: 2, replicas: 1, readyReplicas: 1")
	const replicaSet = "ReplicaSet, name: web-6d4"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"a Deployment": {
			ID: "deployment-unavailable", Documents: deployment + loopingPod(replicaSet, "9", "53:00", "53:20", "58:40"), Want: []string{
				"critical Deployment/shop/web: Deployment web has no available Pods.",
				"  condition: Pods: 1 desired, 1 current, 1 ready, 1 available",
				"  condition: ready only between two crashes: web-x",
			},
		},
		"a StatefulSet": {
			ID: "statefulset-unavailable", Documents: set + loopingPod("StatefulSet, name: web", "3", "54:00", "54:30", "59:00"),
			Want: []string{
				"critical StatefulSet/shop/web: StatefulSet web has no ready Pods.",
				"  condition: Pods: 1 desired, 1 current, 1 ready, 0 available",
				"  condition: ready only between two crashes: web-x",
			},
		},
		"runs that last are available in between": {
			ID: "deployment-unavailable", Documents: deployment + loopingPod(replicaSet, "9", "40:00", "53:20", "58:40"),
		},
		"a run that lasts has recovered": {
			ID: "deployment-unavailable", Documents: deployment + loopingPod(replicaSet, "9", "50:00", "50:20", "55:00"),
		},
		"one restart is no loop": {
			ID: "deployment-unavailable", Documents: deployment + loopingPod(replicaSet, "1", "53:00", "53:20", "58:40"),
		},
	})
}

package pod

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAVolumeOfAnotherNodeIsJoinedWithItsHolder(t *testing.T) {
	const (
		multi  = `Multi-Attach error for volume "pvc-0a1b" Volume is already used by pod(s) cart-6c5d-z`
		opened = "Volume data of Deployment cart cannot be mounted: it is attached to another node and supports only one"
	)
	documents := checktest.CartWithPod(waitingPod(claimVolume, "ContainerCreating", "")) + checktest.Document("v1", "PersistentVolumeClaim",
		"name: cart-data, namespace: shop", "spec: {volumeName: pvc-0a1b}\nstatus: {phase: Bound}") +
		eventAbout("cart-7d9f-a", "", "FailedAttachVolume", multi, "11:58", 3)
	running := func(metadata, node, status string) string {
		return checktest.Document("v1", "Pod", "name: b, namespace: shop"+metadata, "spec: {nodeName: "+node+", "+claimVolume+"}\nstatus: {"+
			status+"}")
	}
	const (
		sameSet = ", ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-7d9f, uid: r-cart, controller: true}]"
		other   = ", ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: db, uid: s, controller: true}]"
	)
	down := checktest.NodeNamed("node-2", "", "", "Unknown")
	for name, tc := range map[string]struct{ documents, message, remedy string }{
		"a Pod of the same Deployment": {running(sameSet, "node-2", "phase: Running"), ", by another Pod of Deployment cart.",
			`patch deployment cart --type=merge -p '{"spec":{"replicas":1,"strategy":{"type":"Recreate","rollingUpdate":null}}}'`},
		"another workload": {running(other, "node-2", "phase: Running") + checktest.WorkloadWith("StatefulSet", "db", "", claimVolume),
			", by StatefulSet db.", "Run both on one node"},
		"a Pod that is being deleted": {running(`, deletionTimestamp: "2026-01-15T11:59:00Z"`+sameSet, "node-2", "phase: Running"),
			", by a Pod that is being deleted.", "describe pod b"},
		"a node that is down": {running(`, deletionTimestamp: "2026-01-15T11:59:00Z"`+sameSet, "node-2", "phase: Running") + down,
			", which is not ready.", "`kubectl taint node node-2 node.kubernetes.io/out-of-service=nodeshutdown:NoExecute`"},
		"no Pod":               {"", ".", "kubectl get volumeattachments"},
		"a Pod of this node":   {running(sameSet, "node-1", "phase: Running"), ".", "kubectl get volumeattachments"},
		"a Pod that has ended": {running(sameSet, "node-2", "phase: Succeeded"), ".", "kubectl get volumeattachments"},
	} {
		t.Run(name, func(t *testing.T) {
			var found bool
			for _, f := range checktest.Findings(t, Checks(), documents+tc.documents) {
				if f.Check != "volume-mount-failed" {
					continue
				}
				found = true
				if f.Message != opened+tc.message {
					t.Errorf("message: %s", f.Message)
				}
				if !strings.Contains(string(f.Remediation), tc.remedy) {
					t.Errorf("remedy: %s", f.Remediation)
				}
			}
			if !found {
				t.Error("no finding")
			}
		})
	}
}

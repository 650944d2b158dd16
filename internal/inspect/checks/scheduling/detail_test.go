package scheduling

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestReasonsOfTheSchedulerAreJoinedWithFacts(t *testing.T) {
	const (
		one     = "containers: [{name: api, image: i}]"
		spread  = "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints (missing required label)."
		noMatch = "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
		stuck   = "0/2 nodes are available: 2 node(s) had volume node affinity conflict."
		noGPU   = "0/2 nodes are available: 2 Insufficient example.com/gpu."
	)
	zone := func(name, zone string) string {
		return checktest.NodeNamed(name, ", topology.kubernetes.io/zone: "+zone, "", "True")
	}
	plain := checktest.NodeNamed("node-1", "", "", "True") + checktest.NodeNamed("node-2", "", "", "True")
	cart := func(spec, message string) string { return checktest.CartWithPod(pending(spec, message)) }
	constraint := func(key, when string) string {
		return one + ", topologySpreadConstraints: [{maxSkew: 1, topologyKey: " + key + ", whenUnsatisfiable: " + when + "}]"
	}
	volume := func(terms string) string {
		return checktest.Document("v1", "PersistentVolume", "name: pv-1", "spec: {nodeAffinity: {required: {nodeSelectorTerms: ["+terms+
			"]}}}\nstatus: {phase: Bound}") + checktest.Document("v1", "PersistentVolumeClaim", "name: data, namespace: shop",
			"spec: {volumeName: pv-1}\nstatus: {phase: Bound}")
	}
	inZone := func(zone string) string {
		return "{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [" + zone + "]}]}"
	}
	claim := one + ", volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"
	gpuNode := func(name, amount string) string {
		return checktest.Document("v1", "Node", "name: "+name, "status: {allocatable: {example.com/gpu: "+amount+"}, conditions: "+
			"[{type: Ready, status: \"True\"}]}")
	}
	gpu := func(amount string) string {
		return "containers: [{name: api, image: i, resources: {limits: {example.com/gpu: " + amount + "}}}]"
	}
	head := "high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: "
	for name, tc := range map[string]struct{ check, documents, want string }{
		"a spread key that no node has": {"affinity", plain + cart(constraint("rack", "DoNotSchedule"), spread),
			"no node has the label rack that its topologySpreadConstraints require."},
		"a spread key that does not matter": {"affinity", plain + cart(constraint("rack", "ScheduleAnyway"), spread),
			"no node satisfies the topology spread constraints."},
		"a spread key that some nodes have": {"affinity", zone("a", "za") + plain + cart(constraint("topology.kubernetes.io/zone",
			"DoNotSchedule"), spread), "no node satisfies the topology spread constraints."},
		"a required affinity": {"affinity", plain + cart(one+", affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: "+
			"{nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd, nvme]}]}]}}}", noMatch),
			"no node has the labels that the node affinity requires: disk in (ssd, nvme)."},
		"a volume in a zone without nodes": {"volume", zone("a", "za") + zone("b", "za") + volume(inZone("zb")) + cart(claim, stuck),
			"the volume of claim data is only accessible from nodes with topology.kubernetes.io/zone=zb, and no node has that label."},
		"a volume on a node that is gone": {"volume", plain + volume("{matchExpressions: [{key: kubernetes.io/hostname, operator: In, "+
			"values: [node-9]}]}") + cart(claim, stuck),
			"the volume of claim data is only accessible from nodes with kubernetes.io/hostname=node-9, and no node has that label."},
		"a volume in a zone with nodes": {"volume", zone("a", "za") + volume(inZone("za")) + cart(claim, stuck),
			"the volume is only accessible from nodes that do not match, usually in another zone."},
		"a volume with alternatives": {"volume", zone("a", "za") + volume(inZone("zb")+", "+inZone("zc")) + cart(claim, stuck),
			"the volume is only accessible from nodes that do not match, usually in another zone."},
		"a device that no node has": {"resources", plain + cart(gpu("1"), noGPU), "no node offers example.com/gpu."},
		"more devices than a node has": {"resources", gpuNode("g", "2") + cart(gpu("4"), noGPU),
			"they request 4 example.com/gpu but the largest node has 2."},
		"devices in use": {"resources", gpuNode("g", "2") + checktest.Document("v1", "Pod", "name: busy, namespace: ml", "spec: "+
			"{nodeName: "+
			"g, "+gpu("2")+"}\nstatus: {phase: Running}") + cart(gpu("1"), noGPU), "all example.com/gpu that fit are in use."},
		"a taint that is not tolerated": {"taints", checktest.NodeNamed("a", "", "taints: [{key: team, value: ml, effect: NoSchedule}, "+
			"{key: spot, effect: NoSchedule}]", "True") + cart(one+", tolerations: [{key: spot, operator: Exists}]",
			"0/1 nodes are available: 1 node(s) had untolerated taint(s)."), "they do not tolerate the taint team=ml:NoSchedule of " +
			"the nodes."},
	} {
		t.Run(name, func(t *testing.T) {
			found := checktest.Findings(t, Checks(), tc.documents)
			if len(found) != 1 || found[0].Check != "pod-unschedulable-"+tc.check {
				t.Fatalf("got %+v", found)
			}
			if got := "high " + found[0].Object.String() + ": " + found[0].Message; got != head+tc.want {
				t.Errorf("got  %s\nwant %s", got, head+tc.want)
			}
		})
	}
}

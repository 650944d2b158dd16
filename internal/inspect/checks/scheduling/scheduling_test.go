package scheduling

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// The messages are those of schedulers from 1.20 to 1.37.
func TestMessagesOfTheSchedulerAreParsed(t *testing.T) {
	for name, tc := range map[string]struct {
		message   string
		want      []schedulingReason
		wantClass schedulingClass
	}{
		"resources beside a control plane": {
			"0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 Insufficient cpu. " +
				"preemption: 0/3 nodes are available: " +
				"1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod.",
			[]schedulingReason{{1, "node(s) had untolerated taint " +
				"{node-role.kubernetes.io/control-plane: }", classTaints}, {2, "Insufficient cpu", classResources}}, classResources},
		"one node that lacks two resources": {"0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. no new claims to " +
			"deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
			[]schedulingReason{{1, "Insufficient cpu", classResources}, {1, "Insufficient memory", classResources}}, classResources},
		"a device": {"0/4 nodes are available: 4 Insufficient " +
			"nvidia.com/gpu.", []schedulingReason{{4, "Insufficient nvidia.com/gpu", classResources}}, classResources},
		"local storage": {"0/1 nodes are available: 1 Insufficient " +
			"ephemeral-storage.", []schedulingReason{{1, "Insufficient ephemeral-storage", classResources}}, classResources},
		"full nodes": {"0/2 nodes are available: 2 Too " +
			"many pods.", []schedulingReason{{2, "Too many pods", classResources}}, classResources},
		"taints without names": {"0/2 nodes are available: 2 node(s) had untolerated " +
			"taint(s).", []schedulingReason{{2, "node(s) had untolerated taint(s)", classTaints}}, classTaints},
		"taints with a comma": {"0/2 nodes are available: 2 node(s) had taint {dedicated: gpu}, that the pod didn't " +
			"tolerate.", []schedulingReason{{2, "node(s) had taint {dedicated: gpu}, that the pod didn't " +
			"tolerate", classTaints}}, classTaints},
		"cordoned": {"0/1 nodes are available: 1 node(s) were " +
			"unschedulable.", []schedulingReason{{1, "node(s) were unschedulable", classTaints}}, classTaints},
		"a selector": {"0/3 nodes are available: 3 node(s) didn't match Pod's node " +
			"affinity/selector.", []schedulingReason{{3, "node(s) didn't match Pod's node " +
			"affinity/selector", classAffinity}}, classAffinity},
		"pod affinity": {"0/3 nodes are available: 3 node(s) didn't match pod " +
			"affinity rules.", []schedulingReason{{3, "node(s) didn't match pod affinity rules", classAffinity}}, classAffinity},
		"pod anti-affinity": {"0/3 nodes are available: 3 node(s) didn't match pod " +
			"anti-affinity rules.", []schedulingReason{{3, "node(s) didn't match pod anti-affinity rules", classAffinity}}, classAffinity},
		"spreading": {"0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints (missing required " +
			"label).", []schedulingReason{{3, "node(s) didn't match pod topology spread constraints (missing " +
			"required label)", classAffinity}}, classAffinity},
		"ports": {"0/1 nodes are available: 1 node(s) didn't have free ports for the requested " +
			"pod ports.", []schedulingReason{{1, "node(s) didn't have free ports for the requested pod ports", classPorts}}, classPorts},
		"a missing claim": {`0/3 nodes are available: persistentvolumeclaim "data" ` +
			`not found.`, []schedulingReason{{0, `persistentvolumeclaim "data" not found`, classVolume}}, classVolume},
		"an older missing claim": {`persistentvolumeclaim "data" not found`, []schedulingReason{{0, `persistentvolumeclaim "data" ` +
			`not found`, classVolume}}, classVolume},
		"an unbound claim": {"0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found. preemption: 0/3 " +
			"nodes are available: 3 Preemption is not helpful for scheduling.",
			[]schedulingReason{{0, "pod has unbound immediate PersistentVolumeClaims", classVolume}}, classVolume},
		"an unbound claim, counted": {"0/3 nodes are available: 3 pod has unbound immediate " +
			"PersistentVolumeClaims.", []schedulingReason{{3, "pod has unbound immediate " +
			"PersistentVolumeClaims", classVolume}}, classVolume},
		"a volume in another zone, beside full nodes": {"0/3 nodes are available: 1 node(s) had volume node affinity conflict, 2 " +
			"Insufficient memory.",
			[]schedulingReason{{1, "node(s) had volume node affinity " +
				"conflict", classVolume}, {2, "Insufficient memory", classResources}}, classVolume},
		"the same, newer": {"0/1 nodes are available: 1 node(s) didn't match PersistentVolume's node " +
			"affinity.", []schedulingReason{{1, "node(s) didn't match PersistentVolume's node affinity", classVolume}}, classVolume},
		"no volume to bind": {"0/1 nodes are available: 1 node(s) didn't find available persistent volumes " +
			"to bind.", []schedulingReason{{1, "node(s) didn't find available persistent volumes to bind", classVolume}}, classVolume},
		"too many volumes": {"0/1 nodes are available: 1 node(s) exceed max " +
			"volume count.", []schedulingReason{{1, "node(s) exceed max volume count", classVolume}}, classVolume},
		"no nodes": {"no nodes available to schedule pods", []schedulingReason{{0, "no nodes available to schedule pods", classOther}},
			classOther},
		"a custom plugin": {"0/2 nodes are available: 2 node(s) are " +
			"on fire.", []schedulingReason{{2, "node(s) are on fire", classOther}}, classOther},
		"a requested node": {"0/2 nodes are available: 2 node(s) didn't match the requested " +
			"node name.", []schedulingReason{{2, "node(s) didn't match the requested node name", classAffinity}}, classAffinity},
		"ties go to what is asked": {"0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint " +
			"{a: b}.", []schedulingReason{{1, "Insufficient memory", classResources}, {1, "node(s) had untolerated taint {a: b}",
			classTaints}}, classResources},
		"nothing": {"", nil, classOther},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseScheduling(tc.message)
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(schedulingReason{})); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			if class := dominant(got, 0); class != tc.wantClass {
				t.Errorf("class %s, want %s", class.check(), tc.wantClass.check())
			}
		})
	}
}

func TestControlPlaneNodesDoNotDecideTheClass(t *testing.T) {
	reasons := parseScheduling("0/4 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint(s).")
	if class := dominant(reasons, 3); class != classResources {
		t.Errorf("with a control plane of three nodes: %s, want resources", class.check())
	}
	if class := dominant(reasons, 0); class != classTaints {
		t.Errorf("without one: %s, want taints", class.check())
	}
	if class := dominant(parseScheduling("0/3 nodes are available: 3 node(s) had untolerated taint(s)."), 3); class != classTaints {
		t.Errorf("with nothing else: %s, want taints", class.check())
	}
}

// FuzzParseScheduling: whatever a scheduler says, every reason has a text, and some check reports it.
func FuzzParseScheduling(f *testing.F) {
	f.Add("0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {a: b}. preemption: none")
	f.Add("0/0 nodes are available: . , 1 , 99999999999999999999 x")
	f.Fuzz(func(t *testing.T, message string) {
		reasons := parseScheduling(message)
		for _, r := range reasons {
			if r.text == "" || r.count < 0 {
				t.Errorf("reason %+v of %q", r, message)
			}
		}
		if id := dominant(reasons, 1).check(); !strings.HasPrefix(id, "pod-unschedulable-") {
			t.Errorf("check %q", id)
		}
	})
}

// pending is the spec and status of a Pod that the scheduler finds no node for since eleven o'clock.
func pending(spec, message string) string {
	return "spec: {" + spec + "}\n" + fmt.Sprintf("status: {phase: Pending, conditions: [{type: PodScheduled, status: \"False\", "+
		"reason: Unschedulable, "+
		"lastTransitionTime: \"2026-01-15T11:00:00Z\", message: %q}]}", message)
}

func TestAPodThatCannotBeScheduledIsReported(t *testing.T) {
	const one = "containers: [{name: api, image: i}]"
	asks := func(cpu, memory string) string {
		return fmt.Sprintf("containers: [{name: api, image: i, resources: {requests: {cpu: %q, memory: %s}}}]", cpu, memory)
	}
	noCPU := "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No preemption victims found for " +
		"incoming pod."
	nodes := checktest.NodeNamed("node-1", ", disktype: hdd", "", "True") + checktest.NodeNamed("node-2", "", "", "True")
	busy := checktest.Document("v1", "Pod", "name: busy, namespace: shop",
		"spec: {nodeName: node-1, "+asks("1500m", "1Gi")+"}\nstatus: {phase: Running}")
	selector := "nodeSelector: {disktype: ssd}, " + one
	noMatch := "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
	tainted := "0/2 nodes are available: 2 node(s) had untolerated taint(s)."
	dedicated := checktest.NodeNamed("node-1", "", "taints: [{key: dedicated, value: gpu, effect: NoSchedule}, {key: soft, effect: "+
		"PreferNoSchedule}]", "True")
	cordoned := checktest.NodeNamed("node-2", "", "unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: "+
		"NoSchedule}]", "True")
	port := "containers: [{name: api, image: i, ports: [{containerPort: 80, hostPort: 8080}]}]"
	claim := one + ", volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"
	unbound := checktest.Document("v1", "PersistentVolumeClaim", "name: data, namespace: shop", "status: {phase: Pending}")
	for name, tc := range map[string]struct {
		check, documents string
		want             string
	}{
		"more than any node has": {"resources", nodes + checktest.CartWithPod(pending(asks("40", "1Gi"), noCPU)), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: they request 40 CPU but the largest node has 2.",
			"  condition: scheduler: "+noCPU,
			"  spec: each Pod requests 40 CPU and 1Gi of memory",
			"  condition: node with the most free capacity: node-1, with 2 of 2 CPU and 4Gi of 4Gi of memory unrequested",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"more than is left": {"resources", checktest.NodeNamed("node-1", "", "", "True") + busy + checktest.CartWithPod(pending(asks("1",
			"1Gi"), "0/1 nodes are available: 1 Insufficient cpu.")), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: no matching node has enough free capacity (cpu).",
			"  condition: scheduler: 0/1 nodes are available: 1 Insufficient cpu.",
			"  spec: each Pod requests 1 CPU and 1Gi of memory",
			"  condition: node with the most free capacity: node-1, with 500m of 2 CPU and 3Gi of 4Gi of memory unrequested",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a label that no node has": {"affinity", nodes + checktest.CartWithPod(pending(selector, noMatch)), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: no node has the label disktype=ssd required by "+
				"nodeSelector.",
			"  condition: scheduler: "+noMatch,
			"  spec: nodeSelector: disktype=ssd",
			"  spec: the nodes have disktype=hdd",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"anti-affinity": {"affinity", nodes + checktest.CartWithPod(pending(one, "0/2 nodes are available: 2 node(s) didn't match pod "+
			"anti-affinity rules.")), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: pod anti-affinity excludes the remaining nodes.",
			"  condition: scheduler: 0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"taints that the scheduler does not name": {"taints", dedicated + checktest.NodeNamed("node-2", "", "", "True") +
			checktest.CartWithPod(pending(one, tainted)), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: they do not tolerate the taint "+
				"dedicated=gpu:NoSchedule of the nodes.",
			"  condition: scheduler: "+tainted,
			"  spec: node node-1: dedicated=gpu:NoSchedule",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"cordoned nodes": {"taints", cordoned + checktest.CartWithPod(pending(one, "0/1 nodes are available: 1 node(s) were "+
			"unschedulable.")), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: all matching nodes are cordoned.",
			"  condition: scheduler: 0/1 nodes are available: 1 node(s) were unschedulable.",
			"  spec: node node-2: node.kubernetes.io/unschedulable:NoSchedule",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a host port": {"ports", nodes + checktest.Document("v1", "Pod", "name: proxy, namespace: net",
			"spec: {nodeName: node-1, "+port+"}\nstatus: {phase: Running}") +
			checktest.CartWithPod(pending(port, "0/2 nodes are available: 2 node(s) didn't have free ports for the requested "+
				"pod ports.")), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: host port 8080/TCP is in use on every matching node.",
			"  condition: scheduler: 0/2 nodes are available: 2 node(s) didn't have free ports for the requested pod ports.",
			"  spec: host port 8080/TCP of node node-1: Pod net/proxy",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a claim that does not exist": {"volume", nodes + checktest.CartWithPod(pending(claim, `0/2 nodes are available: `+
			`persistentvolumeclaim "data" not found.`)), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: PersistentVolumeClaim data does not exist.",
			`  condition: scheduler: 0/2 nodes are available: persistentvolumeclaim "data" not found.`,
			"  condition: PersistentVolumeClaim data does not exist",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"a claim that is not bound": {"volume", nodes + unbound + checktest.CartWithPod(pending(claim, "0/2 nodes are available: pod "+
			"has unbound immediate PersistentVolumeClaims.")), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: a PersistentVolumeClaim is not bound to a volume.",
			"  condition: scheduler: 0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
			"  condition: PersistentVolumeClaim data is Pending",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"no nodes at all": {"other", checktest.CartWithPod(pending(one, "no nodes available to schedule pods")), checktest.Lines(
			"high Deployment/shop/cart: Pods of Deployment cart cannot be scheduled: the cluster has no usable nodes.",
			"  condition: scheduler: no nodes available to schedule pods",
			"  condition: 1 of 1 Pod: cart-7d9f-a")},
		"no scheduler": {"other", nodes + checktest.Document("v1", "Pod", "name: alone, namespace: shop, creationTimestamp: "+
			"\"2026-01-15T11:00:00Z\"",
			"spec: {schedulerName: nobody, "+one+"}\nstatus: {phase: Pending}"), checktest.Lines(
			"high Pod/shop/alone: Pod alone cannot be scheduled: no scheduler has processed it.",
			"  condition: the Pod has no node and no PodScheduled condition")},
		"a Pod that was made just now": {"other", nodes + checktest.Document("v1", "Pod", "name: alone, namespace: shop, "+
			"creationTimestamp: \"2026-01-15T11:58:00Z\"",
			"spec: {"+one+"}\nstatus: {phase: Pending}"), ""},
		"for half a minute": {"resources", nodes + strings.ReplaceAll(checktest.CartWithPod(pending(asks("40", "1Gi"), noCPU)),
			"2026-01-15T11:00:00Z", "2026-01-15T11:59:30Z"), ""},
		"held back on purpose": {"other", nodes + strings.ReplaceAll(checktest.CartWithPod(pending(one, "Scheduling is blocked due "+
			"to non-empty scheduling gates")), "Unschedulable", "SchedulingGated"), ""},
		"another class's matter": {"taints", nodes + checktest.CartWithPod(pending(asks("40", "1Gi"), noCPU)), ""},
		"a Pod that has a node":  {"resources", nodes + busy, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pod-unschedulable-"+tc.check, tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatASchedulingFindingPointsAt(t *testing.T) {
	const one = "containers: [{name: api, image: i}]"
	claims := one + ", volumes: [{name: data, persistentVolumeClaim: {claimName: data}}, {name: logs, persistentVolumeClaim: " +
		"{claimName: logs}}]"
	pvc := func(name, phase string) string {
		return checktest.Document("v1", "PersistentVolumeClaim", "namespace: shop, name: "+name, "status: {phase: "+phase+"}")
	}
	for name, tc := range map[string]struct {
		documents string
		want      []facts.Ref
	}{
		"the claim that is not bound": {pvc("data", "Bound") + pvc("logs", "Pending") + checktest.CartWithPod(pending(claims,
			"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")),
			[]facts.Ref{{Kind: facts.PVC, Namespace: "shop", Name: "logs"}}},
		"all claims, when all are bound": {pvc("data", "Bound") + pvc("logs", "Bound") + checktest.CartWithPod(pending(claims,
			"0/1 nodes are available: 1 node(s) had volume node affinity conflict.")),
			[]facts.Ref{{Kind: facts.PVC, Namespace: "shop", Name: "data"}, {Kind: facts.PVC, Namespace: "shop", Name: "logs"}}},
		"nodes that are in trouble, and not those set apart": {checktest.NodeNamed("node-1", "", "taints: [{key: dedicated, effect: "+
			"NoSchedule}]", "True") +
			checktest.NodeNamed("node-2", "", "taints: [{key: node.kubernetes.io/unreachable, effect: NoExecute}]", "Unknown") +
			checktest.CartWithPod(pending(one, "0/2 nodes are available: 2 node(s) had untolerated "+
				"taint(s).")), []facts.Ref{{Kind: facts.Node, Name: "node-2"}}},
		"nothing, when the Pods ask for too much": {checktest.NodeNamed("node-1", "", "unschedulable: true", "True") +
			checktest.CartWithPod(pending(one, "0/1 nodes are available: 1 Insufficient cpu.")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			findings := checktest.Findings(t, Checks(), tc.documents)
			if len(findings) != 1 {
				t.Fatalf("got %d findings, want 1", len(findings))
			}
			if diff := cmp.Diff(tc.want, findings[0].Culprits); diff != "" {
				t.Errorf("because (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhyAPodGetsNoNodeIsToldApart(t *testing.T) {
	const one = "containers: [{name: api, image: i}]"
	for name, tc := range map[string]struct{ spec, reason, want string }{
		"no volume to bind": {one, "1 node(s) didn't find available persistent volumes to bind", "no matching PersistentVolume is " +
			"available on a matching node"},
		"another zone": {one, "1 node(s) had volume node affinity conflict", "the volume is only accessible from nodes that " +
			"do not match, usually in another zone"},
		"too many volumes": {one, "1 node(s) exceed max volume count", "the nodes have reached their volume attachment limit"},
		"used by another Pod": {one, "1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already " +
			"in-use by another pod", "the volume is in use by another Pod and supports only one"},
		"no storage left": {one, "1 node(s) did not have enough free storage", "no node has enough free storage for the volume"},
		"a volume that is gone": {one, "1 node(s) unavailable due to one or more pvc(s) bound to " +
			"non-existent pv(s)", "a PersistentVolumeClaim is bound to a volume that no longer exists"},
		"a claim that goes away": {one, `persistentvolumeclaim "data" is being deleted`, "a PersistentVolumeClaim is being deleted"},
		"storage otherwise":      {one, "1 node(s) had a bad volume day", "the storage is not available"},
		"a named node": {one, "1 node(s) didn't match the requested node name", "the node in spec.nodeName or in the " +
			"DaemonSet's node affinity does not exist or does not match"},
		"pod affinity": {one, "1 node(s) didn't match pod affinity rules", "no node runs Pods that match the pod affinity"},
		"spread": {one, "1 node(s) didn't match pod topology spread constraints", "no node satisfies the topology " +
			"spread constraints"},
		"node affinity": {one, "1 node(s) didn't match Pod's node affinity/selector", "no node matches the node affinity"},
		"a selector that one node fits": {"nodeSelector: {kubernetes.io/hostname: node-1}, " + one, "1 node(s) didn't match Pod's node " +
			"affinity/selector",
			"no schedulable node matches nodeSelector kubernetes.io/hostname=node-1 and node affinity"},
		"full nodes": {one, "1 Too many pods", "no matching node has enough free capacity (Pod slots)"},
		"much memory": {"containers: [{name: api, image: i, resources: {requests: {memory: " +
			"64Gi}}}]", "1 Insufficient memory", "they request 64Gi of memory but the largest node has 4Gi"},
		"a port, not named": {one, "1 node(s) didn't have free ports for the requested pod ports", "a host port is in use on every " +
			"matching node"},
		"a plugin's reason":  {one, "1 node(s) are on fire", "unrecognized scheduler reason, see the evidence"},
		"a silent scheduler": {one, "", "the scheduler gives no reason"},
	} {
		t.Run(name, func(t *testing.T) {
			findings := checktest.Findings(
				t,
				Checks(),
				checktest.NodeNamed("node-1", "", "", "True")+checktest.CartWithPod(pending(tc.spec, "0/1 nodes are available: "+
					""+tc.reason+".")),
			)
			if len(findings) != 1 {
				t.Fatalf("got %d findings, want 1", len(findings))
			}
			if want := "Pods of Deployment cart cannot be scheduled: " + tc.want + "."; findings[0].Message != want {
				t.Errorf("got  %s\nwant %s", findings[0].Message, want)
			}
		})
	}
}

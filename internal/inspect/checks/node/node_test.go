package node

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/testkit"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// node1 is a node; metadata, spec and status are more of each.
func node1(metadata, spec, status string) string {
	return checktest.Document("v1", "Node", `name: node-1, creationTimestamp: "2026-01-01T00:00:00Z"`+metadata,
		"spec: {"+spec+"}\nstatus: {"+status+"}")
}

func nodeCondition(conditionType, status, reason, since, message string) string {
	return `conditions: [{type: ` + conditionType + `, status: "` + status + `", reason: ` + reason + `, lastTransitionTime: "` + since + `", message: '` + message + `'}]`
}

const podOnNode1 = `
apiVersion: v1
kind: Pod
metadata: {name: web-a, namespace: shop}
spec: {nodeName: node-1, containers: []}
status: {phase: Running}
---
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: shop}
spec: {nodeName: node-1, containers: []}
status: {phase: Succeeded}
---
`

func TestANodeThatIsNotReadyIsReported(t *testing.T) {
	const stopped = "Kubelet stopped posting node status."
	cases := map[string]struct {
		status  string
		reason  string
		message string
		want    string
	}{
		"the kubelet stopped reporting": {"Unknown", "NodeStatusUnknown", stopped, "its kubelet stopped reporting"},
		"the kubelet has never reported": {
			"Unknown",
			"NodeStatusNeverUpdated",
			"Kubelet never posted node status.",
			"its kubelet has never reported its status",
		},
		"no network add-on": {
			"False",
			"KubeletNotReady",
			"container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns " +
				"error: cni plugin not initialized",
			"its Pod network is not configured",
		},
		"the runtime is down": {
			"False",
			"KubeletNotReady",
			"container runtime is down",
			"its container runtime is down",
		},
		"the runtime hangs": {
			"False",
			"KubeletNotReady",
			"PLEG is not healthy: pleg was last seen active 4m12s ago; threshold is 3m0s",
			"its container runtime is too slow to keep up (PLEG is not healthy)",
		},
		"the machine goes down in good order": {"False", "KubeletNotReady", "node is shutting down", "it is shutting down"},
		"storage drivers that do not come": {
			"False",
			"KubeletNotReady",
			"CSINode is not yet initialized",
			"its storage drivers are not registered",
		},
		"a machine that cannot be measured": {
			"False",
			"KubeletNotReady",
			"missing node capacity for resources: ephemeral-storage",
			"its kubelet cannot determine the machine's capacity",
		},
		"a reason that nobody has thought of": {"False", "KubeletNotReady", "the moon is full", "its kubelet reports KubeletNotReady"},
		"several reasons, the first that tells": {
			"False",
			"KubeletNotReady",
			"[container runtime is down, PLEG is not healthy: pleg was last seen active 10m ago]",
			"its container runtime is down",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			want := checktest.Lines(
				"critical Node/node-1: Node node-1 is not ready: "+c.want+".",
				"  condition: Ready="+c.status+" ("+c.reason+"): "+c.message,
				"  condition: since 2026-01-15T11:30:00Z",
				"  condition: Pods on the node: 1")
			got := checktest.Text(t, Checks(), "node-not-ready",
				node1("", "", nodeCondition("Ready", c.status, c.reason, checktest.LongAgo, c.message))+podOnNode1)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestNodeReady(t *testing.T) {
	cases := map[string]string{
		"ready": node1("", "", nodeCondition("Ready", "True", "KubeletReady", checktest.LongAgo, "kubelet is posting ready status")),
		"not ready just now": node1("", "",
			nodeCondition("Ready", "False", "KubeletNotReady", checktest.JustNow, "container runtime is down")),
		"new": checktest.Document("v1", "Node", `name: node-1, creationTimestamp: "2026-01-15T11:59:50Z"`, ""),
		"on its way out": node1(`, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [karpenter.sh/termination]`, "",
			nodeCondition("Ready", "Unknown", "NodeStatusUnknown", checktest.LongAgo, "Kubelet stopped posting node status.")),
	}
	for name, documents := range cases {
		t.Run(name, func(t *testing.T) {
			if got := checktest.Text(t, Checks(), "node-not-ready", documents); got != "" {
				t.Errorf("found:\n%s", got)
			}
		})
	}
}

func TestNodeThatNeverReported(t *testing.T) {
	want := checktest.Lines("critical Node/node-1: Node node-1 is not ready: its kubelet has never reported its status.")
	if diff := cmp.Diff(want, checktest.Text(t, Checks(), "node-not-ready", node1("", "", ""))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestANodeUnderPressureIsReported(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"memory and disk": {
			documents: node1("", "", `conditions: [
  {type: MemoryPressure, status: "True", reason: KubeletHasInsufficientMemory, message: kubelet has insufficient memory available},
  {type: DiskPressure, status: "True", reason: KubeletHasDiskPressure, message: kubelet has disk pressure}]`) + podOnNode1,
			want: checktest.Lines(
				"high Node/node-1 [DiskPressure]: Node node-1 is low on disk space: its kubelet deletes images and evicts Pods.",
				"  condition: DiskPressure=True (KubeletHasDiskPressure): kubelet has disk pressure",
				"  condition: Pods on the node: 1",
				"high Node/node-1 [MemoryPressure]: Node node-1 is low on memory: its kubelet evicts Pods.",
				"  condition: MemoryPressure=True (KubeletHasInsufficientMemory): kubelet has insufficient memory available",
				"  condition: Pods on the node: 1"),
		},
		"process ids": {
			documents: node1(
				"",
				"",
				nodeCondition("PIDPressure", "True", "KubeletHasInsufficientPID", checktest.LongAgo,
					"kubelet has insufficient PID available"),
			),
			want: checktest.Lines(
				"high Node/node-1 [PIDPressure]: Node node-1 is low on process IDs: its kubelet evicts Pods.",
				"  condition: PIDPressure=True (KubeletHasInsufficientPID): kubelet has insufficient PID available"),
		},
		"none": {
			documents: node1("", "", nodeCondition("MemoryPressure", "False", "KubeletHasSufficientMemory", checktest.LongAgo, "ok")),
		},
		"not known, with the node": {
			documents: node1(
				"",
				"",
				nodeCondition("MemoryPressure", "Unknown", "NodeStatusUnknown", checktest.LongAgo,
					"Kubelet stopped posting node status."),
			),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "node-pressure", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestANodeWithoutNetworkIsReported(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"no routes": {
			documents: node1("", "",
				nodeCondition("NetworkUnavailable", "True", "NoRouteCreated", checktest.LongAgo, "Node created without a route")),
			want: checktest.Lines(
				"high Node/node-1: Node node-1 has no Pod network: its Pods are unreachable.",
				"  condition: NetworkUnavailable=True (NoRouteCreated): Node created without a route"),
		},
		"a new node": {
			documents: node1("", "",
				nodeCondition("NetworkUnavailable", "True", "NoRouteCreated", checktest.JustNow, "Node created without a route")),
		},
		"set up": {
			documents: node1("", "",
				nodeCondition("NetworkUnavailable", "False", "CalicoIsUp", checktest.LongAgo, "Calico is running on this node")),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "node-network-unavailable", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestACordonedNodeIsReported(t *testing.T) {
	const cordoned = `unschedulable: true, taints: [{key: node.kubernetes.io/unschedulable, effect: NoSchedule, timeAdded: "2026-01-12T08:00:00Z"}`
	cases := map[string]struct {
		documents string
		want      string
	}{
		"for days": {
			documents: node1("", cordoned+"]", "") + podOnNode1,
			want: checktest.Lines(
				"low Node/node-1: Node node-1 is cordoned: no new Pods are scheduled on it.",
				"  spec: unschedulable: true, since 2026-01-12T08:00:00Z",
				"  condition: Pods on the node: 1"),
		},
		"it is not told since when": {
			documents: node1("", "unschedulable: true", ""),
			want: checktest.Lines(
				"low Node/node-1: Node node-1 is cordoned: no new Pods are scheduled on it.",
				"  spec: unschedulable: true"),
		},
		"a control plane node": {
			documents: node1(`, labels: {node-role.kubernetes.io/control-plane: ""}`, cordoned+"]", ""),
		},
		"an autoscaler is about to remove it": {
			documents: node1("", cordoned+", {key: ToBeDeletedByClusterAutoscaler, value: '1768478400', effect: NoSchedule}]", ""),
		},
		"a taint of its own is no cordon": {documents: node1("", "taints: [{key: gpu, value: 'true', effect: NoSchedule}]", "")},
		"open":                            {documents: node1("", "", "")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "node-cordoned", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestANodeOfADistantVersionIsReported(t *testing.T) {
	cases := map[string]struct {
		server, kubelet string
		want            []string
	}{
		"newer": {
			server: "v1.37.2", kubelet: "v1.38.0",
			want: []string{"high: Node node-1 runs kubelet 1.38, newer than API server 1.37: this is not supported."},
		},
		"too old": {
			server: "v1.37.2", kubelet: "v1.33.5-eks-113cf36",
			want: []string{
				": Node node-1 runs kubelet 1.33, too old for API server 1.37: a skew of at most 3 minor versions is supported.",
			},
		},
		"too old, of before 1.25": {
			server: "v1.27.3", kubelet: "v1.24.1",
			want: []string{
				": Node node-1 runs kubelet 1.24, too old for API server 1.27: a skew of at most 2 minor versions is supported.",
			},
		},
		"three behind":                {server: "v1.37.2", kubelet: "v1.34.0+k3s1"},
		"two behind, of before 1.25":  {server: "v1.26.3", kubelet: "v1.24.1"},
		"the same":                    {server: "v1.37.2", kubelet: "v1.37.2"},
		"a newer patch":               {server: "v1.37.2", kubelet: "v1.37.9"},
		"a node without a version":    {server: "v1.37.2", kubelet: ""},
		"no version that can be read": {server: "v1.37.2", kubelet: "mainline"},
		"a server that did not tell":  {server: "", kubelet: "v1.20.0"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := testkit.Graph(t, node1("", "", "nodeInfo: {kubeletVersion: '"+c.kubelet+"'}"))
			g.Version = c.server
			var got []string
			for _, f := range nodeVersionSkew(g, check.DefaultParams()) {
				got = append(got, string(f.Severity)+": "+f.Message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

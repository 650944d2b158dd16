package pod

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAPodStuckInTerminationIsReported(t *testing.T) {
	// deleting is a Pod that should have been removed by a time of day.
	deleting := func(at, finalizers, state string) string {
		pod := checktest.PodOf("cart", "a", runningPod("ready: false, restartCount: 0, state: {"+state+"}"))
		return checktest.DeploymentOf("cart") + strings.Replace(pod, "name: cart-7d9f-a, ", "name: cart-7d9f-a, "+
			"deletionGracePeriodSeconds: 30, deletionTimestamp: \"2026-01-15T"+at+":00Z\", finalizers: ["+finalizers+"], ", 1)
	}
	const running, gone = "running: {}", "terminated: {exitCode: 0}"
	const since, pods = "  spec: Pod cart-7d9f-a should have been removed by 2026-01-15T11:30:00Z", "  condition: 1 of 1 Pod: cart-7d9f-a"
	for name, tc := range map[string]struct {
		documents string
		elsewhere []facts.Kind
		want      string
	}{
		"by a finalizer": {checktest.NodeNamed("node-1", "", "", "True") + deleting("11:30", "shop.example.com/cleanup", gone), nil,
			checktest.Lines(
				"medium Deployment/shop/cart [shop.example.com/cleanup]: A Pod of Deployment cart is stuck terminating: finalizer "+
					"shop.example.com/cleanup is not removed.",
				since, "  spec: finalizers: shop.example.com/cleanup", pods)},
		"by two finalizers": {checktest.NodeNamed("node-1", "", "", "True") + deleting("11:30", "shop.example.com/b, "+
			"shop.example.com/a", gone), nil, checktest.Lines(
			"medium Deployment/shop/cart [shop.example.com/a, shop.example.com/b]: A Pod of Deployment cart is stuck terminating: "+
				"finalizers shop.example.com/a, shop.example.com/b are not removed.",
			since, "  spec: finalizers: shop.example.com/a, shop.example.com/b", pods)},
		"by its node": {checktest.NodeNamed("node-1", "", "", "Unknown") + deleting("11:30", "", running), nil, checktest.Lines(
			"medium Deployment/shop/cart [node]: A Pod of Deployment cart is stuck terminating: its node node-1 is not ready.",
			since, "  condition: node node-1 is not ready", pods)},
		"by its node, which is gone": {deleting("11:30", "", running), nil, checktest.Lines(
			"medium Deployment/shop/cart [node]: A Pod of Deployment cart is stuck terminating: its node node-1 no longer exists.",
			since, "  condition: node node-1 no longer exists", pods)},
		"by its kubelet": {deleting("11:30", "", running) + eventAbout("cart-7d9f-a", "", "FailedKillPod", "error killing pod: context "+
			"deadline exceeded", "11:58", 9), []facts.Kind{facts.Node}, checktest.Lines(
			"medium Deployment/shop/cart [kubelet]: A Pod of Deployment cart is stuck terminating: the kubelet has not reported that "+
				"its containers stopped.",
			since, "  spec: node node-1", "  event: FailedKillPod: error killing pod: context deadline exceeded", pods)},
		"for two minutes": {deleting("11:58", "shop.example.com/cleanup", gone), nil, ""},
		"not deleted":     {checktest.CartWithPod(runningPod("ready: true, restartCount: 0, state: {running: {}}")), nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pod-stuck-terminating", tc.documents, tc.elsewhere...)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnEvictedPodIsReported(t *testing.T) {
	evictedAt := func(at, message string) string {
		return fmt.Sprintf("spec: {nodeName: node-1, containers: [{name: api, image: i}]}\nstatus: {phase: Failed, reason: Evicted, "+
			"message: %q, "+
			"conditions: [{type: DisruptionTarget, status: \"True\", reason: TerminationByKubelet, lastTransitionTime: "+
			"\"2026-01-15T%s:00Z\"}]}", message, at)
	}
	const memory = "The node was low on resource: memory. Threshold quantity: 100Mi, available: 40Mi. Container api was using 300Mi, " +
		"request is 0, has larger consumption of memory. "
	const serving = "spec: {nodeName: node-1, containers: [{name: api, image: i}]}\nstatus: {phase: Running, conditions: [{type: Ready, " +
		"status: \"True\", lastTransitionTime: \"2026-01-15T11:00:00Z\"}]}"
	for name, tc := range map[string]struct {
		documents string
		want      string
	}{
		"two Pods of one workload, for want of memory": {checktest.DeploymentOf("cart") + checktest.PodOf("cart", "a", evictedAt("11:30",
			memory)) + checktest.PodOf("cart", "b", evictedAt("11:31", memory)), checktest.Lines(
			"medium Deployment/shop/cart [memory]: Pods of Deployment cart were evicted: their node ran low on memory.",
			"  condition: Pod cart-7d9f-a: "+memory, "  spec: node node-1", "  condition: 2 of 2 Pods: cart-7d9f-a, cart-7d9f-b")},
		"one of three, and the others serve": {checktest.DeploymentOf("cart") + checktest.PodOf("cart", "a", evictedAt("11:30", memory)) +
			checktest.PodOf("cart", "b", serving) + checktest.PodOf("cart", "c", serving), checktest.Lines(
			"medium Deployment/shop/cart [memory]: Pods of Deployment cart were evicted: their node ran low on memory.",
			"  condition: Pod cart-7d9f-a: "+memory, "  spec: node node-1",
			"  condition: 1 of 3 Pods: cart-7d9f-a; 2 others are ready")},
		"a full emptyDir": {checktest.CartWithPod(evictedAt("11:30", `Usage of EmptyDir volume "cache" exceeds the limit `+
			`"1Gi". `)), checktest.Lines(
			"medium Deployment/shop/cart [emptydir/cache]: Pods of Deployment cart were evicted: emptyDir volume cache exceeded its "+
				"sizeLimit.",
			`  condition: Pod cart-7d9f-a: Usage of EmptyDir volume "cache" exceeds the limit `+
				`"1Gi". `, "  spec: node node-1", "  condition: 1 of 1 Pod: cart-7d9f-a")},
		"two hours ago": {documents: checktest.CartWithPod(evictedAt("09:30", memory))},
		"two hours ago, told by its container alone": {documents: checktest.CartWithPod("spec: {nodeName: node-1, containers: [{name: " +
			"api, image: i}]}\nstatus: {phase: Failed, reason: Evicted, " +
			"containerStatuses: [{name: api, ready: false, restartCount: 0, state: {terminated: {exitCode: 137, finishedAt: " +
			"\"2026-01-15T10:00:00Z\"}}}]}")},
		"failed otherwise": {documents: strings.Replace(checktest.CartWithPod(evictedAt("11:30", memory)), "reason: Evicted",
			"reason: NodeAffinity", 1)},
		"running all along": {documents: checktest.CartWithPod(runningPod("ready: true, restartCount: 0, state: {running: {}}"))},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, checktest.Text(t, Checks(), "pod-evicted", tc.documents)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvictionsAreToldApart(t *testing.T) {
	for name, tc := range map[string]struct {
		message, wantResource string
		wantOfNode            bool
	}{
		"disk": {"The node was low on resource: ephemeral-storage. Threshold quantity: 1Gi, " +
			"available: 2Mi. ", "ephemeral-storage", true},
		"inodes":        {"The node was low on resource: inodes. ", "inodes", true},
		"process ids":   {"The node was low on resource: pids. ", "pids", true},
		"a container's": {`Container api exceeded its local ephemeral storage limit "1Gi". `, "ephemeral-storage-limit", false},
		"a Pod's": {"Pod ephemeral local storage usage exceeds the total limit of " +
			"containers 1Gi. ", "ephemeral-storage-limit", false},
		"node's condition": {"The node had condition: [MemoryPressure]. ", "condition", true},
		"unknown":          {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			got := parseEviction(tc.message)
			if got.resource != tc.wantResource || got.ofNode != tc.wantOfNode {
				t.Errorf("got %q, of the node %t; want %q, %t", got.resource, got.ofNode, tc.wantResource, tc.wantOfNode)
			}
		})
	}
}

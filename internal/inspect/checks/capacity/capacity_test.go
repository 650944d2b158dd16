package capacity

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestANodeNearItsCapacityIsReported(t *testing.T) {
	var silent, many strings.Builder
	for i := range 6 {
		silent.WriteString(checktest.PodOn("a", fmt.Sprintf("p%d", i), "n1", ""))
	}
	for i := range 10 {
		many.WriteString(checktest.PodOn("a", fmt.Sprintf("p%d", i), "n1", checktest.RequestsOf("10m", "1Mi")))
	}
	four := checktest.NodeSized("n1", "", "") + checktest.NodeSized("n2", "", "") + checktest.NodeSized("n3", "", "") +
		checktest.NodeSized("n4", "", "")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"memory is nearly all requested": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") +
			checktest.PodOn("a", "p", "n1", checktest.RequestsOf("1", "7800Mi")), Want: []string{
			"info Node/n1: More than 90 % of the memory of node n1 is requested.",
			"  condition: requested: 1 of 4 CPU, 7.6Gi of 8Gi of memory", "  condition: Pods: 1 of 10"}},
		"no room for Pods": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + many.String(), Want: []string{
			"low Node/n1: Node n1 runs nearly its maximum number of Pods, although it has CPU and memory left.",
			"  condition: requested: 100m of 4 CPU, 10Mi of 8Gi of memory", "  condition: Pods: 10 of 10"}},
		"room enough": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p",
			"n1", checktest.RequestsOf("1", "1Gi"))},
		"a cordoned node": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "unschedulable: true") +
			checktest.PodOn("a", "p", "n1", checktest.RequestsOf("4", "1Gi"))},
		"not all Pods known": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p",
			"n1", checktest.RequestsOf("4", "1Gi")), Elsewhere: []facts.Kind{facts.Pod}},
		"limits beyond memory": {ID: "node-overcommitted-memory", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p",
			"n1", "limits: {memory: 16Gi}, requests: {memory: 1Gi}"), Want: []string{
			"info Node/n1: The memory limits on node n1 exceed 150 % of its memory.",
			"  condition: memory limits: 16Gi; the node has 8Gi"}},
		"limits within memory": {ID: "node-overcommitted-memory", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p",
			"n1", "limits: {memory: 8Gi}, requests: {memory: 1Gi}")},
		"one full node of four": {ID: "node-imbalance", Documents: four + checktest.PodOn("a", "p", "n2", checktest.RequestsOf("3500m",
			"1Gi")), Want: []string{
			"info Node/n2: Node n2 has far more requested than similar nodes.",
			"  condition: requested: 3.5 of 4 CPU, 1Gi of 8Gi of memory", "  condition: the 3 others have 0 % requested on average"}},
		"one full node of three": {ID: "node-imbalance", Documents: strings.Replace(four, checktest.NodeSized("n4", "", ""), "", 1) +
			checktest.PodOn("a", "p", "n2", checktest.RequestsOf("3500m", "1Gi"))},
		"a full node of another pool": {ID: "node-imbalance", Documents: four + checktest.NodeSized("n5",
			", labels: {karpenter.sh/nodepool: big}", "") + checktest.PodOn("a", "p", "n5", checktest.RequestsOf("3500m", "1Gi"))},
		"many Pods without requests": {ID: "node-pods-without-requests", Documents: checktest.NodeSized("n1", "", "") + silent.String(),
			Want: []string{
				"info Node/n1: Many Pods of node n1 have no requests: the scheduler underestimates its load.",
				"  condition: 6 of 6 Pods request neither CPU nor memory"}},
		"Pods with requests": {ID: "node-pods-without-requests", Documents: checktest.NodeSized("n1", "", "") + many.String()},
		"Pods of the distribution": {ID: "node-pods-without-requests", Documents: checktest.NodeSized("n1", "", "") +
			strings.ReplaceAll(silent.String(), "namespace: shop", "namespace: kube-system")},
	})
}

func TestAClusterWithoutHeadroomIsReported(t *testing.T) {
	two := checktest.NodeSized("n1", "", "") + checktest.NodeSized("n2", "", "")
	full := checktest.PodOn("db", "db-0", "n1", checktest.RequestsOf("1", "6Gi")) + checktest.PodOn("web", "web-0", "n2",
		checktest.RequestsOf("1", "4Gi"))
	headroom := []string{
		"medium Deployment/shop/db: Deployment db has the largest Pods of the cluster, and no other node has the capacity to run one " +
			"of them.",
		"  spec: each Pod requests 1 CPU and 6Gi of memory", "  condition: the node with the most free memory, n2, has 4Gi of memory " +
			"and 3 CPU that are not requested"}
	db := checktest.WorkloadWith("Deployment", "db", "", checktest.APIContainer("")) + checktest.WorkloadWith("Deployment", "web", "",
		checktest.APIContainer(""))
	loss := []string{"low Node/n1: The cluster cannot lose node n1: the other nodes have too little memory for all Pods.",
		"  condition: requested: 2 CPU and 10Gi of memory; the 1 other nodes have 4 CPU and 8Gi"}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"no other node has room": {ID: "cluster-no-headroom", Documents: db + two + full, Want: headroom},
		"the other node is tainted": {ID: "cluster-no-headroom", Documents: db + two + checktest.NodeSized("n3", "",
			"taints: [{key: gpu, effect: NoSchedule}]") + full, Want: append(headroom[:2:2],
			"  condition: the node with the most free memory, n3, has 8Gi of memory and 4 CPU that are not requested")},
		"another node has room": {ID: "cluster-no-headroom", Documents: db + two + checktest.NodeSized("n3", "", "") + full},
		"a single node": {ID: "cluster-no-headroom", Documents: db + checktest.NodeSized("n1", "", "") +
			checktest.PodOn("db", "db-0", "n1", checktest.RequestsOf("1", "6Gi"))},
		"a DaemonSet does not move": {ID: "cluster-no-headroom", Documents: two + strings.ReplaceAll(full, "kind: Deployment",
			"kind: DaemonSet")},
		"no node can be spared":      {ID: "cluster-survives-no-node-loss", Documents: two + full, Want: loss},
		"a third node makes it safe": {ID: "cluster-survives-no-node-loss", Documents: two + checktest.NodeSized("n3", "", "") + full},
		"a tainted node does not help": {ID: "cluster-survives-no-node-loss", Documents: two + checktest.NodeSized("n3", "",
			"taints: [{key: gpu, effect: NoSchedule}]") + full, Want: loss},
		"DaemonSets go with the node": {ID: "cluster-survives-no-node-loss", Documents: two + strings.ReplaceAll(full,
			"kind: Deployment", "kind: DaemonSet")},
	})
}

func TestAQuotaThatIsNearlyUsedIsReported(t *testing.T) {
	quota := func(hard, used string) string {
		return checktest.Document("v1", "ResourceQuota", "name: team, namespace: shop", "status: {hard: {"+hard+"}, used: {"+used+"}}")
	}
	limitRange := "apiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: shop}\nspec: {limits: [{type: Container, " +
		"default: {memory: 1Gi, cpu: 1}}]}\n---\n"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"nearly used": {ID: "quota-nearly-used", Documents: quota("requests.cpu: 10", "requests.cpu: 9500m"), Want: []string{
			"low ResourceQuota/shop/team: ResourceQuota team of namespace shop is nearly used up.",
			"  condition: requests.cpu: 9500m of 10 used"}},
		"used up":           {ID: "quota-nearly-used", Documents: quota("requests.cpu: 10", "requests.cpu: 10")},
		"half used":         {ID: "quota-nearly-used", Documents: quota("requests.cpu: 10", "requests.cpu: 5")},
		"a handful of them": {ID: "quota-nearly-used", Documents: quota("services: 3, pods: 100", "services: 2, pods: 1")},
		"requests are demanded": {ID: "limitrange-missing", Documents: quota("requests.cpu: 10", "requests.cpu: 0") +
			checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer("")), Want: []string{
			"low Namespace/shop: The quota of namespace shop requires requests or limits that workloads there do not set, and no " +
				"LimitRange sets them: the API server rejects their next Pods.",
			"  spec: 1: Deployment cart"}},
		"a LimitRange fills them in": {ID: "limitrange-missing", Documents: quota("requests.cpu: 10", "requests.cpu: 0") +
			checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer("")) + limitRange},
		"they are stated": {ID: "limitrange-missing", Documents: quota("requests.cpu: 10", "requests.cpu: 0") +
			checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer(", resources: {requests: {cpu: 1}}"))},
		"only objects are counted": {ID: "limitrange-missing", Documents: quota("pods: 10", "pods: 0") +
			checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer(""))},
	})
}

package capacity

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestRoomOnNodes(t *testing.T) {
	var silent, many strings.Builder
	for i := range 6 {
		silent.WriteString(checktest.PodOn("a", fmt.Sprintf("p%d", i), "n1", ""))
	}
	for i := range 10 {
		many.WriteString(checktest.PodOn("a", fmt.Sprintf("p%d", i), "n1", checktest.RequestsOf("10m", "1Mi")))
	}
	four := checktest.NodeSized("n1", "", "") + checktest.NodeSized("n2", "", "") + checktest.NodeSized("n3", "", "") + checktest.NodeSized("n4", "", "")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"memory is nearly all requested": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", checktest.RequestsOf("1", "7800Mi")), Want: []string{
			"info Node/n1: More than 90 % of the memory of node n1 is requested.",
			"  condition: requested: 1 of 4 CPU, 7.6Gi of 8Gi of memory", "  condition: Pods: 1 of 10"}},
		"no room for Pods": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + many.String(), Want: []string{
			"low Node/n1: Node n1 has nearly as many Pods as it takes, although it has CPU and memory left.",
			"  condition: requested: 100m of 4 CPU, 10Mi of 8Gi of memory", "  condition: Pods: 10 of 10"}},
		"room enough":        {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", checktest.RequestsOf("1", "1Gi"))},
		"a cordoned node":    {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "unschedulable: true") + checktest.PodOn("a", "p", "n1", checktest.RequestsOf("4", "1Gi"))},
		"not all Pods known": {ID: "node-requests-nearly-full", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", checktest.RequestsOf("4", "1Gi")), Elsewhere: []facts.Kind{facts.Pod}},
		"limits beyond memory": {ID: "node-overcommitted-memory", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", "limits: {memory: 16Gi}, requests: {memory: 1Gi}"), Want: []string{
			"info Node/n1: The Pods of node n1 may use more than 150 % of its memory.", "  condition: memory limits: 16Gi; the node has 8Gi"}},
		"limits within memory": {ID: "node-overcommitted-memory", Documents: checktest.NodeSized("n1", "", "") + checktest.PodOn("a", "p", "n1", "limits: {memory: 8Gi}, requests: {memory: 1Gi}")},
		"one full node of four": {ID: "node-imbalance", Documents: four + checktest.PodOn("a", "p", "n2", checktest.RequestsOf("3500m", "1Gi")), Want: []string{
			"info Node/n2: Node n2 is far fuller than the other nodes of its kind.", "  condition: requested: 3.5 of 4 CPU, 1Gi of 8Gi of memory", "  condition: the 3 others have 0 % requested on average"}},
		"one full node of three":      {ID: "node-imbalance", Documents: strings.Replace(four, checktest.NodeSized("n4", "", ""), "", 1) + checktest.PodOn("a", "p", "n2", checktest.RequestsOf("3500m", "1Gi"))},
		"a full node of another pool": {ID: "node-imbalance", Documents: four + checktest.NodeSized("n5", ", labels: {karpenter.sh/nodepool: big}", "") + checktest.PodOn("a", "p", "n5", checktest.RequestsOf("3500m", "1Gi"))},
		"many Pods without requests": {ID: "node-pods-without-requests", Documents: checktest.NodeSized("n1", "", "") + silent.String(), Want: []string{
			"info Node/n1: Many Pods of node n1 request nothing, so that it is fuller than the scheduler knows.", "  condition: 6 of 6 Pods request neither CPU nor memory"}},
		"Pods with requests":       {ID: "node-pods-without-requests", Documents: checktest.NodeSized("n1", "", "") + many.String()},
		"Pods of the distribution": {ID: "node-pods-without-requests", Documents: checktest.NodeSized("n1", "", "") + strings.ReplaceAll(silent.String(), "namespace: shop", "namespace: kube-system")},
	})
}

func TestRoomInTheCluster(t *testing.T) {
	two := checktest.NodeSized("n1", "", "") + checktest.NodeSized("n2", "", "")
	full := checktest.PodOn("db", "db-0", "n1", checktest.RequestsOf("1", "6Gi")) + checktest.PodOn("web", "web-0", "n2", checktest.RequestsOf("1", "4Gi"))
	headroom := []string{
		"medium Deployment/shop/db: Deployment db has the largest Pods of the cluster, and no node has room for one of them should it have to move.",
		"  spec: each Pod requests 1 CPU and 6Gi of memory", "  condition: the roomiest node, n2, has 4Gi of memory and 3 CPU that no Pod has requested"}
	db := checktest.WorkloadWith("Deployment", "db", "", checktest.APIContainer("")) + checktest.WorkloadWith("Deployment", "web", "", checktest.APIContainer(""))
	loss := []string{"low Node/n1: The cluster cannot do without node n1: the others have too little memory for all Pods.",
		"  condition: requested: 2 CPU and 10Gi of memory; the 1 other nodes have 4 CPU and 8Gi"}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"no other node has room":       {ID: "cluster-no-headroom", Documents: db + two + full, Want: headroom},
		"the other node is tainted":    {ID: "cluster-no-headroom", Documents: db + two + checktest.NodeSized("n3", "", "taints: [{key: gpu, effect: NoSchedule}]") + full, Want: append(headroom[:2:2], "  condition: the roomiest node, n3, has 8Gi of memory and 4 CPU that no Pod has requested")},
		"another node has room":        {ID: "cluster-no-headroom", Documents: db + two + checktest.NodeSized("n3", "", "") + full},
		"a single node":                {ID: "cluster-no-headroom", Documents: db + checktest.NodeSized("n1", "", "") + checktest.PodOn("db", "db-0", "n1", checktest.RequestsOf("1", "6Gi"))},
		"a DaemonSet does not move":    {ID: "cluster-no-headroom", Documents: two + strings.ReplaceAll(full, "kind: Deployment", "kind: DaemonSet")},
		"no node can be spared":        {ID: "cluster-survives-no-node-loss", Documents: two + full, Want: loss},
		"a third node makes it safe":   {ID: "cluster-survives-no-node-loss", Documents: two + checktest.NodeSized("n3", "", "") + full},
		"a tainted node does not help": {ID: "cluster-survives-no-node-loss", Documents: two + checktest.NodeSized("n3", "", "taints: [{key: gpu, effect: NoSchedule}]") + full, Want: loss},
		"DaemonSets go with the node":  {ID: "cluster-survives-no-node-loss", Documents: two + strings.ReplaceAll(full, "kind: Deployment", "kind: DaemonSet")},
	})
}

func TestRoomInQuotas(t *testing.T) {
	quota := func(hard, used string) string {
		return checktest.Document("v1", "ResourceQuota", "name: team, namespace: shop", "status: {hard: {"+hard+"}, used: {"+used+"}}")
	}
	limitRange := "apiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: shop}\nspec: {limits: [{type: Container, default: {memory: 1Gi, cpu: 1}}]}\n---\n"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"nearly used": {ID: "quota-nearly-used", Documents: quota("requests.cpu: 10", "requests.cpu: 9500m"), Want: []string{
			"low ResourceQuota/shop/team: ResourceQuota team of namespace shop is nearly used up.", "  condition: requests.cpu: 9500m of 10 used"}},
		"used up":           {ID: "quota-nearly-used", Documents: quota("requests.cpu: 10", "requests.cpu: 10")},
		"half used":         {ID: "quota-nearly-used", Documents: quota("requests.cpu: 10", "requests.cpu: 5")},
		"a handful of them": {ID: "quota-nearly-used", Documents: quota("services: 3, pods: 100", "services: 2, pods: 1")},
		"requests are demanded": {ID: "limitrange-missing", Documents: quota("requests.cpu: 10", "requests.cpu: 0") + checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer("")), Want: []string{
			"low Namespace/shop: The quota of namespace shop demands requests or limits that workloads there do not state, and no LimitRange fills them in: their next Pods are refused.",
			"  spec: 1: Deployment cart"}},
		"a LimitRange fills them in": {ID: "limitrange-missing", Documents: quota("requests.cpu: 10", "requests.cpu: 0") + checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer("")) + limitRange},
		"they are stated":            {ID: "limitrange-missing", Documents: quota("requests.cpu: 10", "requests.cpu: 0") + checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer(", resources: {requests: {cpu: 1}}"))},
		"only objects are counted":   {ID: "limitrange-missing", Documents: quota("pods: 10", "pods: 0") + checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer(""))},
	})
}

func TestCost(t *testing.T) {
	volume := func(more, since string) string {
		return checktest.Document("v1", "PersistentVolume", "name: v1, creationTimestamp: \"2026-01-01T00:00:00Z\"", "spec: {capacity: {storage: 10Gi}, claimRef: {namespace: shop, name: old}, persistentVolumeReclaimPolicy: "+more+
			"}\nstatus: {phase: Released, lastPhaseTransitionTime: \""+since+"\"}")
	}
	claim := func(name, metadata string) string {
		return checktest.Document("v1", "PersistentVolumeClaim", "name: "+name+", namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\""+metadata,
			"spec: {volumeName: v1, resources: {requests: {storage: 1Gi}}}\nstatus: {phase: Bound, capacity: {storage: 1Gi}}")
	}
	const changed = ", managedFields: [{manager: kubectl, operation: Update, apiVersion: apps/v1, time: \"%s\"}], labels: {"
	resting := func(at string) string {
		return strings.Replace(checktest.WorkloadWith("Deployment", "cart", "replicas: 0", checktest.APIContainer("")), ", labels: {", fmt.Sprintf(changed, at), 1)
	}
	resting2025 := strings.Replace(resting("2025-06-01T00:00:00Z"), "2026-01-10T10:00:00Z", "2025-01-01T00:00:00Z", 1)
	balancer := func(created string) string {
		return checktest.Document("v1", "Service", "name: web, namespace: shop, creationTimestamp: \""+created+"\"",
			"spec: {type: LoadBalancer, clusterIP: 10.0.0.1, selector: {app: cart}, ports: [{port: 80}]}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}")
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"released long ago": {ID: "volume-released", Documents: volume("Retain", "2026-01-02T00:00:00Z"), Want: []string{
			"low PersistentVolume/v1: PersistentVolume v1 is kept although its claim is gone, and no other claim can have it.",
			"  condition: 10Gi, of claim old in namespace shop", "  spec: reclaim policy Retain"}},
		"released yesterday": {ID: "volume-released", Documents: volume("Retain", "2026-01-14T00:00:00Z")},
		"to be deleted":      {ID: "volume-released", Documents: volume("Delete", "2026-01-02T00:00:00Z")},
		"nobody mounts it": {ID: "pvc-unused", Documents: claim("data", ""), Want: []string{
			"low PersistentVolumeClaim/shop/data: No Pod and no workload uses PersistentVolumeClaim data.", "  condition: bound to v1, 1Gi"}},
		"a template names it":                  {ID: "pvc-unused", Documents: claim("data", "") + checktest.WorkloadWith("Deployment", "cart", "replicas: 0", "volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], "+checktest.APIContainer(""))},
		"of a StatefulSet that is scaled down": {ID: "pvc-unused", Documents: claim("data-db-2", "") + checktest.WorkloadWith("StatefulSet", "db", "serviceName: db, replicas: 1, volumeClaimTemplates: [{metadata: {name: data}}]", checktest.APIContainer(""))},
		"it belongs to another object":         {ID: "pvc-unused", Documents: claim("data", ", ownerReferences: [{apiVersion: db/v1, kind: Cluster, name: c, uid: c}]")},
		"not all Pods known":                   {ID: "pvc-unused", Documents: claim("data", ""), Elsewhere: []facts.Kind{facts.Pod}},
		"a load balancer that rests": {ID: "loadbalancer-idle", Documents: balancer("2026-01-01T00:00:00Z") + resting2025, Want: []string{
			"low Service/shop/web: The load balancer of Service web stands before nothing.", "  condition: addresses: 1; ready endpoints: 0", "  spec: Deployment cart, which it selects, is scaled to zero"}},
		"a new load balancer":               {ID: "loadbalancer-idle", Documents: balancer("2026-01-15T11:00:00Z") + resting2025},
		"a load balancer with Pods to come": {ID: "loadbalancer-idle", Documents: balancer("2026-01-01T00:00:00Z") + checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer(""))},
		"zero for months": {ID: "workload-scaled-to-zero", Documents: resting2025, Want: []string{
			"info Deployment/shop/cart: Deployment cart has been scaled to zero for more than 30 days.", "  spec: replicas: 0", "  condition: last changed at 2025-06-01T00:00:00Z"}},
		"zero since yesterday": {ID: "workload-scaled-to-zero", Documents: resting("2026-01-14T00:00:00Z")},
		"an autoscaler scales it": {ID: "workload-scaled-to-zero", Documents: resting2025 + checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: a, namespace: shop",
			"spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}")},
	})
}

func TestUnused(t *testing.T) {
	object := func(kind, name, metadata string) string {
		return checktest.Document("v1", kind, "name: "+name+", namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\""+metadata, "")
	}
	by := func(manager string) string {
		return ", managedFields: [{manager: " + manager + `, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:data": {}}}]`
	}
	cart := checktest.WorkloadWith("Deployment", "cart", "replicas: 0", "serviceAccountName: cart, volumes: [{name: c, configMap: {name: used}}], imagePullSecrets: [{name: pull}], "+checktest.APIContainer(", envFrom: [{secretRef: {name: env}}]"))
	ingress := checktest.Document("networking.k8s.io/v1", "Ingress", "name: web, namespace: shop", "spec: {tls: [{secretName: tls}]}")
	binding := checktest.Document("rbac.authorization.k8s.io/v1", "RoleBinding", "name: ci, namespace: other", "roleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: ServiceAccount, name: ci, namespace: shop}]")
	account := checktest.Document("v1", "ServiceAccount", "name: ci, namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\"", "imagePullSecrets: [{name: mirror}]")
	fine := object("ConfigMap", "used", "") + object("ConfigMap", "kube-root-ca.crt", "") + object("ConfigMap", "my-leader", "") + object("ConfigMap", "cart", "") +
		object("ConfigMap", "owned", ", ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: x}]") + object("ConfigMap", "board", ", labels: {grafana_dashboard: '1'}") +
		object("ConfigMap", "state", by("my-operator"))
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"ConfigMaps that nothing names": {ID: "configmaps-unused", Documents: cart + fine + object("ConfigMap", "old", "") + object("ConfigMap", "older", by("kubectl-create")), Want: []string{
			"info Namespace/shop: ConfigMaps in namespace shop are used by no Pod and no workload.", "  spec: 2: old, older"}},
		"ConfigMaps in use, or another's": {ID: "configmaps-unused", Documents: cart + fine},
		"CronJobs are not known":          {ID: "configmaps-unused", Documents: object("ConfigMap", "old", ""), Elsewhere: []facts.Kind{facts.CronJob}},
		"Secrets that nothing names": {ID: "secrets-unused", Documents: cart + ingress + object("Secret", "old", by("helm")), Want: []string{
			"info Namespace/shop: Secrets in namespace shop are used by no Pod, workload, ServiceAccount or Ingress.", "  spec: 1: old"}},
		"Secrets in use": {ID: "secrets-unused", Documents: cart + ingress + account + object("Secret", "env", "") + object("Secret", "pull", "") + object("Secret", "tls", "") + object("Secret", "mirror", "") +
			object("Secret", "sh.helm.release.v1.cart.v1", "") + object("Secret", "certificate", by("cert-manager-certificates-issuing"))},
		"an account that nothing names": {ID: "serviceaccounts-unused", Documents: cart + account, Want: []string{
			"info Namespace/shop: ServiceAccounts in namespace shop are used by no Pod and no workload, and have no rights.", "  spec: 1: ci"}},
		"accounts in use, or with rights": {ID: "serviceaccounts-unused", Documents: cart + account + binding + object("ServiceAccount", "cart", "") + object("ServiceAccount", "default", "")},
	})
}

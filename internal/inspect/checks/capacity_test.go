package checks

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// sized is a node with 4 CPU, 8Gi and room for ten Pods; metadata and spec are more of each.
func sized(name, metadata, spec string) string {
	return document("v1", "Node", "name: "+name+metadata, "spec: {"+spec+"}\nstatus: {allocatable: {cpu: 4, memory: 8Gi, pods: 10}}")
}

// placed is a Pod of Deployment app on a node, with requests and perhaps limits.
func placed(app, name, node, resources string) string {
	return document("v1", "Pod", "name: "+name+", namespace: shop, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: "+app+", uid: u, controller: true}]",
		"spec: {nodeName: "+node+", containers: [{name: api, image: i, resources: {"+resources+"}}]}\nstatus: {phase: Running}")
}

func requests(cpu, memory string) string {
	return "requests: {cpu: " + cpu + ", memory: " + memory + "}"
}

func TestRoomOnNodes(t *testing.T) {
	var silent, many strings.Builder
	for i := range 6 {
		silent.WriteString(placed("a", fmt.Sprintf("p%d", i), "n1", ""))
	}
	for i := range 10 {
		many.WriteString(placed("a", fmt.Sprintf("p%d", i), "n1", requests("10m", "1Mi")))
	}
	four := sized("n1", "", "") + sized("n2", "", "") + sized("n3", "", "") + sized("n4", "", "")
	tellAll(t, map[string]setUpCase{
		"memory is nearly all requested": {id: "node-requests-nearly-full", documents: sized("n1", "", "") + placed("a", "p", "n1", requests("1", "7800Mi")), want: []string{
			"info Node/n1: More than 90 % of the memory of node n1 is requested.",
			"  condition: requested: 1 of 4 CPU, 7.6Gi of 8Gi of memory", "  condition: Pods: 1 of 10"}},
		"no room for Pods": {id: "node-requests-nearly-full", documents: sized("n1", "", "") + many.String(), want: []string{
			"low Node/n1: Node n1 has nearly as many Pods as it takes, although it has CPU and memory left.",
			"  condition: requested: 100m of 4 CPU, 10Mi of 8Gi of memory", "  condition: Pods: 10 of 10"}},
		"room enough":        {id: "node-requests-nearly-full", documents: sized("n1", "", "") + placed("a", "p", "n1", requests("1", "1Gi"))},
		"a cordoned node":    {id: "node-requests-nearly-full", documents: sized("n1", "", "unschedulable: true") + placed("a", "p", "n1", requests("4", "1Gi"))},
		"not all Pods known": {id: "node-requests-nearly-full", documents: sized("n1", "", "") + placed("a", "p", "n1", requests("4", "1Gi")), elsewhere: []facts.Kind{facts.Pod}},
		"limits beyond memory": {id: "node-overcommitted-memory", documents: sized("n1", "", "") + placed("a", "p", "n1", "limits: {memory: 16Gi}, requests: {memory: 1Gi}"), want: []string{
			"info Node/n1: The Pods of node n1 may use more than 150 % of its memory.", "  condition: memory limits: 16Gi; the node has 8Gi"}},
		"limits within memory": {id: "node-overcommitted-memory", documents: sized("n1", "", "") + placed("a", "p", "n1", "limits: {memory: 8Gi}, requests: {memory: 1Gi}")},
		"one full node of four": {id: "node-imbalance", documents: four + placed("a", "p", "n2", requests("3500m", "1Gi")), want: []string{
			"info Node/n2: Node n2 is far fuller than the other nodes of its kind.", "  condition: requested: 3.5 of 4 CPU, 1Gi of 8Gi of memory", "  condition: the 3 others have 0 % requested on average"}},
		"one full node of three":      {id: "node-imbalance", documents: strings.Replace(four, sized("n4", "", ""), "", 1) + placed("a", "p", "n2", requests("3500m", "1Gi"))},
		"a full node of another pool": {id: "node-imbalance", documents: four + sized("n5", ", labels: {karpenter.sh/nodepool: big}", "") + placed("a", "p", "n5", requests("3500m", "1Gi"))},
		"many Pods without requests": {id: "node-pods-without-requests", documents: sized("n1", "", "") + silent.String(), want: []string{
			"info Node/n1: Many Pods of node n1 request nothing, so that it is fuller than the scheduler knows.", "  condition: 6 of 6 Pods request neither CPU nor memory"}},
		"Pods with requests":       {id: "node-pods-without-requests", documents: sized("n1", "", "") + many.String()},
		"Pods of the distribution": {id: "node-pods-without-requests", documents: sized("n1", "", "") + strings.ReplaceAll(silent.String(), "namespace: shop", "namespace: kube-system")},
	})
}

func TestRoomInTheCluster(t *testing.T) {
	two := sized("n1", "", "") + sized("n2", "", "")
	full := placed("db", "db-0", "n1", requests("1", "6Gi")) + placed("web", "web-0", "n2", requests("1", "4Gi"))
	headroom := []string{
		"medium Deployment/shop/db: Deployment db has the largest Pods of the cluster, and no node has room for one of them should it have to move.",
		"  spec: each Pod requests 1 CPU and 6Gi of memory", "  condition: the roomiest node, n2, has 4Gi of memory and 3 CPU that no Pod has requested"}
	db := setUp("Deployment", "db", "", api("")) + setUp("Deployment", "web", "", api(""))
	loss := []string{"low Node/n1: The cluster cannot do without node n1: the others have too little memory for all Pods.",
		"  condition: requested: 2 CPU and 10Gi of memory; the 1 other nodes have 4 CPU and 8Gi"}
	tellAll(t, map[string]setUpCase{
		"no other node has room":       {id: "cluster-no-headroom", documents: db + two + full, want: headroom},
		"the other node is tainted":    {id: "cluster-no-headroom", documents: db + two + sized("n3", "", "taints: [{key: gpu, effect: NoSchedule}]") + full, want: append(headroom[:2:2], "  condition: the roomiest node, n3, has 8Gi of memory and 4 CPU that no Pod has requested")},
		"another node has room":        {id: "cluster-no-headroom", documents: db + two + sized("n3", "", "") + full},
		"a single node":                {id: "cluster-no-headroom", documents: db + sized("n1", "", "") + placed("db", "db-0", "n1", requests("1", "6Gi"))},
		"a DaemonSet does not move":    {id: "cluster-no-headroom", documents: two + strings.ReplaceAll(full, "kind: Deployment", "kind: DaemonSet")},
		"no node can be spared":        {id: "cluster-survives-no-node-loss", documents: two + full, want: loss},
		"a third node makes it safe":   {id: "cluster-survives-no-node-loss", documents: two + sized("n3", "", "") + full},
		"a tainted node does not help": {id: "cluster-survives-no-node-loss", documents: two + sized("n3", "", "taints: [{key: gpu, effect: NoSchedule}]") + full, want: loss},
		"DaemonSets go with the node":  {id: "cluster-survives-no-node-loss", documents: two + strings.ReplaceAll(full, "kind: Deployment", "kind: DaemonSet")},
	})
}

func TestRoomInQuotas(t *testing.T) {
	quota := func(hard, used string) string {
		return document("v1", "ResourceQuota", "name: team, namespace: shop", "status: {hard: {"+hard+"}, used: {"+used+"}}")
	}
	limitRange := "apiVersion: v1\nkind: LimitRange\nmetadata: {name: defaults, namespace: shop}\nspec: {limits: [{type: Container, default: {memory: 1Gi, cpu: 1}}]}\n---\n"
	tellAll(t, map[string]setUpCase{
		"nearly used": {id: "quota-nearly-used", documents: quota("requests.cpu: 10", "requests.cpu: 9500m"), want: []string{
			"low ResourceQuota/shop/team: ResourceQuota team of namespace shop is nearly used up.", "  condition: requests.cpu: 9500m of 10 used"}},
		"used up":           {id: "quota-nearly-used", documents: quota("requests.cpu: 10", "requests.cpu: 10")},
		"half used":         {id: "quota-nearly-used", documents: quota("requests.cpu: 10", "requests.cpu: 5")},
		"a handful of them": {id: "quota-nearly-used", documents: quota("services: 3, pods: 100", "services: 2, pods: 1")},
		"requests are demanded": {id: "limitrange-missing", documents: quota("requests.cpu: 10", "requests.cpu: 0") + setUp("Deployment", "cart", "", api("")), want: []string{
			"low Namespace/shop: The quota of namespace shop demands requests or limits that workloads there do not state, and no LimitRange fills them in: their next Pods are refused.",
			"  spec: 1: Deployment cart"}},
		"a LimitRange fills them in": {id: "limitrange-missing", documents: quota("requests.cpu: 10", "requests.cpu: 0") + setUp("Deployment", "cart", "", api("")) + limitRange},
		"they are stated":            {id: "limitrange-missing", documents: quota("requests.cpu: 10", "requests.cpu: 0") + setUp("Deployment", "cart", "", api(", resources: {requests: {cpu: 1}}"))},
		"only objects are counted":   {id: "limitrange-missing", documents: quota("pods: 10", "pods: 0") + setUp("Deployment", "cart", "", api(""))},
	})
}

func TestCost(t *testing.T) {
	volume := func(more, since string) string {
		return document("v1", "PersistentVolume", "name: v1, creationTimestamp: \"2026-01-01T00:00:00Z\"", "spec: {capacity: {storage: 10Gi}, claimRef: {namespace: shop, name: old}, persistentVolumeReclaimPolicy: "+more+
			"}\nstatus: {phase: Released, lastPhaseTransitionTime: \""+since+"\"}")
	}
	claim := func(name, metadata string) string {
		return document("v1", "PersistentVolumeClaim", "name: "+name+", namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\""+metadata,
			"spec: {volumeName: v1, resources: {requests: {storage: 1Gi}}}\nstatus: {phase: Bound, capacity: {storage: 1Gi}}")
	}
	const changed = ", managedFields: [{manager: kubectl, operation: Update, apiVersion: apps/v1, time: \"%s\"}], labels: {"
	resting := func(at string) string {
		return strings.Replace(setUp("Deployment", "cart", "replicas: 0", api("")), ", labels: {", fmt.Sprintf(changed, at), 1)
	}
	resting2025 := strings.Replace(resting("2025-06-01T00:00:00Z"), "2026-01-10T10:00:00Z", "2025-01-01T00:00:00Z", 1)
	balancer := func(created string) string {
		return document("v1", "Service", "name: web, namespace: shop, creationTimestamp: \""+created+"\"",
			"spec: {type: LoadBalancer, clusterIP: 10.0.0.1, selector: {app: cart}, ports: [{port: 80}]}\nstatus: {loadBalancer: {ingress: [{ip: 192.0.2.1}]}}")
	}
	tellAll(t, map[string]setUpCase{
		"released long ago": {id: "volume-released", documents: volume("Retain", "2026-01-02T00:00:00Z"), want: []string{
			"low PersistentVolume/v1: PersistentVolume v1 is kept although its claim is gone, and no other claim can have it.",
			"  condition: 10Gi, of claim old in namespace shop", "  spec: reclaim policy Retain"}},
		"released yesterday": {id: "volume-released", documents: volume("Retain", "2026-01-14T00:00:00Z")},
		"to be deleted":      {id: "volume-released", documents: volume("Delete", "2026-01-02T00:00:00Z")},
		"nobody mounts it": {id: "pvc-unused", documents: claim("data", ""), want: []string{
			"low PersistentVolumeClaim/shop/data: No Pod and no workload uses PersistentVolumeClaim data.", "  condition: bound to v1, 1Gi"}},
		"a template names it":                  {id: "pvc-unused", documents: claim("data", "") + setUp("Deployment", "cart", "replicas: 0", "volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], "+api(""))},
		"of a StatefulSet that is scaled down": {id: "pvc-unused", documents: claim("data-db-2", "") + setUp("StatefulSet", "db", "serviceName: db, replicas: 1, volumeClaimTemplates: [{metadata: {name: data}}]", api(""))},
		"it belongs to another object":         {id: "pvc-unused", documents: claim("data", ", ownerReferences: [{apiVersion: db/v1, kind: Cluster, name: c, uid: c}]")},
		"not all Pods known":                   {id: "pvc-unused", documents: claim("data", ""), elsewhere: []facts.Kind{facts.Pod}},
		"a load balancer that rests": {id: "loadbalancer-idle", documents: balancer("2026-01-01T00:00:00Z") + resting2025, want: []string{
			"low Service/shop/web: The load balancer of Service web stands before nothing.", "  condition: addresses: 1; ready endpoints: 0", "  spec: Deployment cart, which it selects, is scaled to zero"}},
		"a new load balancer":               {id: "loadbalancer-idle", documents: balancer("2026-01-15T11:00:00Z") + resting2025},
		"a load balancer with Pods to come": {id: "loadbalancer-idle", documents: balancer("2026-01-01T00:00:00Z") + setUp("Deployment", "cart", "", api(""))},
		"zero for months": {id: "workload-scaled-to-zero", documents: resting2025, want: []string{
			"info Deployment/shop/cart: Deployment cart has been scaled to zero for more than 30 days.", "  spec: replicas: 0", "  condition: last changed at 2025-06-01T00:00:00Z"}},
		"zero since yesterday": {id: "workload-scaled-to-zero", documents: resting("2026-01-14T00:00:00Z")},
		"an autoscaler scales it": {id: "workload-scaled-to-zero", documents: resting2025 + document("autoscaling/v2", "HorizontalPodAutoscaler", "name: a, namespace: shop",
			"spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}")},
	})
}

func TestUnused(t *testing.T) {
	object := func(kind, name, metadata string) string {
		return document("v1", kind, "name: "+name+", namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\""+metadata, "")
	}
	by := func(manager string) string {
		return ", managedFields: [{manager: " + manager + `, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {"f:data": {}}}]`
	}
	cart := setUp("Deployment", "cart", "replicas: 0", "serviceAccountName: cart, volumes: [{name: c, configMap: {name: used}}], imagePullSecrets: [{name: pull}], "+api(", envFrom: [{secretRef: {name: env}}]"))
	ingress := document("networking.k8s.io/v1", "Ingress", "name: web, namespace: shop", "spec: {tls: [{secretName: tls}]}")
	binding := document("rbac.authorization.k8s.io/v1", "RoleBinding", "name: ci, namespace: other", "roleRef: {kind: Role, name: r, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: ServiceAccount, name: ci, namespace: shop}]")
	account := document("v1", "ServiceAccount", "name: ci, namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\"", "imagePullSecrets: [{name: mirror}]")
	fine := object("ConfigMap", "used", "") + object("ConfigMap", "kube-root-ca.crt", "") + object("ConfigMap", "my-leader", "") + object("ConfigMap", "cart", "") +
		object("ConfigMap", "owned", ", ownerReferences: [{apiVersion: v1, kind: X, name: x, uid: x}]") + object("ConfigMap", "board", ", labels: {grafana_dashboard: '1'}") +
		object("ConfigMap", "state", by("my-operator"))
	tellAll(t, map[string]setUpCase{
		"ConfigMaps that nothing names": {id: "configmaps-unused", documents: cart + fine + object("ConfigMap", "old", "") + object("ConfigMap", "older", by("kubectl-create")), want: []string{
			"info Namespace/shop: ConfigMaps in namespace shop are used by no Pod and no workload.", "  spec: 2: old, older"}},
		"ConfigMaps in use, or another's": {id: "configmaps-unused", documents: cart + fine},
		"CronJobs are not known":          {id: "configmaps-unused", documents: object("ConfigMap", "old", ""), elsewhere: []facts.Kind{facts.CronJob}},
		"Secrets that nothing names": {id: "secrets-unused", documents: cart + ingress + object("Secret", "old", by("helm")), want: []string{
			"info Namespace/shop: Secrets in namespace shop are used by no Pod, workload, ServiceAccount or Ingress.", "  spec: 1: old"}},
		"Secrets in use": {id: "secrets-unused", documents: cart + ingress + account + object("Secret", "env", "") + object("Secret", "pull", "") + object("Secret", "tls", "") + object("Secret", "mirror", "") +
			object("Secret", "sh.helm.release.v1.cart.v1", "") + object("Secret", "certificate", by("cert-manager-certificates-issuing"))},
		"an account that nothing names": {id: "serviceaccounts-unused", documents: cart + account, want: []string{
			"info Namespace/shop: ServiceAccounts in namespace shop are used by no Pod and no workload, and have no rights.", "  spec: 1: ci"}},
		"accounts in use, or with rights": {id: "serviceaccounts-unused", documents: cart + account + binding + object("ServiceAccount", "cart", "") + object("ServiceAccount", "default", "")},
	})
}

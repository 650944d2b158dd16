package unused

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestTheCostOfUnusedObjectsIsEstimated(t *testing.T) {
	volume := func(more, since string) string {
		return checktest.Document("v1", "PersistentVolume", "name: v1, creationTimestamp: \"2026-01-01T00:00:00Z\"", "spec: {capacity: "+
			"{storage: 10Gi}, claimRef: {namespace: shop, name: old}, persistentVolumeReclaimPolicy: "+more+
			"}\nstatus: {phase: Released, lastPhaseTransitionTime: \""+since+"\"}")
	}
	claim := func(name, metadata string) string {
		return checktest.Document("v1", "PersistentVolumeClaim", "name: "+name+", namespace: shop, creationTimestamp: "+
			"\"2026-01-01T00:00:00Z\""+metadata,
			"spec: {volumeName: v1, resources: {requests: {storage: 1Gi}}}\nstatus: {phase: Bound, capacity: {storage: 1Gi}}")
	}
	const changed = ", managedFields: [{manager: kubectl, operation: Update, apiVersion: apps/v1, time: \"%s\"}], labels: {"
	resting := func(at string) string {
		return strings.Replace(checktest.WorkloadWith("Deployment", "cart", "replicas: 0", checktest.APIContainer("")), ", labels: {",
			fmt.Sprintf(changed, at), 1)
	}
	resting2025 := strings.Replace(resting("2025-06-01T00:00:00Z"), "2026-01-10T10:00:00Z", "2025-01-01T00:00:00Z", 1)
	balancer := func(created string) string {
		return checktest.Document("v1", "Service", "name: web, namespace: shop, creationTimestamp: \""+created+"\"",
			"spec: {type: LoadBalancer, clusterIP: 10.0.0.1, selector: {app: cart}, ports: [{port: 80}]}\nstatus: {loadBalancer: "+
				"{ingress: [{ip: 192.0.2.1}]}}")
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"released long ago": {ID: "volume-released", Documents: volume("Retain", "2026-01-02T00:00:00Z"), Want: []string{
			"low PersistentVolume/v1: PersistentVolume v1 is Released: its claim was deleted and no other claim can bind it.",
			"  condition: 10Gi, of claim old in namespace shop", "  spec: reclaim policy Retain"}},
		"released yesterday": {ID: "volume-released", Documents: volume("Retain", "2026-01-14T00:00:00Z")},
		"to be deleted":      {ID: "volume-released", Documents: volume("Delete", "2026-01-02T00:00:00Z")},
		"no Pod mounts it": {ID: "pvc-unused", Documents: claim("data", ""), Want: []string{
			"low PersistentVolumeClaim/shop/data: PersistentVolumeClaim data is not used by any Pod or " +
				"workload.", "  condition: bound to v1, 1Gi"}},
		"a template names it": {
			ID: "pvc-unused",
			Documents: claim("data", "") + checktest.WorkloadWith("Deployment", "cart", "replicas: 0",
				"volumes: [{name: d, persistentVolumeClaim: {claimName: data}}], "+checktest.APIContainer("")),
		},
		"of a StatefulSet that is scaled down": {
			ID: "pvc-unused",
			Documents: claim("data-db-2", "") + checktest.WorkloadWith("StatefulSet", "db",
				"serviceName: db, replicas: 1, volumeClaimTemplates: [{metadata: {name: data}}]", checktest.APIContainer("")),
		},
		"it belongs to another object": {ID: "pvc-unused", Documents: claim("data", ", ownerReferences: [{apiVersion: db/v1, "+
			"kind: Cluster, name: c, uid: c}]")},
		"not all Pods known": {ID: "pvc-unused", Documents: claim("data", ""), Elsewhere: []facts.Kind{facts.Pod}},
		"a load balancer that rests": {ID: "loadbalancer-idle", Documents: balancer("2026-01-01T00:00:00Z") + resting2025, Want: []string{
			"low Service/shop/web: Service web has a load balancer without endpoints.", "  condition: addresses: 1; ready " +
				"endpoints: 0", "  spec: selects Deployment cart, which is scaled to zero"}},
		"a new load balancer": {ID: "loadbalancer-idle", Documents: balancer("2026-01-15T11:00:00Z") + resting2025},
		"a load balancer with Pods to come": {
			ID:        "loadbalancer-idle",
			Documents: balancer("2026-01-01T00:00:00Z") + checktest.WorkloadWith("Deployment", "cart", "", checktest.APIContainer("")),
		},
		"zero for months": {ID: "workload-scaled-to-zero", Documents: resting2025, Want: []string{
			"info Deployment/shop/cart: Deployment cart has been scaled to zero for more than " +
				"30 days.", "  spec: replicas: 0", "  condition: last changed at 2025-06-01T00:00:00Z"}},
		"zero since yesterday": {ID: "workload-scaled-to-zero", Documents: resting("2026-01-14T00:00:00Z")},
		"an autoscaler scales it": {
			ID: "workload-scaled-to-zero",
			Documents: resting2025 + checktest.Document("autoscaling/v2", "HorizontalPodAutoscaler", "name: a, namespace: shop",
				"spec: {maxReplicas: 5, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: cart}}"),
		},
	})
}

func TestObjectsThatNothingUsesAreReported(t *testing.T) {
	object := func(kind, name, metadata string) string {
		return checktest.Document("v1", kind, "name: "+name+", namespace: shop, creationTimestamp: \"2026-01-01T00:00:00Z\""+metadata, "")
	}
	by := func(manager string) string {
		return ", managedFields: [{manager: " + manager + `, operation: Update, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: ` +
			`{"f:data": {}}}]`
	}
	cart := checktest.WorkloadWith("Deployment", "cart", "replicas: 0", "serviceAccountName: cart, volumes: [{name: c, configMap: "+
		"{name: used}}], imagePullSecrets: [{name: pull}], "+checktest.APIContainer(", envFrom: [{secretRef: {name: env}}]"))
	ingress := checktest.Document("networking.k8s.io/v1", "Ingress", "name: web, namespace: shop", "spec: {tls: [{secretName: tls}]}")
	binding := checktest.Document("rbac.authorization.k8s.io/v1", "RoleBinding", "name: ci, namespace: other", "roleRef: {kind: Role, "+
		"name: r, apiGroup: rbac.authorization.k8s.io}\nsubjects: [{kind: ServiceAccount, name: ci, namespace: shop}]")
	account := checktest.Document("v1", "ServiceAccount", "name: ci, namespace: shop, creationTimestamp: "+
		"\"2026-01-01T00:00:00Z\"", "imagePullSecrets: [{name: mirror}]")
	fine := object("ConfigMap", "used", "") + object("ConfigMap", "kube-root-ca.crt", "") + object("ConfigMap", "my-leader", "") + object("ConfigMap", "cart", "") +
		object(
			"ConfigMap",
			"owned",
			", ownerReferences: [{apiVersion: v1, kind: X, name: x, "+
				"uid: x}]",
		) + object("ConfigMap", "board", ", labels: {grafana_dashboard: '1'}") +
		object("ConfigMap", "state", by("my-operator"))
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"ConfigMaps that nothing names": {
			ID:        "configmaps-unused",
			Documents: cart + fine + object("ConfigMap", "old", "") + object("ConfigMap", "older", by("kubectl-create")),
			Want: []string{
				"info Namespace/shop: ConfigMaps in namespace shop are not used by any Pod or workload.", "  spec: 2: old, older"},
		},
		"ConfigMaps in use, or another's": {ID: "configmaps-unused", Documents: cart + fine},
		"CronJobs are not known": {
			ID:        "configmaps-unused",
			Documents: object("ConfigMap", "old", ""),
			Elsewhere: []facts.Kind{facts.CronJob},
		},
		"Secrets that nothing names": {
			ID:        "secrets-unused",
			Documents: cart + ingress + object("Secret", "old", by("helm")),
			Want: []string{
				"info Namespace/shop: Secrets in namespace shop are not used by any Pod, workload, ServiceAccount or " +
					"Ingress.", "  spec: 1: old"},
		},
		"Secrets in use": {
			ID: "secrets-unused",
			Documents: cart + ingress + account + object("Secret", "env", "") + object("Secret", "pull", "") + object("Secret", "tls", "") + object("Secret", "mirror", "") +
				object("Secret", "sh.helm.release.v1.cart.v1", "") + object("Secret", "certificate", by("cert-manager-certificates-issuing")),
		},
		"an account that nothing names": {ID: "serviceaccounts-unused", Documents: cart + account, Want: []string{
			"info Namespace/shop: ServiceAccounts in namespace shop are not used by any Pod or workload and have no " +
				"permissions.", "  spec: 1: ci"}},
		"accounts in use, or with permissions": {
			ID:        "serviceaccounts-unused",
			Documents: cart + account + binding + object("ServiceAccount", "cart", "") + object("ServiceAccount", "default", ""),
		},
	})
}

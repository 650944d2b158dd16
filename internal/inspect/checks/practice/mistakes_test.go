package practice

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestMemoryInTheWrongUnitIsFound(t *testing.T) {
	cart := func(resources string) string {
		return checktest.WorkloadWith("Deployment", "cart", "replicas: 2", checktest.APIContainer(", resources: {"+resources+"}"))
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"thousandths of bytes": {ID: "memory-unit-wrong", Documents: cart("limits: {memory: 300m}, requests: {memory: " +
			"300m}"), Want: []string{
			"high Deployment/shop/cart: Deployment cart sets limits.memory of container api to 300m, which is 0.3 bytes.",
			"  spec: container api: resources.limits.memory: 300m",
			"  spec: container api: resources.requests.memory: 300m",
		}},
		"bytes": {ID: "memory-unit-wrong", Documents: cart("requests: {memory: 256}"), Want: []string{
			"medium Deployment/shop/cart: Deployment cart sets requests.memory of container api to 256, which is 256 bytes.",
			"  spec: container api: resources.requests.memory: 256",
		}},
		"as it is meant": {ID: "memory-unit-wrong", Documents: cart("limits: {memory: 300Mi}, requests: {memory: 200M, cpu: 300m}")},
		"zero":           {ID: "memory-unit-wrong", Documents: cart("requests: {memory: 0}")},
		"nothing":        {ID: "memory-unit-wrong", Documents: cart("")},
	})
}

func TestASpreadConstraintThatCountsNoPodIsFound(t *testing.T) {
	cart := func(selector string) string {
		return checktest.WorkloadWith("Deployment", "cart", "replicas: 2", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack, "+
			"whenUnsatisfiable: DoNotSchedule"+selector+"}], "+checktest.APIContainer(""))
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"without a selector": {ID: "spread-selector-missing", Documents: cart(""), Want: []string{
			"low Deployment/shop/cart: Deployment cart is not spread by its topologySpreadConstraint for rack: the constraint has no " +
				"labelSelector.",
			"  spec: topologySpreadConstraint for rack has no labelSelector",
		}},
		"with that of another workload": {ID: "spread-selector-missing", Documents: cart(", labelSelector: {matchLabels: {app: " +
			"pay}}"), Want: []string{
			"low Deployment/shop/cart: Deployment cart is not spread by its topologySpreadConstraint for rack: the constraint selects " +
				"app=pay, which its Pods do not have.",
			"  spec: topologySpreadConstraint for rack selects app=pay, which its Pods do not have",
		}},
		"with its own":          {ID: "spread-selector-missing", Documents: cart(", labelSelector: {matchLabels: {app: cart}}")},
		"with one for all Pods": {ID: "spread-selector-missing", Documents: cart(", labelSelector: {}")},
		"of a workload scaled to zero": {ID: "spread-selector-missing", Documents: checktest.WorkloadWith("Deployment", "cart",
			"replicas: 0", "topologySpreadConstraints: [{maxSkew: 1, topologyKey: rack}], "+checktest.APIContainer(""))},
	})
}

func TestAGoverningServiceThatIsNotHeadlessIsFound(t *testing.T) {
	set := checktest.WorkloadWith("StatefulSet", "db", "replicas: 2, serviceName: db", checktest.APIContainer(""))
	service := func(spec string) string {
		return checktest.Document("v1", "Service", "name: db, namespace: shop", "spec: {"+spec+", selector: {app: db}, ports: [{port: 1}]}")
	}
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"with a cluster IP": {ID: "statefulset-service-not-headless", Documents: set + service("clusterIP: 10.0.0.4"), Want: []string{
			"medium StatefulSet/shop/db: StatefulSet db is governed by Service db, which is not headless: its Pods have no DNS names of " +
				"their own.",
			"  spec: spec.serviceName: db; Service db is of type ClusterIP with a cluster IP",
		}},
		"of type NodePort": {ID: "statefulset-service-not-headless", Documents: set + service("type: NodePort"), Want: []string{
			"medium StatefulSet/shop/db: StatefulSet db is governed by Service db, which is not headless: its Pods have no DNS names of " +
				"their own.",
			"  spec: spec.serviceName: db; Service db is of type NodePort with a cluster IP",
		}},
		"headless":        {ID: "statefulset-service-not-headless", Documents: set + service("clusterIP: None")},
		"that is missing": {ID: "statefulset-service-not-headless", Documents: set},
	})
}

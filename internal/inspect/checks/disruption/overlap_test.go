package disruption

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

// budgetNamed is a budget of the Pods with a label; metadata is more of its metadata.
func budgetNamed(name, metadata, label string) string {
	return checktest.Document("policy/v1", "PodDisruptionBudget", "name: "+name+", namespace: shop"+metadata,
		"spec: {maxUnavailable: 1, selector: {matchLabels: {"+label+"}}}")
}

func TestPodsWithSeveralBudgetsAreFound(t *testing.T) {
	pod := func(name, metadata, phase string) string {
		return checktest.Document("v1", "Pod", "name: "+name+", namespace: shop, labels: {app: web, tier: backend}"+metadata+
			", ownerReferences: [{apiVersion: apps/v1, kind: StatefulSet, name: web, uid: w1, controller: true}]",
			"spec: {nodeName: node-"+name[len(name)-1:]+", containers: [{name: web, image: web:1}]}\nstatus: {phase: "+phase+"}")
	}
	set := checktest.WorkloadWeb("StatefulSet", checktest.WebMeta, "replicas: 2", "")
	two := budgetNamed("web", "", "app: web") + budgetNamed("backend", "", "tier: backend")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"two budgets": {
			ID: "pdb-overlapping", Documents: set + two + pod("web-0", "", "Running") + pod("web-1", "", "Running"), Want: []string{
				"medium StatefulSet/shop/web [backend, web]: Pods of StatefulSet web cannot be evicted, and their nodes not be drained: " +
					"PodDisruptionBudgets backend, web all select them.",
				"  spec: PodDisruptionBudgets that select the Pods: backend, web",
				"  condition: nodes that cannot be drained: node-0, node-1",
			},
		},
		"one budget each": {
			ID: "pdb-overlapping", Documents: set + budgetNamed("web", "", "app: web") + budgetNamed("api", "", "app: api") +
				pod("web-0", "", "Running"),
		},
		"a budget that is being deleted": {
			ID: "pdb-overlapping", Documents: set + pod("web-0", "", "Running") + budgetNamed("web", "", "app: web") +
				budgetNamed("old", `, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [a/b]`, "tier: backend"),
		},
		"a budget within the grace": {
			ID: "pdb-overlapping", Documents: set + pod("web-0", "", "Running") + budgetNamed("web", "", "app: web") +
				budgetNamed("new", `, creationTimestamp: "2026-01-15T11:59:50Z"`, "tier: backend"),
		},
		"Pods that are finished or being deleted": {
			ID: "pdb-overlapping", Documents: set + two + pod("web-0", "", "Succeeded") +
				pod("web-1", `, deletionTimestamp: "2026-01-15T11:00:00Z"`, "Running"),
		},
	})
}

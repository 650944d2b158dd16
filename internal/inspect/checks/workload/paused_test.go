package workload

import (
	"fmt"
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestAPausedRolloutWithANewerTemplateIsFound(t *testing.T) {
	paused := func(since string) string {
		return `conditions: [{type: Progressing, status: Unknown, reason: DeploymentPaused, message: Deployment is paused, ` +
			`lastTransitionTime: "` + since + `"}]`
	}
	const old = "2026-01-14T08:00:00Z"
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"for a day": {
			ID: "deployment-rollout-paused", Documents: checktest.WebDeployment("replicas: 3\n  paused: true",
				"replicas: 3, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3, "+paused(old)),
			Want: []string{
				"medium Deployment/shop/web: Deployment web is paused: its current Pod template is not rolled out.",
				"  spec: paused: true",
				"  condition: Progressing=Unknown (DeploymentPaused): Deployment is paused",
				"  condition: Pods: 3 desired, 1 of them with the current template",
				"  condition: since 2026-01-14T08:00:00Z",
			},
		},
		"since a deployment of this moment": {
			ID: "deployment-rollout-paused", Documents: checktest.WebDeployment("replicas: 3\n  paused: true",
				"replicas: 3, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3, "+paused("2026-01-15T11:40:00Z")),
		},
		"without a newer template": {
			ID: "deployment-rollout-paused", Documents: checktest.WebDeployment("replicas: 3\n  paused: true",
				"replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3, "+paused(old)),
		},
		"scaled to zero": {
			ID: "deployment-rollout-paused", Documents: checktest.WebDeployment("replicas: 0\n  paused: true", paused(old)),
		},
		"resumed": {
			ID: "deployment-rollout-paused", Documents: checktest.WebDeployment("replicas: 3",
				"replicas: 3, updatedReplicas: 1, readyReplicas: 3, availableReplicas: 3"),
		},
	})
}

// manyNodes are nodes node-0 and so on.
func manyNodes(count int) string {
	var documents strings.Builder
	for i := range count {
		documents.WriteString(checktest.NodeNamed(fmt.Sprintf("node-%d", i), "", "", "True"))
	}
	return documents.String()
}

func TestADaemonSetThatMatchesNoNodeIsFound(t *testing.T) {
	set := func(metadata, selector, desired string) string {
		return checktest.Document("apps/v1", "DaemonSet", "name: agent, namespace: shop, generation: 2, creationTimestamp: "+
			`"2026-01-15T10:00:00Z"`+metadata, "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: "+
			"{nodeSelector: {"+selector+"}, containers: [{name: a, image: a}]}}}\nstatus: {observedGeneration: 2, desiredNumberScheduled: "+
			desired+"}")
	}
	nodes := checktest.NodeNamed("one", ", pool: storage, kubernetes.io/os: linux", "", "True") +
		checktest.NodeNamed("two", ", pool: general", "", "True")
	checktest.RunCases(t, Checks(), map[string]checktest.Case{
		"a slip in the value": {
			ID: "daemonset-matches-no-node", Documents: nodes + set("", "pool: storge", "0"), Want: []string{
				"medium DaemonSet/shop/agent: DaemonSet agent runs on no node: no node has the label pool=storge of its nodeSelector.",
				"  condition: 0 Pods desired",
				"  spec: nodeSelector: pool=storge",
				"  spec: nodes have pool=storage",
			},
		},
		"a slip in the key": {
			ID: "daemonset-matches-no-node", Documents: nodes + set("", "pools: general", "0"), Want: []string{
				"medium DaemonSet/shop/agent: DaemonSet agent runs on no node: no node has the label pools=general of its nodeSelector.",
				"  condition: 0 Pods desired",
				"  spec: nodeSelector: pools=general",
				"  spec: nodes have pool=general",
			},
		},
		"hardware that no node has is no problem": {
			ID: "daemonset-matches-no-node", Documents: nodes + set("", "example.com/gpu: present", "0"), Want: []string{
				"info DaemonSet/shop/agent: DaemonSet agent runs on no node: no node has the label example.com/gpu=present of its " +
					"nodeSelector.",
				"  condition: 0 Pods desired",
				"  spec: nodeSelector: example.com/gpu=present",
			},
		},
		"each label is on a node": {ID: "daemonset-matches-no-node", Documents: nodes + set("", "pool: general", "0")},
		"a label that many nodes have with other values": {
			ID: "daemonset-matches-no-node", Documents: manyNodes(150) + set("", "kubernetes.io/hostname: node-149", "0"),
		},
		"it runs": {ID: "daemonset-matches-no-node", Documents: nodes + set("", "pool: nowhere", "1")},
		"being deleted": {
			ID:        "daemonset-matches-no-node",
			Documents: nodes + set(`, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [a/b]`, "pool: nowhere", "0"),
		},
		"nodes that were not read": {
			ID: "daemonset-matches-no-node", Documents: nodes + set("", "pool: nowhere", "0"), Elsewhere: []facts.Kind{facts.Node},
		},
	})
}

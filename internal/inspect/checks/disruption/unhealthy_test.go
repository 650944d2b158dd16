package disruption

import (
	"testing"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func TestABudgetThatKeepsUnhealthyPodsIsReported(t *testing.T) {
	budget := func(metadata, policy string) string {
		return checktest.Document("policy/v1", "PodDisruptionBudget", "name: web, "+metadata,
			"spec: {selector: {matchLabels: {app: web}}, maxUnavailable: 1"+policy+"}")
	}
	const found = "info PodDisruptionBudget/shop/web: PodDisruptionBudget web keeps Pods that are not ready from being evicted while too " +
		"few are healthy."
	const evidence = "  spec: unhealthyPodEvictionPolicy is not AlwaysAllow"
	for name, tc := range map[string]struct{ documents, want string }{
		"not set":          {budget("namespace: shop", ""), checktest.Lines(found, evidence)},
		"the default":      {budget("namespace: shop", ", unhealthyPodEvictionPolicy: IfHealthyBudget"), checktest.Lines(found, evidence)},
		"always":           {budget("namespace: shop", ", unhealthyPodEvictionPolicy: AlwaysAllow"), ""},
		"of Kubernetes":    {budget("namespace: kube-system", ""), ""},
		"is being deleted": {budget(`namespace: shop, deletionTimestamp: "2026-01-15T10:00:00Z"`, ""), ""},
	} {
		if got := checktest.Text(t, Checks(), "pdb-unhealthy-not-evicted", tc.documents); got != tc.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, tc.want)
		}
	}
}

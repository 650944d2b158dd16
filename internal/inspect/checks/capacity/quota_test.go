package capacity

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func quotaOf(metadata, hard, used string) string {
	return checktest.Document("v1", "ResourceQuota", "name: compute, namespace: shop"+metadata,
		"status: {hard: {"+hard+"}, used: {"+used+"}}")
}

func TestAQuotaThatRefusesObjectsIsReported(t *testing.T) {
	refused := func(last, message string) string {
		return checktest.FailedCreate("ReplicaSet", "web-6d4", "r1", last, last, message)
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"used up, however it is written": {
			documents: quotaOf("", `limits.cpu: "2", limits.memory: 4Gi, pods: "10"`, `limits.cpu: 2000m, limits.memory: 1Gi, pods: "10"`),
			want: checktest.Lines(
				"medium ResourceQuota/shop/compute: ResourceQuota compute is used up: namespace shop cannot use more limits.cpu, pods.",
				"  condition: limits.cpu: 2 of 2 used",
				"  condition: pods: 10 of 10 used"),
		},
		"lowered below its use": {
			documents: quotaOf("", `pods: "5"`, `pods: "9"`),
			want: checktest.Lines(
				"medium ResourceQuota/shop/compute: ResourceQuota compute is used up: namespace shop cannot use more pods.",
				"  condition: pods: 9 of 5 used"),
		},
		"used up, and rejecting Pods": {
			documents: quotaOf("", `pods: "2"`, `pods: "2"`) + refused("2026-01-15T11:50:00Z", checktest.OverQuota),
			want: checktest.Lines(
				"high ResourceQuota/shop/compute: ResourceQuota compute is used up: namespace shop cannot use more pods.",
				"  condition: pods: 2 of 2 used",
				"  event: FailedCreate: "+checktest.OverQuota),
		},
		"used up, and rejecting Pods some hours ago": {
			documents: quotaOf("", `pods: "2"`, `pods: "2"`) + refused("2026-01-15T09:00:00Z", checktest.OverQuota),
			want: checktest.Lines(
				"medium ResourceQuota/shop/compute: ResourceQuota compute is used up: namespace shop cannot use more pods.",
				"  condition: pods: 2 of 2 used"),
		},
		"used up, while another quota rejects Pods": {
			documents: quotaOf("", `pods: "2"`, `pods: "2"`) +
				refused("2026-01-15T11:50:00Z",
					`Error creating: pods "web-6d4-a" is forbidden: exceeded quota: disks, `+
						`requested: pods=1, used: pods=1, limited: pods=1`),
			want: checktest.Lines(
				"medium ResourceQuota/shop/compute: ResourceQuota compute is used up: namespace shop cannot use more pods.",
				"  condition: pods: 2 of 2 used"),
		},
		"nothing allowed on purpose": {documents: quotaOf("", `services.loadbalancers: "0", count/jobs.batch: "0"`,
			`services.loadbalancers: "0", count/jobs.batch: "0"`)},
		"nearly used up": {documents: quotaOf("", `limits.cpu: "2"`, `limits.cpu: 1999m`)},
		"being deleted": {documents: quotaOf(`, deletionTimestamp: "2026-01-15T11:59:00Z", finalizers: [x]`, `pods: "2"`,
			`pods: "2"`)},
		"not counted yet": {documents: checktest.Document("v1", "ResourceQuota", "name: compute, namespace: shop",
			`spec: {hard: {pods: "2"}}`)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "quota-exhausted", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

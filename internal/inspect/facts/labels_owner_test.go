package facts_test

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/facts"
)

func TestTheNameOfAPodNamesItsOwner(t *testing.T) {
	for pod, tc := range map[string]struct {
		owner string
		kind  facts.Kind
	}{
		"cart-7d9f8b6c5d-x2x4z":  {"cart", facts.Deployment},
		"shop-cart-6c5d7-x2x4z":  {"shop-cart-6c5d7", facts.DaemonSet},
		"redis-master-0":         {"redis-master", facts.StatefulSet},
		"agent-x2x4z":            {"agent", facts.DaemonSet},
		"report-29384720-x2x4z":  {"report", facts.CronJob},
		"bare":                   {"bare", ""},
		"bare-tool":              {"bare-tool", ""},
		"-x2x4z":                 {"-x2x4z", ""},
		"":                       {"", ""},
		"kubeops-manager-server": {"kubeops-manager-server", ""},
	} {
		if got := facts.NameOfOwner(pod); got != tc.owner {
			t.Errorf("%q belongs to %q, want %q", pod, got, tc.owner)
		}
		if tc.kind != "" && !facts.PodOf(tc.kind, tc.owner, pod) {
			t.Errorf("%q is no Pod of %s %q", pod, tc.kind, tc.owner)
		}
		if facts.PodOf(facts.Deployment, "other", pod) || facts.PodOf(facts.Deployment, pod, pod) {
			t.Errorf("%q is a Pod of another Deployment", pod)
		}
	}
	if facts.PodOf(facts.Deployment, "shop", "shop-cart-7d9f8b6c5d-x2x4z") || facts.PodOf(facts.StatefulSet, "cart", "cartoon-0") {
		t.Error("a longer name is that of another workload")
	}
}

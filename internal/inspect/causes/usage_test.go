package causes

import (
	"testing"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit"
)

// TestThrottlingExplainsProbesThatFail links metrics with the state of the cluster.
func TestThrottlingExplainsProbesThatFail(t *testing.T) {
	g := testkit.Graph(t, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, uid: d}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: api, image: i}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-a, namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: d, controller: true}]}
spec: {nodeName: n1, containers: [{name: api, image: i}]}
status: {phase: Running}
`)
	cart := facts.Ref{Kind: facts.Deployment, Namespace: "shop", Name: "cart"}
	for _, probe := range []string{"liveness-probe-failing", "startup-probe-failing", "readiness-probe-failing"} {
		linked := Link(g, checks.Builtin(), []check.Finding{
			{Check: probe, Object: cart, Severity: "high"}, {Check: "cpu-throttled", Object: cart, Severity: "low"},
			{Check: "qos-best-effort", Object: cart, Severity: "low"}, {Check: "usage-without-request", Object: cart, Severity: "low"},
		})
		for _, f := range linked {
			cause := ""
			if f.CausedBy >= 0 {
				cause = linked[f.CausedBy].Check
			}
			want := map[string]string{probe: "cpu-throttled", "usage-without-request": "qos-best-effort"}[f.Check]
			if cause != want {
				t.Errorf("%s is caused by %q, want %q", f.Check, cause, want)
			}
		}
	}
}

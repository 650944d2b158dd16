package background_test

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/explain/aibench"
	"kubeops.io/kubeops/internal/explain/background"
)

const prying = `
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop, labels: {app: cart}}
spec: {nodeName: n1, containers: [{name: app, image: x}]}
status: {phase: Running, containerStatuses: [{name: app, image: x, imageID: "", ready: false, restartCount: 0, state: {running: {}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: vault, namespace: bank}
spec: {selector: {app: vault}, ports: [{port: 8200}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {unschedulable: true}
`

func TestWhatIsNotInspectedIsNotRead(t *testing.T) {
	for name, tc := range map[string]struct {
		scope          background.Scope
		vault, n1, own bool
	}{
		"the cluster":       {background.Scope{}, true, true, true},
		"a namespace":       {background.Scope{Namespaces: []string{"sh*"}}, false, false, true},
		"all but one":       {background.Scope{Excluded: []string{"bank"}}, false, true, true},
		"another namespace": {background.Scope{Namespaces: []string{"bank"}}, false, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := aibench.NewCluster(objects(t, prying), map[string]string{"shop/cart-0/app": "lookup vault.bank.svc: no such host\n"})
			text := whole(gather(t, background.Within(tc.scope, cluster), problemOf("Pod", "cart-0")))
			for part, want := range map[string]bool{"Service bank/vault has ports": tc.vault, "cordoned": tc.n1, "log of container app": tc.own} {
				if got := strings.Contains(text, part); got != want {
					t.Errorf("%s: %v, want %v:\n%s", part, got, want, text)
				}
			}
		})
	}
}

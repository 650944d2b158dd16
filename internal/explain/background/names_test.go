package background_test

import (
	"slices"
	"testing"

	"kubeops.io/kubeops/internal/explain/aibench"
)

const referring = `
apiVersion: v1
kind: Pod
metadata: {name: cart-0, namespace: shop, labels: {app: cart}}
spec:
  nodeName: node-of-bank
  serviceAccountName: cart-robot
  imagePullSecrets: [{name: pull-key}]
  volumes: [{name: v, persistentVolumeClaim: {claimName: cart-data}}, {name: s, secret: {secretName: cart-tls}}]
  containers: [{name: app, image: x, env: [{name: DB_HOST, value: zzzzzz}]}]
status: {phase: Running, containerStatuses: [{name: app, image: x, imageID: "", ready: false, restartCount: 0, state: {running: {}}}]}
---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {selector: {app: ledger}, ports: [{port: 80}]}
`

func TestNamesOfAllObjectsInTheBackgroundAreKnown(t *testing.T) {
	facts := gather(t, aibench.NewCluster(objects(t, referring), nil), problemOf("Pod", "cart-0"))
	for _, want := range []string{"shop", "cart-0", "node-of-bank", "cart-robot", "pull-key", "cart-data", "cart-tls", "zzzzzz", "ledger"} {
		if !slices.Contains(facts.Names, want) {
			t.Errorf("%s is not masked: %v", want, facts.Names)
		}
	}
}

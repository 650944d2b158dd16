package inspect

import (
	"strings"
	"testing"
)

// stuck is a Deployment whose rollout does not progress, in a generation and with a number of ReplicaSets.
func stuck(generation, revisions string) string {
	text := `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, uid: d, generation: ` + generation + `, creationTimestamp: "2026-01-15T09:00:00Z"}
spec: {replicas: 1, progressDeadlineSeconds: 60, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}}}
status:
  observedGeneration: ` + generation + `
  conditions: [{type: Progressing, status: "False", reason: ProgressDeadlineExceeded, lastTransitionTime: "2026-01-15T10:00:00Z"}]
`
	for _, name := range strings.Fields(revisions) {
		text += `---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: cart-` + name + `, namespace: shop, uid: ` + name + `, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: d, controller: true}]}
spec: {replicas: 0, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}}}
`
	}
	return text
}

const metricsServer = `---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {group: metrics.k8s.io, version: v1beta1, service: {name: metrics-server, namespace: kube-system}}
`

const withoutLimit = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, uid: d}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: cart, image: 'cart:1', resources: {requests: {cpu: 1, memory: 1Gi}}}]}}}
`

func TestRemediesOfferOnlyWhatCanWorkInTheCluster(t *testing.T) {
	const undo = "`kubectl -n shop rollout undo deployment/cart`"
	const top = "(`kubectl -n shop top pod --containers`"
	const lacks = ", which needs metrics-server (not installed)"
	for name, tc := range map[string]struct {
		documents, check string
		with, without    string
	}{
		"an earlier revision":             {documents: stuck("3", "a b"), check: "deployment-rollout-stuck", with: ", or roll back: " + undo},
		"one revision, scaled once":       {documents: stuck("2", "a"), check: "deployment-rollout-stuck", with: "Fix what", without: "undo"},
		"never changed":                   {documents: stuck("1", ""), check: "deployment-rollout-stuck", with: "Fix what", without: "undo"},
		"metrics are served":              {documents: withoutLimit + metricsServer, check: "container-memory-limit-missing", with: top, without: lacks},
		"metrics are not served":          {documents: withoutLimit, check: "container-memory-limit-missing", with: top + lacks},
		"a command names the namespace":   {documents: withoutLimit, check: "container-memory-limit-missing", with: "kubectl -n shop "},
		"a role is deleted as is":         {documents: unusedRole, check: "rbac-role-unused", with: "Delete it: `kubectl -n shop delete role reader`."},
		"a Service is created whole":      {documents: withoutService, check: "statefulset-service-missing", with: headless},
		"a similar target is patched in":  {documents: mistaken, check: "hpa-target-missing", with: `patch hpa cart --type=merge -p '{"spec":{"scaleTargetRef":{"name":"cart"}}}'`},
		"an account comes with a restart": {documents: withoutAccount, check: "serviceaccount-missing", with: "`kubectl -n shop create serviceaccount robot && kubectl -n shop rollout restart deployment/cart`"},
		"an evicted Pod is removed":       {documents: evicted, check: "pod-evicted", with: "`kubectl -n shop delete pod cart`"},
		"only Pods of the workload":       {documents: evictedOf, check: "pod-evicted", with: "`kubectl -n shop delete pods -l app=cart --field-selector status.phase=Failed`"},
	} {
		t.Run(name, func(t *testing.T) {
			found := reported(t, tc.documents, tc.check)
			if len(found) != 1 || !strings.Contains(found[0].Remediation, tc.with) ||
				tc.without != "" && strings.Contains(found[0].Remediation, tc.without) {
				t.Errorf("want %q and not %q, got %+v", tc.with, tc.without, found)
			}
		})
	}
}

const (
	unusedRole = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: shop, creationTimestamp: "2026-01-15T09:00:00Z"}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
`
	headless = "`kubectl -n shop create service clusterip db --clusterip=None --dry-run=client -o yaml | kubectl set selector --local -f - " +
		"'app=db' -o yaml | kubectl apply -f -`"
	withoutService = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop, uid: s, creationTimestamp: "2026-01-15T09:00:00Z"}
spec: {replicas: 1, serviceName: db, selector: {matchLabels: {app: db}}, template: {metadata: {labels: {app: db}}, spec: {containers: [{name: db, image: 'db:1'}]}}}
`
	mistaken = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-15T09:00:00Z"}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: carts}}
status: {conditions: [{type: AbleToScale, status: "False", reason: FailedGetScale, lastTransitionTime: "2026-01-15T09:00:00Z", message: 'deployments.apps "carts" not found'}]}
`
	withoutAccount = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop, uid: d, generation: 1, creationTimestamp: "2026-01-15T09:00:00Z"}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {serviceAccountName: robot, containers: [{name: cart, image: 'cart:1'}]}}}
status: {observedGeneration: 1}
`
	evicted = `
apiVersion: v1
kind: Pod
metadata: {name: cart, namespace: shop, creationTimestamp: "2026-01-15T11:00:00Z"}
spec: {containers: [{name: cart, image: 'cart:1'}]}
status: {phase: Failed, reason: Evicted, startTime: "2026-01-15T11:30:00Z", message: 'The node was low on resource: memory.'}
`
	evictedOf = withoutLimit + `
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: cart-1, namespace: shop, uid: r, ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: cart, uid: d, controller: true}]}
spec: {replicas: 1, selector: {matchLabels: {app: cart}}, template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: cart, image: 'cart:1'}]}}}
---
apiVersion: v1
kind: Pod
metadata: {name: cart-1-a, namespace: shop, labels: {app: cart}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: cart-1, uid: r, controller: true}]}
spec: {containers: [{name: cart, image: 'cart:1'}]}
status: {phase: Failed, reason: Evicted, startTime: "2026-01-15T11:30:00Z", message: 'The node was low on resource: memory.'}
`
)

package inspect

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

// revision is a ReplicaSet of a custom resource, and its Pods with a status.
func revision(kind, apiVersion, hash string, replicas, ready int, podStatus string) string {
	owner := "ownerReferences: [{apiVersion: " + apiVersion + ", kind: " + kind + ", name: web, uid: r1, controller: true}]"
	count := func(n int) string { return string(rune('0' + n)) }
	documents := checktest.Document("apps/v1", "ReplicaSet", "name: web-"+hash+", namespace: shop, uid: rs-"+hash+
		`, creationTimestamp: "2026-01-15T09:00:00Z", labels: {app: web}, `+owner, "spec: {replicas: "+count(replicas)+
		", selector: {matchLabels: {app: web, hash: "+hash+"}}, template: {metadata: {labels: {app: web, hash: "+hash+"}}, "+
		"spec: {containers: [{name: app, image: 'example.com/web:1'}]}}}\nstatus: {replicas: "+count(replicas)+", readyReplicas: "+
		count(ready)+"}")
	for i := range replicas {
		documents += checktest.Document("v1", "Pod", "name: web-"+hash+"-"+count(i)+`, namespace: shop, creationTimestamp: `+
			`"2026-01-15T09:00:00Z", labels: {app: web, hash: `+hash+"}, ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-"+
			hash+", uid: rs-"+hash+", controller: true}]",
			"spec: {nodeName: node-1, containers: [{name: app, image: 'example.com/web:1'}]}\nstatus: "+podStatus)
	}
	return documents
}

const crashingStatus = `{phase: Running, conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-01-15T09:00:00Z"}],
  containerStatuses: [{name: app, ready: false, restartCount: 9, state: {waiting: {reason: CrashLoopBackOff, message: back-off}},
    lastState: {terminated: {exitCode: 1, reason: Error, startedAt: "2026-01-15T11:58:00Z", finishedAt: "2026-01-15T11:58:01Z"}}}]}`

func TestFindingsAboutReplicaSetsOfACustomResourceNameIt(t *testing.T) {
	service := checktest.Document("v1", "Service", `name: web, namespace: shop, creationTimestamp: "2026-01-15T09:00:00Z"`,
		"spec: {clusterIP: 10.0.0.1, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}")
	rollout := checktest.Document("argoproj.io/v1alpha1", "Rollout", "name: web, namespace: shop, uid: r1", "spec: {}")
	for name, documents := range map[string]string{
		"an Argo Rollout that was not read": service + revision("Rollout", "argoproj.io/v1alpha1", "aa", 2, 0, crashingStatus),
		"an Argo Rollout":                   rollout + service + revision("Rollout", "argoproj.io/v1alpha1", "aa", 2, 0, crashingStatus),
		"two revisions": service + revision("Rollout", "argoproj.io/v1alpha1", "aa", 2, 0, crashingStatus) +
			revision("Rollout", "argoproj.io/v1alpha1", "bb", 1, 0, crashingStatus) + revision("Rollout", "argoproj.io/v1alpha1", "cc", 0, 0, ""),
		"another controller": service + revision("CloneSet", "apps.example.com/v1", "aa", 2, 0, crashingStatus),
	} {
		t.Run(name, func(t *testing.T) {
			findings := reported(t, documents)
			seen := map[string]bool{}
			var crash, endpoints *v1alpha1.Finding
			for i := range findings {
				f := &findings[i]
				about := f.Check + " " + f.Object.Kind + " " + f.Object.Name
				if f.Object.Kind == "ReplicaSet" || strings.Contains(f.Message, "ReplicaSet") || seen[about+f.Message] {
					t.Errorf("%s: %s", about, f.Message)
				}
				seen[about+f.Message] = true
				for _, command := range []string{"rollout undo", "rollout restart", "set image", "set resources ", "patch replicaset", "edit replicaset",
					"scale replicaset", "ReplicaSet web-", ".io web"} {
					if strings.Contains(f.Remediation, command) {
						t.Errorf("%s: %s", about, f.Remediation)
					}
				}
				switch f.Check {
				case "pod-crash-looping":
					crash = f
				case "service-no-ready-endpoints":
					endpoints = f
				}
			}
			if crash == nil || crash.Object.Name != "web" || !strings.Contains(crash.Object.APIVersion, "/v1") {
				t.Fatalf("crash: %+v", crash)
			}
			if endpoints == nil || endpoints.CausedBy == "" {
				t.Errorf("endpoints: %+v", endpoints)
			}
		})
	}
}

func TestHealthyRolloutBetweenRevisionsHasNoProblem(t *testing.T) {
	const ready = `{phase: Running, conditions: [{type: Ready, status: "True", lastTransitionTime: "2026-01-15T09:00:00Z"}],
  containerStatuses: [{name: app, ready: true, state: {running: {startedAt: "2026-01-15T09:00:00Z"}}}]}`
	documents := revision("Rollout", "argoproj.io/v1alpha1", "aa", 2, 2, ready) + revision("Rollout", "argoproj.io/v1alpha1", "bb", 1, 1, ready) +
		revision("Rollout", "argoproj.io/v1alpha1", "cc", 0, 0, "")
	for _, f := range reported(t, documents) {
		if f.Class == v1alpha1.ClassProblem || f.Object.Kind == "ReplicaSet" {
			t.Errorf("%s on %s %s: %s", f.Check, f.Object.Kind, f.Object.Name, f.Message)
		}
	}
}

func TestADeniedControllerExplainsItsResources(t *testing.T) {
	documents := checktest.Document("v1", "ServiceAccount", "name: operator, namespace: ops", "") +
		checktest.Document("example.com/v1", "Widget", `name: a, namespace: shop, creationTimestamp: "2026-01-15T09:00:00Z", generation: 1`,
			`spec: {}
status: {observedGeneration: 1, conditions: [{type: Ready, status: "False", reason: Error, lastTransitionTime: "2026-01-15T09:00:00Z",
  message: 'deployments.apps is forbidden: User "system:serviceaccount:ops:operator" cannot create resource "deployments" in API group `+
				`"apps" in the namespace "shop"'}]}`)
	findings := reported(t, documents, "custom-resource-not-ready", "serviceaccount-forbidden")
	byCheck := map[string]v1alpha1.Finding{}
	for _, f := range findings {
		byCheck[f.Check] = f
	}
	denied := byCheck["serviceaccount-forbidden"]
	if denied.Object.Name != "operator" || byCheck["custom-resource-not-ready"].CausedBy != denied.ID {
		t.Errorf("%+v", findings)
	}
}

func TestAServiceOfARolloutWithoutPodsNamesIt(t *testing.T) {
	documents := checktest.Document("v1", "Service", `name: web, namespace: shop, creationTimestamp: "2026-01-15T09:00:00Z"`,
		"spec: {clusterIP: 10.0.0.1, selector: {app: web}, ports: [{port: 80}]}") +
		strings.NewReplacer("replicas: 0, selector", "replicas: 2, selector", "readyReplicas: 0", "readyReplicas: 0, conditions: [{type: "+
			"ReplicaFailure, status: 'True', reason: FailedCreate, message: denied, lastTransitionTime: '2026-01-15T09:00:00Z'}]").
			Replace(revision("Rollout", "argoproj.io/v1alpha1", "aa", 0, 0, ""))
	byCheck := map[string]v1alpha1.Finding{}
	for _, f := range reported(t, documents, "service-selector-matches-nothing", "replicaset-unavailable") {
		byCheck[f.Check] = f
	}
	rollout, service := byCheck["replicaset-unavailable"], byCheck["service-selector-matches-nothing"]
	if rollout.Object.Kind != "Rollout" || service.CausedBy != rollout.ID || service.Message !=
		"Service web has no Pods: Rollout web, which it selects, has none." {
		t.Errorf("%+v\n%+v", rollout, service)
	}
}

package checks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// webMeta is the metadata of a workload web that has been there for two hours and was seen by its controller.
const webMeta = `name: web, namespace: shop, uid: w1, generation: 2, creationTimestamp: "2026-01-15T10:00:00Z"`

// workload is a workload web with three replicas; spec and status are further fields of each.
func workload(kind, metadata, spec, status string) string {
	return document("apps/v1", kind, metadata, `
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: web:1}]}
  `+spec+`
status: {`+status+`}
`)
}

func webDeployment(spec, status string) string {
	return workload("Deployment", webMeta, spec, "observedGeneration: 2, "+status)
}

// webReplicaSet is a ReplicaSet of Deployment web.
func webReplicaSet(name string, replicas, current, ready int, more string) string {
	return document("apps/v1", "ReplicaSet", `name: `+name+`, namespace: shop, uid: `+name+`, generation: 1,
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: w1, controller: true}]`, fmt.Sprintf(`
spec: {replicas: %d, selector: {matchLabels: {app: web}}}
status: {observedGeneration: 1, replicas: %d, readyReplicas: %d%s}
`, replicas, current, ready, more))
}

// webPod is a Pod of the owner, a ReplicaSet if its kind is not given as in StatefulSet/web; ready is its Ready condition,
// since is when that began. It runs on a node that is called after the last letter of its name.
func webPod(name, owner, ready, since string) string {
	kind, ownerName, named := strings.Cut(owner, "/")
	if !named {
		kind, ownerName = "ReplicaSet", owner
	}
	return document("v1", "Pod", `name: `+name+`, namespace: shop, labels: {app: web},
  creationTimestamp: "2026-01-15T11:00:00Z",
  ownerReferences: [{apiVersion: apps/v1, kind: `+kind+`, name: `+ownerName+`, uid: o1, controller: true}]`, `
spec: {nodeName: node-`+name[len(name)-1:]+`, containers: [{name: web, image: web:1}]}
status: {phase: Running, conditions: [{type: Ready, status: "`+ready+`", lastTransitionTime: "`+since+`"}]}
`)
}

const (
	longAgo = "2026-01-15T11:30:00Z"
	justNow = "2026-01-15T11:59:30Z"
)

const (
	notAvail = `conditions: [{type: Available, status: "False", reason: MinimumReplicasUnavailable, message: Deployment does not have minimum availability., lastTransitionTime: "` + longAgo + `"}]`
	isAvail  = `conditions: [{type: Available, status: "True", reason: MinimumReplicasAvailable, lastTransitionTime: "` + longAgo + `"}]`
)

func TestDeploymentUnavailable(t *testing.T) {
	const notAvailableEvidence = "  condition: Available=False (MinimumReplicasUnavailable): Deployment does not have minimum availability."
	cases := map[string]struct {
		documents string
		unread    []facts.Kind
		want      string
	}{
		"no Pod available is critical": {
			documents: webDeployment("replicas: 2", "replicas: 2, "+notAvail) + webReplicaSet("web-6d4", 2, 2, 0, "") +
				webPod("web-6d4-a", "web-6d4", "False", longAgo) + webPod("web-6d4-b", "web-6d4", "False", longAgo),
			want: lines(
				"critical Deployment/shop/web: Deployment web has no available Pod.",
				"  condition: Pods: 2 wanted, 2 exist, 0 ready, 0 available",
				"  condition: not ready: web-6d4-a, web-6d4-b",
				notAvailableEvidence),
		},
		"one Pod that stays down while the minimum is there": {
			documents: webDeployment("replicas: 2", "replicas: 2, readyReplicas: 1, availableReplicas: 1, "+isAvail) +
				webReplicaSet("web-6d4", 2, 2, 1, "") +
				webPod("web-6d4-a", "web-6d4", "True", longAgo) + webPod("web-6d4-b", "web-6d4", "False", longAgo),
			want: lines(
				"high Deployment/shop/web: Deployment web has fewer available Pods than it wants.",
				"  condition: Pods: 2 wanted, 2 exist, 1 ready, 1 available",
				"  condition: not ready: web-6d4-b"),
		},
		"Pods that could not be read, judged by the condition": {
			documents: webDeployment("replicas: 2", "replicas: 2, "+notAvail),
			unread:    []facts.Kind{facts.Pod, facts.ReplicaSet},
			want: lines(
				"critical Deployment/shop/web: Deployment web has no available Pod.",
				"  condition: Pods: 2 wanted, 2 exist, 0 ready, 0 available",
				notAvailableEvidence),
		},
		"a paused one says so": {
			documents: webDeployment("replicas: 2\n  paused: true", "replicas: 2, "+notAvail),
			want: lines(
				"critical Deployment/shop/web: Deployment web has no available Pod. Its rollout is paused: changes of its Pod template are not rolled out.",
				"  condition: Pods: 2 wanted, 2 exist, 0 ready, 0 available",
				notAvailableEvidence,
				"  spec: paused: true"),
		},
		"a Pod that is still starting": {
			documents: webDeployment("replicas: 2", "replicas: 2, readyReplicas: 1, availableReplicas: 1, "+isAvail) +
				webReplicaSet("web-6d4", 2, 2, 1, "") +
				webPod("web-6d4-a", "web-6d4", "True", longAgo) + webPod("web-6d4-b", "web-6d4", "False", justNow),
		},
		"ready Pods that wait out minReadySeconds": {
			documents: webDeployment("replicas: 2\n  minReadySeconds: 3600", "replicas: 2, readyReplicas: 2, "+notAvail),
		},
		"all available":  {documents: webDeployment("replicas: 2", "replicas: 2, readyReplicas: 2, availableReplicas: 2, "+isAvail)},
		"scaled to zero": {documents: webDeployment("replicas: 0", notAvail)},
		"being deleted": {
			documents: workload("Deployment", webMeta+`, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: [foregroundDeletion]`,
				"replicas: 2", "observedGeneration: 2, replicas: 2, "+notAvail),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(t, "deployment-unavailable", c.documents, c.unread...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDeploymentRolloutStuck(t *testing.T) {
	stuck := func(reason, message string) string {
		return `conditions: [{type: Progressing, status: "False", reason: ` + reason + `, message: '` + message + `', lastTransitionTime: "` + justNow + `"}]`
	}
	const exceeded = `ReplicaSet "web-new" has timed out progressing.`
	cases := map[string]struct {
		documents string
		want      string
	}{
		"past its deadline while the old revision serves": {
			documents: webDeployment("replicas: 2", "replicas: 3, updatedReplicas: 1, readyReplicas: 2, availableReplicas: 2, "+stuck("ProgressDeadlineExceeded", exceeded)) +
				webReplicaSet("web-new", 1, 1, 0, "") + webReplicaSet("web-old", 2, 2, 2, ""),
			want: lines(
				"high Deployment/shop/web: The rollout of Deployment web is stuck: its new Pods did not become available within 10m. The revision before still serves.",
				`  condition: Progressing=False (ProgressDeadlineExceeded): ReplicaSet "web-new" has timed out progressing.`,
				"  condition: Pods of the new revision: 1 of 2",
				"  condition: ready Pods of earlier revisions: 2"),
		},
		"past its deadline with nothing left of the old revision": {
			documents: webDeployment("replicas: 1\n  progressDeadlineSeconds: 90", "replicas: 1, updatedReplicas: 1, "+stuck("ProgressDeadlineExceeded", exceeded)) +
				webReplicaSet("web-new", 1, 1, 0, "") + webReplicaSet("web-old", 0, 0, 0, ""),
			want: lines(
				"high Deployment/shop/web: The rollout of Deployment web is stuck: its new Pods did not become available within 1m30s.",
				`  condition: Progressing=False (ProgressDeadlineExceeded): ReplicaSet "web-new" has timed out progressing.`,
				"  condition: Pods of the new revision: 1 of 1"),
		},
		"a ReplicaSet that is refused": {
			documents: webDeployment("replicas: 1", "replicas: 1, "+stuck("ReplicaSetCreateError", `Failed to create new replica set "web-new": exceeded quota: objects`)) +
				webReplicaSet("web-old", 1, 1, 1, ""),
			want: lines(
				"high Deployment/shop/web: The rollout of Deployment web is stuck: its new ReplicaSet could not be created. The revision before still serves.",
				`  condition: Progressing=False (ReplicaSetCreateError): Failed to create new replica set "web-new": exceeded quota: objects`,
				"  condition: Pods of the new revision: 0 of 1",
				"  condition: ready Pods of earlier revisions: 1"),
		},
		"paused":         {documents: webDeployment("replicas: 1\n  paused: true", "replicas: 1, "+stuck("ProgressDeadlineExceeded", exceeded))},
		"scaled to zero": {documents: webDeployment("replicas: 0", stuck("ProgressDeadlineExceeded", exceeded))},
		"a change that the controller has yet to look at": {
			documents: workload("Deployment", webMeta, "replicas: 1", "observedGeneration: 1, replicas: 1, "+stuck("ProgressDeadlineExceeded", exceeded)),
		},
		"still progressing": {
			documents: webDeployment("replicas: 1", `replicas: 1, conditions: [{type: Progressing, status: "True", reason: ReplicaSetUpdated}]`),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(t, "deployment-rollout-stuck", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestReplicaSetUnavailable(t *testing.T) {
	alone := func(kind, apiVersion, owner string) string {
		return document(apiVersion, kind, webMeta+owner, `
spec: {replicas: 1, selector: `+map[string]string{"ReplicaSet": "{matchLabels: {app: web}}", "ReplicationController": "{app: web}"}[kind]+`}
status: {observedGeneration: 2, replicas: 1}
`)
	}
	down := webPod("web-a", "web", "False", longAgo)
	cases := map[string]struct {
		documents string
		want      string
	}{
		"by itself": {
			documents: alone("ReplicaSet", "apps/v1", "") + down,
			want: lines(
				"critical ReplicaSet/shop/web: ReplicaSet web has no ready Pod.",
				"  condition: Pods: 1 wanted, 1 exist, 0 ready, 0 available",
				"  condition: not ready: web-a"),
		},
		"of a custom resource, which is not read": {
			documents: alone("ReplicaSet", "apps/v1", `, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: web, uid: r1, controller: true}]`) + down,
			want: lines(
				"critical ReplicaSet/shop/web: ReplicaSet web has no ready Pod.",
				"  condition: Pods: 1 wanted, 1 exist, 0 ready, 0 available",
				"  condition: not ready: web-a"),
		},
		"a ReplicationController that is refused its Pod": {
			documents: document("v1", "ReplicationController", webMeta, `
spec: {replicas: 1, selector: {app: web}}
status: {observedGeneration: 2, replicas: 0, conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate, lastTransitionTime: "`+longAgo+`"}]}
`),
			want: lines(
				"critical ReplicationController/shop/web: ReplicationController web has no ready Pod.",
				"  condition: Pods: 1 wanted, 0 exist, 0 ready, 0 available"),
		},
		"of a Deployment": {
			documents: webDeployment("replicas: 1", "replicas: 1") + webReplicaSet("web-6d4", 1, 1, 0, "") + webPod("web-6d4-a", "web-6d4", "False", longAgo),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(t, "replicaset-unavailable", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestWorkloadNotObserved(t *testing.T) {
	changedAt := func(at, subresource string) string {
		return webMeta + `, managedFields: [{manager: kubectl, operation: Update, apiVersion: apps/v1, time: "` + at + `"` + subresource + `}]`
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"changed long ago": {
			documents: workload("Deployment", changedAt("2026-01-15T11:00:00Z", ""), "replicas: 1", "observedGeneration: 1"),
			want: lines(
				"high Deployment/shop/web: Deployment web stands still: the controller manager has not looked at its latest change.",
				"  condition: metadata.generation is 2, status.observedGeneration 1; last changed at 2026-01-15T11:00:00Z"),
		},
		"never looked at": {
			documents: workload("DaemonSet", webMeta, "updateStrategy: {type: RollingUpdate}", ""),
			want: lines(
				"high DaemonSet/shop/web: DaemonSet web stands still: the controller manager has never looked at it.",
				"  condition: metadata.generation is 2, status.observedGeneration 0; last changed at 2026-01-15T10:00:00Z"),
		},
		"a status written later is no change": {
			documents: workload("StatefulSet", changedAt(justNow, ", subresource: status"), "serviceName: web", "replicas: 0, observedGeneration: 1"),
			want: lines(
				"high StatefulSet/shop/web: StatefulSet web stands still: the controller manager has not looked at its latest change.",
				"  condition: metadata.generation is 2, status.observedGeneration 1; last changed at 2026-01-15T10:00:00Z"),
		},
		"changed just now": {documents: workload("Deployment", changedAt(justNow, ""), "replicas: 1", "observedGeneration: 1")},
		"scaled just now":  {documents: workload("Deployment", changedAt(justNow, ", subresource: scale"), "replicas: 1", "observedGeneration: 1")},
		"up to date":       {documents: webDeployment("replicas: 1", "replicas: 1")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, told(t, "workload-not-observed", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

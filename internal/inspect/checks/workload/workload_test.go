package workload

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/testkit/checktest"
)

const (
	notAvail = `conditions: [{type: Available, status: "False", reason: MinimumReplicasUnavailable, message: Deployment does not have ` +
		`minimum availability., lastTransitionTime: "` + checktest.LongAgo + `"}]`
	isAvail = `conditions: [{type: Available, status: "True", reason: MinimumReplicasAvailable, ` +
		`lastTransitionTime: "` + checktest.LongAgo + `"}]`
)

func TestAnUnavailableDeploymentIsReported(t *testing.T) {
	const notAvailableEvidence = "  condition: Available=False (MinimumReplicasUnavailable): Deployment does not have minimum availability."
	cases := map[string]struct {
		documents string
		unread    []facts.Kind
		want      string
	}{
		"no Pod available is critical": {
			documents: checktest.WebDeployment("replicas: 2", "replicas: 2, "+notAvail) + checktest.WebReplicaSet("web-6d4", 2, 2, 0, "") +
				checktest.WebPod("web-6d4-a", "web-6d4", "False", checktest.LongAgo) + checktest.WebPod("web-6d4-b", "web-6d4", "False", checktest.LongAgo),
			want: checktest.Lines(
				"critical Deployment/shop/web: Deployment web has no available Pods.",
				"  condition: Pods: 2 desired, 2 current, 0 ready, 0 available",
				"  condition: not ready: web-6d4-a, web-6d4-b",
				notAvailableEvidence),
		},
		"one Pod that stays down while the minimum is there": {
			documents: checktest.WebDeployment("replicas: 2", "replicas: 2, readyReplicas: 1, availableReplicas: 1, "+isAvail) +
				checktest.WebReplicaSet("web-6d4", 2, 2, 1, "") +
				checktest.WebPod("web-6d4-a", "web-6d4", "True",
					checktest.LongAgo) + checktest.WebPod("web-6d4-b", "web-6d4", "False", checktest.LongAgo),
			want: checktest.Lines(
				"high Deployment/shop/web: Deployment web has fewer available Pods than desired.",
				"  condition: Pods: 2 desired, 2 current, 1 ready, 1 available",
				"  condition: not ready: web-6d4-b"),
		},
		"Pods that could not be read, judged by the condition": {
			documents: checktest.WebDeployment("replicas: 2", "replicas: 2, "+notAvail),
			unread:    []facts.Kind{facts.Pod, facts.ReplicaSet},
			want: checktest.Lines(
				"critical Deployment/shop/web: Deployment web has no available Pods.",
				"  condition: Pods: 2 desired, 2 current, 0 ready, 0 available",
				notAvailableEvidence),
		},
		"a paused one reports it": {
			documents: checktest.WebDeployment("replicas: 2\n  paused: true", "replicas: 2, "+notAvail),
			want: checktest.Lines(
				"critical Deployment/shop/web: Deployment web has no available Pods. Its rollout is paused: changes to its Pod "+
					"template are not rolled out.",
				"  condition: Pods: 2 desired, 2 current, 0 ready, 0 available",
				notAvailableEvidence,
				"  spec: paused: true"),
		},
		"a Pod that is still starting": {
			documents: checktest.WebDeployment("replicas: 2", "replicas: 2, readyReplicas: 1, availableReplicas: 1, "+isAvail) +
				checktest.WebReplicaSet("web-6d4", 2, 2, 1, "") +
				checktest.WebPod("web-6d4-a", "web-6d4", "True",
					checktest.LongAgo) + checktest.WebPod("web-6d4-b", "web-6d4", "False", checktest.JustNow),
		},
		"ready Pods that wait out minReadySeconds": {
			documents: checktest.WebDeployment("replicas: 2\n  minReadySeconds: 3600", "replicas: 2, readyReplicas: 2, "+notAvail),
		},
		"all available": {documents: checktest.WebDeployment("replicas: 2", "replicas: 2, readyReplicas: 2, "+
			"availableReplicas: 2, "+isAvail)},
		"scaled to zero": {documents: checktest.WebDeployment("replicas: 0", notAvail)},
		"being deleted": {
			documents: checktest.WorkloadWeb("Deployment", checktest.WebMeta+`, deletionTimestamp: "2026-01-15T11:00:00Z", finalizers: `+
				`[foregroundDeletion]`,
				"replicas: 2", "observedGeneration: 2, replicas: 2, "+notAvail),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "deployment-unavailable", c.documents, c.unread...)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAStuckRolloutIsReported(t *testing.T) {
	stuck := func(reason, message string) string {
		return `conditions: [{type: Progressing, status: "False", ` +
			`reason: ` + reason + `, message: '` + message + `', lastTransitionTime: "` + checktest.JustNow + `"}]`
	}
	const exceeded = `ReplicaSet "web-new" has timed out progressing.`
	cases := map[string]struct {
		documents string
		want      string
	}{
		"past its deadline while the old revision serves": {
			documents: checktest.WebDeployment("replicas: 2", "replicas: 3, updatedReplicas: 1, readyReplicas: 2, "+
				"availableReplicas: 2, "+stuck("ProgressDeadlineExceeded", exceeded)) +
				checktest.WebReplicaSet("web-new", 1, 1, 0, "") + checktest.WebReplicaSet("web-old", 2, 2, 2, ""),
			want: checktest.Lines(
				"high Deployment/shop/web: Deployment web rollout is stuck: its new Pods did not become available within 10m. The "+
					"previous revision still serves.",
				`  condition: Progressing=False (ProgressDeadlineExceeded): ReplicaSet "web-new" has timed out progressing.`,
				"  condition: Pods of the new revision: 1 of 2",
				"  condition: ready Pods of earlier revisions: 2"),
		},
		"past its deadline with nothing left of the old revision": {
			documents: checktest.WebDeployment("replicas: 1\n  "+
				"progressDeadlineSeconds: 90", "replicas: 1, updatedReplicas: 1, "+stuck("ProgressDeadlineExceeded", exceeded)) +
				checktest.WebReplicaSet("web-new", 1, 1, 0, "") + checktest.WebReplicaSet("web-old", 0, 0, 0, ""),
			want: checktest.Lines(
				"high Deployment/shop/web: Deployment web rollout is stuck: its new Pods did not become available within 1m30s.",
				`  condition: Progressing=False (ProgressDeadlineExceeded): ReplicaSet "web-new" has timed out progressing.`,
				"  condition: Pods of the new revision: 1 of 1"),
		},
		"a ReplicaSet that is refused": {
			documents: checktest.WebDeployment("replicas: 1", "replicas: 1, "+stuck("ReplicaSetCreateError", `Failed to create new `+
				`replica set "web-new": exceeded quota: objects`)) +
				checktest.WebReplicaSet("web-old", 1, 1, 1, ""),
			want: checktest.Lines(
				"high Deployment/shop/web: Deployment web rollout is stuck: its new ReplicaSet could not be created. The previous "+
					"revision still serves.",
				`  condition: Progressing=False (ReplicaSetCreateError): Failed to create new replica set "web-new": exceeded quota: `+
					`objects`,
				"  condition: Pods of the new revision: 0 of 1",
				"  condition: ready Pods of earlier revisions: 1"),
		},
		"paused": {
			documents: checktest.WebDeployment("replicas: 1\n  paused: true",
				"replicas: 1, "+stuck("ProgressDeadlineExceeded", exceeded)),
		},
		"scaled to zero": {documents: checktest.WebDeployment("replicas: 0", stuck("ProgressDeadlineExceeded", exceeded))},
		"a change that the controller has yet to look at": {
			documents: checktest.WorkloadWeb("Deployment", checktest.WebMeta, "replicas: 1",
				"observedGeneration: 1, replicas: 1, "+stuck("ProgressDeadlineExceeded", exceeded)),
		},
		"still progressing": {
			documents: checktest.WebDeployment("replicas: 1", `replicas: 1, conditions: [{type: Progressing, status: "True", reason: `+
				`ReplicaSetUpdated}]`),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "deployment-rollout-stuck", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAnUnavailableReplicaSetIsReported(t *testing.T) {
	alone := func(kind, apiVersion, owner string) string {
		return checktest.Document(apiVersion, kind, checktest.WebMeta+owner, `
spec: {replicas: 1, selector: `+map[string]string{"ReplicaSet": "{matchLabels: {app: web}}", "ReplicationController": "{app: web}"}[kind]+`}
status: {observedGeneration: 2, replicas: 1}
`)
	}
	down := checktest.WebPod("web-a", "web", "False", checktest.LongAgo)
	cases := map[string]struct {
		documents string
		want      string
	}{
		"by itself": {
			documents: alone("ReplicaSet", "apps/v1", "") + down,
			want: checktest.Lines(
				"critical ReplicaSet/shop/web: ReplicaSet web has no ready Pods.",
				"  condition: Pods: 1 desired, 1 current, 0 ready, 0 available",
				"  condition: not ready: web-a"),
		},
		"of a custom resource, which is not read": {
			documents: alone("ReplicaSet", "apps/v1", `, ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: Rollout, name: `+
				`web, uid: r1, controller: true}]`) + down,
			want: checktest.Lines(
				"critical Rollout.argoproj.io/shop/web: Rollout web has no ready Pods.",
				"  condition: Pods: 1 desired, 1 current, 0 ready, 0 available",
				"  condition: not ready: web-a"),
		},
		"a ReplicationController that is refused its Pod": {
			documents: checktest.Document("v1", "ReplicationController", checktest.WebMeta, `
spec: {replicas: 1, selector: {app: web}}
status: {observedGeneration: 2, replicas: 0, conditions: [{type: ReplicaFailure, status: "True", reason: FailedCreate,
  lastTransitionTime: "`+checktest.LongAgo+`"}]}
`),
			want: checktest.Lines(
				"critical ReplicationController/shop/web: ReplicationController web has no ready Pods.",
				"  condition: Pods: 1 desired, 0 current, 0 ready, 0 available"),
		},
		"of a Deployment": {
			documents: checktest.WebDeployment("replicas: 1", "replicas: 1") + checktest.WebReplicaSet("web-6d4", 1, 1, 0, "") + checktest.WebPod("web-6d4-a", "web-6d4", "False", checktest.LongAgo),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "replicaset-unavailable", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAWorkloadThatIsNotObservedIsReported(t *testing.T) {
	changedAt := func(at, subresource string) string {
		return checktest.WebMeta + `, managedFields: [{manager: kubectl, operation: Update, apiVersion: apps/v1, ` +
			`time: "` + at + `"` + subresource + `}]`
	}
	cases := map[string]struct {
		documents string
		want      string
	}{
		"changed long ago": {
			documents: checktest.WorkloadWeb("Deployment", changedAt("2026-01-15T11:00:00Z", ""), "replicas: 1", "observedGeneration: 1"),
			want: checktest.Lines(
				"high Deployment/shop/web: Deployment web is not reconciled: kube-controller-manager has not observed its latest change.",
				"  condition: metadata.generation is 2, status.observedGeneration 1; last changed at 2026-01-15T11:00:00Z"),
		},
		"never looked at": {
			documents: checktest.WorkloadWeb("DaemonSet", checktest.WebMeta, "updateStrategy: {type: RollingUpdate}", ""),
			want: checktest.Lines(
				"high DaemonSet/shop/web: DaemonSet web is not reconciled: kube-controller-manager has never observed it.",
				"  condition: metadata.generation is 2, status.observedGeneration 0; last changed at 2026-01-15T10:00:00Z"),
		},
		"a status written later is no change": {
			documents: checktest.WorkloadWeb("StatefulSet", changedAt(checktest.JustNow, ", subresource: status"), "serviceName: web",
				"replicas: 0, observedGeneration: 1"),
			want: checktest.Lines(
				"high StatefulSet/shop/web: StatefulSet web is not reconciled: kube-controller-manager has not observed its latest change.",
				"  condition: metadata.generation is 2, status.observedGeneration 1; last changed at 2026-01-15T10:00:00Z",
			),
		},
		"changed just now": {
			documents: checktest.WorkloadWeb("Deployment", changedAt(checktest.JustNow, ""), "replicas: 1", "observedGeneration: 1"),
		},
		"scaled just now": {
			documents: checktest.WorkloadWeb("Deployment", changedAt(checktest.JustNow, ", subresource: scale"), "replicas: 1",
				"observedGeneration: 1"),
		},
		"up to date": {documents: checktest.WebDeployment("replicas: 1", "replicas: 1")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "workload-not-observed", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

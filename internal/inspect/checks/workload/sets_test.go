package workload

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kubeops.io/kubeops/internal/testkit/checktest"
)

func webStatefulSet(spec, status string) string {
	return checktest.WorkloadWeb("StatefulSet", checktest.WebMeta, "serviceName: web\n  replicas: 3\n  "+spec,
		"observedGeneration: 2, "+status)
}

// revised gives a Pod the label of its revision.
func revised(pod, revision string) string {
	return strings.Replace(pod, "labels: {app: web}", "labels: {app: web, controller-revision-hash: "+revision+"}", 1)
}

func TestAnUnavailableStatefulSetIsReported(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"one Pod holds up the others": {
			documents: webStatefulSet("", "replicas: 2, readyReplicas: 1, availableReplicas: 1") +
				checktest.WebPod("web-0", "StatefulSet/web", "True",
					checktest.LongAgo) + checktest.WebPod("web-1", "StatefulSet/web", "False", checktest.LongAgo),
			want: checktest.Lines(
				"high StatefulSet/shop/web: StatefulSet web has fewer ready Pods than desired.",
				"  condition: Pods: 3 desired, 2 current, 1 ready, 1 available",
				"  condition: not ready: web-1"),
		},
		"none ready, in the order of their ordinals": {
			documents: webStatefulSet("", "replicas: 3") + checktest.WebPod("web-10", "StatefulSet/web", "False", checktest.LongAgo) +
				checktest.WebPod("web-2", "StatefulSet/web", "False",
					checktest.LongAgo) + checktest.WebPod("web-1", "StatefulSet/web", "False", checktest.LongAgo),
			want: checktest.Lines(
				"critical StatefulSet/shop/web: StatefulSet web has no ready Pods.",
				"  condition: Pods: 3 desired, 3 current, 0 ready, 0 available",
				"  condition: not ready: web-1, web-2, web-10"),
		},
		"Pods that are refused": {
			documents: webStatefulSet("", "replicas: 0") + checktest.FailedCreate("StatefulSet", "web", "w1", "2026-01-15T11:20:00Z", "2026-01-15T11:55:00Z",
				`create Pod web-0 in StatefulSet web failed error: pods "web-0" is forbidden: exceeded quota: compute`),
			want: checktest.Lines(
				"critical StatefulSet/shop/web: StatefulSet web has no ready Pods.",
				"  condition: Pods: 3 desired, 0 current, 0 ready, 0 available"),
		},
		"a Pod that is being replaced": {
			documents: webStatefulSet("", "replicas: 3, readyReplicas: 2, "+
				"availableReplicas: 2") + checktest.WebPod("web-2", "StatefulSet/web", "False", checktest.JustNow),
		},
		"a Pod between the old and the new": {documents: webStatefulSet("", "replicas: 2, readyReplicas: 2, availableReplicas: 2")},
		"all ready":                         {documents: webStatefulSet("", "replicas: 3, readyReplicas: 3, availableReplicas: 3")},
		"scaled to zero": {
			documents: checktest.WorkloadWeb("StatefulSet", checktest.WebMeta, "serviceName: web\n  replicas: 0",
				"observedGeneration: 2, replicas: 0"),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "statefulset-unavailable", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestStatefulSetUpdateStuck(t *testing.T) {
	old := revised(checktest.WebPod("web-0", "StatefulSet/web", "True", checktest.LongAgo), "web-a") + revised(checktest.WebPod("web-1", "StatefulSet/web", "True", checktest.LongAgo), "web-a")
	fresh := func(since string) string {
		return revised(checktest.WebPod("web-2", "StatefulSet/web", "False", since), "web-b")
	}
	const updating = "replicas: 3, readyReplicas: 2, updatedReplicas: 1, currentRevision: web-a, updateRevision: web-b"
	cases := map[string]struct {
		documents string
		want      string
	}{
		"the new revision does not come up": {
			documents: webStatefulSet("", updating) + old + fresh(checktest.LongAgo),
			want: checktest.Lines(
				"high StatefulSet/shop/web: StatefulSet web update is stuck: a Pod of the new revision is not ready.",
				"  condition: Pods of the newest revision web-b: 1 of 3",
				"  condition: Pod web-2 is of the new revision and not ready"),
		},
		"a broken Pod stands in the way of the template that was mended": {
			documents: webStatefulSet("", "replicas: 3, readyReplicas: 2, updatedReplicas: 2, currentRevision: web-a, "+
				"updateRevision: web-a") + old + fresh(checktest.LongAgo),
			want: checktest.Lines(
				"high StatefulSet/shop/web: StatefulSet web update is stuck: it waits for a Pod of an older revision that is not ready "+
					"and is not replaced.",
				"  condition: Pods of the newest revision web-a: 2 of 3",
				"  condition: Pod web-2 is of revision web-b and not ready"),
		},
		"the new Pod is still starting": {documents: webStatefulSet("", updating) + old + fresh(checktest.JustNow)},
		"people update by deleting": {
			documents: webStatefulSet("updateStrategy: {type: OnDelete}", updating) + old + fresh(checktest.LongAgo),
		},
		"the rest is partitioned off": {
			documents: webStatefulSet("updateStrategy: {type: RollingUpdate, rollingUpdate: "+
				"{partition: 2}}", updating) + old + fresh(checktest.LongAgo),
		},
		"the first Pods of a new one": {
			documents: webStatefulSet("", "replicas: 1, updatedReplicas: 1, currentRevision: web-b, "+
				"updateRevision: web-b") + fresh(checktest.LongAgo),
		},
		"updated": {
			documents: webStatefulSet("", "replicas: 3, readyReplicas: 3, updatedReplicas: 3, currentRevision: web-b, "+
				"updateRevision: web-b"),
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "statefulset-update-stuck", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func webDaemonSet(status string) string {
	return checktest.WorkloadWeb("DaemonSet", checktest.WebMeta, "updateStrategy: {type: RollingUpdate}",
		"observedGeneration: 2, "+status)
}

func TestAnUnavailableDaemonSetIsReported(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"down on some nodes, which it names": {
			documents: webDaemonSet("desiredNumberScheduled: 5, currentNumberScheduled: 5, numberReady: 1, numberAvailable: 1") +
				checktest.WebPod("web-a", "DaemonSet/web", "True",
					checktest.LongAgo) + checktest.WebPod("web-b", "DaemonSet/web", "False", checktest.LongAgo) +
				checktest.WebPod("web-c", "DaemonSet/web", "False",
					checktest.LongAgo) + checktest.WebPod("web-d", "DaemonSet/web", "False", checktest.LongAgo) +
				checktest.WebPod("web-e", "DaemonSet/web", "False", checktest.LongAgo),
			want: checktest.Lines(
				"high DaemonSet/shop/web: DaemonSet web has no ready Pod on some of its nodes.",
				"  condition: Pods: 5 desired, 5 current, 1 ready, 1 available",
				"  condition: not ready: web-b, web-c, web-d and 1 more",
				"  condition: nodes without a ready Pod: node-b, node-c, node-d and 1 more"),
		},
		"down everywhere": {
			documents: webDaemonSet("desiredNumberScheduled: 1, "+
				"currentNumberScheduled: 1") + checktest.WebPod("web-a", "DaemonSet/web", "False", checktest.LongAgo),
			want: checktest.Lines(
				"critical DaemonSet/shop/web: DaemonSet web has no ready Pod on any node.",
				"  condition: Pods: 1 desired, 1 current, 0 ready, 0 available",
				"  condition: not ready: web-a",
				"  condition: nodes without a ready Pod: node-a"),
		},
		"starting on a new node": {
			documents: webDaemonSet("desiredNumberScheduled: 2, currentNumberScheduled: 2, "+
				"numberReady: 1") + checktest.WebPod("web-a", "DaemonSet/web", "False", checktest.JustNow),
		},
		"about to start on a new node": {documents: webDaemonSet("desiredNumberScheduled: 2, currentNumberScheduled: 1, numberReady: 1")},
		"meant for no node":            {documents: webDaemonSet("desiredNumberScheduled: 0")},
		"ready everywhere": {documents: webDaemonSet("desiredNumberScheduled: 2, currentNumberScheduled: 2, numberReady: " +
			"2, numberAvailable: 2")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "daemonset-unavailable", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestAMisscheduledDaemonSetIsReported(t *testing.T) {
	cases := map[string]struct {
		documents string
		want      string
	}{
		"on nodes that were tainted later": {
			documents: webDaemonSet("desiredNumberScheduled: 2, currentNumberScheduled: 2, numberReady: 2, numberMisscheduled: 1"),
			want: checktest.Lines(
				"low DaemonSet/shop/web: DaemonSet web has Pods on nodes that should not run it: once deleted, they are not recreated.",
				"  condition: Pods on 1 node that should not run them"),
		},
		"a change that is not reconciled yet": {
			documents: checktest.WorkloadWeb("DaemonSet", checktest.WebMeta, "updateStrategy: {type: RollingUpdate}",
				"observedGeneration: 1, numberMisscheduled: 1"),
		},
		"only where it should": {documents: webDaemonSet("desiredNumberScheduled: 2, currentNumberScheduled: 2, numberReady: 2")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, checktest.Text(t, Checks(), "daemonset-misscheduled", c.documents)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

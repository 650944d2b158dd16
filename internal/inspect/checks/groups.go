package checks

import "slices"

// The groups below say which checks may explain which. A check lists in ExplainedBy what can be its cause; the linker
// then looks along the graph's edges for a finding of one of them. Each is a function, so that no caller can change
// another's list.

// missingReferences are findings about things that a Pod names and that do not exist.
func missingReferences() []string {
	return []string{"configmap-missing", "configmap-key-missing", "secret-missing", "secret-key-missing", "serviceaccount-missing"}
}

// imageFailures are findings about images that do not come.
func imageFailures() []string {
	return []string{"image-not-found", "image-pull-denied", "image-registry-unreachable", "image-pull-failed"}
}

// startFailures are findings about containers that cannot be started.
func startFailures() []string {
	return []string{"container-config-invalid", "container-cannot-start", "volume-mount-failed", "pod-sandbox-failed"}
}

// crashes are findings about containers that start and end.
func crashes() []string {
	return []string{"pod-crash-looping", "pod-oom-killed", "init-container-failing", "liveness-probe-failing", "startup-probe-failing"}
}

// schedulingFailures are findings about Pods that get no node.
func schedulingFailures() []string {
	return []string{
		"pod-unschedulable-resources", "pod-unschedulable-affinity", "pod-unschedulable-taints", "pod-unschedulable-volume",
		"pod-unschedulable-ports", "pod-unschedulable-other",
	}
}

// claimFailures are findings about storage that does not come.
func claimFailures() []string {
	return []string{
		"pvc-missing", "pvc-class-missing", "pvc-no-provisioner", "pvc-provisioning-failed", "pvc-no-matching-volume", "pvc-pending",
		"pvc-lost", "pv-failed",
	}
}

// creationFailures are findings about Pods that may not be created.
func creationFailures() []string {
	return []string{"pods-blocked-by-quota", "pods-blocked-by-admission"}
}

// nodeOutages are findings about nodes that hurt the Pods that run there. A cordon does not: it only keeps new Pods away.
func nodeOutages() []string {
	return []string{"node-not-ready", "node-pressure", "node-network-unavailable"}
}

// nodeFailures are findings about nodes that take no Pods.
func nodeFailures() []string {
	return append(nodeOutages(), "node-cordoned")
}

// podFailures are all findings that keep Pods of a workload from being ready.
func podFailures() []string {
	return slices.Concat(missingReferences(), imageFailures(), startFailures(), crashes(), schedulingFailures(),
		claimFailures(), creationFailures(), nodeOutages(),
		[]string{"readiness-probe-failing", "pod-evicted", "pod-stuck-terminating"})
}

// workloadFailures are findings about workloads that do not have the Pods they want, and what keeps those Pods down.
func workloadFailures() []string {
	return slices.Concat([]string{
		"deployment-unavailable", "deployment-rollout-stuck", "statefulset-unavailable", "statefulset-update-stuck",
		"daemonset-unavailable", "job-failed",
	}, podFailures())
}

// serviceFailures are findings about Services that have nowhere to send traffic.
func serviceFailures() []string {
	return []string{"service-selector-matches-nothing", "service-no-ready-endpoints", "service-port-name-wrong"}
}

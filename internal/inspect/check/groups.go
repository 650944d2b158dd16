package check

import "slices"

// The groups below say which checks may explain others. A check lists in ExplainedBy what can be its cause; the linker
// then searches the graph's edges for a finding of one of them. Each is a function: callers get a list of their own.

// MissingReferences are findings about objects that a Pod refers to and that do not exist.
func MissingReferences() []string {
	return []string{"configmap-missing", "configmap-key-missing", "secret-missing", "secret-key-missing", "serviceaccount-missing"}
}

// imageFailures are findings about images that cannot be pulled.
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

// schedulingFailures are findings about unschedulable Pods.
func schedulingFailures() []string {
	return []string{
		"pod-unschedulable-resources", "pod-unschedulable-affinity", "pod-unschedulable-taints", "pod-unschedulable-volume",
		"pod-unschedulable-ports", "pod-unschedulable-other",
	}
}

// ClaimFailures are findings about claims without a volume.
func ClaimFailures() []string {
	return []string{
		"pvc-missing", "pvc-class-missing", "pvc-no-provisioner", "pvc-provisioning-failed", "pvc-no-matching-volume", "pvc-pending",
		"pvc-lost", "pv-failed",
	}
}

// CreationFailures are findings about Pods that cannot be created.
func CreationFailures() []string {
	return []string{"pods-blocked-by-quota", "pods-blocked-by-admission"}
}

// NodeOutages are findings about nodes that affect running Pods. A cordon does not: it only prevents new ones.
func NodeOutages() []string {
	return []string{"node-not-ready", "node-pressure", "node-network-unavailable", "node-problem"}
}

// NodeFailures are findings about nodes that accept no Pods.
func NodeFailures() []string {
	return append(NodeOutages(), "node-cordoned")
}

// PodFailures are all findings that keep Pods of a workload from being ready.
func PodFailures() []string {
	return slices.Concat(MissingReferences(), imageFailures(), startFailures(), crashes(), schedulingFailures(),
		ClaimFailures(), CreationFailures(), NodeOutages(),
		[]string{
			"readiness-probe-failing", "readiness-gate-not-true", "init-container-hanging", "dependency-unreachable", "pod-rejected",
			"pod-evicted", "pod-stuck-terminating",
		})
}

// WorkloadFailures are findings about workloads without the desired Pods, and about what keeps those Pods from running.
func WorkloadFailures() []string {
	return slices.Concat([]string{
		"deployment-unavailable", "deployment-rollout-stuck", "statefulset-unavailable", "statefulset-update-stuck",
		"daemonset-unavailable", "job-failed",
	}, PodFailures())
}

// ServiceFailures are findings about Services without endpoints.
func ServiceFailures() []string {
	return []string{"service-selector-matches-nothing", "service-no-ready-endpoints", "service-port-name-wrong"}
}

// WorkloadCauses are all findings that explain missing Pods of a workload.
func WorkloadCauses() []string {
	return append(WorkloadFailures(), "replicaset-unavailable", "workload-not-observed")
}

// CertificateFailures are findings about certificates that are not issued.
func CertificateFailures() []string {
	return []string{"certificate-not-ready", "certificate-request-failed", "acme-challenge-failing", "issuer-not-ready"}
}

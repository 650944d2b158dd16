package telemetry

import (
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// loadChecks are about what objects are asked to do, and what that takes.
func loadChecks() []check.Check {
	return []check.Check{
		{
			ID: "traffic-drop", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityMedium,
			Summary: "Far fewer requests arrive than usual.",
			Meaning: "For half an hour or longer within the last two hours, at most half of the usual number of requests arrived, " +
				"where at least 100 in half an hour are usual. It needs three weeks of history, since traffic differs between " +
				"weekdays." + anomalyMethod,
			Remediation: "Check what is in front of it: the Ingress or Gateway, DNS, certificates, and the clients. If clients fail " +
				"before they send requests, the object itself reports no errors.",
			Link:        "https://sre.google/sre-book/monitoring-distributed-systems/#xref_monitoring_golden-signals",
			Uses:        anomalyKinds(),
			ExplainedBy: slices.Concat(check.WorkloadFailures(), check.ServiceFailures()),
			Sources:     []facts.Source{facts.SourceTrafficDrop},
			Run:         anomalies(facts.AnomalyTrafficDrop),
		},
		{
			ID: "traffic-surge", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "Far more requests arrive than usual.",
			Meaning: "For half an hour or longer within the last two hours, at least three times the usual number of requests arrived, " +
				"and at least 300 in half an hour. It needs a week of history." + anomalyMethod,
			Remediation: "Check whether clients retry, or who sends the requests, and whether the replicas suffice.",
			Link:        "https://sre.google/sre-book/monitoring-distributed-systems/#xref_monitoring_golden-signals",
			Uses:        anomalyKinds(),
			Sources:     []facts.Source{facts.SourceTraffic},
			Run:         anomalies(facts.AnomalyTrafficSurge),
		},
		{
			ID: "cpu-anomaly", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityLow,
			Summary: "The containers of a workload use far more CPU than usual.",
			Meaning: "For half an hour or longer within the last two hours, the containers of all Pods of the workload used at " +
				"least twice as much CPU as usual and 0.1 cores more, and at least 1.5 times as much as a week ago." + anomalyMethod,
			Remediation: "Check what changed when it began: a rollout, the traffic, retries, or a loop that does not end.",
			Link:        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
			Uses:        anomalyKinds(),
			ExplainedBy: []string{"traffic-surge"},
			Sources:     []facts.Source{facts.SourceLoad},
			Run:         anomalies(facts.AnomalyCPU),
		},
		{
			ID: "memory-anomaly", Category: v1alpha1.CategoryCapacity, Severity: v1alpha1.SeverityMedium,
			Summary: "The containers of a workload use far more memory than usual.",
			Meaning: "For half an hour or longer within the last two hours, the containers of a Pod of the workload used, on average " +
				"of its Pods, at least 1.5 times as much memory as usual and 64 MiB more, and at least 1.5 times as much as a week " +
				"ago. More replicas are no anomaly." + anomalyMethod,
			Remediation: "Check what changed when it began: a rollout, the traffic, a cache that grows, or a leak. The kubelet kills " +
				"containers that reach their limit.",
			Link:        "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/",
			Uses:        anomalyKinds(),
			ExplainedBy: []string{"traffic-surge"},
			Sources:     []facts.Source{facts.SourceLoad},
			Run:         anomalies(facts.AnomalyMemory),
		},
	}
}

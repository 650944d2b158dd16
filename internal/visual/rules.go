package visual

// Rule of an alert about KubeOps itself.
type Rule struct {
	Alert      string
	Expression string
	// For is how long it must hold.
	For      string
	Severity string
	// Summary and Action for people; they may use Prometheus' templates.
	Summary, Action string
}

// Rules that ship with KubeOps. They are about KubeOps and what it relies on; findings are in reports and channels.
func Rules() []Rule {
	return append([]Rule{
		{
			Alert: "KubeOpsDown", Expression: `absent(up{job=~".*kubeops-manager.*"} == 1)`, For: "10m", Severity: "critical",
			Summary: "KubeOps' manager is not scraped.",
			Action:  "Look at Deployment kubeops-manager: kubectl -n kubeops-system get pods, and at the events of its Pods.",
		},
		{
			Alert:      "KubeOpsInspectionFails",
			Expression: `sum by (result) (increase(kubeops_inspection_runs_total{result!="Succeeded"}[1h])) > 3`, For: "15m",
			Severity: "warning",
			Summary:  "Inspections end with {{ $labels.result }}.",
			Action:   "kubectl get inspections -A shows which; the message of its condition Ready says what to do.",
		},
		{
			Alert: "KubeOpsInspectionGaps", Expression: `kubeops_inspection_gaps > 0`, For: "1d", Severity: "info",
			Summary: "Inspection {{ $labels.inspection }} could not inspect everything for a day.",
			Action:  "kubectl kubeops report names each gap and what to grant.",
		},
		{
			Alert: "KubeOpsBackendNotReady", Expression: `kubeops_backend_ready == 0`, For: "10m", Severity: "warning",
			Summary: "{{ $labels.kind }} {{ $labels.name }} is not ready.",
			Action:  "kubectl describe it: the message of its condition Ready names the cause and the next step.",
		},
		{
			Alert: "KubeOpsClusterCredentialsExpiring", Expression: `kubeops_cluster_credentials_expiring == 1`, For: "1h",
			Severity: "warning",
			Summary:  "The credentials of ManagedCluster {{ $labels.name }} expire soon, or have expired.",
			Action:   "Renew the kubeconfig in its Secret; condition CredentialsExpiring has the time.",
		},
		{
			Alert:      "KubeOpsReconcileErrors",
			Expression: `sum by (controller) (rate(controller_runtime_reconcile_errors_total{job=~".*kubeops-manager.*"}[15m])) > 0.1`,
			For:        "30m", Severity: "warning",
			Summary: "Controller {{ $labels.controller }} keeps failing.",
			Action:  "kubectl -n kubeops-system logs deployment/kubeops-manager names the errors.",
		},
		{
			Alert: "KubeOpsMemoryNearLimit", Severity: "warning", For: "15m",
			Expression: `max by (pod) (container_memory_working_set_bytes{namespace="kubeops-system",container="manager"}) / ` +
				`max by (pod) (kube_pod_container_resource_limits{namespace="kubeops-system",container="manager",resource="memory"}) > 0.9`,
			Summary: "KubeOps' manager uses more than 90% of its memory limit.",
			Action:  "Raise the limit in config/manager, or lower inspections.maxConcurrent in the manager's configuration.",
		},
		{
			Alert: "KubeOpsNotificationsPending", Expression: `kubeops_notifications_pending > 0`, For: "1h", Severity: "warning",
			Summary: "Reports wait for NotificationChannel {{ $labels.namespace }}/{{ $labels.name }}.",
			Action:  "kubectl describe it: the message of its condition Ready says why its receiver does not accept them.",
		},
		{
			Alert: "KubeOpsProcessesCrash", For: "15m", Severity: "warning",
			Expression: `sum by (work) (increase(kubeops_child_processes_ended_total{result="crash"}[1h])) > 3`,
			Summary:    "Processes of KubeOps' manager for work {{ $labels.work }} crash.",
			Action:     "kubectl -n kubeops-system logs deployment/kubeops-manager has the reason.",
		},
		{
			Alert: "KubeOpsCRDsOutdated", Expression: `kubeops_crds_outdated > 0`, For: "15m", Severity: "warning",
			Summary: "CustomResourceDefinitions of KubeOps are older than its manager.",
			Action:  "kubeops doctor names the fields that they lack, and the command that applies them again.",
		},
		{
			Alert: "KubeOpsSecondManager", Expression: `kubeops_other_managers > 0`, For: "15m", Severity: "critical",
			Summary: "Another manager of KubeOps leads in this cluster: both do the same work.",
			Action:  "kubeops doctor names it, and the command that stops it.",
		},
	}, pipelineRules()...)
}

// groups of rules, in the form that Prometheus, PrometheusRule and VMRule share.
func groups() []object {
	rules := make([]object, len(Rules()))
	for i, r := range Rules() {
		rules[i] = object{
			"alert": r.Alert, "expr": r.Expression, "for": r.For, "labels": object{"severity": r.Severity},
			"annotations": object{"summary": r.Summary, "description": r.Action},
		}
	}
	return []object{{"name": "kubeops", "rules": rules}}
}

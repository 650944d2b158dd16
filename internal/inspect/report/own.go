package report

import (
	"strings"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// neededByKubeOps returns why KubeOps needs one of the permissions that it is installed with; empty for other objects. Objects are
// recognized by the exact names in config/. The finding stays in the report with its severity: an object that only has such a name is
// not hidden.
func neededByKubeOps(object facts.Ref) string {
	name := object.Name
	switch object.Kind {
	case facts.ClusterRole, facts.ClusterRoleBinding, facts.Role, facts.RoleBinding:
	case facts.ServiceAccount:
		if name != "kubeops-manager" && name != "kubeops-worker" && name != "kubeops-dashboard" {
			return ""
		}
	default:
		return ""
	}
	switch {
	case name == "kubeops-manager", name == "kubeops-leader-election":
		return "the manager reads and writes its own resources with it, and elects a leader."
	case name == "kubeops-manager-impersonation" || strings.HasPrefix(name, "kubeops-manager-impersonation-"):
		return "the manager acts as the ServiceAccounts of tenants with it, and has no permissions of its own on what they read."
	case name == "kubeops-inspector", name == "kubeops-inspector-openreports", name == "kubeops-inspector-secrets":
		return "inspections read the cluster with it as the ServiceAccount that it is bound to; of Secrets only metadata is requested."
	case name == "kubeops-pipeline-jobs":
		return "PipelineRuns create Jobs with it as the ServiceAccount that it is bound to."
	case name == "kubeops-pipeline-inspections":
		return "PipelineRuns request runs of Inspections if the ServiceAccount that it is bound to is permitted to."
	case name == "kubeops-pipeline-bundles":
		return "PipelineRuns change and read ResourceBundles with it as the ServiceAccount that it is bound to."
	case name == "kubeops-pipeline-logs":
		return "PipelineRuns read logs of a backend if the ServiceAccount that it is bound to is permitted to read those of Pods."
	case name == "kubeops-worker", strings.HasPrefix(name, "kubeops-worker-impersonation"):
		return "workers read what inspections refer to with it, and act as the ServiceAccounts of tenants."
	case name == "kubeops-manager-cluster-profiles":
		return "the manager keeps the labels of imported ClusterProfiles in ManagedClusters with it."
	case name == "kubeops-admin", name == "kubeops-editor", name == "kubeops-viewer", name == "kubeops-approver":
		return "it gives users access to the resources of KubeOps."
	case name == "kubeops-dashboard-impersonation":
		return "the dashboard reads resources of KubeOps with the permissions of its viewers with it."
	case name == "kubeops-dashboard", strings.HasPrefix(name, "kubeops-dashboard-"):
		return "the dashboard authenticates its viewers with it, and finds the namespaces with resources of KubeOps."
	case name == "kubeops-log-collector":
		return "log collectors read the names of Pods, nodes and namespaces with it."
	case name == "kubeops-log-collectors":
		return "the manager installs log collectors with it."
	default:
		return ""
	}
}

// runsKubeOps reports whether an object is part of the manager: without it, KubeOps stops.
func runsKubeOps(object facts.Ref) bool {
	switch object.Kind {
	case facts.Deployment, facts.Service:
		return object.Name == "kubeops-manager"
	case facts.Namespace:
		return object.Name == "kubeops-system"
	default:
		return false
	}
}

package facts

import (
	"cmp"
	"slices"
	"strings"
)

// Kinds returns every kind that is reduced to nodes, Events included.
func Kinds() []Kind {
	return []Kind{
		Pod, Node, Namespace, Service, EndpointSlice, Ingress, IngressClass, Deployment, ReplicaSet, StatefulSet, DaemonSet,
		ReplicationController, Job, CronJob, HPA, PDB, PVC, PV, StorageClass, ConfigMap, Secret, ServiceAccount, ResourceQuota,
		APIService, ValidatingWebhook, MutatingWebhook, Event, Role, ClusterRole, RoleBinding, ClusterRoleBinding, NetworkPolicy,
		LimitRange, PriorityClass,
	}
}

// kindOf is the kind that a reference names. Other API groups have kinds of the same name, such as the Service of
// serving.knative.dev; those are written with their group, so that they are not taken for ours.
func kindOf(apiVersion, kind string) Kind {
	named := Kind(kind)
	if apiVersion == "" || group(apiVersion) == group(named.APIVersion()) || !slices.Contains(Kinds(), named) {
		return named
	}
	return Kind(kind + "." + cmp.Or(group(apiVersion), "core"))
}

// group of an apiVersion; empty for the core group.
func group(apiVersion string) string {
	name, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return ""
	}
	return name
}

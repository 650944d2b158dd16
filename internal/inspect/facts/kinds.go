package facts

import (
	"cmp"
	"strings"
)

// Kinds returns every kind that is reduced to nodes, Events included.
func Kinds() []Kind {
	return []Kind{
		Pod, Node, Namespace, Service, EndpointSlice, Ingress, IngressClass, Deployment, ReplicaSet, StatefulSet, DaemonSet,
		ReplicationController, Job, CronJob, HPA, PDB, PVC, PV, StorageClass, ConfigMap, Secret, ServiceAccount, ResourceQuota,
		APIService, ValidatingWebhook, MutatingWebhook, Event, Role, ClusterRole, RoleBinding, ClusterRoleBinding, NetworkPolicy,
		LimitRange, PriorityClass, CRD,
	}
}

// coreGroup stands for the core group, whose name is empty, in kinds that are written with their group.
const coreGroup = "core"

// kindOf is the kind that a reference names. Kinds that are not Kubernetes' own are written with their group: a Service of
// serving.knative.dev is not to be taken for ours.
func kindOf(apiVersion, kind string) Kind {
	named := Kind(kind)
	if apiVersion == "" || group(apiVersion) == group(named.APIVersion()) {
		return named
	}
	return CustomKind(cmp.Or(group(apiVersion), coreGroup), kind)
}

// group of an apiVersion; empty for the core group.
func group(apiVersion string) string {
	name, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return ""
	}
	return name
}

// KindOf is the kind under which the graph would know an object: its own, or, where another API group has a kind of the
// same name as one that is reduced, the kind with that group behind it.
func KindOf(apiVersion, kind string) Kind { return kindOf(apiVersion, kind) }

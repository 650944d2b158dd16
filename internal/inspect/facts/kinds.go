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

// KindOf is the kind of an object of some API version, by the rules of references; see kindOf.
func KindOf(apiVersion, kind string) Kind { return kindOf(apiVersion, kind) }

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

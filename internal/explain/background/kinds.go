package background

import (
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Kind of objects that a Cluster reads. It has no others, so that nothing has to be discovered.
type Kind struct {
	schema.GroupVersionKind
	Namespaced bool
}

// Resource is the plural name, as in RBAC: deployments.
func (k Kind) Resource() string {
	plural, _ := meta.UnsafeGuessKindToResource(k.GroupVersionKind)
	return plural.Resource
}

// Kinds that a Cluster reads, by name.
func Kinds() []Kind {
	var all []Kind
	for version, kinds := range map[schema.GroupVersion][]string{
		corev1.SchemeGroupVersion: {
			"Pod", "Service", "ConfigMap", "Secret", "PersistentVolumeClaim", "ServiceAccount", "ResourceQuota", "LimitRange", "Event",
			"ReplicationController",
		},
		appsv1.SchemeGroupVersion:        {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ControllerRevision"},
		batchv1.SchemeGroupVersion:       {"Job", "CronJob"},
		discoveryv1.SchemeGroupVersion:   {"EndpointSlice"},
		networkingv1.SchemeGroupVersion:  {"NetworkPolicy", "Ingress"},
		autoscalingv2.SchemeGroupVersion: {"HorizontalPodAutoscaler"},
		policyv1.SchemeGroupVersion:      {"PodDisruptionBudget"},
		rbacv1.SchemeGroupVersion:        {"Role", "RoleBinding"},
	} {
		for _, kind := range kinds {
			all = append(all, Kind{version.WithKind(kind), true})
		}
	}
	for version, kinds := range map[schema.GroupVersion][]string{
		corev1.SchemeGroupVersion:       {"Node", "Namespace", "PersistentVolume"},
		storagev1.SchemeGroupVersion:    {"StorageClass"},
		networkingv1.SchemeGroupVersion: {"IngressClass"},
		schedulingv1.SchemeGroupVersion: {"PriorityClass"},
		rbacv1.SchemeGroupVersion:       {"ClusterRole", "ClusterRoleBinding"},
	} {
		for _, kind := range kinds {
			all = append(all, Kind{version.WithKind(kind), false})
		}
	}
	slices.SortFunc(all, func(a, b Kind) int { return strings.Compare(a.Kind, b.Kind) })
	return all
}

// mapper knows the kinds that are read.
func mapper() meta.RESTMapper {
	m := meta.NewDefaultRESTMapper(nil)
	for _, kind := range Kinds() {
		var scope meta.RESTScope = meta.RESTScopeRoot
		if kind.Namespaced {
			scope = meta.RESTScopeNamespace
		}
		m.Add(kind.GroupVersionKind, scope)
	}
	return m
}

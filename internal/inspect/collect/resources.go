package collect

import (
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
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
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// resource says how a kind is listed.
type resource struct {
	kind    facts.Kind
	version schema.GroupVersion
	name    string
	// list makes an empty typed list; nil for kinds that are read in another way.
	list func() runtime.Object
	// fieldSelector narrows the list at the server.
	fieldSelector string
	// custom is set for custom resources.
	custom custom
	// checks that alone want it; empty for kinds of the graph. It is then read as JSON, and has no kind.
	checks []string
}

// label is the resource with its group, as RBAC and kubectl name it.
func (r resource) label() string {
	if r.version.Group == "" {
		return r.name
	}
	return r.name + "." + r.version.Group
}

// resources are the kinds that can be read, in the order in which they are: the largest lists first, so that the
// small ones fill the gaps at the end.
func resources(wanted []facts.Kind) []resource {
	core, apps, batch := corev1.SchemeGroupVersion, appsv1.SchemeGroupVersion, batchv1.SchemeGroupVersion
	networking, admission := networkingv1.SchemeGroupVersion, admissionregistrationv1.SchemeGroupVersion
	all := []resource{
		{kind: facts.Pod, version: core, name: "pods", list: func() runtime.Object { return &corev1.PodList{} }},
		{
			kind: facts.Event, version: core, name: "events", list: func() runtime.Object { return &corev1.EventList{} },
			fieldSelector: "type=" + corev1.EventTypeWarning,
		},
		{kind: facts.ReplicaSet, version: apps, name: "replicasets", list: func() runtime.Object { return &appsv1.ReplicaSetList{} }},
		{kind: facts.ConfigMap, version: core, name: "configmaps", list: func() runtime.Object { return &corev1.ConfigMapList{} }},
		{kind: facts.Deployment, version: apps, name: "deployments", list: func() runtime.Object { return &appsv1.DeploymentList{} }},
		{kind: facts.Service, version: core, name: "services", list: func() runtime.Object { return &corev1.ServiceList{} }},
		{
			kind: facts.EndpointSlice, version: discoveryv1.SchemeGroupVersion, name: "endpointslices",
			list: func() runtime.Object { return &discoveryv1.EndpointSliceList{} },
		},
		{kind: facts.Node, version: core, name: "nodes", list: func() runtime.Object { return &corev1.NodeList{} }},
		{kind: facts.Secret, version: core, name: "secrets"},
		{kind: facts.ServiceAccount, version: core, name: "serviceaccounts", list: func() runtime.Object { return &corev1.ServiceAccountList{} }},
		{kind: facts.Job, version: batch, name: "jobs", list: func() runtime.Object { return &batchv1.JobList{} }},
		{kind: facts.CronJob, version: batch, name: "cronjobs", list: func() runtime.Object { return &batchv1.CronJobList{} }},
		{kind: facts.StatefulSet, version: apps, name: "statefulsets", list: func() runtime.Object { return &appsv1.StatefulSetList{} }},
		{kind: facts.DaemonSet, version: apps, name: "daemonsets", list: func() runtime.Object { return &appsv1.DaemonSetList{} }},
		{
			kind: facts.ReplicationController, version: core, name: "replicationcontrollers",
			list: func() runtime.Object { return &corev1.ReplicationControllerList{} },
		},
		{
			kind: facts.HPA, version: autoscalingv2.SchemeGroupVersion, name: "horizontalpodautoscalers",
			list: func() runtime.Object { return &autoscalingv2.HorizontalPodAutoscalerList{} },
		},
		{
			kind: facts.PDB, version: policyv1.SchemeGroupVersion, name: "poddisruptionbudgets",
			list: func() runtime.Object { return &policyv1.PodDisruptionBudgetList{} },
		},
		{
			kind: facts.PVC, version: core, name: "persistentvolumeclaims",
			list: func() runtime.Object { return &corev1.PersistentVolumeClaimList{} },
		},
		{kind: facts.PV, version: core, name: "persistentvolumes", list: func() runtime.Object { return &corev1.PersistentVolumeList{} }},
		{
			kind: facts.StorageClass, version: storagev1.SchemeGroupVersion, name: "storageclasses",
			list: func() runtime.Object { return &storagev1.StorageClassList{} },
		},
		{kind: facts.Ingress, version: networking, name: "ingresses", list: func() runtime.Object { return &networkingv1.IngressList{} }},
		{kind: facts.IngressClass, version: networking, name: "ingressclasses", list: func() runtime.Object { return &networkingv1.IngressClassList{} }},
		{kind: facts.ResourceQuota, version: core, name: "resourcequotas", list: func() runtime.Object { return &corev1.ResourceQuotaList{} }},
		{kind: facts.Namespace, version: core, name: "namespaces", list: func() runtime.Object { return &corev1.NamespaceList{} }},
		{kind: facts.CRD, version: schema.GroupVersion{Group: "apiextensions.k8s.io", Version: "v1"}, name: "customresourcedefinitions"},
		{kind: facts.APIService, version: schema.GroupVersion{Group: "apiregistration.k8s.io", Version: "v1"}, name: "apiservices"},
		{
			kind: facts.ValidatingWebhook, version: admission, name: "validatingwebhookconfigurations",
			list: func() runtime.Object { return &admissionregistrationv1.ValidatingWebhookConfigurationList{} },
		},
		{
			kind: facts.MutatingWebhook, version: admission, name: "mutatingwebhookconfigurations",
			list: func() runtime.Object { return &admissionregistrationv1.MutatingWebhookConfigurationList{} },
		},
	}
	all = append(all, accessResources()...)
	return slices.DeleteFunc(all, func(r resource) bool { return !slices.Contains(wanted, r.kind) })
}

// accessResources are what grants and restricts.
func accessResources() []resource {
	rbac, core := rbacv1.SchemeGroupVersion, corev1.SchemeGroupVersion
	return []resource{
		{kind: facts.Role, version: rbac, name: "roles", list: func() runtime.Object { return &rbacv1.RoleList{} }},
		{kind: facts.RoleBinding, version: rbac, name: "rolebindings", list: func() runtime.Object { return &rbacv1.RoleBindingList{} }},
		{kind: facts.ClusterRole, version: rbac, name: "clusterroles", list: func() runtime.Object { return &rbacv1.ClusterRoleList{} }},
		{
			kind: facts.ClusterRoleBinding, version: rbac, name: "clusterrolebindings",
			list: func() runtime.Object { return &rbacv1.ClusterRoleBindingList{} },
		},
		{
			kind: facts.NetworkPolicy, version: networkingv1.SchemeGroupVersion, name: "networkpolicies",
			list: func() runtime.Object { return &networkingv1.NetworkPolicyList{} },
		},
		{kind: facts.LimitRange, version: core, name: "limitranges", list: func() runtime.Object { return &corev1.LimitRangeList{} }},
		{
			kind: facts.PriorityClass, version: schedulingv1.SchemeGroupVersion, name: "priorityclasses",
			list: func() runtime.Object { return &schedulingv1.PriorityClassList{} },
		},
	}
}

// newScheme knows the API groups that are listed, and no others: the whole of client-go's would cost memory.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	builder := runtime.SchemeBuilder{
		corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, autoscalingv2.AddToScheme, policyv1.AddToScheme,
		discoveryv1.AddToScheme, networkingv1.AddToScheme, storagev1.AddToScheme, admissionregistrationv1.AddToScheme,
		rbacv1.AddToScheme, schedulingv1.AddToScheme,
	}
	return scheme, builder.AddToScheme(scheme)
}

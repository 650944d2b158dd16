package facts

import (
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
)

// builtin is the table of the kinds that Kubernetes itself serves. It is a switch and not a map: lookups happen for every object
// that is read, and a switch needs no state and no allocation. Kinds() lists the same kinds in reading order; a test compares the two.
func (k Kind) builtin() (KindInfo, bool) { //nolint:gocyclo // a table: one case per kind
	switch k {
	case Pod:
		return KindInfo{
			APIVersion: "v1", Resource: "pods",
			NewList: newList[corev1.PodList],
			reduce:  func(object any) any { return reduceAs(object, reducePod) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Pods) },
		}, true
	case Event:
		return KindInfo{
			APIVersion: "v1", Resource: "events", FieldSelector: "type=" + corev1.EventTypeWarning,
			NewList: newList[corev1.EventList],
			reduce:  func(object any) any { return reduceAs(object, reduceEvent) },
		}, true
	case ReplicaSet:
		return KindInfo{
			APIVersion: "apps/v1", Resource: "replicasets",
			NewList: newList[appsv1.ReplicaSetList],
			reduce:  func(object any) any { return reduceAs(object, reduceReplicaSet) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Workloads) },
		}, true
	case ConfigMap:
		return KindInfo{
			APIVersion: "v1", Resource: "configmaps",
			NewList: newList[corev1.ConfigMapList],
			reduce:  func(object any) any { return reduceAs(object, reduceConfigMap) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Configs) },
		}, true
	case Deployment:
		return KindInfo{
			APIVersion: "apps/v1", Resource: "deployments",
			NewList: newList[appsv1.DeploymentList],
			reduce:  func(object any) any { return reduceAs(object, reduceDeployment) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Workloads) },
		}, true
	case Service:
		return KindInfo{
			APIVersion: "v1", Resource: "services",
			NewList: newList[corev1.ServiceList],
			reduce:  func(object any) any { return reduceAs(object, reduceService) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Services) },
		}, true
	case EndpointSlice:
		return KindInfo{
			APIVersion: "discovery.k8s.io/v1", Resource: "endpointslices",
			NewList: newList[discoveryv1.EndpointSliceList],
			reduce:  func(object any) any { return reduceAs(object, reduceEndpointSlice) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Endpoints) },
		}, true
	case Node:
		return KindInfo{
			APIVersion: "v1", Resource: "nodes", ClusterScoped: true, Context: true,
			NewList: newList[corev1.NodeList],
			reduce:  func(object any) any { return reduceAs(object, reduceNode) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Nodes) },
		}, true
	case Secret:
		return KindInfo{
			APIVersion: "v1", Resource: "secrets",
			reduce: reduceSecretObject,
			nodes:  func(g *Graph) nodeList { return listOf(&g.Configs) },
		}, true
	case ServiceAccount:
		return KindInfo{
			APIVersion: "v1", Resource: "serviceaccounts",
			NewList: newList[corev1.ServiceAccountList],
			reduce:  func(object any) any { return reduceAs(object, reduceServiceAccount) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Configs) },
		}, true
	case Job:
		return KindInfo{
			APIVersion: "batch/v1", Resource: "jobs",
			NewList: newList[batchv1.JobList],
			reduce:  func(object any) any { return reduceAs(object, reduceJob) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Jobs) },
		}, true
	case CronJob:
		return KindInfo{
			APIVersion: "batch/v1", Resource: "cronjobs",
			NewList: newList[batchv1.CronJobList],
			reduce:  func(object any) any { return reduceAs(object, reduceCronJob) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.CronJobs) },
		}, true
	case StatefulSet:
		return KindInfo{
			APIVersion: "apps/v1", Resource: "statefulsets",
			NewList: newList[appsv1.StatefulSetList],
			reduce:  func(object any) any { return reduceAs(object, reduceStatefulSet) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Workloads) },
		}, true
	case DaemonSet:
		return KindInfo{
			APIVersion: "apps/v1", Resource: "daemonsets",
			NewList: newList[appsv1.DaemonSetList],
			reduce:  func(object any) any { return reduceAs(object, reduceDaemonSet) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Workloads) },
		}, true
	case ReplicationController:
		return KindInfo{
			APIVersion: "v1", Resource: "replicationcontrollers",
			NewList: newList[corev1.ReplicationControllerList],
			reduce:  func(object any) any { return reduceAs(object, reduceReplicationController) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Workloads) },
		}, true
	case HPA:
		return KindInfo{
			APIVersion: "autoscaling/v2", Resource: "horizontalpodautoscalers",
			NewList: newList[autoscalingv2.HorizontalPodAutoscalerList],
			reduce:  func(object any) any { return reduceAs(object, reduceHPA) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.HPAs) },
		}, true
	case PDB:
		return KindInfo{
			APIVersion: "policy/v1", Resource: "poddisruptionbudgets",
			NewList: newList[policyv1.PodDisruptionBudgetList],
			reduce:  func(object any) any { return reduceAs(object, reducePDB) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.PDBs) },
		}, true
	case PVC:
		return KindInfo{
			APIVersion: "v1", Resource: "persistentvolumeclaims",
			NewList: newList[corev1.PersistentVolumeClaimList],
			reduce:  func(object any) any { return reduceAs(object, reducePVC) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.PVCs) },
		}, true
	case PV:
		return KindInfo{
			APIVersion: "v1", Resource: "persistentvolumes", ClusterScoped: true, Context: true,
			NewList: newList[corev1.PersistentVolumeList],
			reduce:  func(object any) any { return reduceAs(object, reducePV) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.PVs) },
		}, true
	case StorageClass:
		return KindInfo{
			APIVersion: "storage.k8s.io/v1", Resource: "storageclasses", ClusterScoped: true, Context: true,
			NewList: newList[storagev1.StorageClassList],
			reduce:  func(object any) any { return reduceAs(object, reduceStorageClass) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.StorageClasses) },
		}, true
	case Ingress:
		return KindInfo{
			APIVersion: "networking.k8s.io/v1", Resource: "ingresses",
			NewList: newList[networkingv1.IngressList],
			reduce:  func(object any) any { return reduceAs(object, reduceIngress) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Ingresses) },
		}, true
	case IngressClass:
		return KindInfo{
			APIVersion: "networking.k8s.io/v1", Resource: "ingressclasses", ClusterScoped: true, Context: true,
			NewList: newList[networkingv1.IngressClassList],
			reduce:  func(object any) any { return reduceAs(object, reduceIngressClass) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.IngressClasses) },
		}, true
	case ResourceQuota:
		return KindInfo{
			APIVersion: "v1", Resource: "resourcequotas",
			NewList: newList[corev1.ResourceQuotaList],
			reduce:  func(object any) any { return reduceAs(object, reduceQuota) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Quotas) },
		}, true
	case Namespace:
		return KindInfo{
			APIVersion: "v1", Resource: "namespaces", ClusterScoped: true,
			NewList: newList[corev1.NamespaceList],
			reduce:  func(object any) any { return reduceAs(object, reduceNamespace) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Namespaces) },
		}, true
	case CRD:
		return KindInfo{
			APIVersion: "apiextensions.k8s.io/v1", Resource: "customresourcedefinitions", ClusterScoped: true, PageSize: 50,
			NewObject: func() any { return new(CRDObject) },
			reduce: func(object any) any {
				if _, hashed := object.(*CRDSchemaObject); hashed {
					return reduceAs(object, reduceCRD[hashedSchema])
				}
				return reduceAs(object, reduceCRD[ignoredSchema])
			},
			nodes: func(g *Graph) nodeList { return listOf(&g.CRDs) },
		}, true
	case APIService:
		return KindInfo{
			APIVersion: "apiregistration.k8s.io/v1", Resource: "apiservices", ClusterScoped: true,
			NewObject: func() any { return new(APIServiceObject) },
			reduce:    func(object any) any { return reduceAs(object, reduceAPIService) },
			nodes:     func(g *Graph) nodeList { return listOf(&g.APIServices) },
		}, true
	case ValidatingWebhook:
		return KindInfo{
			APIVersion: "admissionregistration.k8s.io/v1", Resource: "validatingwebhookconfigurations", ClusterScoped: true,
			NewList: newList[admissionregistrationv1.ValidatingWebhookConfigurationList],
			reduce:  func(object any) any { return reduceAs(object, reduceValidatingWebhook) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Webhooks) },
		}, true
	case MutatingWebhook:
		return KindInfo{
			APIVersion: "admissionregistration.k8s.io/v1", Resource: "mutatingwebhookconfigurations", ClusterScoped: true,
			NewList: newList[admissionregistrationv1.MutatingWebhookConfigurationList],
			reduce:  func(object any) any { return reduceAs(object, reduceMutatingWebhook) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Webhooks) },
		}, true
	case Role:
		return KindInfo{
			APIVersion: "rbac.authorization.k8s.io/v1", Resource: "roles",
			NewList: newList[rbacv1.RoleList],
			reduce:  func(object any) any { return reduceAs(object, reduceRole) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Roles) },
		}, true
	case RoleBinding:
		return KindInfo{
			APIVersion: "rbac.authorization.k8s.io/v1", Resource: "rolebindings",
			NewList: newList[rbacv1.RoleBindingList],
			reduce:  func(object any) any { return reduceAs(object, reduceRoleBinding) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Bindings) },
		}, true
	case ClusterRole:
		return KindInfo{
			APIVersion: "rbac.authorization.k8s.io/v1", Resource: "clusterroles", ClusterScoped: true,
			NewList: newList[rbacv1.ClusterRoleList],
			reduce:  func(object any) any { return reduceAs(object, reduceClusterRole) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Roles) },
		}, true
	case ClusterRoleBinding:
		return KindInfo{
			APIVersion: "rbac.authorization.k8s.io/v1", Resource: "clusterrolebindings", ClusterScoped: true,
			NewList: newList[rbacv1.ClusterRoleBindingList],
			reduce:  func(object any) any { return reduceAs(object, reduceClusterRoleBinding) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.Bindings) },
		}, true
	case NetworkPolicy:
		return KindInfo{
			APIVersion: "networking.k8s.io/v1", Resource: "networkpolicies",
			NewList: newList[networkingv1.NetworkPolicyList],
			reduce:  func(object any) any { return reduceAs(object, reduceNetworkPolicy) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.NetworkPolicies) },
		}, true
	case LimitRange:
		return KindInfo{
			APIVersion: "v1", Resource: "limitranges",
			NewList: newList[corev1.LimitRangeList],
			reduce:  func(object any) any { return reduceAs(object, reduceLimitRange) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.LimitRanges) },
		}, true
	case PriorityClass:
		return KindInfo{
			APIVersion: "scheduling.k8s.io/v1", Resource: "priorityclasses", ClusterScoped: true,
			NewList: newList[schedulingv1.PriorityClassList],
			reduce:  func(object any) any { return reduceAs(object, reducePriorityClass) },
			nodes:   func(g *Graph) nodeList { return listOf(&g.PriorityClasses) },
		}, true
	case Custom:
		return KindInfo{
			Resource: "customresources",
			reduce:   func(object any) any { return reduceAs(object, reduceCustom) },
			nodes:    func(g *Graph) nodeList { return listOf(&g.CustomResources) },
		}, true
	default:
		return KindInfo{}, false
	}
}

// Kinds of custom resources whose controllers create Secrets. Generic checks read the rest of them.
const (
	externalSecret Kind = "ExternalSecret.external-secrets.io"
	sealedSecret   Kind = "SealedSecret.bitnami.com"
)

// custom is the table of the custom resources that are reduced to more than metadata and conditions.
func (k Kind) custom() (KindInfo, bool) {
	switch k {
	case GatewayClass:
		return KindInfo{Resource: "gatewayclasses", ClusterScoped: true, Context: true}, true
	case Gateway:
		return KindInfo{Resource: "gateways", reduceCustom: reduceGateway}, true
	case HTTPRoute:
		return KindInfo{Resource: "httproutes", reduceCustom: reduceRoute}, true
	case GRPCRoute:
		return KindInfo{Resource: "grpcroutes", reduceCustom: reduceRoute}, true
	case TLSRoute:
		return KindInfo{Resource: "tlsroutes", reduceCustom: reduceRoute}, true
	case TCPRoute:
		return KindInfo{Resource: "tcproutes", reduceCustom: reduceRoute}, true
	case UDPRoute:
		return KindInfo{Resource: "udproutes", reduceCustom: reduceRoute}, true
	case Certificate:
		return KindInfo{Resource: "certificates", reduceCustom: reduceCertificate}, true
	case CertificateRequest:
		return KindInfo{Resource: "certificaterequests", reduceCustom: reduceIssuing}, true
	case Issuer:
		return KindInfo{Resource: "issuers"}, true
	case ClusterIssuer:
		return KindInfo{Resource: "clusterissuers", ClusterScoped: true, Context: true}, true
	case ACMEOrder:
		return KindInfo{Resource: "orders", reduceCustom: reduceIssuing}, true
	case ACMEChallenge:
		return KindInfo{Resource: "challenges", reduceCustom: reduceIssuing}, true
	case Application:
		return KindInfo{Resource: "applications", reduceCustom: reduceApplication}, true
	case AppProject:
		return KindInfo{Resource: "appprojects"}, true
	case VulnerabilityReport:
		return KindInfo{Resource: "vulnerabilityreports", PageSize: 50, reduceCustom: reduceVulnerabilities}, true
	case VPA:
		return KindInfo{Resource: "verticalpodautoscalers", reduceCustom: reduceVPA}, true
	case externalSecret:
		return KindInfo{Resource: "externalsecrets", reduceCustom: reduceExternalSecret}, true
	case sealedSecret:
		return KindInfo{Resource: "sealedsecrets", reduceCustom: reduceSealedSecret}, true
	default:
		return KindInfo{}, false
	}
}

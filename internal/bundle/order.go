package bundle

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Stages, in the order in which they are applied. Objects of one stage are applied in parallel. They are pruned in reverse order.
const (
	// stageDefinitions: what others cannot be created without.
	stageDefinitions = iota
	// stageClasses: what others refer to by name, in the whole cluster.
	stageClasses
	// stageConfiguration: permissions, configuration and storage, which workloads need to start.
	stageConfiguration
	stageWorkloads
	// stageWebhooks: what can keep all others from being created.
	stageWebhooks
	stages
)

// Kinds of the definitions.
const (
	kindCRD       = "CustomResourceDefinition"
	kindNamespace = "Namespace"
)

// stageOf a kind.
func stageOf(kind string) int {
	byStage := [stages][]string{
		stageDefinitions: {kindCRD, kindNamespace, "ClusterRole"},
		stageClasses:     {"StorageClass", "PriorityClass", "IngressClass", "GatewayClass", "RuntimeClass", "VolumeSnapshotClass"},
		stageConfiguration: {
			"ResourceQuota", "LimitRange", "NetworkPolicy", "ServiceAccount", "ClusterRoleBinding", "Role", "RoleBinding", "ConfigMap",
			"Secret", "PersistentVolume", "PersistentVolumeClaim", "Service", "PodDisruptionBudget",
		},
		stageWebhooks: {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"},
	}
	for stage, kinds := range byStage {
		if slices.Contains(kinds, kind) {
			return stage
		}
	}
	return stageWorkloads
}

// servedFrom are the namespaces of the Services that a webhook configuration or APIService sends requests to.
func servedFrom(object *unstructured.Unstructured) (namespaces []string) {
	add := func(fields map[string]any, path ...string) {
		if namespace, found, err := unstructured.NestedString(fields, path...); found && err == nil {
			namespaces = append(namespaces, namespace)
		}
	}
	add(object.Object, "spec", "service", "namespace")
	webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return namespaces
	}
	for _, webhook := range webhooks {
		if fields, ok := webhook.(map[string]any); ok {
			add(fields, "clientConfig", "service", "namespace")
		}
	}
	return namespaces
}

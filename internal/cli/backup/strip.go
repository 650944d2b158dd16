package backup

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kubeops.io/kubeops/api/v1alpha1"
)

// lastApplied is the annotation in which kubectl keeps a copy of an object.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// strip leaves what people set: its name, labels, annotations and spec. What the cluster says about it, such as its UID,
// status, owners and finalizers, is not true in another cluster. A request is an event, and no configuration: it would be handled again.
func strip(object *unstructured.Unstructured) *unstructured.Unstructured {
	metadata := map[string]any{"name": object.GetName(), "namespace": object.GetNamespace()}
	if labels := object.GetLabels(); len(labels) > 0 {
		metadata["labels"] = anyMap(labels)
	}
	annotations := object.GetAnnotations()
	maps.DeleteFunc(annotations, func(key, _ string) bool {
		return slices.Contains([]string{lastApplied, v1alpha1.AnnotationRequestedAt, v1alpha1.AnnotationRunUID}, key)
	})
	if len(annotations) > 0 {
		metadata["annotations"] = anyMap(annotations)
	}
	stripped := map[string]any{"apiVersion": object.GetAPIVersion(), "kind": object.GetKind(), "metadata": metadata}
	if spec, exists := object.Object["spec"]; exists {
		stripped["spec"] = spec
	}
	return &unstructured.Unstructured{Object: stripped}
}

func anyMap(texts map[string]string) map[string]any {
	values := make(map[string]any, len(texts))
	for key, value := range texts {
		values[key] = value
	}
	return values
}

package kind

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Slim removes the metadata that no controller reads. Tenants write it: labels, annotations, finalizers and owner references can have
// 1.5 MiB, and a reconcile that waits for a server would keep them. Finalizers stay, since a reconcile patches them, and so does the
// annotation kubeops.io/requested-at, as a status records it. Removed metadata is not removed in the cluster: patches have only what
// changed.
func Slim(object client.Object) {
	object.SetManagedFields(nil)
	object.SetLabels(nil)
	object.SetOwnerReferences(nil)
	request := Request(object)
	if request == "" {
		object.SetAnnotations(nil)
		return
	}
	object.SetAnnotations(map[string]string{v1alpha1.AnnotationRequestedAt: request})
}

// CacheTransform leaves in the cache of a manager what controllers read from there. Reconciles read the objects themselves without the
// cache, so that the memory of the manager does not grow with what tenants write, such as 1,000 Inspections of 1 MiB:
//
//   - of all objects no managed fields
//   - of the kinds of KubeOps that have a spec, only the metadata that Slim leaves, without finalizers, and the status
//   - of the spec what events are mapped by (the references of an Inspection, the clusters of a ResourceBundle), and that of a LogBackend
//     that collects
//   - of the inventory of a ManagedCluster the number of Pods
//   - of a PipelineRun its place in the queue of its Pipeline and what it delivered, without stages
//   - of the metadata of a NotificationChannel, which is watched for its existence, what Slim leaves; of that of a ManagedCluster also
//     whether its labels changed
func CacheTransform() cache.TransformFunc {
	strip := ctrlcache.TransformStripManagedFields()
	return func(in any) (any, error) {
		switch object := in.(type) {
		case *v1alpha1.Inspection:
			spec := &object.Spec
			object.Spec = v1alpha1.InspectionSpec{Suspend: spec.Suspend, Channels: spec.Channels, AI: spec.AI}
		case *v1alpha1.MetricsBackend:
			object.Spec = v1alpha1.MetricsBackendSpec{}
		case *v1alpha1.LogBackend:
			if object.Spec.Collect == nil {
				object.Spec = v1alpha1.LogBackendSpec{}
			}
		case *v1alpha1.AIProvider:
			object.Spec = v1alpha1.AIProviderSpec{}
		case *v1alpha1.NotificationChannel:
			object.Spec = v1alpha1.NotificationChannelSpec{}
		case *v1alpha1.ManagedCluster:
			object.Spec = v1alpha1.ManagedClusterSpec{Suspend: object.Spec.Suspend}
			if inventory := object.Status.Inventory; inventory != nil {
				object.Status.Inventory = &v1alpha1.ClusterInventory{Pods: inventory.Pods}
			}
		case *v1alpha1.CIProvider:
			object.Spec = v1alpha1.CIProviderSpec{}
		case *v1alpha1.CDProvider:
			object.Spec = v1alpha1.CDProviderSpec{}
		case *v1alpha1.ResourceBundle:
			spec := &object.Spec
			object.Spec = v1alpha1.ResourceBundleSpec{Suspend: spec.Suspend, Clusters: spec.Clusters}
			object.Status = v1alpha1.ResourceBundleStatus{}
		case *v1alpha1.Pipeline:
			object.Spec = v1alpha1.PipelineSpec{}
			object.Status.Triggers = nil
			object.Status.Schedules = nil
		case *v1alpha1.PipelineRun:
			object.Spec = v1alpha1.PipelineRunSpec{PipelineRef: object.Spec.PipelineRef, Cancel: object.Spec.Cancel}
			object.Status.Stages, object.Status.Parameters, object.Status.Conditions = nil, nil, nil
		case *metav1.PartialObjectMetadata:
			if !slimMetadata(object) {
				return strip(in)
			}
			return in, nil
		default:
			return strip(in)
		}
		slimCached(in.(client.Object))
		return in, nil
	}
}

// slimMetadata of a kind that tenants write, and report whether it was one. It changes nothing in what it returned before.
func slimMetadata(object *metav1.PartialObjectMetadata) bool {
	switch object.Kind {
	case "NotificationChannel":
		slimCached(object)
	case "ManagedCluster":
		digest := labelsDigest(object.Labels)
		slimCached(object)
		object.Labels = digest
	default:
		return false
	}
	return true
}

// slimCached removes the metadata that no controller reads from the cache.
func slimCached(object client.Object) {
	Slim(object)
	object.SetFinalizers(nil)
}

// labelsDigest are labels that differ if others do: who selects by labels reads them without the cache. They can have 1.5 MiB.
func labelsDigest(labels map[string]string) map[string]string {
	const key = "digest"
	if len(labels) == 0 || len(labels) == 1 && len(labels[key]) == hex.EncodedLen(sha256.Size) { // longer than the value of a label
		return labels
	}
	hash := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(hash, "%s=%s\n", name, labels[name]) // neither has a line break
	}
	return map[string]string{key: hex.EncodeToString(hash.Sum(nil))}
}

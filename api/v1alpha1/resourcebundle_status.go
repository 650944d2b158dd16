package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Conditions of a ResourceBundle, besides Ready, Reconciling and Stalled.
const (
	// ConditionConflicts is True while other field managers own fields that the manifests set to another value.
	ConditionConflicts = "Conflicts"
	// ConditionDrifted is True while fields or objects differ from what the bundle applied. It is False if spec.drift is Ignore.
	ConditionDrifted = "Drifted"
	// ConditionPruneHeld is True while objects that are no longer in the manifests, or whose cluster is no longer selected, are not
	// deleted although the spec says so; the message has the cause and the next step. It does not affect Ready.
	ConditionPruneHeld = "PruneHeld"
)

// Reasons of a ResourceBundle's conditions.
const (
	// ReasonInvalidManifest: a manifest cannot be used, or the API server rejects it; status.clusters has the objects.
	ReasonInvalidManifest = "InvalidManifest"
	// ReasonSourceUnavailable: a source of spec.manifestsFrom could not be read.
	ReasonSourceUnavailable = "SourceUnavailable"
	// ReasonConflict: another field manager owns a field; status.conflicts names it.
	ReasonConflict = "Conflict"
	// ReasonDrifted: a field or an object differs from what was applied.
	ReasonDrifted = "Drifted"
	// ReasonApplyFailed: objects could not be applied; status.clusters has them.
	ReasonApplyFailed = "ApplyFailed"
	// ReasonClusterNotFound: spec.clusters names a ManagedCluster that does not exist.
	ReasonClusterNotFound = "ClusterNotFound"
	// ReasonPlanned: spec.mode is Plan, and the status shows what would change.
	ReasonPlanned = "Planned"
	// ReasonConfirmationRequired: spec.prune.confirm must be set to status.digest first.
	ReasonConfirmationRequired = "ConfirmationRequired"
	// ReasonDeletionBlocked: objects in a cluster could not be deleted yet.
	ReasonDeletionBlocked = "DeletionBlocked"
)

// BundleObjectState is what is known about an object in a cluster, or, with spec.mode Plan, what would happen to it.
// +kubebuilder:validation:Enum=Invalid;Failed;Conflict;Drifted;Unhealthy;Pending;InProgress;Yielded;Held;Deleting;Create;Change;Delete;Release
type BundleObjectState string

// Values of BundleObjectState. An applied and healthy object is only counted.
const (
	// ObjectInvalid: the manifest cannot be used, or the API server rejects it.
	ObjectInvalid BundleObjectState = "Invalid"
	// ObjectFailed: the object could not be read or applied.
	ObjectFailed BundleObjectState = "Failed"
	// ObjectConflict: another field manager owns a field, so the object was left as it is.
	ObjectConflict BundleObjectState = "Conflict"
	// ObjectDrifted: the object differs from what was applied.
	ObjectDrifted BundleObjectState = "Drifted"
	// ObjectUnhealthy: the object failed, or did not become healthy in time.
	ObjectUnhealthy BundleObjectState = "Unhealthy"
	// ObjectPending: the object waits for others.
	ObjectPending BundleObjectState = "Pending"
	// ObjectInProgress: the object was applied and is not healthy yet.
	ObjectInProgress BundleObjectState = "InProgress"
	// ObjectYielded: the object was applied without fields that are left to other field managers.
	ObjectYielded BundleObjectState = "Yielded"
	// ObjectHeld: the object is obsolete and is not deleted.
	ObjectHeld BundleObjectState = "Held"
	// ObjectDeleting: the object is being deleted.
	ObjectDeleting BundleObjectState = "Deleting"
	// ObjectCreate: the object would be created.
	ObjectCreate BundleObjectState = "Create"
	// ObjectChange: the object would be changed.
	ObjectChange BundleObjectState = "Change"
	// ObjectDelete: the object would be deleted.
	ObjectDelete BundleObjectState = "Delete"
	// ObjectRelease: the object would be kept, and its fields given up.
	ObjectRelease BundleObjectState = "Release"
)

// BundleObject is an object that needs attention.
type BundleObject struct {
	// apiVersion of the object.
	// +optional
	APIVersion string `json:"apiVersion,omitempty"`
	// kind of the object.
	// +optional
	Kind string `json:"kind,omitempty"`
	// namespace of the object; empty if it is cluster-scoped.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object, or where its manifest is, if it has no name.
	Name string `json:"name"`
	// state of the object.
	State BundleObjectState `json:"state"`
	// message describes the cause and the next step.
	// +optional
	Message string `json:"message,omitempty"`
	// fields that the state refers to, at most 10.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	Fields []string `json:"fields,omitempty"`
}

// BundleCounts count objects.
type BundleCounts struct {
	// applied and unchanged since, healthy or not.
	Applied int32 `json:"applied"`
	// healthy objects of those.
	Healthy int32 `json:"healthy"`
	// failed or invalid objects.
	Failed int32 `json:"failed"`
	// conflicts is the number of objects with a conflict.
	Conflicts int32 `json:"conflicts"`
	// drifted objects.
	Drifted int32 `json:"drifted"`
	// obsolete objects are no longer in the manifests and still in the cluster.
	Obsolete int32 `json:"obsolete"`
	// create, change and delete count what would happen with spec.mode Plan.
	// +optional
	Create int32 `json:"create,omitempty"`
	// +optional
	Change int32 `json:"change,omitempty"`
	// +optional
	Delete int32 `json:"delete,omitempty"`
}

// BundleCluster is the state of a bundle in a cluster.
type BundleCluster struct {
	// name of the ManagedCluster; local is the cluster that KubeOps runs in.
	Name string `json:"name"`
	// ready is True if all objects are applied and healthy.
	Ready bool `json:"ready"`
	// reason and message if it is not.
	// +optional
	Reason string `json:"reason,omitempty"`
	// +optional
	Message string `json:"message,omitempty"`
	// digest of the manifests that were applied last, with the overrides of the cluster.
	// +optional
	Digest string `json:"digest,omitempty"`
	// appliedTime is when they were applied. The health of the objects is awaited from then on.
	// +optional
	AppliedTime *metav1.Time `json:"appliedTime,omitempty"`
	// revision that was applied last, with spec.rollout.
	// +optional
	Revision string `json:"revision,omitempty"`
	// readyTime is since when the cluster is ready with that revision.
	// +optional
	ReadyTime *metav1.Time `json:"readyTime,omitempty"`
	// counts of the objects, of the last time that the cluster could be read.
	// +optional
	Counts BundleCounts `json:"counts,omitempty"`
	// objects that need attention, at most 20.
	// +kubebuilder:validation:MaxItems=20
	// +listType=atomic
	// +optional
	Objects []BundleObject `json:"objects,omitempty"`
}

// BundleConflictType says why a field has another value than in the manifests.
// +kubebuilder:validation:Enum=Conflict;Drift;Yielded
type BundleConflictType string

// Values of BundleConflictType.
const (
	// FieldConflict: the bundle never applied the field.
	FieldConflict BundleConflictType = "Conflict"
	// FieldDrift: the bundle applied the field, and someone changed it since.
	FieldDrift BundleConflictType = "Drift"
	// FieldYielded: the field is left to the other manager.
	FieldYielded BundleConflictType = "Yielded"
)

// BundleConflict is a field that has another value than in the manifests.
type BundleConflict struct {
	// cluster of the object.
	Cluster string `json:"cluster"`
	// apiVersion of the object.
	APIVersion string `json:"apiVersion"`
	// kind of the object.
	Kind string `json:"kind"`
	// namespace of the object; empty if it is cluster-scoped.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object.
	Name string `json:"name"`
	// field, for example .spec.replicas.
	Field string `json:"field"`
	// type: Conflict, Drift or Yielded.
	Type BundleConflictType `json:"type"`
	// manager is the field manager that owns the field; empty if no one does, as when it was removed. Field managers of bundles have the
	// form kubeops/NAMESPACE/NAME.
	// +optional
	Manager string `json:"manager,omitempty"`
	// lastWriteTime is when that manager wrote to the object last, to this or another field.
	// +optional
	LastWriteTime *metav1.Time `json:"lastWriteTime,omitempty"`
	// firstSeenTime is when this bundle saw the difference first.
	FirstSeenTime metav1.Time `json:"firstSeenTime"`
}

// ResourceBundleStatus is the observed state of a ResourceBundle.
type ResourceBundleStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling, Stalled, Conflicts, Drifted and PruneHeld.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// fieldManager of the bundle in all clusters.
	// +optional
	FieldManager string `json:"fieldManager,omitempty"`
	// digest of the manifests; spec.prune.confirm refers to it.
	// +optional
	Digest string `json:"digest,omitempty"`
	// objects is the number of objects in the manifests.
	// +optional
	Objects int32 `json:"objects,omitempty"`
	// sources are the Git repositories of spec.manifestsFrom.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=source
	// +optional
	Sources []BundleSource `json:"sources,omitempty"`
	// readyClusters of all selected clusters, for example 2/3.
	// +optional
	ReadyClusters string `json:"readyClusters,omitempty"`
	// rollout is how far the last change was applied, with spec.rollout.
	// +optional
	Rollout *BundleRolloutStatus `json:"rollout,omitempty"`
	// clusters by name, at most 256, those that are not ready first if there are more.
	// +kubebuilder:validation:MaxItems=256
	// +listType=map
	// +listMapKey=name
	// +optional
	Clusters []BundleCluster `json:"clusters,omitempty"`
	// conflicts are fields that have another value than in the manifests, at most 50.
	// +kubebuilder:validation:MaxItems=50
	// +listType=atomic
	// +optional
	Conflicts []BundleConflict `json:"conflicts,omitempty"`
}

package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Defaults and limits of a ResourceBundle.
const (
	// DefaultBundleInterval is the default of spec.interval.
	DefaultBundleInterval = time.Minute
	// DefaultBundleTimeout is the default of spec.timeout.
	DefaultBundleTimeout = 5 * time.Minute
	// AnnotationPrune on an object that a bundle applied keeps it from being deleted by the bundle if its value is disabled.
	AnnotationPrune = "kubeops.io/prune"
	// PruneDisabled is the value of AnnotationPrune.
	PruneDisabled = "disabled"
)

// Manifest is an object of any kind, as in a manifest of Kubernetes.
type Manifest struct {
	// +kubebuilder:pruning:PreserveUnknownFields
	runtime.RawExtension `json:",inline"`
}

// ConfigMapManifests are YAML documents in a ConfigMap.
type ConfigMapManifests struct {
	LocalReference `json:",inline"`
	// key of the ConfigMap. Defaults to all keys, in alphabetical order.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +optional
	Key string `json:"key,omitempty"`
}

// ManifestSource is where manifests are read from.
// +kubebuilder:validation:XValidation:rule="has(self.configMap) != has(self.git)",message="set one of configMap and git"
type ManifestSource struct {
	// configMap in this namespace with YAML documents. It is read with the permissions of spec.serviceAccountName, every spec.interval.
	// +optional
	ConfigMap *ConfigMapManifests `json:"configMap,omitempty"`
	// git is a folder of a Git repository with YAML documents. While the repository cannot be read, the last revision stays applied,
	// nothing is deleted, and Ready is False.
	// +optional
	Git *GitManifests `json:"git,omitempty"`
}

// ClusterTargets select ManagedClusters of this namespace: those that are named, and those with the labels.
// +kubebuilder:validation:XValidation:rule="has(self.names) || has(self.selector)",message="set names, selector or both"
type ClusterTargets struct {
	// names of ManagedClusters.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +listType=set
	// +optional
	Names []string `json:"names,omitempty"`
	// selector of the labels of ManagedClusters. An empty selector selects all of this namespace.
	// +optional
	Selector *metav1.LabelSelector `json:"selector,omitempty"`
}

// BundleMode is what a ResourceBundle does.
// +kubebuilder:validation:Enum=Apply;Plan
type BundleMode string

// Values of BundleMode.
const (
	// BundleApply applies the manifests.
	BundleApply BundleMode = "Apply"
	// BundlePlan only sends dry runs, and shows in the status what would change.
	BundlePlan BundleMode = "Plan"
)

// ConflictPolicy is what happens to a field that another field manager owns with another value.
// +kubebuilder:validation:Enum=Fail;Force;Yield
type ConflictPolicy string

// Values of ConflictPolicy.
const (
	// ConflictFail leaves the whole object as it is.
	ConflictFail ConflictPolicy = "Fail"
	// ConflictForce takes the field from the other manager.
	ConflictForce ConflictPolicy = "Force"
	// ConflictYield leaves the field to the other manager, and applies the rest of the object.
	ConflictYield ConflictPolicy = "Yield"
)

// DriftPolicy is what happens to a field that was applied and that someone else changed since.
// +kubebuilder:validation:Enum=Ignore;Report;Correct
type DriftPolicy string

// Values of DriftPolicy.
const (
	// DriftIgnore leaves it.
	DriftIgnore DriftPolicy = "Ignore"
	// DriftReport leaves it, and names it in the status.
	DriftReport DriftPolicy = "Report"
	// DriftCorrect applies it again.
	DriftCorrect DriftPolicy = "Correct"
)

// RemovalPolicy is what happens to applied objects.
// +kubebuilder:validation:Enum=Delete;Orphan
type RemovalPolicy string

// Values of RemovalPolicy.
const (
	// RemovalDelete deletes the objects that the bundle created.
	RemovalDelete RemovalPolicy = "Delete"
	// RemovalOrphan leaves the objects, and gives up their fields.
	RemovalOrphan RemovalPolicy = "Orphan"
)

// GuardedKind is a kind whose objects hold data or other objects. A bundle deletes them only if spec.prune.guardedKinds lists it.
// +kubebuilder:validation:Enum=Namespace;CustomResourceDefinition;PersistentVolume;PersistentVolumeClaim
type GuardedKind string

// PrunePolicy configures the deletion of objects that are no longer in the manifests.
type PrunePolicy struct {
	// enabled deletes objects that the bundle created and that are no longer in its manifests. Without it, they stay, are counted as
	// obsolete in the status, and are deleted once it is set.
	// +optional
	Enabled bool `json:"enabled,omitempty"`
	// guardedKinds to delete, too. None by default: deleting a Namespace, CustomResourceDefinition, PersistentVolume or
	// PersistentVolumeClaim deletes data or other objects with it.
	// +kubebuilder:validation:MaxItems=4
	// +listType=set
	// +optional
	GuardedKinds []GuardedKind `json:"guardedKinds,omitempty"`
	// confirm is the value of status.digest whose deletions are confirmed. It is required if the manifests are empty, or if more than
	// half of the objects and more than ten would be deleted.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[a-f0-9]*$`
	// +optional
	Confirm string `json:"confirm,omitempty"`
}

// ResourceBundleSpec defines objects, and the clusters to apply them to.
type ResourceBundleSpec struct {
	// suspend stops everything but the deletion of the bundle. Applied objects are kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// manifests are objects of any kind. An object without a namespace is in the namespace of the bundle, unless its kind is
	// cluster-scoped. An invalid object does not keep the others from being applied.
	// +kubebuilder:validation:MaxItems=1000
	// +listType=atomic
	// +optional
	Manifests []Manifest `json:"manifests,omitempty"`
	// manifestsFrom are sources of further manifests.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	ManifestsFrom []ManifestSource `json:"manifestsFrom,omitempty"`
	// clusters to apply the manifests to. Defaults to the cluster that KubeOps runs in.
	// +optional
	Clusters *ClusterTargets `json:"clusters,omitempty"`
	// overrides change objects in some of the clusters, in the order of this list.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Overrides []ClusterOverride `json:"overrides,omitempty"`
	// rollout applies changes of the manifests and overrides to groups of clusters, one after the other, and pauses at the first failure.
	// Without it, all clusters are changed at once. A cluster that waits for its wave keeps what it has, and its drift is not corrected.
	// +optional
	Rollout *BundleRollout `json:"rollout,omitempty"`
	// serviceAccountName is the ServiceAccount that applies the manifests: in each cluster, requests are made as the ServiceAccount of
	// this name and of the namespace of the bundle, with the permissions that it has there. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// mode: Apply, or Plan to show in the status what would change, by dry runs. Defaults to Apply.
	// +kubebuilder:default=Apply
	// +optional
	Mode BundleMode `json:"mode,omitempty"`
	// conflicts is what happens to a field that another field manager owns with another value: Fail leaves the object as it is, Force
	// takes the field, and Yield applies the rest of the object. Defaults to Fail. Replicas that were set through the scale subresource,
	// as a HorizontalPodAutoscaler does, are always left alone.
	// +kubebuilder:default=Fail
	// +optional
	Conflicts ConflictPolicy `json:"conflicts,omitempty"`
	// adopt takes objects over that other tools applied, such as Helm. Without it, their fields are conflicts, or shared. Adopted objects
	// are not deleted by the bundle.
	// +optional
	Adopt *BundleAdoption `json:"adopt,omitempty"`
	// healthExprs say when objects of kinds are healthy, for those whose status has no conditions. Without one, such an object is healthy
	// once it exists.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=group
	// +listMapKey=kind
	// +optional
	HealthExprs []HealthExpression `json:"healthExprs,omitempty"`
	// drift is what happens to a field that the bundle applied and that someone changed since, and to an object that someone deleted:
	// Ignore, Report, or Correct to apply it again. Defaults to Report.
	// +kubebuilder:default=Report
	// +optional
	Drift DriftPolicy `json:"drift,omitempty"`
	// prune configures the deletion of objects that are no longer in the manifests. Disabled by default.
	// +optional
	Prune *PrunePolicy `json:"prune,omitempty"`
	// deletionPolicy is what happens to applied objects when the bundle is deleted: Delete, or Orphan to keep them. Defaults to Delete.
	// Objects of guarded kinds are kept unless spec.prune.guardedKinds lists them.
	// +kubebuilder:default=Delete
	// +optional
	DeletionPolicy RemovalPolicy `json:"deletionPolicy,omitempty"`
	// whenDeselected is what happens to applied objects in a cluster that spec.clusters no longer selects: Delete, or Orphan to keep
	// them. Defaults to Delete. Objects that another bundle of the cluster contains are handed over to it. Nothing is deleted in a cluster
	// whose ManagedCluster was deleted.
	// +kubebuilder:default=Delete
	// +optional
	WhenDeselected RemovalPolicy `json:"whenDeselected,omitempty"`
	// interval from the start of one comparison with the clusters to the next, from 5s to 24h. After a comparison that takes long, the
	// next one starts half an interval later at the earliest. Defaults to 1m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('24h')",message="interval must be between 5s and 24h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// timeout within which applied objects must become healthy, and of one comparison with a cluster, from 5s to 1h. Defaults to 5m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="timeout must be between 5s and 1h"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// ResourceBundle applies objects to clusters by server-side apply, as the ServiceAccount of its namespace. It is Ready while all objects
// are applied and healthy in all selected clusters.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=rbun,categories=kubeops
// +kubebuilder:printcolumn:name="Clusters",type=string,JSONPath=`.status.readyClusters`
// +kubebuilder:printcolumn:name="Objects",type=integer,JSONPath=`.status.objects`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Mode",type=string,priority=1,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Conflicts",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Conflicts")].status`
// +kubebuilder:printcolumn:name="Drifted",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Drifted")].status`
type ResourceBundle struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the objects and the clusters.
	Spec ResourceBundleSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status ResourceBundleStatus `json:"status,omitempty"`
}

// ServiceAccountName returns spec.serviceAccountName or its default.
func (b *ResourceBundle) ServiceAccountName() string {
	if b.Spec.ServiceAccountName != "" {
		return b.Spec.ServiceAccountName
	}
	return DefaultServiceAccountName
}

// Period returns interval or its default.
func (s *ResourceBundleSpec) Period() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultBundleInterval
}

// AdoptedManagers are those of adopt.
func (s *ResourceBundleSpec) AdoptedManagers() []string {
	if s.Adopt == nil {
		return nil
	}
	return s.Adopt.Managers
}

// HealthTimeout returns timeout or its default.
func (s *ResourceBundleSpec) HealthTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultBundleTimeout
}

// Lifecycle of a ResourceBundle.
func (b *ResourceBundle) Lifecycle() Lifecycle {
	s := &b.Status
	return Lifecycle{b.Spec.Suspend, &s.Conditions, &s.ObservedGeneration, &s.LastHandledRequest}
}

// ResourceBundleList is a list of ResourceBundles.
//
// +kubebuilder:object:root=true
type ResourceBundleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ResourceBundle `json:"items"`
}

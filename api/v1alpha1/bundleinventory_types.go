package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Labels of a BundleInventory.
const (
	// LabelBundle is the name of the ResourceBundle. A name over 63 characters is shortened and ends in a hash.
	LabelBundle = "kubeops.io/bundle"
	// LabelCluster is the name of the ManagedCluster, shortened in the same way; local is the cluster that KubeOps runs in.
	LabelCluster = "kubeops.io/cluster"
)

// InventoryEntry is an object that a bundle applied, or is about to apply.
type InventoryEntry struct {
	// group of the object.
	// +optional
	Group string `json:"group,omitempty"`
	// version that it was applied in.
	Version string `json:"version"`
	// kind of the object.
	Kind string `json:"kind"`
	// namespace of the object; empty if it is cluster-scoped.
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the object.
	Name string `json:"name"`
	// uid of the object; empty until it was applied.
	// +optional
	UID string `json:"uid,omitempty"`
	// digest of the manifest of the last apply.
	// +optional
	Digest string `json:"digest,omitempty"`
	// fields that the last apply set: FieldsV1 as in metadata.managedFields, compressed with gzip.
	// +optional
	Fields []byte `json:"fields,omitempty"`
	// existed is true if the object existed before the bundle applied it. It is then never deleted by the bundle.
	// +optional
	Existed bool `json:"existed,omitempty"`
}

// BundleInventory lists objects that a ResourceBundle applied to a cluster, at most 500. It is written before objects are applied and after
// they are gone, and decides what may be deleted. It belongs to KubeOps; deleting it orphans the objects.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=bundleinv
// +kubebuilder:printcolumn:name="Bundle",type=string,JSONPath=`.bundle`
// +kubebuilder:printcolumn:name="Cluster",type=string,JSONPath=`.cluster`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type BundleInventory struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// bundle is the name of the ResourceBundle.
	Bundle string `json:"bundle"`
	// cluster is the name of the ManagedCluster; local is the cluster that KubeOps runs in.
	Cluster string `json:"cluster"`
	// generation of the bundle that was about to be applied when the inventory was written last.
	Generation int64 `json:"generation"`
	// sources are the Git repositories, with the commits, whose manifests were about to be applied then.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Sources []InventorySource `json:"sources,omitempty"`
	// entries of the inventory.
	// +kubebuilder:validation:MaxItems=500
	// +listType=atomic
	// +optional
	Entries []InventoryEntry `json:"entries,omitempty"`
}

// BundleInventoryList is a list of BundleInventories.
//
// +kubebuilder:object:root=true
type BundleInventoryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []BundleInventory `json:"items"`
}

package v1alpha1

import "encoding/json"

// ClusterOverride changes objects of a bundle in some of its clusters.
type ClusterOverride struct {
	// clusters in which the patches are applied. Those that spec.clusters does not select are ignored.
	Clusters ClusterTargets `json:"clusters"`
	// patches in the order in which they are applied.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Patches []ObjectPatch `json:"patches"`
}

// ObjectPatch changes the objects that it selects.
type ObjectPatch struct {
	// target selects objects of the manifests. A patch that selects none is invalid.
	Target ObjectSelector `json:"target"`
	// operations of a JSON patch (RFC 6902). If one of them does not fit an object, the object is invalid, and stays as it is.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	Operations []PatchOperation `json:"operations"`
}

// ObjectSelector selects objects of the manifests.
type ObjectSelector struct {
	// group of the kind. Empty selects any.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`
	// +optional
	Group string `json:"group,omitempty"`
	// kind of the objects.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$`
	Kind string `json:"kind"`
	// namespace of the objects; that of the bundle if they have none. Defaults to all.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the objects, or a glob such as web-*. Defaults to all.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[^\s/%]+$`
	// +optional
	Name string `json:"name,omitempty"`
}

// PatchOperationType is an operation of a JSON patch.
// +kubebuilder:validation:Enum=add;remove;replace;test
type PatchOperationType string

// Values of PatchOperationType.
const (
	// PatchAdd adds a field or an item of a list.
	PatchAdd PatchOperationType = "add"
	// PatchRemove removes a field or an item of a list.
	PatchRemove PatchOperationType = "remove"
	// PatchReplace replaces a field or an item that exists.
	PatchReplace PatchOperationType = "replace"
	// PatchTest requires a value.
	PatchTest PatchOperationType = "test"
)

// PatchOperation is one operation of a JSON patch.
type PatchOperation struct {
	// op: add, remove, replace or test.
	Op PatchOperationType `json:"op"`
	// path is a JSON pointer, for example /spec/replicas. A slash in a key is written as ~1.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(/([^~/]|~[01])*)+$`
	Path string `json:"path"`
	// value of add, replace and test. In its strings, $(cluster.name) is the name of the cluster, and $(cluster.labels.KEY) the value of
	// a label of its ManagedCluster. $$( is a literal $(.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	// +optional
	Value *PatchValue `json:"value,omitempty"`
}

// PatchValue is any JSON value.
type PatchValue struct {
	// Raw is the value as JSON.
	Raw []byte `json:"-"`
}

// MarshalJSON implements json.Marshaler.
func (v PatchValue) MarshalJSON() ([]byte, error) {
	if len(v.Raw) == 0 {
		return []byte("null"), nil
	}
	return v.Raw, nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *PatchValue) UnmarshalJSON(raw []byte) error {
	v.Raw = append(json.RawMessage(nil), raw...)
	return nil
}

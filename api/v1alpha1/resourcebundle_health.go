package v1alpha1

// HealthExpression says when objects of a kind are healthy, in CEL over the variable object. It replaces what KubeOps knows of the kind.
type HealthExpression struct {
	// group of the kind; empty for the core group.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)?$`
	// +kubebuilder:default=""
	// +optional
	Group string `json:"group"`
	// kind of the objects.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z]([-A-Za-z0-9]*[A-Za-z0-9])?$`
	Kind string `json:"kind"`
	// healthy is true if the object is healthy, for example object.status.phase == 'Ready'. An object for which it cannot be evaluated,
	// such as one without a status, is not healthy yet.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Healthy string `json:"healthy"`
	// failed is true if the object will not become healthy without a change. It is evaluated first.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	Failed string `json:"failed,omitempty"`
}

// BundleAdoption takes objects over that other tools applied.
// +kubebuilder:validation:XValidation:rule="self.managers.all(m, !m.startsWith('kubeops/'))",message="objects are handed over between bundles without adoption"
type BundleAdoption struct {
	// managers are field managers, as kubectl get --show-managed-fields shows them. When an object of the manifests is applied first, the
	// bundle becomes the owner of all fields of these managers: those with another value than in the manifest are changed, and those that
	// the manifest does not contain are removed. Fields that they write later are conflicts or drift as of any other manager.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:Pattern=`^[ -~]+$`
	// +listType=set
	Managers []string `json:"managers"`
}

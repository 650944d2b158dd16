package v1alpha1

// BundleStage sets the commit of a Git source of a ResourceBundle, and waits until the bundle is Ready with it in all its clusters. Its
// rollback sets what the source had before.
type BundleStage struct {
	// bundleRef is the ResourceBundle, in this namespace. The ServiceAccount of the Pipeline must be able to get and patch it, and to
	// impersonate the ServiceAccount that the bundle acts as.
	BundleRef LocalReference `json:"bundleRef"`
	// repository is the URL of the Git source, as in spec.manifestsFrom[].git.url of the bundle. Defaults to its only Git source. All Git
	// sources of the bundle with this URL are set.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://[^\s?#]+$`
	// +optional
	Repository string `json:"repository,omitempty"`
	// revision to apply: the full hash of a commit.
	Revision StageText `json:"revision"`
}

// Reasons of stages of type bundle.
const (
	// ReasonBundleNotFound: the ResourceBundle of the stage does not exist.
	ReasonBundleNotFound = "BundleNotFound"
	// ReasonBundleForbidden: the ServiceAccount of the Pipeline cannot get or patch the ResourceBundle of the stage (RBAC), or may not act as
	// the ServiceAccount of the bundle.
	ReasonBundleForbidden = "BundleForbidden"
	// ReasonBundleNotReady: the ResourceBundle cannot become Ready with the revision without a change by a person.
	ReasonBundleNotReady = "BundleNotReady"
	// ReasonBundleChanged: someone else set another revision of the ResourceBundle after the stage.
	ReasonBundleChanged = "BundleChanged"
)

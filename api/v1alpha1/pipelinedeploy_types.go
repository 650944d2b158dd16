package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// DeployStage deploys a revision of an application, and waits until the application is healthy with it. An application that its server
// syncs automatically is refreshed, and waited for; any other is synced once for each attempt.
// +kubebuilder:validation:XValidation:rule="!has(self.sync) || !has(self.sync.dryRun) || !self.sync.dryRun || !has(self.stableFor)",message="a dry run has no stableFor"
type DeployStage struct {
	// providerRef references the CDProvider, in this namespace.
	ProviderRef LocalReference `json:"providerRef"`
	// application to deploy.
	Application DeployedApplication `json:"application"`
	// ensure creates the application, and updates it. Without it, the application must exist.
	// +optional
	Ensure *EnsuredApplication `json:"ensure,omitempty"`
	// revision to deploy, such as a commit. Defaults to what the target revision of the application is at that time. It must be a full
	// commit hash or the version of a chart for an application that is synced automatically.
	// +optional
	Revision *StageText `json:"revision,omitempty"`
	// sync are options of the sync. They cannot be used with an application that is synced automatically.
	// +optional
	Sync *SyncOptions `json:"sync,omitempty"`
	// stableFor is how long the application must stay healthy. Defaults to 30s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('24h')",message="stableFor must be between 0s and 24h"
	// +optional
	StableFor *metav1.Duration `json:"stableFor,omitempty"`
}

// DeployedApplication names an application of a CDProvider.
type DeployedApplication struct {
	// name of the application.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// namespace of the application, in the cluster of its server. Defaults to that of the server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Namespace string `json:"namespace,omitempty"`
}

// EnsuredApplication defines the application of a deploy stage. KubeOps creates the application before it is deployed, and replaces its
// spec if the definition changed. It writes the Pipeline and a digest into annotations of the application, and changes no application
// without them. It never deletes one.
type EnsuredApplication struct {
	// spec of the application as its server defines it, at most 64 KiB: for Argo CD the spec of an Application, with project, source or
	// sources, destination and syncPolicy.
	// +kubebuilder:pruning:PreserveUnknownFields
	Spec runtime.RawExtension `json:"spec"`
	// adopt permits to manage an application that exists and was created by a person. One of another Pipeline, of an ApplicationSet,
	// of another application, or of a tool such as Helm stays as it is. Defaults to false.
	// +optional
	Adopt bool `json:"adopt,omitempty"`
}

// SyncOptions are options of a sync.
type SyncOptions struct {
	// prune deletes resources that the revision no longer has.
	// +optional
	Prune bool `json:"prune,omitempty"`
	// dryRun validates the sync without changing anything. The stage does not wait for health then.
	// +optional
	DryRun bool `json:"dryRun,omitempty"`
	// resources are the only ones to sync. Hooks do not run then, and the server does not record the sync in its history.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Resources []SyncResource `json:"resources,omitempty"`
}

// SyncResource selects a resource of an application.
type SyncResource struct {
	// group of the resource; empty is the core group.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$`
	// +optional
	Group string `json:"group,omitempty"`
	// kind of the resource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z][A-Za-z0-9]*$`
	Kind string `json:"kind"`
	// namespace of the resource; empty is any.
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$`
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// name of the resource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9]([-A-Za-z0-9_.:]*[A-Za-z0-9])?$`
	Name string `json:"name"`
}

// DefaultStableFor is the default of stableFor of a deploy stage.
const DefaultStableFor = 30 * time.Second

// Stable returns stableFor or its default.
func (d *DeployStage) Stable() time.Duration { return durationOr(d.StableFor, DefaultStableFor) }

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
	// ReasonBundleForbidden: the ServiceAccount of the Pipeline cannot get or patch the ResourceBundle of the stage (RBAC), or cannot
	// impersonate the ServiceAccount of the bundle.
	ReasonBundleForbidden = "BundleForbidden"
	// ReasonBundleNotReady: the ResourceBundle cannot become Ready with the revision without a change by a person.
	ReasonBundleNotReady = "BundleNotReady"
	// ReasonBundleChanged: someone else set another revision of the ResourceBundle after the stage.
	ReasonBundleChanged = "BundleChanged"
)

// DeliveryStatus is a deployment by a run: the work of its stages of type deploy and bundle, or of type commit if it has none of these.
type DeliveryStatus struct {
	// commitTime is when the commit was made, if that is known.
	// +optional
	CommitTime *metav1.Time `json:"commitTime,omitempty"`
	// deployedTime is when the last of these stages succeeded.
	// +optional
	DeployedTime *metav1.Time `json:"deployedTime,omitempty"`
	// failedTime is when the first stage of the run failed, if one did.
	// +optional
	FailedTime *metav1.Time `json:"failedTime,omitempty"`
	// restoredTime is when the deployment had been rolled back completely.
	// +optional
	RestoredTime *metav1.Time `json:"restoredTime,omitempty"`
}

package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

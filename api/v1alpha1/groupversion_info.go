// Package v1alpha1 contains the resources of KubeOps, group kubeops.io.
//
// It imports only the Kubernetes API machinery, so other projects can use the types without the operator.
//
// +kubebuilder:object:generate=true
// +groupName=kubeops.io
package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group is the API group of every KubeOps resource.
const Group = "kubeops.io"

// GroupVersion returns the group and version of the types in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: "v1alpha1"}
}

// AddToScheme registers the types of this package with a scheme.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion(),
		&Inspection{}, &InspectionList{},
		&InspectionReport{}, &InspectionReportList{},
		&MetricsBackend{}, &MetricsBackendList{},
		&LogBackend{}, &LogBackendList{},
		&AIProvider{}, &AIProviderList{},
		&NotificationChannel{}, &NotificationChannelList{},
		&ManagedCluster{}, &ManagedClusterList{},
		&CIProvider{}, &CIProviderList{},
		&CDProvider{}, &CDProviderList{},
		&ResourceBundle{}, &ResourceBundleList{},
		&BundleInventory{}, &BundleInventoryList{},
		&Pipeline{}, &PipelineList{},
		&PipelineRun{}, &PipelineRunList{},
		&Approval{}, &ApprovalList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion())
	return nil
}

package v1alpha1

import (
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Conditions of a ManagedCluster, besides Ready, Reconciling and Stalled.
const (
	// ConditionReachable is True while the API server answers, whether or not it accepts the credentials.
	ConditionReachable = "Reachable"
	// ConditionAuthorized is True if the credentials can list everything that inspections read. It does not affect Ready.
	ConditionAuthorized = "Authorized"
	// ConditionIdentityChanged is True while another cluster answers than before.
	ConditionIdentityChanged = "IdentityChanged"
	// ConditionCredentialsExpiring is True if the credentials expire soon: a fifth of their life is left, at least a day and at most 30
	// days. Credentials that live for less than two hours count once they have expired.
	ConditionCredentialsExpiring = "CredentialsExpiring"
	// ConditionInventoryReady is True if nodes, Pods and APIs of the status were read within the last interval of the inventory. It does
	// not affect Ready.
	ConditionInventoryReady = "InventoryReady"
	// ConditionProfileImported is True if the labels of spec.clusterProfile are those of the ManagedCluster. It does not affect Ready.
	ConditionProfileImported = "ProfileImported"
)

// Reasons of a ManagedCluster's conditions.
const (
	// ReasonInvalidKubeconfig: the kubeconfig in the Secret has a field that is not allowed, or cannot be used.
	ReasonInvalidKubeconfig = "InvalidKubeconfig"
	// ReasonIdentityChanged: the API server belongs to another cluster than before. KubeOps does nothing there until spec.uid accepts it.
	ReasonIdentityChanged = "IdentityChanged"
	// ReasonPermissionsMissing: the credentials cannot list some of what inspections read; the message has the resources.
	ReasonPermissionsMissing = "PermissionsMissing"
	// ReasonExpiring: the credentials expire soon; the message has the time.
	ReasonExpiring = "Expiring"
	// ReasonNotExpiring: the credentials are valid for long enough.
	ReasonNotExpiring = "NotExpiring"
	// ReasonNotConnected: there is no connection to the cluster; Ready has the cause.
	ReasonNotConnected = "NotConnected"
)

// Defaults of a ManagedCluster.
const (
	// DefaultClusterInterval is the default of spec.interval.
	DefaultClusterInterval = 10 * time.Second
	// DefaultClusterTimeout is the default of spec.timeout.
	DefaultClusterTimeout = 5 * time.Second
	// DefaultInventoryInterval is the default of spec.inventoryInterval.
	DefaultInventoryInterval = 10 * time.Minute
	// DefaultKubeconfigKey is the default of spec.kubeconfig.key: the key that Cluster API writes.
	DefaultKubeconfigKey = "value"
)

// KubeconfigReference references a kubeconfig in a Secret.
type KubeconfigReference struct {
	SecretReference `json:",inline"`
	// key in the Secret. Defaults to value, the key of the Secrets of Cluster API.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	// +kubebuilder:default=value
	// +optional
	Key string `json:"key,omitempty"`
	// context of the kubeconfig. Defaults to its current-context, or to its only context.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	Context string `json:"context,omitempty"`
	// insecureSkipTLSVerify accepts a kubeconfig with insecure-skip-tls-verify, which is refused otherwise. Anyone who can intercept the
	// connection then receives the credentials.
	// +optional
	InsecureSkipTLSVerify bool `json:"insecureSkipTLSVerify,omitempty"`
}

// ManagedClusterSpec defines how to connect to a cluster.
// +kubebuilder:validation:XValidation:rule="has(self.kubeconfig) != (has(self.inCluster) && self.inCluster)",message="set exactly one of kubeconfig and inCluster: true"
type ManagedClusterSpec struct {
	// suspend closes the connection and stops probes. The status is kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// kubeconfig references a Secret with a kubeconfig. It may contain a server with https, a certificate authority, a tls-server-name,
	// and a token or a client certificate, all as data. Refused are exec and auth-provider plugins, paths of files, user names with
	// passwords, impersonation and proxies.
	// +optional
	Kubeconfig *KubeconfigReference `json:"kubeconfig,omitempty"`
	// inCluster is the cluster that KubeOps runs in, read with the permissions of spec.serviceAccountName.
	// +optional
	InCluster bool `json:"inCluster,omitempty"`
	// serviceAccountName is the ServiceAccount in this namespace that reads the Secret, and the cluster of inCluster. Defaults to kubeops.
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// clusterProfile of this namespace (multicluster.x-k8s.io), whose labels become labels of the ManagedCluster, for selectors, and whose
	// display name is shown in the status. They are read every inventoryInterval. Credentials of a profile are not used: they come from
	// programs that would run in the manager. The CustomResourceDefinition of ClusterProfiles must be installed.
	// +optional
	ClusterProfile *LocalReference `json:"clusterProfile,omitempty"`
	// uid that the cluster must have: that of its namespace kube-system. Defaults to that of the first contact. Set it to accept another
	// cluster, such as one that was created again.
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[-:a-zA-Z0-9]+$`
	// +optional
	UID string `json:"uid,omitempty"`
	// interval between two probes, from 5s to 1h. Defaults to 10s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// timeout of one request of a probe, from 1s to 2m. Defaults to 5s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('2m')",message="timeout must be between 1s and 2m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// inventoryInterval between two reads of nodes, Pods and APIs for the status, from 1m to 24h. Defaults to 10m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('24h')",message="inventoryInterval must be between 1m and 24h"
	// +optional
	InventoryInterval *metav1.Duration `json:"inventoryInterval,omitempty"`
}

// ClusterSupport says whether the Kubernetes project still maintains a minor version.
// +kubebuilder:validation:Enum=Supported;OutOfSupport;Unknown
type ClusterSupport string

// Values of ClusterSupport.
const (
	// ClusterSupported is one of the three newest minor versions that this release of KubeOps knows.
	ClusterSupported ClusterSupport = "Supported"
	// ClusterOutOfSupport is an older version: it no longer gets fixes of the Kubernetes project.
	ClusterOutOfSupport ClusterSupport = "OutOfSupport"
	// ClusterSupportUnknown is a version that is newer than this release of KubeOps, or not understood.
	ClusterSupportUnknown ClusterSupport = "Unknown"
)

// ClusterCredentials are how KubeOps authenticates to a cluster.
type ClusterCredentials struct {
	// type: Token, ClientCertificate or ServiceAccount.
	Type string `json:"type"`
	// expirationTime of the client certificate or of the token, if it has one.
	// +optional
	ExpirationTime *metav1.Time `json:"expirationTime,omitempty"`
}

// ClusterNodes counts the nodes of a cluster.
type ClusterNodes struct {
	// total number of nodes.
	Total int32 `json:"total"`
	// ready is the number of nodes whose condition Ready is True.
	Ready int32 `json:"ready"`
	// unschedulable is the number of nodes that are cordoned.
	Unschedulable int32 `json:"unschedulable"`
}

// ClusterPods counts the Pods of a cluster.
type ClusterPods struct {
	// total number of Pods.
	Total int32 `json:"total"`
	// running is the number of Pods in phase Running.
	Running int32 `json:"running"`
	// pending is the number of Pods in phase Pending.
	Pending int32 `json:"pending"`
}

// ClusterCRD is a CustomResourceDefinition of a cluster.
type ClusterCRD struct {
	// name, for example certificates.cert-manager.io.
	Name string `json:"name"`
	// versions that the API server serves, the preferred one first.
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Versions []string `json:"versions"`
}

// ClusterAPIVersion is an API version of a kind.
type ClusterAPIVersion struct {
	// apiVersion, for example flowcontrol.apiserver.k8s.io/v1beta3.
	APIVersion string `json:"apiVersion"`
	// kind, for example FlowSchema.
	Kind string `json:"kind"`
	// removedIn is the version of Kubernetes that no longer serves it, for example 1.32.
	RemovedIn string `json:"removedIn"`
	// replacement is the API version to use in its place, if there is one.
	// +optional
	Replacement string `json:"replacement,omitempty"`
}

// ClusterAPIs is the inventory of the APIs of a cluster.
type ClusterAPIs struct {
	// groups is the number of API groups.
	Groups int32 `json:"groups"`
	// kinds is the number of kinds, each counted once for all its versions.
	Kinds int32 `json:"kinds"`
	// customResources is the number of CustomResourceDefinitions.
	CustomResources int32 `json:"customResources"`
	// crds are the CustomResourceDefinitions by name, at most 500.
	// +kubebuilder:validation:MaxItems=500
	// +listType=map
	// +listMapKey=name
	// +optional
	CRDs []ClusterCRD `json:"crds,omitempty"`
	// deprecated are API versions that the API server serves and that a later version of Kubernetes removes, at most 100.
	// +kubebuilder:validation:MaxItems=100
	// +listType=atomic
	// +optional
	Deprecated []ClusterAPIVersion `json:"deprecated,omitempty"`
	// unavailable are aggregated API versions whose server does not answer, for example metrics.k8s.io/v1beta1, at most 100.
	// +kubebuilder:validation:MaxItems=100
	// +listType=set
	// +optional
	Unavailable []string `json:"unavailable,omitempty"`
}

// ClusterResources are sums of resources.
type ClusterResources struct {
	// cpu in cores.
	CPU resource.Quantity `json:"cpu"`
	// memory in bytes.
	Memory resource.Quantity `json:"memory"`
	// pods is a number of Pods.
	Pods int64 `json:"pods"`
}

// ClusterInventory is what a cluster consists of.
type ClusterInventory struct {
	// time when it was read.
	Time metav1.Time `json:"time"`
	// request is the value of the annotation kubeops.io/requested-at that it was read for.
	// +optional
	Request string `json:"request,omitempty"`
	// nodes of the cluster. Not set if the credentials cannot list nodes.
	// +optional
	Nodes *ClusterNodes `json:"nodes,omitempty"`
	// pods of the cluster. Not set if the credentials cannot list Pods.
	// +optional
	Pods *ClusterPods `json:"pods,omitempty"`
	// capacity of all nodes.
	// +optional
	Capacity *ClusterResources `json:"capacity,omitempty"`
	// allocatable is what Pods may request of all nodes.
	// +optional
	Allocatable *ClusterResources `json:"allocatable,omitempty"`
	// requests of all Pods that are not finished, summed as the scheduler does, and their number.
	// +optional
	Requests *ClusterResources `json:"requests,omitempty"`
	// cpuRequested is the part of the allocatable CPU that is requested, in percent.
	// +optional
	CPURequested *int32 `json:"cpuRequested,omitempty"`
	// memoryRequested is the part of the allocatable memory that is requested, in percent.
	// +optional
	MemoryRequested *int32 `json:"memoryRequested,omitempty"`
	// apis that the cluster serves.
	// +optional
	APIs *ClusterAPIs `json:"apis,omitempty"`
}

// ClusterProfileStatus is what was read from a ClusterProfile.
type ClusterProfileStatus struct {
	// displayName of the cluster.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	DisplayName string `json:"displayName,omitempty"`
	// clusterManager that owns the profile.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	ClusterManager string `json:"clusterManager,omitempty"`
}

// ManagedClusterStatus is the observed state of a ManagedCluster.
type ManagedClusterStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling, Stalled, Reachable, Authorized, IdentityChanged, CredentialsExpiring, InventoryReady and
	// ProfileImported.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastProbeTime is the start time of the last probe.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// server is the address of the API server.
	// +optional
	Server string `json:"server,omitempty"`
	// uid of the cluster: that of its namespace kube-system, or certificate: followed by a hash of the authority that signed the
	// certificate of the API server, where the credentials cannot get that namespace.
	// +optional
	UID string `json:"uid,omitempty"`
	// version of the API server, for example v1.37.2.
	// +optional
	Version string `json:"version,omitempty"`
	// support of that version by the Kubernetes project.
	// +optional
	Support ClusterSupport `json:"support,omitempty"`
	// latency of the last probe's request, in millisecond resolution.
	// +optional
	Latency *metav1.Duration `json:"latency,omitempty"`
	// credentials that KubeOps uses.
	// +optional
	Credentials *ClusterCredentials `json:"credentials,omitempty"`
	// profile is what was read from spec.clusterProfile.
	// +optional
	Profile *ClusterProfileStatus `json:"profile,omitempty"`
	// inventory is what the cluster consists of. It is kept while the cluster is unreachable.
	// +optional
	Inventory *ClusterInventory `json:"inventory,omitempty"`
}

// ManagedCluster is a cluster that KubeOps connects to. It is Ready while its API server answers, accepts the credentials, and is the same
// cluster as before. Deleting it closes the connection and changes nothing in the cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mc,categories=kubeops
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Nodes",type=integer,JSONPath=`.status.inventory.nodes.total`
// +kubebuilder:printcolumn:name="Pods",type=integer,JSONPath=`.status.inventory.pods.total`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Last Probe",type=date,priority=1,JSONPath=`.status.lastProbeTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="CPU %",type=integer,priority=1,JSONPath=`.status.inventory.cpuRequested`
// +kubebuilder:printcolumn:name="Memory %",type=integer,priority=1,JSONPath=`.status.inventory.memoryRequested`
// +kubebuilder:printcolumn:name="Latency",type=string,priority=1,JSONPath=`.status.latency`
// +kubebuilder:printcolumn:name="Support",type=string,priority=1,JSONPath=`.status.support`
// +kubebuilder:printcolumn:name="Expires",type=string,priority=1,JSONPath=`.status.credentials.expirationTime`
type ManagedCluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines how to connect to the cluster.
	Spec ManagedClusterSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status ManagedClusterStatus `json:"status,omitempty"`
}

// ProbeInterval returns interval or its default.
func (s *ManagedClusterSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultClusterInterval
}

// RequestTimeout returns timeout or its default.
func (s *ManagedClusterSpec) RequestTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultClusterTimeout
}

// InventoryPeriod returns inventoryInterval or its default.
func (s *ManagedClusterSpec) InventoryPeriod() time.Duration {
	if s.InventoryInterval != nil {
		return s.InventoryInterval.Duration
	}
	return DefaultInventoryInterval
}

// ManagedClusterList is a list of ManagedClusters.
//
// +kubebuilder:object:root=true
type ManagedClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ManagedCluster `json:"items"`
}

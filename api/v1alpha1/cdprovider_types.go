package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CDProviderType is the type of the delivery server.
// +kubebuilder:validation:Enum=argocd;plugin
type CDProviderType string

// Types of a CDProvider.
const (
	// CDProviderArgoCD is Argo CD, by the plugin that KubeOps ships.
	CDProviderArgoCD CDProviderType = "argocd"
	// CDProviderPlugin is any other plugin of kind cd.
	CDProviderPlugin CDProviderType = "plugin"
)

// DefaultArgoCDSocket is the socket of the plugin for Argo CD.
const DefaultArgoCDSocket = "argocd"

// Reasons of CDProviders and of the deployments that they start, in addition to those that all backends share.
const (
	// ReasonPluginUnreachable: the process of the plugin does not listen, or closed the connection.
	ReasonPluginUnreachable = "PluginUnreachable"
	// ReasonPluginIncompatible: the process is not a plugin of the required kind and version.
	ReasonPluginIncompatible = "PluginIncompatible"
	// ReasonPluginFailed: the plugin failed without a reason of its own.
	ReasonPluginFailed = "PluginFailed"
	// ReasonApplicationNotFound: the application does not exist, or the user cannot see it.
	ReasonApplicationNotFound = "ApplicationNotFound"
	// ReasonApplicationNotManaged: the application exists, and the Pipeline of the stage does not manage it.
	ReasonApplicationNotManaged = "ApplicationNotManaged"
	// ReasonApplicationRefused: the server refused to create or change the application.
	ReasonApplicationRefused = "ApplicationRefused"
	// ReasonOperationInProgress: another operation of the application must end first.
	ReasonOperationInProgress = "OperationInProgress"
	// ReasonSyncWindow: a sync window of the server does not permit the sync now.
	ReasonSyncWindow = "SyncWindow"
	// ReasonSyncRefused: the server refused the sync.
	ReasonSyncRefused = "SyncRefused"
	// ReasonAutomated: the application is synced automatically, so that what was asked for cannot be done.
	ReasonAutomated = "Automated"
	// ReasonSyncFailed: the sync ended with a failure.
	ReasonSyncFailed = "SyncFailed"
	// ReasonSyncTerminated: the sync was terminated by a person.
	ReasonSyncTerminated = "SyncTerminated"
	// ReasonApplicationUnhealthy: the revision was deployed and the application is not healthy.
	ReasonApplicationUnhealthy = "ApplicationUnhealthy"
	// ReasonRevisionNotDeployed: the application was not synced to the revision in time.
	ReasonRevisionNotDeployed = "RevisionNotDeployed"
)

// ArgoCDServer configures an Argo CD server.
type ArgoCDServer struct {
	// url of the API server of Argo CD, including its path prefix if it has one, for example https://argocd.example.com.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// tokenRef references the Secret key that holds an API token of an account or of a project role.
	TokenRef SecretKeyReference `json:"tokenRef"`
}

// CDPlugin configures a plugin that KubeOps does not know. Its documentation has the names.
type CDPlugin struct {
	// settings of the plugin by name.
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() <= 63 && self[k].size() <= 1024)",message="settings have names of at most 63 and values of at most 1024 characters"
	// +optional
	Settings map[string]string `json:"settings,omitempty"`
	// secrets that are sent to the plugin with each call.
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Secrets []PluginSecret `json:"secrets,omitempty"`
}

// PluginSecret is a secret of a plugin.
type PluginSecret struct {
	// name of the secret, as the plugin calls it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[A-Za-z_][-A-Za-z0-9_.]*$`
	Name string `json:"name"`
	// ref references the Secret key that holds it.
	Ref SecretKeyReference `json:"ref"`
}

// PluginProcess is where the process of a plugin listens.
// +kubebuilder:validation:XValidation:rule="has(self.socket) != has(self.address)",message="set either socket or address"
// +kubebuilder:validation:XValidation:rule="has(self.address) == has(self.tls)",message="tls must be set if and only if address is set"
// +kubebuilder:validation:XValidation:rule="!has(self.tls) || has(self.tls.ca) && has(self.tls.clientCertificate) && !(has(self.tls.insecureSkipVerify) && self.tls.insecureSkipVerify)",message="tls needs ca and clientCertificate, and verifies the server"
type PluginProcess struct {
	// socket is the name of a Unix socket of a container in the Pod of the manager: /run/kubeops/plugins/NAME.sock.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +optional
	Socket string `json:"socket,omitempty"`
	// address is host:port of a process that is reached by mutual TLS.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=260
	// +kubebuilder:validation:Pattern=`^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$`
	// +optional
	Address string `json:"address,omitempty"`
	// tls of address: ca and clientCertificate are required.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
}

// CDProviderSpec defines the delivery server and how to access it.
// +kubebuilder:validation:XValidation:rule="has(self.argocd) == (self.type == 'argocd')",message="argocd must be set if and only if type is argocd"
// +kubebuilder:validation:XValidation:rule="has(self.plugin) == (self.type == 'plugin')",message="plugin must be set if and only if type is plugin"
// +kubebuilder:validation:XValidation:rule="self.type != 'plugin' || has(self.process)",message="process is required for type plugin"
// +kubebuilder:validation:XValidation:rule="self.type == 'argocd' || !has(self.tls)",message="tls is that of argocd"
type CDProviderSpec struct {
	// suspend stops probes. The status of the last probe is kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: argocd, or plugin.
	Type CDProviderType `json:"type"`
	// argocd configures the server. Required for type argocd, forbidden otherwise.
	// +optional
	ArgoCD *ArgoCDServer `json:"argocd,omitempty"`
	// plugin configures the plugin. Required for type plugin, forbidden otherwise.
	// +optional
	Plugin *CDPlugin `json:"plugin,omitempty"`
	// process of the plugin. Required for type plugin. Defaults to socket argocd for type argocd.
	// +optional
	Process *PluginProcess `json:"process,omitempty"`
	// serviceAccountName is the ServiceAccount, in this namespace, that reads the Secrets of this spec. It needs get on those
	// Secrets only. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// tls configures TLS to the server of type argocd. Defaults to the system's certificate authorities.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one request. Defaults to 10s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('2m')",message="timeout must be between 1s and 2m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between two probes of the server. Defaults to 1m. The manager's configuration sets a minimum
	// (limits.minProbeInterval, default 10s).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// CDProviderStatus is the observed state of a CDProvider.
type CDProviderStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled.
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
	// version of the server.
	// +optional
	Version string `json:"version,omitempty"`
	// user that the server takes the credentials for.
	// +optional
	User string `json:"user,omitempty"`
	// latency of the last probe, through the plugin, in millisecond resolution.
	// +optional
	Latency *metav1.Duration `json:"latency,omitempty"`
	// applications that the user can see.
	// +optional
	Applications *int32 `json:"applications,omitempty"`
	// plugin is the name and the version of the process.
	// +optional
	Plugin string `json:"plugin,omitempty"`
	// capabilities of the plugin, such as cancel, find, logs and rollback.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	// +listType=atomic
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// CDProvider is a server that delivers applications, such as Argo CD, reached by the process of a plugin. It is Ready once the plugin made
// a round trip to the server with its credentials.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cdp,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="User",type=string,priority=1,JSONPath=`.status.user`
// +kubebuilder:printcolumn:name="Applications",type=integer,priority=1,JSONPath=`.status.applications`
type CDProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the delivery server and how to access it.
	Spec CDProviderSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status CDProviderStatus `json:"status,omitempty"`
}

// CDProviderList is a list of CDProviders.
//
// +kubebuilder:object:root=true
type CDProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CDProvider `json:"items"`
}

// RequestTimeout returns spec.timeout or its default.
func (s *CDProviderSpec) RequestTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultBackendTimeout
}

// ProbeInterval returns spec.interval or its default.
func (s *CDProviderSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultBackendInterval
}

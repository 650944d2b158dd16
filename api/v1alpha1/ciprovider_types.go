package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// CIProviderType is the type of the build server.
// +kubebuilder:validation:Enum=jenkins
type CIProviderType string

// Types of a CIProvider.
const (
	// CIProviderJenkins is Jenkins.
	CIProviderJenkins CIProviderType = "jenkins"
)

// Reasons of CIProviders and of the builds that they start, in addition to those that all backends share.
const (
	// ReasonAnonymous: the server ignores the credentials and treats the requests as those of an anonymous user.
	ReasonAnonymous = "Anonymous"
	// ReasonQuietingDown: the server works, but prepares to shut down: builds wait in its queue.
	ReasonQuietingDown = "QuietingDown"
	// ReasonJobNotFound: the job does not exist, or the user cannot see it.
	ReasonJobNotFound = "JobNotFound"
	// ReasonJobDisabled: the job exists and does not accept builds.
	ReasonJobDisabled = "JobDisabled"
	// ReasonNotAJob: the name is that of a folder, an organization or a multibranch project, which cannot be built.
	ReasonNotAJob = "NotAJob"
	// ReasonJobBusy: the job has a build that waits or runs, and the build cannot be distinguished from it.
	ReasonJobBusy = "JobBusy"
	// ReasonMarkerParameterMissing: the job does not declare the parameter KUBEOPS_RUN, which identifies a build.
	ReasonMarkerParameterMissing = "MarkerParameterMissing"
	// ReasonParameterMissing: the job does not declare a parameter that has a value. The server would drop the value.
	ReasonParameterMissing = "ParameterMissing"
	// ReasonJobNotManaged: the job exists, and KubeOps did not create it, or created it for another Pipeline.
	ReasonJobNotManaged = "JobNotManaged"
	// ReasonInvalidJobDefinition: the definition of the job cannot be read, or the server rejects it.
	ReasonInvalidJobDefinition = "InvalidJobDefinition"
	// ReasonJobDefinitionNotFound: the ConfigMap with the definition of the job does not exist, or has no such key.
	ReasonJobDefinitionNotFound = "JobDefinitionNotFound"
	// ReasonJobDefinitionForbidden: the ServiceAccount cannot read the ConfigMap with the definition of the job.
	ReasonJobDefinitionForbidden = "JobDefinitionForbidden"
	// ReasonNotCancellable: the server refuses to cancel the build.
	ReasonNotCancellable = "NotCancellable"
)

// JenkinsServer configures a Jenkins server.
type JenkinsServer struct {
	// url of the server, including its path prefix if it has one, for example https://jenkins.example.com/ci.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// secretRef references a Secret with the keys username and token. The token is an API token of the user, not a password:
	// Jenkins wants a crumb with passwords.
	SecretRef SecretReference `json:"secretRef"`
}

// CIProviderSpec defines the build server and how to access it.
// +kubebuilder:validation:XValidation:rule="has(self.jenkins) == (self.type == 'jenkins')",message="jenkins must be set if and only if type is jenkins"
type CIProviderSpec struct {
	// suspend stops probes. The status of the last probe is kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: jenkins.
	Type CIProviderType `json:"type"`
	// jenkins configures the server. Required for type jenkins, forbidden otherwise.
	// +optional
	Jenkins *JenkinsServer `json:"jenkins,omitempty"`
	// serviceAccountName is the ServiceAccount, in this namespace, that reads the Secrets of this spec. It needs get on those
	// Secrets only. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// tls configures TLS. Defaults to the system's certificate authorities.
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

// ExecutorCounts is the number of executors of a build server.
type ExecutorCounts struct {
	// total number of executors that are online.
	Total int32 `json:"total"`
	// busy is the number of executors that run a build.
	Busy int32 `json:"busy"`
}

// CIProviderStatus is the observed state of a CIProvider.
type CIProviderStatus struct {
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
	// latency of a request of the last probe, in millisecond resolution.
	// +optional
	Latency *metav1.Duration `json:"latency,omitempty"`
	// executors of the server and its nodes, if the user can see them.
	// +optional
	Executors *ExecutorCounts `json:"executors,omitempty"`
	// queued is the number of builds that wait for an executor.
	// +optional
	Queued *int32 `json:"queued,omitempty"`
	// quietingDown is true while the server prepares to shut down and starts no builds.
	// +optional
	QuietingDown bool `json:"quietingDown,omitempty"`
	// capabilities of the server by its plugins, such as branches, pipelines, stages and tests. Empty if the user cannot see the
	// plugins.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	// +listType=atomic
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// CIProvider is a build server. It is Ready once a request with its credentials was answered for a user that is not anonymous.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cip,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="User",type=string,priority=1,JSONPath=`.status.user`
// +kubebuilder:printcolumn:name="Queued",type=integer,priority=1,JSONPath=`.status.queued`
type CIProvider struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the build server and how to access it.
	Spec CIProviderSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status CIProviderStatus `json:"status,omitempty"`
}

// CIProviderList is a list of CIProviders.
//
// +kubebuilder:object:root=true
type CIProviderList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CIProvider `json:"items"`
}

// RequestTimeout returns spec.timeout or its default.
func (s *CIProviderSpec) RequestTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultBackendTimeout
}

// ProbeInterval returns spec.interval or its default.
func (s *CIProviderSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultBackendInterval
}

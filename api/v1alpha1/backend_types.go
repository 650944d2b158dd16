package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of backend conditions. Each names the cause that the last probe found.
const (
	// ReasonUnreachable: the connection failed: refused, no route, or reset.
	ReasonUnreachable = "Unreachable"
	// ReasonNameNotResolved: the host name of the URL does not resolve.
	ReasonNameNotResolved = "NameNotResolved"
	// ReasonTimeout: no answer within spec.timeout.
	ReasonTimeout = "Timeout"
	// ReasonTLSFailed: the certificate is not trusted, expired or for another host, or the server does not speak TLS.
	ReasonTLSFailed = "TLSFailed"
	// ReasonUnauthorized: the credentials are missing or were rejected (401).
	ReasonUnauthorized = "Unauthorized"
	// ReasonForbidden: the credentials lack a permission (403).
	ReasonForbidden = "Forbidden"
	// ReasonNotFound: the resource does not exist on the server (404), often because of a wrong path in the URL.
	ReasonNotFound = "NotFound"
	// ReasonRateLimited: the backend is rate limiting requests (429).
	ReasonRateLimited = "RateLimited"
	// ReasonServerError: the backend returned a server error (5xx).
	ReasonServerError = "ServerError"
	// ReasonInvalidResponse: the response is not one of this backend type; often another service listens at the URL.
	ReasonInvalidResponse = "InvalidResponse"
	// ReasonResponseTooLarge: the response exceeded the size limit and was discarded.
	ReasonResponseTooLarge = "ResponseTooLarge"
	// ReasonRedirected: the server redirects to another host, which KubeOps does not follow.
	ReasonRedirected = "Redirected"
	// ReasonEgressDenied: the URL resolves to a denied address, such as a link-local one.
	ReasonEgressDenied = "EgressDenied"
	// ReasonSecretForbidden: the ServiceAccount cannot read a Secret referenced in spec.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonSecretNotFound: a Secret referenced in spec, or the key in it, does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonInvalidSecret: a Secret has unusable content, such as a certificate that does not parse.
	ReasonInvalidSecret = "InvalidSecret"
	// ReasonInvalidQuery: the backend rejected a query as invalid.
	ReasonInvalidQuery = "InvalidQuery"
	// ReasonBudgetExceeded: a query exceeds the query budget of the backend.
	ReasonBudgetExceeded = "BudgetExceeded"
	// ReasonUnhealthy: the backend reports that it is unhealthy.
	ReasonUnhealthy = "Unhealthy"
	// ReasonNotIngesting: the probe's log line could not be read back in time.
	ReasonNotIngesting = "NotIngesting"
	// ReasonConflictingRoutes: another LogBackend already routes the same lines to the same destination.
	ReasonConflictingRoutes = "ConflictingRoutes"
	// ReasonNamespaceNotAllowed: spec.collect selects a namespace that it is not allowed to collect from.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonCollecting: the collectors on all nodes run with the routes of this LogBackend.
	ReasonCollecting = "Collecting"
)

// SecretKeyReference references one key of a Secret in the namespace of the resource.
type SecretKeyReference struct {
	// name of the Secret in the namespace of this resource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// key in the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`
}

// SecretReference references a Secret in the namespace of the resource.
type SecretReference struct {
	// name of the Secret in the namespace of this resource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// LocalReference references a KubeOps resource in the same namespace.
type LocalReference struct {
	// name of the resource in the same namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// BackendAuth configures authentication. At most one of basic, bearerToken and apiKey can be set.
// +kubebuilder:validation:XValidation:rule="[has(self.basic), has(self.bearerToken), has(self.apiKey)].filter(x, x).size() <= 1",message="set at most one of basic, bearerToken and apiKey"
type BackendAuth struct {
	// basic references a Secret with the keys username and password, such as one of type kubernetes.io/basic-auth.
	// +optional
	Basic *SecretReference `json:"basic,omitempty"`
	// bearerToken references the Secret key that holds a token, sent as "Authorization: Bearer".
	// +optional
	BearerToken *SecretKeyReference `json:"bearerToken,omitempty"`
	// apiKey references the Secret key that holds an encoded Elasticsearch API key, sent as "Authorization: ApiKey".
	// +optional
	APIKey *SecretKeyReference `json:"apiKey,omitempty"`
}

// BackendTLS configures TLS.
type BackendTLS struct {
	// ca references the Secret key that holds a PEM bundle of certificate authorities to trust instead of the system's.
	// +optional
	CA *SecretKeyReference `json:"ca,omitempty"`
	// clientCertificate references a Secret with the keys tls.crt and tls.key, such as one of type kubernetes.io/tls.
	// +optional
	ClientCertificate *SecretReference `json:"clientCertificate,omitempty"`
	// serverName expected in the certificate, if it differs from the host of the URL.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([-A-Za-z0-9_]*[A-Za-z0-9_])?)*|[0-9A-Fa-f:.]+)$`
	// +optional
	ServerName string `json:"serverName,omitempty"`
	// insecureSkipVerify disables verification of the server certificate. Anyone who can intercept the connection then
	// receives the credentials.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// BackendAccess configures the access to a backend.
type BackendAccess struct {
	// serviceAccountName is the ServiceAccount, in this namespace, that reads the Secrets of auth and tls. It needs get on
	// those Secrets only. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// auth configures authentication. By default no credentials are sent.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
	// tls configures TLS. Defaults to the system's certificate authorities.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one request. Defaults to 10s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('2m')",message="timeout must be between 1s and 2m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between two probes of the backend. Defaults to 1m. The manager's configuration sets a minimum
	// (limits.minProbeInterval, default 10s).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// ConditionDataSourceReady is set on a backend with spec.grafana. It is True once the data source is written, and does not
// affect Ready.
const ConditionDataSourceReady = "DataSourceReady"

// GrafanaDataSource requests a Grafana data source for the backend. The data source is a Secret in the namespace of the
// resource, because it holds credentials, and is written by the ServiceAccount in spec.serviceAccountName.
type GrafanaDataSource struct {
	// labels of the Secret, which Grafana's data source sidecar selects it by. Defaults to grafana_datasource: "1".
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-A-Za-z0-9_./]+$') && size(self[k]) <= 63)",message="labels must contain label keys, and values of at most 63 characters"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// default makes it the default data source of Grafana.
	// +optional
	Default bool `json:"default,omitempty"`
	// instanceSelector selects Grafana resources of grafana-operator by label. If it is set, a GrafanaDatasource is created
	// as well, which requires the API grafana.integreatly.org/v1beta1.
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[-A-Za-z0-9_./]+$') && size(self[k]) <= 63)",message="instanceSelector must contain label keys, and values of at most 63 characters"
	// +optional
	InstanceSelector map[string]string `json:"instanceSelector,omitempty"`
}

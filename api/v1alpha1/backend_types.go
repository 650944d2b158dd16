package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of a back end's conditions: each names the cause as the last round trip met it.
const (
	// ReasonUnreachable: nothing answers at the URL: connection refused, no route, broken off.
	ReasonUnreachable = "Unreachable"
	// ReasonNameNotResolved: the host name of the URL cannot be resolved.
	ReasonNameNotResolved = "NameNotResolved"
	// ReasonTimeout: no answer within the time that spec.timeout allows.
	ReasonTimeout = "Timeout"
	// ReasonTLSFailed: the certificate is not trusted, not for this host, expired, or the other side speaks no TLS.
	ReasonTLSFailed = "TLSFailed"
	// ReasonUnauthorized: the credentials are missing or wrong (401).
	ReasonUnauthorized = "Unauthorized"
	// ReasonForbidden: the credentials are right and may not do this (403).
	ReasonForbidden = "Forbidden"
	// ReasonNotFound: what was asked for does not exist there (404): often a wrong path in the URL.
	ReasonNotFound = "NotFound"
	// ReasonRateLimited: the back end asks for fewer requests (429).
	ReasonRateLimited = "RateLimited"
	// ReasonServerError: the back end failed by itself (5xx).
	ReasonServerError = "ServerError"
	// ReasonInvalidResponse: the answer is not what this type of back end answers; often another service at that URL.
	ReasonInvalidResponse = "InvalidResponse"
	// ReasonResponseTooLarge: the answer was cut off at its limit and dropped.
	ReasonResponseTooLarge = "ResponseTooLarge"
	// ReasonRedirected: the answer points to another host, which is never followed.
	ReasonRedirected = "Redirected"
	// ReasonEgressDenied: the URL leads to an address that is never called, such as a link-local one.
	ReasonEgressDenied = "EgressDenied"
	// ReasonSecretForbidden: the ServiceAccount may not read a Secret that the spec refers to.
	ReasonSecretForbidden = "SecretForbidden"
	// ReasonSecretNotFound: a Secret, or a key of it, that the spec refers to does not exist.
	ReasonSecretNotFound = "SecretNotFound"
	// ReasonInvalidSecret: a Secret holds something that cannot be used, such as a certificate that does not parse.
	ReasonInvalidSecret = "InvalidSecret"
	// ReasonInvalidQuery: the back end does not understand a query.
	ReasonInvalidQuery = "InvalidQuery"
	// ReasonBudgetExceeded: a query asks for more than the query budget of the back end allows.
	ReasonBudgetExceeded = "BudgetExceeded"
	// ReasonUnhealthy: the back end answers, and says of itself that it does not work.
	ReasonUnhealthy = "Unhealthy"
	// ReasonNotIngesting: what was written did not come back in time.
	ReasonNotIngesting = "NotIngesting"
	// ReasonConflictingRoutes: what this resource collects contradicts what another one collects.
	ReasonConflictingRoutes = "ConflictingRoutes"
	// ReasonNamespaceNotAllowed: this resource may not collect from a namespace that it names.
	ReasonNamespaceNotAllowed = "NamespaceNotAllowed"
	// ReasonCollecting: the collectors of all nodes run with the routes of this resource.
	ReasonCollecting = "Collecting"
)

// SecretKeyReference names one key of a Secret in the namespace of the resource.
type SecretKeyReference struct {
	// name of the Secret, in the namespace of this resource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// key within the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Key string `json:"key"`
}

// SecretReference names a Secret in the namespace of the resource.
type SecretReference struct {
	// name of the Secret, in the namespace of this resource.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// LocalReference names a resource of KubeOps in the same namespace.
type LocalReference struct {
	// name of the resource, in the namespace of this one.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// BackendAuth says how to log in: at most one of basic, bearerToken and apiKey.
// +kubebuilder:validation:XValidation:rule="[has(self.basic), has(self.bearerToken), has(self.apiKey)].filter(x, x).size() <= 1",message="set at most one of basic, bearerToken and apiKey"
type BackendAuth struct {
	// basic names a Secret with the keys username and password, as kubernetes.io/basic-auth Secrets have.
	// +optional
	Basic *SecretReference `json:"basic,omitempty"`
	// bearerToken names the key of a Secret that holds a token, sent as "Authorization: Bearer".
	// +optional
	BearerToken *SecretKeyReference `json:"bearerToken,omitempty"`
	// apiKey names the key of a Secret that holds an Elasticsearch API key in its encoded form, sent as
	// "Authorization: ApiKey".
	// +optional
	APIKey *SecretKeyReference `json:"apiKey,omitempty"`
}

// BackendTLS says whom to trust, and who we are.
type BackendTLS struct {
	// ca names the key of a Secret with the certificates, in PEM, to trust instead of the system's.
	// +optional
	CA *SecretKeyReference `json:"ca,omitempty"`
	// clientCertificate names a Secret with the keys tls.crt and tls.key, as kubernetes.io/tls Secrets have.
	// +optional
	ClientCertificate *SecretReference `json:"clientCertificate,omitempty"`
	// serverName to expect in the certificate, when it is not the host of the URL.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServerName string `json:"serverName,omitempty"`
	// insecureSkipVerify turns the check of the certificate off. Whoever can answer at the address then gets the credentials.
	// +optional
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// BackendAccess is how to reach any back end.
type BackendAccess struct {
	// serviceAccountName is the ServiceAccount of this namespace whose rights the Secrets of auth and tls are read with. It
	// needs get on these Secrets only. Default kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// auth says how to log in. Default: not at all.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
	// tls says whom to trust. Default: the system's certificates.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one request. Default 10s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('2m')",message="timeout must be between 1s and 2m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between two round trips that prove that the back end works. Default 1m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// ConditionDataSourceReady is on a back end with spec.grafana: True once the data source is written. It takes no part in Ready.
const ConditionDataSourceReady = "DataSourceReady"

// GrafanaDataSource asks for a data source of Grafana that leads to the back end. It is a Secret in the namespace of the
// resource, since it holds credentials, written with the rights of spec.serviceAccountName.
type GrafanaDataSource struct {
	// labels of the Secret, by which Grafana's data source sidecar finds it. Default grafana_datasource: "1".
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// default makes it the data source that new panels use.
	// +optional
	Default bool `json:"default,omitempty"`
	// instanceSelector holds labels of Grafana resources of grafana-operator. When it is set, a GrafanaDatasource is written,
	// too, which needs the API grafana.integreatly.org/v1beta1.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	InstanceSelector map[string]string `json:"instanceSelector,omitempty"`
}

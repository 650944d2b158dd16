package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MetricsBackendType is the type of the metrics server.
// +kubebuilder:validation:Enum=prometheus;victoriametrics
type MetricsBackendType string

// Types of a MetricsBackend.
const (
	// MetricsBackendPrometheus is Prometheus or any server with its query API: Thanos, Mimir, Cortex.
	MetricsBackendPrometheus MetricsBackendType = "prometheus"
	// MetricsBackendVictoriaMetrics is VictoriaMetrics, single-node or cluster.
	MetricsBackendVictoriaMetrics MetricsBackendType = "victoriametrics"
)

// ConditionAlertmanagerReady is set on a MetricsBackend with spec.alertmanager. It is True while the Alertmanager is
// available and has a receiver. It does not affect Ready, because metrics can be read without the Alertmanager.
const ConditionAlertmanagerReady = "AlertmanagerReady"

// PrometheusBackend configures a Prometheus server.
type PrometheusBackend struct {
	// url of the server, including its path prefix if it has one, for example http://prometheus.monitoring:9090.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
}

// VictoriaMetricsBackend configures VictoriaMetrics. A single-node server has url; a cluster has selectURL, and insertURL
// to write.
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.selectURL)",message="set exactly one of url (single-node) and selectURL (cluster)"
// +kubebuilder:validation:XValidation:rule="!has(self.insertURL) || has(self.selectURL)",message="insertURL requires selectURL"
// +kubebuilder:validation:XValidation:rule="!has(self.tenant) || has(self.selectURL)",message="tenant requires selectURL"
type VictoriaMetricsBackend struct {
	// url of a single-node server, for example http://victoria-metrics.monitoring:8428.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	// +optional
	URL string `json:"url,omitempty"`
	// selectURL is the vmselect URL of a cluster, for example http://vmselect.monitoring:8481.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="selectURL must be an http or https URL without credentials"
	// +optional
	SelectURL string `json:"selectURL,omitempty"`
	// insertURL is the vminsert URL of a cluster, for example http://vminsert.monitoring:8480.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="insertURL must be an http or https URL without credentials"
	// +optional
	InsertURL string `json:"insertURL,omitempty"`
	// tenant of a cluster in the form accountID or accountID:projectID. Defaults to 0.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,10}(:[0-9]{1,10})?$`
	// +optional
	Tenant string `json:"tenant,omitempty"`
}

// AlertmanagerAccess configures the Alertmanager of a MetricsBackend.
type AlertmanagerAccess struct {
	// url of the Alertmanager, for example http://alertmanager.monitoring:9093.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// auth configures authentication at the Alertmanager. The credentials of the MetricsBackend are never sent to it. By
	// default no credentials are sent.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
	// tls configures TLS for the Alertmanager. Defaults to spec.tls.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
}

// QueryBudget limits the load on the server. A query beyond these limits fails with BudgetExceeded.
type QueryBudget struct {
	// maxRange of one range query. Defaults to 720h (30 days).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('8784h')",message="maxRange must be between 1m and 8784h"
	// +optional
	MaxRange *metav1.Duration `json:"maxRange,omitempty"`
	// minStep of a range query. Smaller steps are raised to it. Defaults to 15s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="minStep must be between 1s and 24h"
	// +optional
	MinStep *metav1.Duration `json:"minStep,omitempty"`
	// maxConcurrent is the maximum number of concurrent queries of all inspections together. Others wait. Defaults to 2.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	MaxConcurrent int32 `json:"maxConcurrent,omitempty"`
	// maxSeries in one response. Defaults to 50000.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=5000000
	// +optional
	MaxSeries int32 `json:"maxSeries,omitempty"`
	// maxBytes of one response. Defaults to 33554432 (32 MiB). The manager's configuration can set a lower maximum
	// (limits.maxQueryBytes, default 64 MiB).
	// +kubebuilder:validation:Minimum=65536
	// +kubebuilder:validation:Maximum=1073741824
	// +optional
	MaxBytes int64 `json:"maxBytes,omitempty"`
}

// MetricsBackendSpec defines the metrics server and how to access it.
// +kubebuilder:validation:XValidation:rule="has(self.prometheus) == (self.type == 'prometheus')",message="prometheus must be set if and only if type is prometheus"
// +kubebuilder:validation:XValidation:rule="has(self.victoriametrics) == (self.type == 'victoriametrics')",message="victoriametrics must be set if and only if type is victoriametrics"
type MetricsBackendSpec struct {
	// suspend stops probes. The status of the last probe is kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: prometheus (also Thanos, Mimir and others with its query API) or victoriametrics.
	Type MetricsBackendType `json:"type"`
	// prometheus configures the server. Required for type prometheus, forbidden otherwise.
	// +optional
	Prometheus *PrometheusBackend `json:"prometheus,omitempty"`
	// victoriametrics configures the server or cluster. Required for type victoriametrics, forbidden otherwise.
	// +optional
	VictoriaMetrics *VictoriaMetricsBackend `json:"victoriametrics,omitempty"`
	BackendAccess   `json:",inline"`
	// alertmanager configures the Alertmanager that the server sends alerts to. None by default.
	// +optional
	Alertmanager *AlertmanagerAccess `json:"alertmanager,omitempty"`
	// grafana requests a Grafana data source for this backend. None by default.
	// +optional
	Grafana *GrafanaDataSource `json:"grafana,omitempty"`
	// queryBudget limits the load of queries on the server.
	// +optional
	QueryBudget *QueryBudget `json:"queryBudget,omitempty"`
}

// MetricsTargets is the number of scrape targets of the server.
type MetricsTargets struct {
	// up is the number of targets whose last scrape succeeded.
	Up int32 `json:"up"`
	// down is the number of targets whose last scrape failed.
	Down int32 `json:"down"`
}

// AlertmanagerStatus is the observed state of the Alertmanager.
type AlertmanagerStatus struct {
	// version of the Alertmanager.
	// +optional
	Version string `json:"version,omitempty"`
	// receivers is the number of receivers in its configuration.
	Receivers int32 `json:"receivers"`
	// firing is the number of active alerts that are neither silenced nor inhibited.
	Firing int32 `json:"firing"`
}

// MetricsBackendStatus is the observed state of a MetricsBackend.
type MetricsBackendStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled; AlertmanagerReady with spec.alertmanager; DataSourceReady with
	// spec.grafana.
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
	// version of the server, if it reports one.
	// +optional
	Version string `json:"version,omitempty"`
	// flavor of the server: prometheus, thanos, mimir, victoriametrics, victoriametrics-cluster or unknown.
	// +optional
	Flavor string `json:"flavor,omitempty"`
	// queryLatency of the last probe's query, in millisecond resolution.
	// +optional
	QueryLatency *metav1.Duration `json:"queryLatency,omitempty"`
	// freshness is the age of the newest sample of the metric up, in seconds.
	// +optional
	Freshness *metav1.Duration `json:"freshness,omitempty"`
	// targets that the server scrapes. Not set if the server does not report them.
	// +optional
	Targets *MetricsTargets `json:"targets,omitempty"`
	// series is the number of active series, if the server reports it.
	// +optional
	Series *int64 `json:"series,omitempty"`
	// retention of the server, if it reports one, in its own notation, for example 15d.
	// +optional
	Retention string `json:"retention,omitempty"`
	// firingAlerts is the number of firing alerts, from the Alertmanager if there is one, otherwise from the server's
	// rules.
	// +optional
	FiringAlerts *int32 `json:"firingAlerts,omitempty"`
	// alertmanager is the observed state of the Alertmanager.
	// +optional
	Alertmanager *AlertmanagerStatus `json:"alertmanager,omitempty"`
	// capabilities of this backend, such as query, series, labels, metadata, rules, targets, alerts, write.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// MetricsBackend is a metrics server that inspections query. It is Ready once a probe query was answered.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mb,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Last Probe",type=date,priority=1,JSONPath=`.status.lastProbeTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Firing Alerts",type=integer,priority=1,JSONPath=`.status.firingAlerts`
// +kubebuilder:printcolumn:name="Targets Down",type=integer,priority=1,JSONPath=`.status.targets.down`
type MetricsBackend struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the metrics server and how to access it.
	Spec MetricsBackendSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status MetricsBackendStatus `json:"status,omitempty"`
}

// Defaults of backends.
const (
	// DefaultBackendTimeout is the default of spec.timeout.
	DefaultBackendTimeout = 10 * time.Second
	// DefaultBackendInterval is the default of spec.interval.
	DefaultBackendInterval = time.Minute
)

// RequestTimeout returns timeout or its default.
func (a *BackendAccess) RequestTimeout() time.Duration {
	if a.Timeout != nil {
		return a.Timeout.Duration
	}
	return DefaultBackendTimeout
}

// ProbeInterval returns interval or its default.
func (a *BackendAccess) ProbeInterval() time.Duration {
	if a.Interval != nil {
		return a.Interval.Duration
	}
	return DefaultBackendInterval
}

// MetricsBackendList is a list of MetricsBackends.
//
// +kubebuilder:object:root=true
type MetricsBackendList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []MetricsBackend `json:"items"`
}

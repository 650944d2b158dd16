package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// MetricsBackendType is the kind of server.
// +kubebuilder:validation:Enum=prometheus;victoriametrics
type MetricsBackendType string

// Types of a MetricsBackend.
const (
	// MetricsBackendPrometheus is Prometheus, or what speaks its query API: Thanos, Mimir, Cortex.
	MetricsBackendPrometheus MetricsBackendType = "prometheus"
	// MetricsBackendVictoriaMetrics is VictoriaMetrics, single server or cluster.
	MetricsBackendVictoriaMetrics MetricsBackendType = "victoriametrics"
)

// ConditionAlertmanagerReady is on a MetricsBackend with spec.alertmanager: True while the Alertmanager answers and has a
// receiver. It takes no part in Ready, since metrics can be read without it.
const ConditionAlertmanagerReady = "AlertmanagerReady"

// PrometheusBackend is where a Prometheus is.
type PrometheusBackend struct {
	// url of the server, with the path prefix if it has one, for example http://prometheus.monitoring:9090.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
}

// VictoriaMetricsBackend is where a VictoriaMetrics is. A single server has url; a cluster has selectURL, and insertURL if
// something is to be written.
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.selectURL)",message="set url for a single server, or selectURL for a cluster"
// +kubebuilder:validation:XValidation:rule="!has(self.insertURL) || has(self.selectURL)",message="insertURL belongs to a cluster: set selectURL, too"
// +kubebuilder:validation:XValidation:rule="!has(self.tenant) || has(self.selectURL)",message="tenant belongs to a cluster: set selectURL, too"
type VictoriaMetricsBackend struct {
	// url of a single server, for example http://victoria-metrics.monitoring:8428.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	// +optional
	URL string `json:"url,omitempty"`
	// selectURL of a cluster's vmselect, for example http://vmselect.monitoring:8481.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="selectURL must be an http or https URL without credentials"
	// +optional
	SelectURL string `json:"selectURL,omitempty"`
	// insertURL of a cluster's vminsert, for example http://vminsert.monitoring:8480.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="insertURL must be an http or https URL without credentials"
	// +optional
	InsertURL string `json:"insertURL,omitempty"`
	// tenant of a cluster: accountID or accountID:projectID. Default 0.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,10}(:[0-9]{1,10})?$`
	// +optional
	Tenant string `json:"tenant,omitempty"`
}

// AlertmanagerAccess is where the Alertmanager of a MetricsBackend is.
type AlertmanagerAccess struct {
	// url of the Alertmanager, for example http://alertmanager.monitoring:9093.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// auth says how to log in there. Default: not at all; the credentials of the MetricsBackend are never sent there.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
	// tls says whom to trust there. Default: as spec.tls.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
}

// QueryBudget protects the server: a query that asks for more fails with BudgetExceeded before, or while, it is answered.
type QueryBudget struct {
	// maxRange of one range query. Default 720h (30 days).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('8784h')",message="maxRange must be between 1m and 8784h"
	// +optional
	MaxRange *metav1.Duration `json:"maxRange,omitempty"`
	// minStep of a range query; a finer one is made coarser. Default 15s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="minStep must be between 1s and 24h"
	// +optional
	MinStep *metav1.Duration `json:"minStep,omitempty"`
	// maxConcurrent queries, of all inspections together; others wait for their turn. Default 2.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	MaxConcurrent int32 `json:"maxConcurrent,omitempty"`
	// maxSeries in one answer. Default 50000.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=5000000
	// +optional
	MaxSeries int32 `json:"maxSeries,omitempty"`
	// maxBytes of one answer. Default 33554432 (32 MiB).
	// +kubebuilder:validation:Minimum=65536
	// +kubebuilder:validation:Maximum=1073741824
	// +optional
	MaxBytes int64 `json:"maxBytes,omitempty"`
}

// MetricsBackendSpec says where metrics are and how to ask for them.
// +kubebuilder:validation:XValidation:rule="has(self.prometheus) == (self.type == 'prometheus')",message="set prometheus with type prometheus, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.victoriametrics) == (self.type == 'victoriametrics')",message="set victoriametrics with type victoriametrics, and only then"
type MetricsBackendSpec struct {
	// suspend stops the round trips; what the last one found stays in status.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: prometheus (or what speaks its query API, such as Thanos and Mimir) or victoriametrics.
	Type MetricsBackendType `json:"type"`
	// prometheus is where the server is; for type prometheus.
	// +optional
	Prometheus *PrometheusBackend `json:"prometheus,omitempty"`
	// victoriametrics is where the server or cluster is; for type victoriametrics.
	// +optional
	VictoriaMetrics *VictoriaMetricsBackend `json:"victoriametrics,omitempty"`
	BackendAccess   `json:",inline"`
	// alertmanager that alerts go to. Default: none is asked.
	// +optional
	Alertmanager *AlertmanagerAccess `json:"alertmanager,omitempty"`
	// grafana asks for a data source that leads here. Default: none.
	// +optional
	Grafana *GrafanaDataSource `json:"grafana,omitempty"`
	// queryBudget protects the server.
	// +optional
	QueryBudget *QueryBudget `json:"queryBudget,omitempty"`
}

// MetricsTargets counts what the server scrapes.
type MetricsTargets struct {
	// up counts targets whose last scrape succeeded.
	Up int32 `json:"up"`
	// down counts targets whose last scrape failed.
	Down int32 `json:"down"`
}

// AlertmanagerStatus is what the Alertmanager told.
type AlertmanagerStatus struct {
	// version of the Alertmanager.
	// +optional
	Version string `json:"version,omitempty"`
	// receivers counts those that its configuration names.
	Receivers int32 `json:"receivers"`
	// firing counts the active alerts that are neither silenced nor inhibited.
	Firing int32 `json:"firing"`
}

// MetricsBackendStatus is what the last round trip found.
type MetricsBackendStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled, and with spec.alertmanager AlertmanagerReady.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastProbeTime is when the last round trip began.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// lastHandledRequest is the value of the annotation kubeops.io/requested-at that was handled last.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// version that the server tells, if it does.
	// +optional
	Version string `json:"version,omitempty"`
	// flavor of the server: prometheus, thanos, mimir, victoriametrics, victoriametrics-cluster or unknown.
	// +optional
	Flavor string `json:"flavor,omitempty"`
	// queryLatency of the last round trip's query, to the millisecond.
	// +optional
	QueryLatency *metav1.Duration `json:"queryLatency,omitempty"`
	// freshness is the age of the newest sample of the metric up, to the second.
	// +optional
	Freshness *metav1.Duration `json:"freshness,omitempty"`
	// targets that the server scrapes; absent where it does not tell.
	// +optional
	Targets *MetricsTargets `json:"targets,omitempty"`
	// series that are active, where the server tells.
	// +optional
	Series *int64 `json:"series,omitempty"`
	// retention of the server, where it tells, as it words it, for example 15d.
	// +optional
	Retention string `json:"retention,omitempty"`
	// firingAlerts counts the alerts that fire: from the Alertmanager if there is one, else from the server's rules.
	// +optional
	FiringAlerts *int32 `json:"firingAlerts,omitempty"`
	// alertmanager is what the Alertmanager told.
	// +optional
	Alertmanager *AlertmanagerStatus `json:"alertmanager,omitempty"`
	// capabilities of this back end, such as query, series, labels, metadata, rules, targets, alerts, write.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// MetricsBackend is a server that metrics are read from. It is Ready after a real query was answered.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=mb,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Firing Alerts",type=integer,priority=1,JSONPath=`.status.firingAlerts`
// +kubebuilder:printcolumn:name="Targets Down",type=integer,priority=1,JSONPath=`.status.targets.down`
type MetricsBackend struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where metrics are and how to ask for them.
	Spec MetricsBackendSpec `json:"spec"`
	// status is what the last round trip found.
	// +kubebuilder:default={observedGeneration:-1}
	Status MetricsBackendStatus `json:"status,omitempty"`
}

// Defaults of back ends.
const (
	// DefaultBackendTimeout of one request.
	DefaultBackendTimeout = 10 * time.Second
	// DefaultBackendInterval between two round trips.
	DefaultBackendInterval = time.Minute
)

// RequestTimeout of one request.
func (a *BackendAccess) RequestTimeout() time.Duration {
	if a.Timeout != nil {
		return a.Timeout.Duration
	}
	return DefaultBackendTimeout
}

// ProbeInterval between two round trips.
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

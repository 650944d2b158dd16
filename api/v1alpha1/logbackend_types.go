package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LogBackendType is the type of the log server.
// +kubebuilder:validation:Enum=elasticsearch;loki;victorialogs
type LogBackendType string

// Types of a LogBackend.
const (
	// LogBackendElasticsearch is Elasticsearch 6.8 to 9, or OpenSearch.
	LogBackendElasticsearch LogBackendType = "elasticsearch"
	// LogBackendLoki is Grafana Loki.
	LogBackendLoki LogBackendType = "loki"
	// LogBackendVictoriaLogs is VictoriaLogs.
	LogBackendVictoriaLogs LogBackendType = "victorialogs"
)

// ProbeMode selects how a LogBackend is probed.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly
type ProbeMode string

// Modes of a probe.
const (
	// ProbeReadWrite writes one marker line per probe and reads it back.
	ProbeReadWrite ProbeMode = "ReadWrite"
	// ProbeReadOnly only runs a search.
	ProbeReadOnly ProbeMode = "ReadOnly"
)

// FieldSchema is the naming convention of the fields of log documents or streams.
// +kubebuilder:validation:Enum=auto;ecs;kubernetes;flat
type FieldSchema string

// Known schemas of log documents.
const (
	// FieldSchemaAuto detects the schema from stored documents.
	FieldSchemaAuto FieldSchema = "auto"
	// FieldSchemaECS is the Elastic Common Schema of Filebeat and Elastic Agent: kubernetes.namespace, kubernetes.pod.name.
	FieldSchemaECS FieldSchema = "ecs"
	// FieldSchemaKubernetes is the Kubernetes metadata of Vector (kubernetes.pod_namespace), Fluentd and Fluent Bit
	// (kubernetes.namespace_name).
	FieldSchemaKubernetes FieldSchema = "kubernetes"
	// FieldSchemaFlat is a flat set of labels, as Promtail and Loki use: namespace, pod, container.
	FieldSchemaFlat FieldSchema = "flat"
)

// LogFields overrides names of document fields. Fields that are not set follow schema.
type LogFields struct {
	// schema that the other fields override. Defaults to auto.
	// +kubebuilder:default=auto
	// +optional
	Schema FieldSchema `json:"schema,omitempty"`
	// time is the name of the timestamp field, for example @timestamp.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Time string `json:"time,omitempty"`
	// message is the name of the message field, for example message or log.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Message string `json:"message,omitempty"`
	// namespace is the name of the namespace field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// pod is the name of the Pod field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Pod string `json:"pod,omitempty"`
	// container is the name of the container field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Container string `json:"container,omitempty"`
	// node is the name of the node field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Node string `json:"node,omitempty"`
	// level is the name of the log level field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Level string `json:"level,omitempty"`
}

// ElasticsearchBackend configures an Elasticsearch or OpenSearch server.
type ElasticsearchBackend struct {
	// url of the server, including its path prefix if it has one, for example https://elasticsearch.logging:9200.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// index to search: a name, an alias, a data stream, or a pattern with *. Defaults to logs-*.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^\.?[a-z0-9*][a-z0-9._*,-]*$`
	// +kubebuilder:default="logs-*"
	// +optional
	Index string `json:"index,omitempty"`
	// writeIndex is the index or data stream that routed lines and probe markers are written to. Defaults to
	// logs-kubeops-default.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9._-]*$`
	// +kubebuilder:default="logs-kubeops-default"
	// +optional
	WriteIndex string `json:"writeIndex,omitempty"`
	// dataView requests a Kibana data view, or an OpenSearch Dashboards index pattern, for index. None by default.
	// +optional
	DataView *DataView `json:"dataView,omitempty"`
}

// DataView configures a data view. It is created with spec.auth and spec.tls. It is not deleted with the LogBackend,
// because saved searches may depend on it.
type DataView struct {
	// url of Kibana or OpenSearch Dashboards including its base path, and /s/<space> for a space other than the default
	// one, for example https://kibana.logging:5601.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
}

// LokiBackend configures a Loki server.
type LokiBackend struct {
	// url of the server or its gateway, for example http://loki-gateway.logging.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// tenant is sent as X-Scope-OrgID. By default the header is not sent.
	// +kubebuilder:validation:MaxLength=150
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9!._*'()-]+$`
	// +optional
	Tenant string `json:"tenant,omitempty"`
}

// VictoriaLogsBackend configures a VictoriaLogs server.
type VictoriaLogsBackend struct {
	// url of the server, for example http://victoria-logs.logging:9428.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// tenant in the form accountID or accountID:projectID, sent as the headers AccountID and ProjectID. Defaults to 0:0.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,10}(:[0-9]{1,10})?$`
	// +optional
	Tenant string `json:"tenant,omitempty"`
}

// CollectorType is the log collector that runs on the nodes.
// +kubebuilder:validation:Enum=vector;fluentd
type CollectorType string

// Collectors.
const (
	// CollectorVector is Vector, from timber.io.
	CollectorVector CollectorType = "vector"
	// CollectorFluentd is Fluentd.
	CollectorFluentd CollectorType = "fluentd"
)

// LogSelector selects the Pods and containers whose lines are collected. All fields that are set must match.
type LogSelector struct {
	// namespaces to select, by name. Defaults to all.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// podLabels that the Pod must have, with these values.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	PodLabels map[string]string `json:"podLabels,omitempty"`
	// containers to select, by name. Defaults to all.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Containers []string `json:"containers,omitempty"`
}

// LogCollection selects the log lines of this cluster that are routed to the backend, and how they are processed.
type LogCollection struct {
	// collector to use: vector or fluentd. Defaults to vector.
	// +kubebuilder:default=vector
	// +optional
	Collector CollectorType `json:"collector,omitempty"`
	// include selects Pods to collect from; a Pod must match one of the selectors. Defaults to all Pods of the namespace of this
	// resource. Other namespaces can be selected only if logCollection.clusterWideNamespaces in the manager's configuration
	// contains this namespace.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Include []LogSelector `json:"include,omitempty"`
	// exclude selects Pods to leave out. It takes precedence over include.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Exclude []LogSelector `json:"exclude,omitempty"`
	// parseJSON parses lines that are JSON objects into fields.
	// +optional
	ParseJSON bool `json:"parseJSON,omitempty"`
	// dropFields lists fields to remove from each event, for example kubernetes.pod_annotations.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z_@][A-Za-z0-9_@.-]*$`
	// +listType=set
	// +optional
	DropFields []string `json:"dropFields,omitempty"`
	// redact lists regular expressions (RE2). Matches are replaced with [redacted] before a line leaves the node.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=set
	// +optional
	Redact []string `json:"redact,omitempty"`
}

// LogBackendSpec defines the log server, how to access it, and the lines that are routed to it.
// +kubebuilder:validation:XValidation:rule="has(self.elasticsearch) == (self.type == 'elasticsearch')",message="elasticsearch must be set if and only if type is elasticsearch"
// +kubebuilder:validation:XValidation:rule="has(self.loki) == (self.type == 'loki')",message="loki must be set if and only if type is loki"
// +kubebuilder:validation:XValidation:rule="has(self.victorialogs) == (self.type == 'victorialogs')",message="victorialogs must be set if and only if type is victorialogs"
type LogBackendSpec struct {
	// suspend stops probes. Log routing continues, and the status of the last probe is kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: elasticsearch (also OpenSearch), loki or victorialogs.
	Type LogBackendType `json:"type"`
	// elasticsearch configures the server. Required for type elasticsearch, forbidden otherwise.
	// +optional
	Elasticsearch *ElasticsearchBackend `json:"elasticsearch,omitempty"`
	// loki configures the server. Required for type loki, forbidden otherwise.
	// +optional
	Loki *LokiBackend `json:"loki,omitempty"`
	// victorialogs configures the server. Required for type victorialogs, forbidden otherwise.
	// +optional
	VictoriaLogs  *VictoriaLogsBackend `json:"victorialogs,omitempty"`
	BackendAccess `json:",inline"`
	// probe selects how the backend is probed: ReadWrite writes one marker line per probe and reads it back, ReadOnly only
	// searches. Defaults to ReadWrite.
	// +kubebuilder:default=ReadWrite
	// +optional
	Probe ProbeMode `json:"probe,omitempty"`
	// fields overrides the names of document fields. Detected by default.
	// +optional
	Fields *LogFields `json:"fields,omitempty"`
	// retention that is expected. Condition RetentionMatches compares it with the retention of the backend, which KubeOps
	// never changes. Not compared by default.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h') && duration(self) <= duration('87840h')",message="retention must be between 1h and 87840h"
	// +optional
	Retention *metav1.Duration `json:"retention,omitempty"`
	// grafana requests a Grafana data source for this backend. None by default.
	// +optional
	Grafana *GrafanaDataSource `json:"grafana,omitempty"`
	// collect selects the log lines of this cluster to route to this backend. None by default.
	// +optional
	Collect *LogCollection `json:"collect,omitempty"`
}

// Conditions of a LogBackend that do not affect Ready.
const (
	// ConditionRetentionMatches is set on a LogBackend with spec.retention.
	ConditionRetentionMatches = "RetentionMatches"
	// ConditionCollectionReady is set on a LogBackend with spec.collect. It is True while the collectors run with its
	// routes, and neither the backend refuses lines nor a buffer is full.
	ConditionCollectionReady = "CollectionReady"
	// ConditionDataViewReady is set on a LogBackend with spec.elasticsearch.dataView. It is True once the data view exists.
	ConditionDataViewReady = "DataViewReady"
)

// ShardCounts is the number of shards of an Elasticsearch or OpenSearch cluster.
type ShardCounts struct {
	// active is the number of active shards.
	Active int32 `json:"active"`
	// unassigned is the number of unassigned shards.
	Unassigned int32 `json:"unassigned"`
}

// CollectionCounts are numbers of log lines that the collectors on the nodes have counted since a time. They start again when the URL, the
// tenant, the index or the collector of spec changes.
type CollectionCounts struct {
	// sent is the number of lines that the backend accepted.
	Sent int64 `json:"sent"`
	// refused is the number of lines that the backend rejected. They are lost.
	Refused int64 `json:"refused"`
	// dropped is the number of lines that did not reach the backend: the buffer of a node was full, or a line could not be processed.
	Dropped int64 `json:"dropped"`
	// since is when the counting began. It continues when collectors or the manager start again.
	Since metav1.Time `json:"since"`
	// collectors is the number of collectors that were read.
	Collectors int32 `json:"collectors"`
	// unread is the number of collectors that could not be read. Their last counts are included, if there are any.
	// +optional
	Unread int32 `json:"unread,omitempty"`
}

// LogBackendStatus is the observed state of a LogBackend.
type LogBackendStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled; RetentionMatches, CollectionReady, DataViewReady and DataSourceReady if
	// the spec requests them.
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
	// flavor of the server: elasticsearch, opensearch, loki, victorialogs or unknown.
	// +optional
	Flavor string `json:"flavor,omitempty"`
	// health reported by the server: green, yellow or red for a cluster, ready otherwise.
	// +optional
	Health string `json:"health,omitempty"`
	// shards of the cluster, if it has any.
	// +optional
	Shards *ShardCounts `json:"shards,omitempty"`
	// warnings that do not prevent the backend from working, such as a disk above its low watermark.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	// +optional
	Warnings []string `json:"warnings,omitempty"`
	// ingestLag is the time until the probe marker could be read back, in millisecond resolution.
	// +optional
	IngestLag *metav1.Duration `json:"ingestLag,omitempty"`
	// queryLatency of the last probe's search, in millisecond resolution.
	// +optional
	QueryLatency *metav1.Duration `json:"queryLatency,omitempty"`
	// retention of the backend, in its own notation, for example 30d.
	// +optional
	Retention string `json:"retention,omitempty"`
	// schema of the fields that was detected.
	// +optional
	Schema FieldSchema `json:"schema,omitempty"`
	// collection counts the lines that were routed to this backend, about once a minute. Only with spec.collect.
	// +optional
	Collection *CollectionCounts `json:"collection,omitempty"`
	// capabilities of this backend, such as search, tail, histogram, labels, write, retention.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// LogBackend is a log server that logs are read from and routed to. It is Ready once a probe has written a line and read it
// back.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lb,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Last Probe",type=date,priority=1,JSONPath=`.status.lastProbeTime`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Health",type=string,priority=1,JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Ingest Lag",type=string,priority=1,JSONPath=`.status.ingestLag`
type LogBackend struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the log server, how to access it, and the lines that are routed to it.
	Spec LogBackendSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status LogBackendStatus `json:"status,omitempty"`
}

// LogBackendList is a list of LogBackends.
//
// +kubebuilder:object:root=true
type LogBackendList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []LogBackend `json:"items"`
}

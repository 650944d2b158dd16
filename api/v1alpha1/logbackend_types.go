package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// LogBackendType is the kind of server.
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

// ProbeMode says how a LogBackend is proven.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly
type ProbeMode string

// Modes of a probe.
const (
	// ProbeReadWrite writes one marker line in each round trip and reads it back.
	ProbeReadWrite ProbeMode = "ReadWrite"
	// ProbeReadOnly searches only.
	ProbeReadOnly ProbeMode = "ReadOnly"
)

// FieldSchema is how documents or streams name what they tell.
// +kubebuilder:validation:Enum=auto;ecs;kubernetes;flat
type FieldSchema string

// Known schemas of log documents.
const (
	// FieldSchemaAuto finds the schema out from what is stored.
	FieldSchemaAuto FieldSchema = "auto"
	// FieldSchemaECS is the Elastic Common Schema of Filebeat and Elastic Agent: kubernetes.namespace, kubernetes.pod.name.
	FieldSchemaECS FieldSchema = "ecs"
	// FieldSchemaKubernetes is the Kubernetes metadata of Vector (kubernetes.pod_namespace), Fluentd and Fluent Bit
	// (kubernetes.namespace_name).
	FieldSchemaKubernetes FieldSchema = "kubernetes"
	// FieldSchemaFlat is one level of labels, as Promtail and Loki have them: namespace, pod, container.
	FieldSchemaFlat FieldSchema = "flat"
)

// LogFields names the fields of documents, where they follow none of the known schemas. Each one that is empty follows the schema.
type LogFields struct {
	// schema that the fields below make exceptions from. Default auto.
	// +kubebuilder:default=auto
	// +optional
	Schema FieldSchema `json:"schema,omitempty"`
	// time field, for example @timestamp.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Time string `json:"time,omitempty"`
	// message field, for example message or log.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Message string `json:"message,omitempty"`
	// namespace field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Namespace string `json:"namespace,omitempty"`
	// pod field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Pod string `json:"pod,omitempty"`
	// container field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Container string `json:"container,omitempty"`
	// node field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Node string `json:"node,omitempty"`
	// level field.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	Level string `json:"level,omitempty"`
}

// ElasticsearchBackend is where an Elasticsearch or OpenSearch is.
type ElasticsearchBackend struct {
	// url of the server, with the path prefix if it has one, for example https://elasticsearch.logging:9200.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// index to search: a name, an alias, a data stream, or a pattern with *. Default logs-*.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[a-z0-9.*][a-z0-9._*,-]*$`
	// +kubebuilder:default="logs-*"
	// +optional
	Index string `json:"index,omitempty"`
	// writeIndex is where routed lines and the marker of the round trip are written: an index or a data stream. Default
	// logs-kubeops-default.
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[a-z0-9][a-z0-9._-]*$`
	// +kubebuilder:default="logs-kubeops-default"
	// +optional
	WriteIndex string `json:"writeIndex,omitempty"`
	// dataView asks for a data view of Kibana, or an index pattern of OpenSearch Dashboards, for index. Default: none is made.
	// +optional
	DataView *DataView `json:"dataView,omitempty"`
}

// DataView says where a data view is made. It is called with spec.auth and spec.tls, and stays when the LogBackend is deleted,
// since people may have saved searches over it.
type DataView struct {
	// url of Kibana or OpenSearch Dashboards, with its base path, and with /s/<space> for another space than the default one, for
	// example https://kibana.logging:5601.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
}

// LokiBackend is where a Loki is.
type LokiBackend struct {
	// url of the server or of its gateway, for example http://loki-gateway.logging.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// tenant, sent as X-Scope-OrgID. Default: none is sent.
	// +kubebuilder:validation:MaxLength=150
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9!._*'()-]+$`
	// +optional
	Tenant string `json:"tenant,omitempty"`
}

// VictoriaLogsBackend is where a VictoriaLogs is.
type VictoriaLogsBackend struct {
	// url of the server, for example http://victoria-logs.logging:9428.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// tenant: accountID or accountID:projectID, sent as the headers AccountID and ProjectID. Default 0:0.
	// +kubebuilder:validation:Pattern=`^[0-9]{1,10}(:[0-9]{1,10})?$`
	// +optional
	Tenant string `json:"tenant,omitempty"`
}

// CollectorType is the collector that a route is made for.
// +kubebuilder:validation:Enum=vector;fluentd
type CollectorType string

// Collectors.
const (
	// CollectorVector is Vector, from timber.io.
	CollectorVector CollectorType = "vector"
	// CollectorFluentd is Fluentd.
	CollectorFluentd CollectorType = "fluentd"
)

// LogSelector selects Pods whose lines are meant. All fields that are set must match.
type LogSelector struct {
	// namespaces by name. Empty means all.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// podLabels that a Pod must carry, each with this value.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	PodLabels map[string]string `json:"podLabels,omitempty"`
	// containers by name. Empty means all.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +listType=set
	// +optional
	Containers []string `json:"containers,omitempty"`
}

// LogCollection says which lines of this cluster's Pods are routed to the back end, and what is done to them.
type LogCollection struct {
	// collector that does it: vector or fluentd.
	// +kubebuilder:default=vector
	// +optional
	Collector CollectorType `json:"collector,omitempty"`
	// include selects Pods; a Pod that one of them matches is collected. Empty means every Pod of the namespace of this
	// resource; other namespaces are collected only where the manager allows this namespace to (flag
	// --log-collection-namespaces).
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Include []LogSelector `json:"include,omitempty"`
	// exclude selects Pods that are left out; it wins over include.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Exclude []LogSelector `json:"exclude,omitempty"`
	// parseJSON makes fields of lines that are JSON objects.
	// +optional
	ParseJSON bool `json:"parseJSON,omitempty"`
	// dropFields are removed from each line's event, for example kubernetes.pod_annotations.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=128
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z_@][A-Za-z0-9_@.-]*$`
	// +listType=set
	// +optional
	DropFields []string `json:"dropFields,omitempty"`
	// redact replaces what matches one of these regular expressions (RE2) by [redacted] before a line leaves the node.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=set
	// +optional
	Redact []string `json:"redact,omitempty"`
}

// LogBackendSpec says where logs are, how to ask for them, and what is routed there.
// +kubebuilder:validation:XValidation:rule="has(self.elasticsearch) == (self.type == 'elasticsearch')",message="set elasticsearch with type elasticsearch, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.loki) == (self.type == 'loki')",message="set loki with type loki, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.victorialogs) == (self.type == 'victorialogs')",message="set victorialogs with type victorialogs, and only then"
type LogBackendSpec struct {
	// suspend stops the round trips and leaves what was routed as it is; what the last one found stays in status.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the server: elasticsearch (also OpenSearch), loki or victorialogs.
	Type LogBackendType `json:"type"`
	// elasticsearch is where the server is; for type elasticsearch.
	// +optional
	Elasticsearch *ElasticsearchBackend `json:"elasticsearch,omitempty"`
	// loki is where the server is; for type loki.
	// +optional
	Loki *LokiBackend `json:"loki,omitempty"`
	// victorialogs is where the server is; for type victorialogs.
	// +optional
	VictoriaLogs  *VictoriaLogsBackend `json:"victorialogs,omitempty"`
	BackendAccess `json:",inline"`
	// probe says how the back end is proven: ReadWrite writes one line in each round trip and reads it back, ReadOnly only
	// searches. Default ReadWrite.
	// +kubebuilder:default=ReadWrite
	// +optional
	Probe ProbeMode `json:"probe,omitempty"`
	// fields maps the names of fields. Default: found out from what is stored.
	// +optional
	Fields *LogFields `json:"fields,omitempty"`
	// retention that is wanted. Condition RetentionMatches says whether the back end keeps logs that long, and no longer.
	// It is compared, never set. Default: not compared.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1h') && duration(self) <= duration('87840h')",message="retention must be between 1h and 87840h"
	// +optional
	Retention *metav1.Duration `json:"retention,omitempty"`
	// grafana asks for a data source that leads here. Default: none.
	// +optional
	Grafana *GrafanaDataSource `json:"grafana,omitempty"`
	// collect says which lines of this cluster are routed here. Default: none, the back end is only read.
	// +optional
	Collect *LogCollection `json:"collect,omitempty"`
}

// Conditions of a LogBackend that take no part in Ready.
const (
	// ConditionRetentionMatches is on a LogBackend with spec.retention.
	ConditionRetentionMatches = "RetentionMatches"
	// ConditionCollectionReady is on a LogBackend with spec.collect: True once the collectors run with its routes.
	ConditionCollectionReady = "CollectionReady"
	// ConditionDataViewReady is on a LogBackend with spec.elasticsearch.dataView: True once the data view is there.
	ConditionDataViewReady = "DataViewReady"
)

// ShardCounts of an Elasticsearch or OpenSearch cluster.
type ShardCounts struct {
	// active shards.
	Active int32 `json:"active"`
	// unassigned shards.
	Unassigned int32 `json:"unassigned"`
}

// LogBackendStatus is what the last round trip found.
type LogBackendStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled; RetentionMatches and CollectionReady where they are asked for.
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
	// flavor of the server: elasticsearch, opensearch, loki, victorialogs or unknown.
	// +optional
	Flavor string `json:"flavor,omitempty"`
	// health as the server tells it: green, yellow or red of a cluster, ready otherwise.
	// +optional
	Health string `json:"health,omitempty"`
	// shards of the cluster, where it has any.
	// +optional
	Shards *ShardCounts `json:"shards,omitempty"`
	// warnings about the back end that do not keep it from working, such as a disk over its low watermark.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=512
	// +listType=atomic
	// +optional
	Warnings []string `json:"warnings,omitempty"`
	// ingestLag is how long it took until the marker that was written could be read, to the millisecond.
	// +optional
	IngestLag *metav1.Duration `json:"ingestLag,omitempty"`
	// queryLatency of the last round trip's search, to the millisecond.
	// +optional
	QueryLatency *metav1.Duration `json:"queryLatency,omitempty"`
	// retention that the back end applies, as it words it, for example 30d.
	// +optional
	Retention string `json:"retention,omitempty"`
	// schema of the fields that was found out.
	// +optional
	Schema FieldSchema `json:"schema,omitempty"`
	// capabilities of this back end, such as search, tail, histogram, labels, write, retention.
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Capabilities []string `json:"capabilities,omitempty"`
}

// LogBackend is a server that logs are read from, and routed to. It is Ready after a line was written and read back.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=lb,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.version`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Health",type=string,priority=1,JSONPath=`.status.health`
// +kubebuilder:printcolumn:name="Ingest Lag",type=string,priority=1,JSONPath=`.status.ingestLag`
type LogBackend struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says where logs are, how to ask for them, and what is routed there.
	Spec LogBackendSpec `json:"spec"`
	// status is what the last round trip found.
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

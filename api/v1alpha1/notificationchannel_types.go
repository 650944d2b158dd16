package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of NotificationChannel conditions, in addition to those that all backends share.
const (
	// ReasonNotYetVerified: nothing was delivered yet, and this type can only be verified by sending a message. Ready is True, unless the
	// test message of spec.sendTest is still to be sent.
	ReasonNotYetVerified = "NotYetVerified"
	// ReasonRejected: the receiver answered and rejected the message.
	ReasonRejected = "Rejected"
	// ReasonInvalidTemplate: a template does not parse, or its execution failed, for a report or for the sample that it is tried on.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonDelivered: the last message was accepted.
	ReasonDelivered = "Delivered"
)

// NotificationFilter selects the findings to send.
type NotificationFilter struct {
	// recommendations sends recommendations like problems. By default only problems are sent, and messages contain the number
	// of recommendations.
	// +optional
	Recommendations bool `json:"recommendations,omitempty"`
	// minSeverity is the lowest severity to send. Defaults to high.
	// +optional
	MinSeverity Severity `json:"minSeverity,omitempty"`
	// categories to send. Defaults to all.
	// +kubebuilder:validation:MaxItems=5
	// +listType=set
	// +optional
	Categories []Category `json:"categories,omitempty"`
	// newOnly omits findings that an earlier report had. Defaults to true.
	// +optional
	NewOnly *bool `json:"newOnly,omitempty"`
	// fixed sends findings that were fixed since the previous report. Defaults to true.
	// +optional
	Fixed *bool `json:"fixed,omitempty"`
}

// NotificationTemplate formats messages with Go's text/template. Only functions that compute text are available; see
// docs/notifications.md.
type NotificationTemplate struct {
	// title of the message, one line. Defaults to the name of the Inspection and a summary of the changes.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Title string `json:"title,omitempty"`
	// text of the message. Defaults to one line per finding with its remediation.
	// +kubebuilder:validation:MaxLength=16384
	// +optional
	Text string `json:"text,omitempty"`
}

// DeliveryMode selects how findings are grouped into messages.
// +kubebuilder:validation:Enum=digest;each
type DeliveryMode string

// Modes of delivery.
const (
	// DeliverDigest sends one message per report.
	DeliverDigest DeliveryMode = "digest"
	// DeliverEach sends one message per new or fixed finding.
	DeliverEach DeliveryMode = "each"
)

// NotificationChannelSpec defines the receiver, what to send and how to format it.
// +kubebuilder:validation:XValidation:rule="has(self.slack) == (self.type == 'slack')",message="slack must be set if and only if type is slack"
// +kubebuilder:validation:XValidation:rule="has(self.teams) == (self.type == 'teams')",message="teams must be set if and only if type is teams"
// +kubebuilder:validation:XValidation:rule="has(self.email) == (self.type == 'email')",message="email must be set if and only if type is email"
// +kubebuilder:validation:XValidation:rule="has(self.webhook) == (self.type == 'webhook')",message="webhook must be set if and only if type is webhook"
// +kubebuilder:validation:XValidation:rule="has(self.dingtalk) == (self.type == 'dingtalk')",message="dingtalk must be set if and only if type is dingtalk"
// +kubebuilder:validation:XValidation:rule="has(self.wecom) == (self.type == 'wecom')",message="wecom must be set if and only if type is wecom"
// +kubebuilder:validation:XValidation:rule="has(self.feishu) == (self.type == 'feishu')",message="feishu must be set if and only if type is feishu"
// +kubebuilder:validation:XValidation:rule="has(self.alertmanager) == (self.type == 'alertmanager')",message="alertmanager must be set if and only if type is alertmanager"
// +kubebuilder:validation:XValidation:rule="has(self.nats) == (self.type == 'nats')",message="nats must be set if and only if type is nats"
type NotificationChannelSpec struct {
	// suspend stops deliveries. Pending reports are delivered later if they still exist.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the channel.
	Type NotificationChannelType `json:"type"`
	// slack configures the webhook. Required for type slack, forbidden otherwise.
	// +optional
	Slack *ChatWebhook `json:"slack,omitempty"`
	// teams configures the webhook. Required for type teams, forbidden otherwise.
	// +optional
	Teams *ChatWebhook `json:"teams,omitempty"`
	// email configures the mail server and recipients. Required for type email, forbidden otherwise.
	// +optional
	Email *EmailReceivers `json:"email,omitempty"`
	// webhook configures the server. Required for type webhook, forbidden otherwise.
	// +optional
	Webhook *WebhookReceiver `json:"webhook,omitempty"`
	// dingtalk configures the webhook. Required for type dingtalk, forbidden otherwise.
	// +optional
	DingTalk *ChatWebhook `json:"dingtalk,omitempty"`
	// wecom configures the webhook. Required for type wecom, forbidden otherwise.
	// +optional
	WeCom *ChatWebhook `json:"wecom,omitempty"`
	// feishu configures the webhook. Required for type feishu, forbidden otherwise.
	// +optional
	Feishu *ChatWebhook `json:"feishu,omitempty"`
	// alertmanager configures the Alertmanager. Required for type alertmanager, forbidden otherwise.
	// +optional
	Alertmanager *AlertmanagerReceiver `json:"alertmanager,omitempty"`
	// nats configures the server and subject. Required for type nats, forbidden otherwise.
	// +optional
	NATS *NATSSubject `json:"nats,omitempty"`
	// filter selects the problems to send. Only root causes are sent; for the findings that they cause, messages contain a
	// count.
	// +optional
	Filter NotificationFilter `json:"filter,omitempty"`
	// template formats the messages. Types alertmanager and nats, and the data of type webhook, contain the findings in
	// addition.
	// +optional
	Template NotificationTemplate `json:"template,omitempty"`
	// mode selects how findings are grouped into messages: digest or each. Type alertmanager always sends one alert per
	// finding. Defaults to digest.
	// +optional
	Mode DeliveryMode `json:"mode,omitempty"`
	// explanationWait is how long a report waits for explanations if the Inspection has spec.ai. Messages contain the
	// explanations that are available by then. Defaults to 0s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('1h')",message="explanationWait must be between 0s and 1h"
	// +optional
	ExplanationWait *metav1.Duration `json:"explanationWait,omitempty"`
	// messagesPerMinute is the maximum number of messages per minute. Defaults to 20, the limit of most chats.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	MessagesPerMinute int32 `json:"messagesPerMinute,omitempty"`
	// sendTest sends a test message when the channel is created and when its spec changes.
	// +optional
	SendTest bool `json:"sendTest,omitempty"`
	// serviceAccountName is the ServiceAccount, in this namespace, that reads the Secrets referenced in spec. It needs get
	// on those Secrets only. Defaults to kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// tls configures TLS. Defaults to the system's certificate authorities.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one message. Defaults to 30s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('2m')",message="timeout must be between 1s and 2m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between checks of the receiver, for types that can be checked without a message: email, alertmanager and
	// nats. Defaults to 10m. The manager's configuration sets a minimum (limits.minProbeInterval, default 10s).
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// NotificationChannelStatus is the observed state of a NotificationChannel.
type NotificationChannelStatus struct {
	// observedGeneration is the generation that the conditions refer to.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastProbeTime is the time of the last check or message.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// lastHandledRequest is the last handled value of the annotation kubeops.io/requested-at.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// testedGeneration is the generation of the spec for which the test message was accepted.
	// +optional
	TestedGeneration int64 `json:"testedGeneration,omitempty"`
	// pending is the number of reports waiting for delivery.
	// +optional
	Pending int32 `json:"pending,omitempty"`
	// delivered is the number of messages accepted since the channel was created.
	// +optional
	Delivered int64 `json:"delivered,omitempty"`
	// lastDeliveries are the latest deliveries, most recent first, at most 10.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	LastDeliveries []Delivery `json:"lastDeliveries,omitempty"`
}

// NotificationChannel sends what inspections find to people and other systems. Each report of an Inspection that references
// the channel in spec.channels is delivered at least once.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=nch,categories=kubeops
// +kubebuilder:printcolumn:name="Type",type=string,JSONPath=`.spec.type`
// +kubebuilder:printcolumn:name="Last Delivery",type=date,JSONPath=`.status.lastDeliveries[0].time`
// +kubebuilder:printcolumn:name="Pending",type=integer,JSONPath=`.status.pending`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type NotificationChannel struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec defines the receiver, what to send and how to format it.
	Spec NotificationChannelSpec `json:"spec"`
	// status is the observed state.
	// +kubebuilder:default={observedGeneration:-1}
	Status NotificationChannelStatus `json:"status,omitempty"`
}

// NotificationChannelList is a list of NotificationChannels.
//
// +kubebuilder:object:root=true
type NotificationChannelList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []NotificationChannel `json:"items"`
}

// Defaults of a NotificationChannel.
const (
	// DefaultMessageTimeout is the default of spec.timeout.
	DefaultMessageTimeout = 30 * time.Second
	// DefaultChannelInterval is the default of spec.interval.
	DefaultChannelInterval = 10 * time.Minute
	// DefaultMessagesPerMinute is the default of spec.messagesPerMinute.
	DefaultMessagesPerMinute = 20
)

// MessageTimeout returns spec.timeout or its default.
func (s *NotificationChannelSpec) MessageTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultMessageTimeout
}

// ProbeInterval returns spec.interval or its default.
func (s *NotificationChannelSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultChannelInterval
}

// PerMinute returns spec.messagesPerMinute or its default.
func (s *NotificationChannelSpec) PerMinute() int {
	if s.MessagesPerMinute > 0 {
		return int(s.MessagesPerMinute)
	}
	return DefaultMessagesPerMinute
}

// LowestSeverity returns minSeverity or its default.
func (f NotificationFilter) LowestSeverity() Severity {
	if f.MinSeverity != "" {
		return f.MinSeverity
	}
	return SeverityHigh
}

// OnlyNew reports whether findings of earlier reports are omitted.
func (f NotificationFilter) OnlyNew() bool { return f.NewOnly == nil || *f.NewOnly }

// IncludesFixed reports whether fixed findings are sent.
func (f NotificationFilter) IncludesFixed() bool { return f.Fixed == nil || *f.Fixed }

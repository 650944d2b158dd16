package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NotificationChannelType is what carries the messages.
// +kubebuilder:validation:Enum=slack;teams;email;webhook;dingtalk;wecom;feishu;alertmanager;nats
type NotificationChannelType string

// Types of a NotificationChannel.
const (
	// ChannelSlack is an incoming webhook of Slack, or of what takes the same JSON, such as Mattermost.
	ChannelSlack NotificationChannelType = "slack"
	// ChannelTeams is a workflow of Microsoft Teams that posts to a channel when a webhook request is received.
	ChannelTeams NotificationChannelType = "teams"
	// ChannelEmail is mail by SMTP.
	ChannelEmail NotificationChannelType = "email"
	// ChannelWebhook is any server that takes CloudEvents 1.0 in JSON.
	ChannelWebhook NotificationChannelType = "webhook"
	// ChannelDingTalk is a custom robot of a DingTalk group.
	ChannelDingTalk NotificationChannelType = "dingtalk"
	// ChannelWeCom is a robot of a WeCom (WeChat Work) group.
	ChannelWeCom NotificationChannelType = "wecom"
	// ChannelFeishu is a custom bot of a Feishu or Lark group.
	ChannelFeishu NotificationChannelType = "feishu"
	// ChannelAlertmanager is an Alertmanager: findings become alerts, which resolve when they are fixed.
	ChannelAlertmanager NotificationChannelType = "alertmanager"
	// ChannelNATS is a stream of NATS JetStream: messages are CloudEvents with an id by which the server drops duplicates.
	ChannelNATS NotificationChannelType = "nats"
)

// Reasons of a NotificationChannel's conditions, besides those of all back ends.
const (
	// ReasonNotYetVerified: nothing was delivered yet, and this type cannot be proven without telling somebody something.
	ReasonNotYetVerified = "NotYetVerified"
	// ReasonRejected: the other side answered, and did not take the message.
	ReasonRejected = "Rejected"
	// ReasonInvalidTemplate: a template does not parse, or failed.
	ReasonInvalidTemplate = "InvalidTemplate"
	// ReasonDelivered: the last message was taken.
	ReasonDelivered = "Delivered"
)

// ChatWebhook is the webhook of a chat. Whoever knows it can write there, so that it stands in a Secret.
type ChatWebhook struct {
	// webhookURL names the key of a Secret that holds the URL, for example https://hooks.slack.com/services/...
	WebhookURL SecretKeyReference `json:"webhookURL"`
	// signingKey names the key of a Secret with which messages are signed, where dingtalk and feishu ask for that.
	// +optional
	SigningKey *SecretKeyReference `json:"signingKey,omitempty"`
}

// WebhookReceiver is a server that takes CloudEvents.
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.urlFrom)",message="set exactly one of url and urlFrom"
type WebhookReceiver struct {
	// url to POST to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	// +optional
	URL string `json:"url,omitempty"`
	// urlFrom names the key of a Secret that holds the URL, where it is a secret itself.
	// +optional
	URLFrom *SecretKeyReference `json:"urlFrom,omitempty"`
	// signingKey names the key of a Secret. Each request then has the header X-KubeOps-Signature: sha256=HEX, the HMAC of the
	// header X-KubeOps-Timestamp, a dot and the body.
	// +optional
	SigningKey *SecretKeyReference `json:"signingKey,omitempty"`
	// auth says how to log in. Default: not at all.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
}

// EmailSecurity says how the connection to a mail server is secured.
// +kubebuilder:validation:Enum=starttls;tls;none
type EmailSecurity string

// Kinds of security of a connection to a mail server.
const (
	// EmailStartTLS begins in the clear and turns to TLS before anything is told; a server that cannot is refused.
	EmailStartTLS EmailSecurity = "starttls"
	// EmailTLS is TLS from the first byte, as on port 465.
	EmailTLS EmailSecurity = "tls"
	// EmailPlain sends everything in the clear. Credentials are refused then.
	EmailPlain EmailSecurity = "none"
)

// EmailReceivers is whom to mail, and through which server.
// +kubebuilder:validation:XValidation:rule="!has(self.auth) || !has(self.security) || self.security != 'none'",message="credentials need security starttls or tls"
type EmailReceivers struct {
	// host of the mail server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9:.-]+$`
	Host string `json:"host"`
	// port of the mail server. Default 587, and 465 with security tls.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// security of the connection. Default starttls.
	// +optional
	Security EmailSecurity `json:"security,omitempty"`
	// auth names a Secret with the keys username and password. Default: no login.
	// +optional
	Auth *SecretReference `json:"auth,omitempty"`
	// from is the address that mail comes from.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^\s<>,"]+@[^\s<>,"]+$`
	From string `json:"from"`
	// to are the addresses to mail.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=254
	// +kubebuilder:validation:items:Pattern=`^[^\s<>,"]+@[^\s<>,"]+$`
	// +listType=set
	To []string `json:"to"`
}

// AlertmanagerReceiver is an Alertmanager that takes alerts.
type AlertmanagerReceiver struct {
	// url of the Alertmanager, for example http://alertmanager.monitoring:9093.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// auth says how to log in. Default: not at all.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
	// labels to add to each alert, for routing. KubeOps' own, such as severity, namespace and finding, stay as they are.
	// +kubebuilder:validation:MaxProperties=16
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// NATSSubject is where in NATS messages go.
// +kubebuilder:validation:XValidation:rule="[has(self.basic), has(self.token), has(self.credentials)].filter(x, x).size() <= 1",message="set at most one of basic, token and credentials"
type NATSSubject struct {
	// url of the server, for example nats://nats.messaging:4222 or tls://...
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^(nats|tls)://[^@/?#]+$`
	URL string `json:"url"`
	// subject to publish to. A JetStream stream must take it, or nothing would keep what is published.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`
	Subject string `json:"subject"`
	// basic names a Secret with the keys username and password.
	// +optional
	Basic *SecretReference `json:"basic,omitempty"`
	// token names the key of a Secret that holds a token.
	// +optional
	Token *SecretKeyReference `json:"token,omitempty"`
	// credentials names the key of a Secret that holds a .creds file.
	// +optional
	Credentials *SecretKeyReference `json:"credentials,omitempty"`
}

// NotificationFilter says which findings are told.
type NotificationFilter struct {
	// minSeverity is the least severity that is told. Default high.
	// +optional
	MinSeverity Severity `json:"minSeverity,omitempty"`
	// categories that are told. Default: all.
	// +kubebuilder:validation:MaxItems=5
	// +listType=set
	// +optional
	Categories []Category `json:"categories,omitempty"`
	// newOnly leaves out what an earlier report had already. Default true.
	// +optional
	NewOnly *bool `json:"newOnly,omitempty"`
	// fixed tells of what is gone since the report before. Default true.
	// +optional
	Fixed *bool `json:"fixed,omitempty"`
}

// NotificationTemplate words the messages, in Go's text/template with functions that compute text only: see docs/notifications.md.
type NotificationTemplate struct {
	// title is one line. Default: the Inspection and what changed.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Title string `json:"title,omitempty"`
	// text of the message. Default: a line for each finding, with what to do about it.
	// +kubebuilder:validation:MaxLength=16384
	// +optional
	Text string `json:"text,omitempty"`
}

// DeliveryMode says how findings become messages.
// +kubebuilder:validation:Enum=digest;each
type DeliveryMode string

// Modes of delivery.
const (
	// DeliverDigest sends one message for each report.
	DeliverDigest DeliveryMode = "digest"
	// DeliverEach sends one message for each finding that is new or fixed.
	DeliverEach DeliveryMode = "each"
)

// NotificationChannelSpec says whom to tell what.
// +kubebuilder:validation:XValidation:rule="has(self.slack) == (self.type == 'slack')",message="set slack with type slack, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.teams) == (self.type == 'teams')",message="set teams with type teams, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.email) == (self.type == 'email')",message="set email with type email, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.webhook) == (self.type == 'webhook')",message="set webhook with type webhook, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.dingtalk) == (self.type == 'dingtalk')",message="set dingtalk with type dingtalk, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.wecom) == (self.type == 'wecom')",message="set wecom with type wecom, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.feishu) == (self.type == 'feishu')",message="set feishu with type feishu, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.alertmanager) == (self.type == 'alertmanager')",message="set alertmanager with type alertmanager, and only then"
// +kubebuilder:validation:XValidation:rule="has(self.nats) == (self.type == 'nats')",message="set nats with type nats, and only then"
type NotificationChannelSpec struct {
	// suspend stops deliveries; reports wait meanwhile, as long as they are kept.
	// +optional
	Suspend bool `json:"suspend,omitempty"`
	// type of the channel.
	Type NotificationChannelType `json:"type"`
	// slack is the webhook; for type slack.
	// +optional
	Slack *ChatWebhook `json:"slack,omitempty"`
	// teams is the webhook; for type teams.
	// +optional
	Teams *ChatWebhook `json:"teams,omitempty"`
	// email is whom to mail; for type email.
	// +optional
	Email *EmailReceivers `json:"email,omitempty"`
	// webhook is where to POST; for type webhook.
	// +optional
	Webhook *WebhookReceiver `json:"webhook,omitempty"`
	// dingtalk is the webhook; for type dingtalk.
	// +optional
	DingTalk *ChatWebhook `json:"dingtalk,omitempty"`
	// wecom is the webhook; for type wecom.
	// +optional
	WeCom *ChatWebhook `json:"wecom,omitempty"`
	// feishu is the webhook; for type feishu.
	// +optional
	Feishu *ChatWebhook `json:"feishu,omitempty"`
	// alertmanager is where alerts go; for type alertmanager.
	// +optional
	Alertmanager *AlertmanagerReceiver `json:"alertmanager,omitempty"`
	// nats is where events are published; for type nats.
	// +optional
	NATS *NATSSubject `json:"nats,omitempty"`
	// filter says which findings are told. Only root causes are told; what follows from them is counted.
	// +optional
	Filter NotificationFilter `json:"filter,omitempty"`
	// template words the messages. Types alertmanager and nats, and the data of webhook, hold the findings besides.
	// +optional
	Template NotificationTemplate `json:"template,omitempty"`
	// mode says how findings become messages. Default digest; type alertmanager always has one alert for each finding.
	// +optional
	Mode DeliveryMode `json:"mode,omitempty"`
	// explanationWait is how long a report waits for the explanations of its root causes, where the Inspection has spec.ai. Default
	// 0s: it is told at once, with the explanations that it has by then.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('0s') && duration(self) <= duration('1h')",message="explanationWait must be between 0s and 1h"
	// +optional
	ExplanationWait *metav1.Duration `json:"explanationWait,omitempty"`
	// messagesPerMinute that are sent at most. Default 20, the limit of most chats.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	// +optional
	MessagesPerMinute int32 `json:"messagesPerMinute,omitempty"`
	// sendTest sends a test message when the channel is made, and when its spec changes.
	// +optional
	SendTest bool `json:"sendTest,omitempty"`
	// serviceAccountName is the ServiceAccount of this namespace whose rights the Secrets of the spec are read with. It needs
	// get on these Secrets only. Default kubeops.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// tls says whom to trust. Default: the system's certificates.
	// +optional
	TLS *BackendTLS `json:"tls,omitempty"`
	// timeout of one message. Default 30s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('2m')",message="timeout must be between 1s and 2m"
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// interval between two looks whether the channel works, for types that can tell without a message: email, alertmanager,
	// nats. Default 10m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// Delivery is what became of one report.
type Delivery struct {
	// report that was told.
	// +kubebuilder:validation:MaxLength=253
	Report string `json:"report"`
	// time of the delivery.
	Time metav1.Time `json:"time"`
	// messages that were taken; 0 where the filter left nothing to tell.
	Messages int32 `json:"messages"`
	// findings that were told, and fixed ones.
	Findings int32 `json:"findings"`
	// fixed findings that were told.
	Fixed int32 `json:"fixed"`
	// refused counts the messages that the other side refused for an hour while it took others; they are among the findings, and were not
	// told.
	// +optional
	Refused int32 `json:"refused,omitempty"`
}

// NotificationChannelStatus is what became of the last deliveries.
type NotificationChannelStatus struct {
	// observedGeneration is the generation of the spec that the conditions speak of.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// conditions: Ready, Reconciling and Stalled.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// lastProbeTime is when the channel was tried last, by a message or without one.
	// +optional
	LastProbeTime *metav1.Time `json:"lastProbeTime,omitempty"`
	// lastHandledRequest is the value of the annotation kubeops.io/requested-at that was handled last.
	// +optional
	LastHandledRequest string `json:"lastHandledRequest,omitempty"`
	// testedGeneration is the generation of the spec for which the test message was taken.
	// +optional
	TestedGeneration int64 `json:"testedGeneration,omitempty"`
	// pending counts reports that wait to be told.
	// +optional
	Pending int32 `json:"pending,omitempty"`
	// delivered counts messages that were taken since the channel was made.
	// +optional
	Delivered int64 `json:"delivered,omitempty"`
	// lastDeliveries, latest first, at most 10.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	LastDeliveries []Delivery `json:"lastDeliveries,omitempty"`
}

// NotificationChannel carries what inspections find to people and to other systems: each report of the Inspections that name it in
// spec.channels, at least once.
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

	// spec says whom to tell what.
	Spec NotificationChannelSpec `json:"spec"`
	// status is what became of the last deliveries.
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

// ReasonChannelNotFound says that a NotificationChannel that spec.channels names does not exist.
const ReasonChannelNotFound = "ChannelNotFound"

// ConditionNotified is on an Inspection with spec.channels that names a NotificationChannel which does not exist. It takes no part
// in Ready.
const ConditionNotified = "Notified"

// UndeliveredFor is how long a report that a channel has still to tell of is kept beyond spec.keepReports.
const UndeliveredFor = 24 * time.Hour

// DeliveryState says how far the delivery of a report to a channel came.
// +kubebuilder:validation:Enum=Pending;Delivered
type DeliveryState string

// States of a delivery.
const (
	// DeliveryPending: some messages have still to be taken.
	DeliveryPending DeliveryState = "Pending"
	// DeliveryDone: every message was taken, or there was nothing to tell.
	DeliveryDone DeliveryState = "Delivered"
)

// ReportDelivery is how far a report was told to one channel. It is saved together with the report, so that a crash loses none, and
// a message that may have been sent already is sent again with the same key.
type ReportDelivery struct {
	// channel is the name of the NotificationChannel.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Channel string `json:"channel"`
	// state of the delivery.
	State DeliveryState `json:"state"`
	// sent counts the messages that were taken.
	// +optional
	Sent int32 `json:"sent,omitempty"`
	// refused counts the messages that the other side refused for an hour while it took others; they are not sent any more.
	// +optional
	Refused int32 `json:"refused,omitempty"`
	// time when the last message was taken, or given up.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// Defaults of a NotificationChannel.
const (
	// DefaultMessageTimeout of one message.
	DefaultMessageTimeout = 30 * time.Second
	// DefaultChannelInterval between two looks.
	DefaultChannelInterval = 10 * time.Minute
	// DefaultMessagesPerMinute that are sent at most.
	DefaultMessagesPerMinute = 20
)

// MessageTimeout of one message.
func (s *NotificationChannelSpec) MessageTimeout() time.Duration {
	if s.Timeout != nil {
		return s.Timeout.Duration
	}
	return DefaultMessageTimeout
}

// ProbeInterval between two looks.
func (s *NotificationChannelSpec) ProbeInterval() time.Duration {
	if s.Interval != nil {
		return s.Interval.Duration
	}
	return DefaultChannelInterval
}

// PerMinute is how many messages are sent at most.
func (s *NotificationChannelSpec) PerMinute() int {
	if s.MessagesPerMinute > 0 {
		return int(s.MessagesPerMinute)
	}
	return DefaultMessagesPerMinute
}

// Least severity that is told.
func (f NotificationFilter) Least() Severity {
	if f.MinSeverity != "" {
		return f.MinSeverity
	}
	return SeverityHigh
}

// OnlyNew says whether findings that an earlier report had are left out.
func (f NotificationFilter) OnlyNew() bool { return f.NewOnly == nil || *f.NewOnly }

// TellsFixed says whether findings that are gone are told.
func (f NotificationFilter) TellsFixed() bool { return f.Fixed == nil || *f.Fixed }

package v1alpha1

// NotificationChannelType is the type of receiver.
// +kubebuilder:validation:Enum=slack;teams;email;webhook;dingtalk;wecom;feishu;alertmanager;nats
type NotificationChannelType string

// Types of a NotificationChannel.
const (
	// ChannelSlack is an incoming webhook of Slack or of a compatible chat such as Mattermost.
	ChannelSlack NotificationChannelType = "slack"
	// ChannelTeams is a Microsoft Teams workflow that posts webhook requests to a channel.
	ChannelTeams NotificationChannelType = "teams"
	// ChannelEmail is email by SMTP.
	ChannelEmail NotificationChannelType = "email"
	// ChannelWebhook is any server that accepts CloudEvents 1.0 in JSON.
	ChannelWebhook NotificationChannelType = "webhook"
	// ChannelDingTalk is a custom robot of a DingTalk group.
	ChannelDingTalk NotificationChannelType = "dingtalk"
	// ChannelWeCom is a robot of a WeCom (WeChat Work) group.
	ChannelWeCom NotificationChannelType = "wecom"
	// ChannelFeishu is a custom bot of a Feishu or Lark group.
	ChannelFeishu NotificationChannelType = "feishu"
	// ChannelAlertmanager is an Alertmanager: findings become alerts, which resolve when the findings are fixed.
	ChannelAlertmanager NotificationChannelType = "alertmanager"
	// ChannelNATS is a NATS JetStream stream. Messages are CloudEvents with an id that the server deduplicates by.
	ChannelNATS NotificationChannelType = "nats"
)

// ChatWebhook configures the webhook of a chat. The URL is in a Secret, since everyone who knows it can post.
type ChatWebhook struct {
	// webhookURL references the Secret key that holds the URL, for example https://hooks.slack.com/services/...
	WebhookURL SecretKeyReference `json:"webhookURL"`
	// signingKey references the Secret key that messages are signed with. Used by dingtalk and feishu.
	// +optional
	SigningKey *SecretKeyReference `json:"signingKey,omitempty"`
}

// WebhookReceiver configures a server that accepts CloudEvents.
// +kubebuilder:validation:XValidation:rule="has(self.url) != has(self.urlFrom)",message="set exactly one of url and urlFrom"
type WebhookReceiver struct {
	// url to send POST requests to.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	// +optional
	URL string `json:"url,omitempty"`
	// urlFrom references the Secret key that holds the URL, if the URL itself is secret.
	// +optional
	URLFrom *SecretKeyReference `json:"urlFrom,omitempty"`
	// signingKey references the Secret key that requests are signed with. Each request then has the header
	// X-KubeOps-Signature: sha256=HEX, the HMAC of the header X-KubeOps-Timestamp, a dot and the body.
	// +optional
	SigningKey *SecretKeyReference `json:"signingKey,omitempty"`
	// auth configures authentication. By default no credentials are sent.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
}

// EmailSecurity selects how the connection to a mail server is secured.
// +kubebuilder:validation:Enum=starttls;tls;none
type EmailSecurity string

// Security of the connection to a mail server.
const (
	// EmailStartTLS upgrades the connection with STARTTLS before anything is sent. Servers without STARTTLS are rejected.
	EmailStartTLS EmailSecurity = "starttls"
	// EmailTLS is TLS from the first byte, as on port 465.
	EmailTLS EmailSecurity = "tls"
	// EmailPlain sends everything in plain text. Credentials are not allowed with it.
	EmailPlain EmailSecurity = "none"
)

// EmailReceivers configures the mail server, sender and recipients.
// +kubebuilder:validation:XValidation:rule="!has(self.auth) || !has(self.security) || self.security != 'none'",message="auth requires security starttls or tls"
type EmailReceivers struct {
	// host of the mail server.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9:.-]+$`
	Host string `json:"host"`
	// port of the mail server. Defaults to 587, or to 465 with security tls.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +optional
	Port int32 `json:"port,omitempty"`
	// security of the connection: starttls, tls or none. Defaults to starttls.
	// +optional
	Security EmailSecurity `json:"security,omitempty"`
	// auth references a Secret with the keys username and password. By default there is no login.
	// +optional
	Auth *SecretReference `json:"auth,omitempty"`
	// from is the sender address.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^\s<>,"]+@[^\s<>,"]+$`
	From string `json:"from"`
	// to lists the recipient addresses.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=254
	// +kubebuilder:validation:items:Pattern=`^[^\s<>,"]+@[^\s<>,"]+$`
	// +listType=set
	To []string `json:"to"`
}

// AlertmanagerReceiver configures an Alertmanager that receives alerts.
type AlertmanagerReceiver struct {
	// url of the Alertmanager, for example http://alertmanager.monitoring:9093.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// auth configures authentication. By default no credentials are sent.
	// +optional
	Auth *BackendAuth `json:"auth,omitempty"`
	// labels added to each alert, for routing. They do not replace labels of KubeOps, such as severity, namespace and
	// finding.
	// +kubebuilder:validation:MaxProperties=16
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.matches('^[a-zA-Z_][a-zA-Z0-9_]{0,62}$') && size(self[k]) <= 1024)",message="labels must contain Prometheus label names, and values of at most 1024 characters"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// NATSSubject configures the NATS server and subject.
// +kubebuilder:validation:XValidation:rule="[has(self.basic), has(self.token), has(self.credentials)].filter(x, x).size() <= 1",message="set at most one of basic, token and credentials"
type NATSSubject struct {
	// url of the server, for example nats://nats.messaging:4222 or tls://...
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^(nats|tls)://[^@/?#]+$`
	URL string `json:"url"`
	// subject to publish to. A JetStream stream must be bound to it, otherwise messages are not stored.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`
	Subject string `json:"subject"`
	// basic references a Secret with the keys username and password.
	// +optional
	Basic *SecretReference `json:"basic,omitempty"`
	// token references the Secret key that holds a token.
	// +optional
	Token *SecretKeyReference `json:"token,omitempty"`
	// credentials references the Secret key that holds a .creds file.
	// +optional
	Credentials *SecretKeyReference `json:"credentials,omitempty"`
}

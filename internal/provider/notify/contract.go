// Package notify is the contract of channels, which deliver reports to people and other systems. A channel sends one message at a
// time and returns whether the receiver accepted it. What is sent, and how often, is decided by its caller.
package notify

import (
	"context"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
)

// Channel is what every type of channel implements. Methods respect the context's deadline, limit what they read, and return
// *problem.Problem errors that name the cause and are the same for each attempt.
type Channel interface {
	// Send delivers one message. Nil means that the receiver accepted it. After an error the message may or may not have arrived:
	// it is sent again with the same Key.
	Send(ctx context.Context, message Message) error
	// Close closes idle connections.
	Close()
}

// Prober is a channel that can be verified without sending a message: it connects, logs in, and sends a query. Other channels are
// verified by their last delivery.
type Prober interface {
	Probe(ctx context.Context) error
}

// Event is the kind of a message.
type Event string

// Events.
const (
	// EventReport is a digest of the changes of one report.
	EventReport Event = "report"
	// EventFinding reports one finding.
	EventFinding Event = "finding"
	// EventFixed reports that one finding is fixed.
	EventFixed Event = "fixed"
	// EventPipeline is a message of a stage of a PipelineRun. It has a title and text only.
	EventPipeline Event = "pipeline"
	// EventTest verifies a channel.
	EventTest Event = "test"
)

// Message is what a channel sends, with all texts redacted. Its Key is the same for each attempt. Between attempts only explanations
// may change.
type Message struct {
	// Key is the idempotency key: the UID of the report, and for a single finding its id: "UID" or "UID/ID". At most 128 bytes of
	// letters, digits, "-" and "/".
	Key string
	// Event of the message.
	Event Event
	// Time of the report, in UTC.
	Time time.Time
	// Title is one line of plain text; Text is plain text of several lines, in which a line that begins with "- " is an item. Text of a
	// cluster within them is printable and has no links (package printable); a link in them is meant as such. Mentions are up to the
	// channel, since each service has its own.
	Title, Text string
	// Severity of the worst finding in the message. Empty if all are fixed, and for tests.
	Severity v1alpha1.Severity
	// Cluster, Namespace, Inspection and Report of the message. For tests, only Namespace is set.
	Cluster, Namespace, Inspection, Report string
	// URL of the report on the dashboard, or of a single finding in it. Empty without a dashboard.
	URL string
	// Findings are root causes, worst first. More counts those that were left out.
	Findings []Finding
	More     int
	// Fixed are the findings of the previous report that are fixed.
	Fixed []Finding
}

// Finding of a message, redacted.
type Finding struct {
	ID          string                   `json:"id"`
	Check       string                   `json:"check"`
	Category    v1alpha1.Category        `json:"category,omitempty"`
	Class       v1alpha1.FindingClass    `json:"class,omitempty"`
	Severity    v1alpha1.Severity        `json:"severity"`
	State       string                   `json:"state,omitempty"`
	Object      v1alpha1.ObjectReference `json:"object"`
	Message     string                   `json:"message"`
	Remediation string                   `json:"remediation,omitempty"`
	// Explanation is the summary of a model, if there is one.
	Explanation string `json:"explanation,omitempty"`
	// Affects counts the findings that this one causes.
	Affects   int32      `json:"affects,omitempty"`
	FirstSeen *time.Time `json:"firstSeen,omitempty"`
}

// Line describes the object: Kind namespace/name.
func (f Finding) Line() string {
	name := f.Object.Name
	if f.Object.Namespace != "" {
		name = f.Object.Namespace + "/" + name
	}
	return strings.TrimSpace(f.Object.Kind + " " + name)
}

// Settings of a channel, with every reference resolved. Each type uses some of them. String forms never show a secret.
type Settings struct {
	// Endpoint of channels over HTTP; of all others only Fields is set. For chats, its URL is the secret webhook, which must not be part
	// of an error.
	Endpoint provider.Endpoint
	// SecretURL is set if the path and query of the endpoint's URL are secret.
	SecretURL bool
	// SigningKey of webhook, dingtalk and feishu; empty disables signatures.
	SigningKey Secret
	Email      Email
	NATS       NATS
	// Labels that the type alertmanager adds to each alert.
	Labels map[string]string
	// Timeout of one message. Default 30 s.
	Timeout time.Duration
	// Egress, Metrics and Memory as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
	Memory  *provider.ResponseShare
}

// Secret is a string that never prints itself.
type Secret string

// String hides it.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// GoString hides it from %#v.
func (s Secret) GoString() string { return s.String() }

// Email is the mail server and the envelope.
type Email struct {
	Host string
	Port int
	// Security is starttls (default), tls or none.
	Security string
	Username string
	Password Secret
	From     string
	To       []string
	TLS      provider.TLS
}

// NATS is the server and subject to publish to.
type NATS struct {
	// URL with scheme nats or tls.
	URL     string
	Subject string
	// Username, Password, Token: at most one of these logins.
	Username        string
	Password, Token Secret
	// Credentials is the content of a .creds file.
	Credentials Secret
	TLS         provider.TLS
}

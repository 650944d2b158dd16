// Package notify is the contract of channels that carry reports to people and to other systems. A channel sends one message at a
// time and answers whether the other side took it. It decides nothing: what is told, how often and in which words is decided
// before it is asked.
package notify

import (
	"context"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
)

// Channel is what every type of channel can do. Methods keep to the context's deadline, bound what they read, and return
// *problem.Problem errors that name the cause and hold still from try to try.
type Channel interface {
	// Send delivers one message. Nil means that the other side took it. After an error the message may or may not have arrived:
	// it is sent again, with the same Key.
	Send(ctx context.Context, m Message) error
	// Close lets go of connections.
	Close()
}

// Prober is a channel that can prove that it works without telling anybody anything: it connects, logs in, and asks. Channels
// that cannot are proven by what they delivered last.
type Prober interface {
	Probe(ctx context.Context) error
}

// Event says what a message is about.
type Event string

// Events.
const (
	// EventReport is a digest: what one report changed.
	EventReport Event = "report"
	// EventFinding tells of one finding.
	EventFinding Event = "finding"
	// EventFixed tells that one finding is gone.
	EventFixed Event = "fixed"
	// EventTest proves a channel.
	EventTest Event = "test"
)

// Message is what is told, with every text redacted. The same message has the same Key at each try, and nothing in it changes
// between tries but explanations that were written meanwhile.
type Message struct {
	// Key is the idempotency key: the UID of the report, and for a single finding its id: "UID" or "UID/ID". At most 128 bytes of
	// letters, digits, "-" and "/".
	Key string
	// Event that it is about.
	Event Event
	// Time of the report, in UTC.
	Time time.Time
	// Title is one line of plain text; Text is plain text of several lines, in which a line that begins with "- " is an item.
	Title, Text string
	// Severity of the worst finding that is told; empty where everything that is told is fixed, and for tests.
	Severity v1alpha1.Severity
	// Cluster, Namespace, Inspection and Report that it comes from. Empty for tests, besides Namespace.
	Cluster, Namespace, Inspection, Report string
	// Findings that are told, root causes, worst first; More counts those that were left out.
	Findings []Finding
	More     int
	// Fixed are the findings that are gone since the report before.
	Fixed []Finding
}

// Finding as a channel tells it, redacted.
type Finding struct {
	ID          string                   `json:"id"`
	Check       string                   `json:"check"`
	Category    v1alpha1.Category        `json:"category,omitempty"`
	Severity    v1alpha1.Severity        `json:"severity"`
	State       string                   `json:"state,omitempty"`
	Object      v1alpha1.ObjectReference `json:"object"`
	Message     string                   `json:"message"`
	Remediation string                   `json:"remediation,omitempty"`
	// Explanation is the summary that a model wrote, where there is one.
	Explanation string `json:"explanation,omitempty"`
	// Affects counts the findings that follow from this one.
	Affects   int32      `json:"affects,omitempty"`
	FirstSeen *time.Time `json:"firstSeen,omitempty"`
}

// Line of an object for people: Kind namespace/name.
func (f Finding) Line() string {
	name := f.Object.Name
	if f.Object.Namespace != "" {
		name = f.Object.Namespace + "/" + name
	}
	return strings.TrimSpace(f.Object.Kind + " " + name)
}

// Settings of a channel, with every reference resolved. Types use what concerns them. String forms never show a secret.
type Settings struct {
	// Endpoint of channels over HTTP. For chats its URL is the whole webhook, which is a secret: it must not reach an error.
	Endpoint provider.Endpoint
	// SecretURL says that the path and query of the endpoint's URL are secret.
	SecretURL bool
	// SigningKey of webhook, dingtalk and feishu; empty signs nothing.
	SigningKey Secret
	Email      Email
	NATS       NATS
	// Labels that type alertmanager adds to each alert.
	Labels map[string]string
	// Timeout of one message. Default 30 s.
	Timeout time.Duration
	// Egress and Metrics as the manager sets them.
	Egress  provider.Egress
	Metrics *provider.Metrics
}

// Secret never prints itself.
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

// Email is how mail is sent.
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

// NATS is where messages are published.
type NATS struct {
	// URL with scheme nats or tls.
	URL     string
	Subject string
	// Username, Password, Token: at most one way to log in.
	Username        string
	Password, Token Secret
	// Credentials is the content of a .creds file.
	Credentials Secret
	TLS         provider.TLS
}

// Registry of the types of channels.
type Registry = provider.Registry[Settings, Channel]

// Package nats publishes CloudEvents 1.0 to a stream of NATS JetStream, with an ID by which the server drops duplicates.
//
// It implements the NATS protocol with one connection per message and one request at a time. The official client keeps goroutines for
// a connection that is needed every few minutes, and trusts the sizes that a server announces: a hostile server crashes the process.
// URLs come from tenants.
package nats

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/provider/notify/cloudevent"
	jsonstream "kubeops.io/kubeops/internal/provider/stream"
)

// Type of the channel.
const Type = string(v1alpha1.ChannelNATS)

// Channel publishes to one subject. It holds no connection between messages.
type Channel struct {
	settings notify.NATS
	// server is host:port.
	server string
	// requireTLS even if the server does not.
	requireTLS bool
	tls        *tls.Config
	creds      *credentials
	timeout    time.Duration
	egress     provider.Egress
	metrics    *provider.Metrics
	fields     provider.Fields
}

// New validates the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	s := settings.NATS
	base, err := parse(s.URL)
	if err != nil {
		return nil, err
	}
	if len(s.Subject) > 253 || !regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`).MatchString(s.Subject) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"spec.nats.subject must be words of letters, digits, - and _, separated by dots, without wildcards")
	}
	config, err := s.TLS.Config(settings.Endpoint.Fields)
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		config.ServerName = base.Hostname()
	}
	var creds *credentials
	if s.Credentials != "" {
		if creds, err = readCredentials(string(s.Credentials)); err != nil {
			return nil, err
		}
	}
	timeout := settings.Timeout
	if timeout <= 0 {
		timeout = v1alpha1.DefaultMessageTimeout
	}
	return &Channel{
		settings: s, server: base.Host, tls: config, creds: creds, timeout: timeout, egress: settings.Egress, metrics: settings.Metrics,
		fields:     settings.Endpoint.Fields,
		requireTLS: base.Scheme == "tls" || len(s.TLS.CA) > 0 || len(s.TLS.Certificate) > 0,
	}, nil
}

// parse a URL and add the default port. The CRD's rules check the same, but not every caller's URL comes from a resource.
func parse(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil || (base.Scheme != "nats" && base.Scheme != "tls") || base.Hostname() == "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.nats.url must start with nats:// or tls:// and contain a host")
	case base.User != nil:
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"spec.nats.url must not contain credentials; reference a Secret in spec.nats instead")
	case strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.Fragment != "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.nats.url must not contain a path, query or fragment")
	}
	port := base.Port()
	if port == "" {
		port = "4222"
	}
	base.Host = net.JoinHostPort(base.Hostname(), port)
	return base, nil
}

// Send publishes one message, and returns when a stream has stored it. A stream drops a message with the key of an earlier one within
// its duplicate window (default 2 minutes). That is no error.
func (c *Channel) Send(ctx context.Context, message notify.Message) error {
	return c.withConnection(ctx, "send", func(conn *connection) error {
		payload, err := cloudevent.Encode(message)
		if err != nil {
			return err
		}
		response, err := conn.request(c.settings.Subject, []header{
			{"Nats-Msg-Id", messageID(message.Key)},
			{"Content-Type", "application/cloudevents+json; charset=utf-8"},
		}, payload)
		if err != nil {
			return err
		}
		return c.checkAck(response)
	})
}

// ack of a stream; https://docs.nats.io/reference/reference-protocols/nats_api_reference.
type ack struct {
	Stream string    `json:"stream" max:"256"`
	Error  *apiError `json:"error"`
}

// apiError of JetStream. Its description is chosen by the server and never quoted.
type apiError struct {
	Code int `json:"code"`
	Err  int `json:"err_code"`
}

func (c *Channel) noStream() error {
	return problem.Retrying(v1alpha1.ReasonNotFound, nil,
		"no JetStream stream of %s has the subject %s; create one: nats stream add --subjects %s",
		c.server, c.settings.Subject, c.settings.Subject)
}

// checkAck returns nil if a stream stored the message.
func (c *Channel) checkAck(received *response) error {
	if received.noResponders {
		return c.noStream()
	}
	var content ack
	if err := decode(received.payload, &content); err != nil || (content.Error == nil && content.Stream == "") {
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"the subscriber of subject %s at %s is not a JetStream stream; use a subject of a stream without other subscribers",
			c.settings.Subject, c.server)
	}
	if content.Error != nil {
		return c.toProblem(content.Error)
	}
	return nil
}

// toProblem maps errors of JetStream. The codes are those of errors.json of nats-server.
func (c *Channel) toProblem(e *apiError) error {
	switch e.Err {
	case 10054: // JSStreamMessageExceedsMaximumErr
		return problem.UserError(v1alpha1.ReasonRejected, nil,
			"the stream of %s rejected the message: it exceeds max-msg-size; raise it", c.server)
	case 10077: // JSStreamStoreFailedF, which wraps the limits of a stream
		return problem.Retrying(v1alpha1.ReasonRejected, nil,
			"the stream of %s did not store the message: it may be full; check its limits and its discard policy", c.server)
	case 10039, 10076: // JSNotEnabledForAccountErr, JSNotEnabledErr
		return problem.Retrying(v1alpha1.ReasonNotFound, nil, "%s has no JetStream for this account; enable it", c.server)
	case 10008, 10023, 10028, 10047: // the cluster has no leader, or memory or storage is exhausted
		return problem.Retrying(v1alpha1.ReasonServerError, nil,
			"JetStream of %s is temporarily unavailable (error %d); check its log", c.server, e.Err)
	}
	if e.Code >= 500 {
		return problem.Retrying(
			v1alpha1.ReasonServerError, nil, "JetStream of %s returned a server error (%d); check its log", c.server, e.Err,
		)
	}
	return problem.Retrying(v1alpha1.ReasonRejected, nil,
		"JetStream of %s rejected the message (error %d); check the stream's configuration", c.server, e.Err)
}

// Probe connects, logs in, and checks that a stream has the subject. It publishes nothing to it.
func (c *Channel) Probe(ctx context.Context) error {
	return c.withConnection(ctx, "probe", func(conn *connection) error {
		received, err := conn.request("$JS.API.STREAM.NAMES", nil, []byte(`{"subject":"`+c.settings.Subject+`"}`))
		if err != nil {
			return err
		}
		if received.noResponders {
			return problem.Retrying(v1alpha1.ReasonNotFound, nil, "%s has no JetStream, which stores messages; enable it", c.server)
		}
		var content struct {
			Streams atLeastOne `json:"streams"`
			Error   *apiError  `json:"error"`
		}
		switch err := decode(received.payload, &content); {
		case err != nil:
			return problem.Retrying(
				v1alpha1.ReasonInvalidResponse, nil, "%s did not respond as JetStream does; check its version", c.server,
			)
		case content.Error != nil:
			return c.toProblem(content.Error)
		case !bool(content.Streams):
			return c.noStream()
		}
		return nil
	})
}

// decode a payload.
func decode(payload []byte, into any) error {
	return jsonstream.New(bytes.NewReader(payload), jsonstream.Limits{}).Decode(into)
}

// atLeastOne is a list that is not empty.
type atLeastOne bool

// UnmarshalStream keeps no element.
func (a *atLeastOne) UnmarshalStream(d *jsonstream.Decoder) error {
	return d.Array(func() error {
		*a = true
		return nil
	})
}

// Close does nothing: there are no connections between messages.
func (c *Channel) Close() {}

var _ notify.Prober = (*Channel)(nil)

// withConnection opens a connection for a call, closes it, and records metrics.
func (c *Channel) withConnection(ctx context.Context, operation string, call func(*connection) error) (err error) {
	started := time.Now()
	defer func() { c.metrics.Observe(Type, operation, err, time.Since(started)) }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer conn.close()
	return call(conn)
}

// messageID keeps the characters that the contract allows in a key: any other could break the header.
func messageID(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '-' || r == '/' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return -1
	}, text)
	return text[:min(len(text), 128)]
}

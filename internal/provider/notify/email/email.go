// Package email sends messages as mail: plain text in UTF-8 over SMTP (RFC 5321). It uses the standard library, over a connection that
// respects the egress rules, one deadline, and a limit of what is read.
package email

import (
	"context"
	"crypto/tls"
	"net"
	"net/smtp"
	"os"
	"regexp"
	"strconv"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
)

// Type of the channel.
const Type = string(v1alpha1.ChannelEmail)

// maxRead from a mail server per message. Its replies are a few lines.
const maxRead = 256 << 10

// Channel sends mails. It holds no connection between messages.
type Channel struct {
	settings notify.Email
	// server is host:port.
	server string
	tls    *tls.Config
	// name to greet with.
	name    string
	timeout time.Duration
	egress  provider.Egress
	metrics *provider.Metrics
	fields  provider.Fields
}

// New validates the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	s := settings.Email
	if s.Security == "" {
		s.Security = string(v1alpha1.EmailStartTLS)
	}
	if s.Port == 0 {
		s.Port = 587
		if s.Security == string(v1alpha1.EmailTLS) {
			s.Port = 465
		}
	}
	if err := validate(s); err != nil {
		return nil, err
	}
	config, err := s.TLS.Config(settings.Endpoint.Fields)
	if err != nil {
		return nil, err
	}
	if config.ServerName == "" {
		config.ServerName = s.Host
	}
	timeout := settings.Timeout
	if timeout <= 0 {
		timeout = v1alpha1.DefaultMessageTimeout
	}
	return &Channel{
		settings: s, server: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), tls: config, name: hostname(), timeout: timeout,
		egress: settings.Egress, metrics: settings.Metrics,
		fields: settings.Endpoint.Fields,
	}, nil
}

// validate what the CRD's rules check as well: not every caller's settings come from a resource.
func validate(s notify.Email) error {
	switch v1alpha1.EmailSecurity(s.Security) {
	case v1alpha1.EmailStartTLS, v1alpha1.EmailTLS:
	case v1alpha1.EmailPlain:
		if s.Username != "" || s.Password != "" {
			return problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
				"credentials are never sent without TLS; set spec.email.security to starttls or tls")
		}
	default:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.security must be starttls, tls or none")
	}
	switch {
	case s.Host == "" || s.Port < 1 || s.Port > 65535:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email requires a host, and a port between 1 and 65535")
	case !isAddress(s.From):
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.from must be one mail address, without a name")
	case len(s.To) == 0:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.to must contain at least one mail address")
	}
	for _, to := range s.To {
		if !isAddress(to) {
			return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.to must contain mail addresses without names")
		}
	}
	return nil
}

// hostname to greet with: many mail servers distrust localhost.
func hostname() string {
	name, err := os.Hostname()
	if err != nil || len(name) > 253 || !regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`).MatchString(name) {
		return "localhost"
	}
	return name
}

// Send mails one message to all addresses, or to none: if one is rejected, nothing is sent.
func (c *Channel) Send(ctx context.Context, message notify.Message) error {
	return c.withSession(ctx, "send", func(s *session) error {
		if err := s.envelope(c.settings.From, c.settings.To); err != nil {
			return err
		}
		return s.content(compose(c.settings.From, c.settings.To, message))
	})
}

// Probe connects, starts TLS, logs in, and sends nothing.
func (c *Channel) Probe(ctx context.Context) error {
	return c.withSession(ctx, "probe", func(s *session) error { return s.noop() })
}

// Close does nothing: there are no connections between messages.
func (c *Channel) Close() {}

var _ notify.Prober = (*Channel)(nil)

// withSession opens a session for a call, closes it, and records metrics.
func (c *Channel) withSession(ctx context.Context, operation string, call func(*session) error) (err error) {
	started := time.Now()
	defer func() { c.metrics.Observe(Type, operation, err, time.Since(started)) }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	s, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if err := call(s); err != nil {
		return err
	}
	_ = s.client.Quit() // the message is accepted already
	return nil
}

// open a session that is ready for mail.
func (c *Channel) open(ctx context.Context) (*session, error) {
	raw, err := c.egress.Dialer(c.timeout).DialContext(ctx, "tcp", c.server)
	if err != nil {
		return nil, provider.ToProblem(err, c.server, c.fields)
	}
	bound := provider.Bound(ctx, raw, maxRead)
	s := &session{server: c.server, fields: c.fields, close: func() { _ = bound.Close() }}
	if err := s.begin(ctx, c, bound); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// begin greets, starts TLS and logs in.
func (s *session) begin(ctx context.Context, c *Channel, conn net.Conn) error {
	if c.settings.Security == string(v1alpha1.EmailTLS) {
		secure := tls.Client(conn, c.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return s.tlsProblem(err)
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, c.settings.Host)
	if err != nil {
		return s.greetingProblem(err)
	}
	s.client = client
	if err := client.Hello(c.name); err != nil {
		return s.greetingProblem(err)
	}
	if c.settings.Security == string(v1alpha1.EmailStartTLS) {
		if err := s.startTLS(c.tls); err != nil {
			return err
		}
	}
	if c.settings.Username == "" && c.settings.Password == "" {
		return nil
	}
	return s.login(c.settings.Username, string(c.settings.Password))
}

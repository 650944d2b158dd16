// Package email tells by mail. It speaks SMTP (RFC 5321) through the standard library, over a connection that keeps to the rules
// of egress, to one deadline and to a bound of what is read; a message is plain text in UTF-8.
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

// mostRead from a mail server during one message: its answers are a few lines.
const mostRead = 256 << 10

// Channel mails. It holds no connection between messages.
type Channel struct {
	settings notify.Email
	// server is host:port, for messages.
	server  string
	tls     *tls.Config
	name    string
	timeout time.Duration
	egress  provider.Egress
	metrics *provider.Metrics
}

// New checks the settings and connects nothing yet.
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
	if err := check(s); err != nil {
		return nil, err
	}
	config, err := s.TLS.Config()
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
	}, nil
}

// check what the CRD's rules check, too: a factory has other callers.
func check(s notify.Email) error {
	switch v1alpha1.EmailSecurity(s.Security) {
	case v1alpha1.EmailStartTLS, v1alpha1.EmailTLS:
	case v1alpha1.EmailPlain:
		if s.Username != "" || s.Password != "" {
			return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "credentials are never sent in the clear; set spec.email.security to starttls or tls")
		}
	default:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.security must be starttls, tls or none")
	}
	switch {
	case s.Host == "" || s.Port < 1 || s.Port > 65535:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email needs the host of a mail server, and a port between 1 and 65535")
	case !address(s.From):
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.from must be one mail address")
	case len(s.To) == 0:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.to must name at least one mail address")
	}
	for _, to := range s.To {
		if !address(to) {
			return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.email.to must hold mail addresses, without names")
		}
	}
	return nil
}

// hostname to greet with: many mail servers are wary of localhost.
func hostname() string {
	name, err := os.Hostname()
	if err != nil || len(name) > 253 || !regexp.MustCompile(`^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`).MatchString(name) {
		return "localhost"
	}
	return name
}

// Send mails one message to all addresses, or to none: where one is refused, nothing is sent.
func (c *Channel) Send(ctx context.Context, m notify.Message) error {
	return c.observed(ctx, "send", func(s *session) error {
		if err := s.envelope(c.settings.From, c.settings.To); err != nil {
			return err
		}
		return s.content(compose(c.settings.From, c.settings.To, m))
	})
}

// Probe connects, greets, turns to TLS, logs in, asks for nothing, and leaves.
func (c *Channel) Probe(ctx context.Context) error {
	return c.observed(ctx, "probe", func(s *session) error { return s.noop() })
}

// Close has nothing to let go of.
func (c *Channel) Close() {}

var _ notify.Prober = (*Channel)(nil)

// observed opens a session for a call, ends it, and counts it.
func (c *Channel) observed(ctx context.Context, operation string, call func(*session) error) (err error) {
	began := time.Now()
	defer func() { c.metrics.Observe(Type, operation, err, time.Since(began)) }()
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
	_ = s.client.Quit() // the message is taken; how the other side says farewell changes nothing
	return nil
}

// open a session that is ready for mail.
func (c *Channel) open(ctx context.Context) (*session, error) {
	raw, err := c.egress.Dialer(c.timeout).DialContext(ctx, "tcp", c.server)
	if err != nil {
		return nil, provider.Explain(err, c.server)
	}
	bound := provider.Bound(ctx, raw, mostRead)
	s := &session{server: c.server, close: func() { _ = bound.Close() }}
	if err := s.begin(ctx, c, bound); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// begin greets, secures the connection and logs in.
func (s *session) begin(ctx context.Context, c *Channel, conn net.Conn) error {
	if c.settings.Security == string(v1alpha1.EmailTLS) {
		secure := tls.Client(conn, c.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			return s.insecure(err)
		}
		conn = secure
	}
	client, err := smtp.NewClient(conn, c.settings.Host)
	if err != nil {
		return s.unwelcome(err)
	}
	s.client = client
	if err := client.Hello(c.name); err != nil {
		return s.unwelcome(err)
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

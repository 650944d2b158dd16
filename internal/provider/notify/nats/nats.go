// Package nats publishes to a stream of NATS JetStream: CloudEvents 1.0 in JSON, with an id by which the server drops duplicates.
//
// It speaks NATS' protocol itself, one connection for each message and one question at a time: the usual client keeps goroutines
// for a connection that is wanted every few minutes, and trusts the sizes that a server announces, so that a hostile one ends the
// whole process. URLs come from tenants.
package nats

import (
	"context"
	"crypto/tls"
	"encoding/json"
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
)

// Type of the channel.
const Type = string(v1alpha1.ChannelNATS)

// Channel publishes. It holds no connection between messages.
type Channel struct {
	settings notify.NATS
	// server is host:port, for messages.
	server string
	// secure wants TLS even of a server that does not ask for it.
	secure  bool
	tls     *tls.Config
	creds   *credentials
	timeout time.Duration
	egress  provider.Egress
	metrics *provider.Metrics
}

// New checks the settings and connects nothing yet.
func New(settings notify.Settings) (notify.Channel, error) {
	s := settings.NATS
	base, err := parse(s.URL)
	if err != nil {
		return nil, err
	}
	if len(s.Subject) > 253 || !regexp.MustCompile(`^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$`).MatchString(s.Subject) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.nats.subject must be words of letters, digits, - and _ with dots between them, without wildcards")
	}
	config, err := s.TLS.Config()
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
		secure: base.Scheme == "tls" || len(s.TLS.CA) > 0 || len(s.TLS.Certificate) > 0,
	}, nil
}

// parse a URL, with NATS' own port where it has none; the CRD's rules let nothing else through, but a factory has other callers.
func parse(text string) (*url.URL, error) {
	base, err := url.Parse(text)
	switch {
	case err != nil || (base.Scheme != "nats" && base.Scheme != "tls") || base.Hostname() == "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.nats.url must begin with nats:// or tls:// and name a host")
	case base.User != nil:
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.nats.url must not hold credentials; put them into a Secret and name it in spec.nats")
	case strings.Trim(base.Path, "/") != "" || base.RawQuery != "" || base.Fragment != "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.nats.url must have no path, query or fragment")
	}
	port := base.Port()
	if port == "" {
		port = "4222"
	}
	base.Host = net.JoinHostPort(base.Hostname(), port)
	return base, nil
}

// Send publishes one message, and returns when a stream has it. A stream drops what has the key of a message that it took within
// its duplicate window, 2 minutes unless it is configured; that counts as taken, too.
func (c *Channel) Send(ctx context.Context, m notify.Message) error {
	return c.observed(ctx, "send", func(w *wire) error {
		payload, err := cloudevent.Encode(m)
		if err != nil {
			return err
		}
		answer, err := w.request(c.settings.Subject, []header{
			{"Nats-Msg-Id", key(m.Key)},
			{"Content-Type", "application/cloudevents+json; charset=utf-8"},
		}, payload)
		if err != nil {
			return err
		}
		return c.acknowledged(answer)
	})
}

// ack of a stream; https://docs.nats.io/reference/reference-protocols/nats_api_reference.
type ack struct {
	Stream string    `json:"stream"`
	Error  *apiError `json:"error"`
}

// apiError of JetStream. Its description is never shown: it is the server's to choose.
type apiError struct {
	Code int `json:"code"`
	Err  int `json:"err_code"`
}

// acknowledged reads what a stream says.
func (c *Channel) acknowledged(a *answer) error {
	if a.nobody {
		return problem.Retrying(v1alpha1.ReasonNotFound, nil,
			"no JetStream stream of %s takes the subject %s; create one, for example: nats stream add --subjects %s", c.server, c.settings.Subject, c.settings.Subject)
	}
	var got ack
	if err := json.Unmarshal(a.payload, &got); err != nil || (got.Error == nil && got.Stream == "") {
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"something answers on the subject %s of %s that is no JetStream stream; use a subject that only a stream takes", c.settings.Subject, c.server)
	}
	if got.Error != nil {
		return c.refused(got.Error)
	}
	return nil
}

// refused words the errors of JetStream that a publisher meets; the codes are those of nats-server's errors.json.
func (c *Channel) refused(e *apiError) error {
	switch e.Err {
	case 10054: // JSStreamMessageExceedsMaximumErr
		return problem.UserError(v1alpha1.ReasonRejected, nil, "the stream of %s refuses the message: it is larger than its max-msg-size; raise that", c.server)
	case 10077: // JSStreamStoreFailedF, which wraps the limits of a stream
		return problem.Retrying(v1alpha1.ReasonRejected, nil, "the stream of %s did not store the message: it may be full and discard new ones; look at its limits", c.server)
	case 10039, 10076: // JSNotEnabledForAccountErr, JSNotEnabledErr
		return problem.Retrying(v1alpha1.ReasonNotFound, nil, "%s has no JetStream for this account; enable it", c.server)
	case 10008, 10023, 10028, 10047: // the cluster has no leader, or no memory or storage is left
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "JetStream of %s cannot serve at the moment (error %d); look at its own log", c.server, e.Err)
	}
	if e.Code >= 500 {
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "JetStream of %s failed by itself (error %d); look at its own log", c.server, e.Err)
	}
	return problem.Retrying(v1alpha1.ReasonRejected, nil, "JetStream of %s refuses the message (error %d); look at the stream's configuration", c.server, e.Err)
}

// Probe connects, logs in, and asks whether a stream takes the subject. It publishes nothing there.
func (c *Channel) Probe(ctx context.Context) error {
	return c.observed(ctx, "probe", func(w *wire) error {
		answer, err := w.request("$JS.API.STREAM.NAMES", nil, []byte(`{"subject":"`+c.settings.Subject+`"}`))
		if err != nil {
			return err
		}
		if answer.nobody {
			return problem.Retrying(v1alpha1.ReasonNotFound, nil, "%s has no JetStream, which keeps what is published; enable it", c.server)
		}
		var got struct {
			Streams []string  `json:"streams"`
			Error   *apiError `json:"error"`
		}
		switch err := json.Unmarshal(answer.payload, &got); {
		case err != nil:
			return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s answered something that JetStream does not answer", c.server)
		case got.Error != nil:
			return c.refused(got.Error)
		case len(got.Streams) == 0:
			answer.nobody = true
			return c.acknowledged(answer)
		}
		return nil
	})
}

// Close has nothing to let go of.
func (c *Channel) Close() {}

var _ notify.Prober = (*Channel)(nil)

// observed opens a connection for a call, ends it, and counts it.
func (c *Channel) observed(ctx context.Context, operation string, call func(*wire) error) (err error) {
	began := time.Now()
	defer func() { c.metrics.Observe(Type, operation, err, time.Since(began)) }()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	w, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	return call(w)
}

// key as the contract has it, so that another one breaks no header.
func key(text string) string {
	text = strings.Map(func(r rune) rune {
		if r == '-' || r == '/' || (r >= '0' && r <= '9') || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z') {
			return r
		}
		return -1
	}, text)
	return text[:min(len(text), 128)]
}

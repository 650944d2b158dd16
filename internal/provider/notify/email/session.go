package email

import (
	"crypto/tls"
	"errors"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// session is one connection to a mail server. Errors of its methods contain the server's reply code, but never its text.
type session struct {
	server string
	fields provider.Fields
	client *smtp.Client
	close  func()
}

// startTLS upgrades the connection or fails.
func (s *session) startTLS(config *tls.Config) error {
	if offered, _ := s.client.Extension("STARTTLS"); !offered {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil,
			"%s does not offer STARTTLS, so nothing was sent; set spec.email.security to tls if this port uses TLS from the start, "+
				"or enable STARTTLS there", s.server)
	}
	if err := s.client.StartTLS(config); err != nil {
		return s.tlsProblem(err)
	}
	return nil
}

// login with PLAIN, or with LOGIN if there is nothing better. Both send the password, so the connection must use TLS.
func (s *session) login(username, password string) error {
	_, offered := s.client.Extension("AUTH")
	mechanisms := strings.Fields(strings.ToUpper(offered))
	var auth smtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = &plain{username: username, password: password}
	case slices.Contains(mechanisms, "LOGIN"):
		auth = &login{answers: []string{username, password}}
	default:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s does not offer the login methods PLAIN or LOGIN; use its submission port, usually 587 or 465, or remove spec.email.auth",
			s.server)
	}
	if err := s.client.Auth(auth); err != nil {
		return s.toProblem(err, "the login")
	}
	return nil
}

// envelope sends the addresses.
func (s *session) envelope(from string, to []string) error {
	addresses := append([]string{from}, to...)
	if slices.ContainsFunc(addresses, func(address string) bool { return !isASCII(address) }) {
		if offered, _ := s.client.Extension("SMTPUTF8"); !offered {
			return problem.UserError(v1alpha1.ReasonRejected, nil,
				"%s accepts ASCII addresses only (it does not offer SMTPUTF8); use ASCII addresses in spec.email", s.server)
		}
	}
	if err := s.client.Mail(from); err != nil {
		return s.toProblem(err, "the sender "+from)
	}
	for _, address := range to {
		if err := s.client.Rcpt(address); err != nil {
			return s.toProblem(err, "the recipient "+address)
		}
	}
	return nil
}

// content sends the message. It is accepted when the server replies so after the last byte.
func (s *session) content(message []byte) error {
	writer, err := s.client.Data()
	if err != nil {
		return s.toProblem(err, "the message")
	}
	if _, err := writer.Write(message); err != nil {
		return s.toProblem(err, "the message")
	}
	if err := writer.Close(); err != nil {
		return s.toProblem(err, "the message")
	}
	return nil
}

func (s *session) noop() error {
	if err := s.client.Noop(); err != nil {
		return s.toProblem(err, "NOOP")
	}
	return nil
}

// greetingProblem is the problem of a server that did not greet.
func (s *session) greetingProblem(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return problem.Retrying(v1alpha1.ReasonTimeout, err,
			"%s did not greet in time; check its load and network policies, and set spec.email.security to tls if this port "+
				"uses TLS from the start", s.server)
	}
	return s.toProblem(err, "the connection")
}

// tlsProblem is the problem of a TLS handshake that failed.
func (s *session) tlsProblem(err error) error {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil,
			"%s offers STARTTLS but rejected it (%d), so nothing was sent; check its log and its certificate", s.server, reply.Code)
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, err,
			"no secure connection to %s: this port does not use TLS from the start; set spec.email.security to starttls, or use "+
				"another port", s.server)
	}
	return s.toProblem(err, "STARTTLS")
}

// toProblem maps the error of a command. The error becomes the cause only if it does not quote the server.
func (s *session) toProblem(err error, what string) error {
	var reply *textproto.Error
	var protocol textproto.ProtocolError
	switch {
	case problem.As(err) != nil:
		return problem.As(err)
	case errors.As(err, &reply):
		return s.replyProblem(reply.Code, what)
	case errors.As(err, &protocol):
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"%s did not respond as a mail server does; check spec.email.host and spec.email.port", s.server)
	case errors.Is(err, errLogin):
		return problem.Retrying(
			v1alpha1.ReasonInvalidResponse, nil,
			"%s asked for more than a user name and a password at login; use another login method there", s.server,
		)
	}
	return provider.ToProblem(err, s.server, s.fields)
}

// replyProblem maps the codes of RFC 5321, section 4.2, and of RFC 4954, section 6.
func (s *session) replyProblem(code int, what string) error {
	const text = "%s rejected %s (%d)"
	switch {
	case code == 530:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			text+": it requires a login or TLS; set spec.email.auth and spec.email.security", s.server, what, code)
	case code == 534, code == 535, code == 538:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s rejected the credentials (%d); check the Secret that spec.email.auth references", s.server, code)
	case code == 552:
		return problem.Retrying(v1alpha1.ReasonRejected, nil,
			text+": a mailbox is full, or the message is too large; check the mailboxes of spec.email.to", s.server, what, code)
	case code >= 500 && code <= 599:
		return problem.Retrying(v1alpha1.ReasonRejected, nil,
			text+"; check its log: usually the address is unknown, or the sender is not allowed", s.server, what, code)
	case code == 421, code == 454:
		return problem.Retrying(
			v1alpha1.ReasonServerError, nil, text+": it is temporarily unavailable; check its log", s.server, what, code,
		)
	case code >= 400 && code <= 499:
		return problem.Retrying(v1alpha1.ReasonRejected, nil, text+" temporarily; if it persists, check its log", s.server, what, code)
	}
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
		"%s replied with the unexpected code %d; check spec.email.host and spec.email.port", s.server, code)
}

// errLogin marks a server that keeps asking.
var errLogin = errors.New("the server asks for more than a name and a password")

// errClear marks a login without TLS.
var errClear = errors.New("credentials are never sent without TLS")

// plain is RFC 4616.
type plain struct{ username, password string }

func (p *plain) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errClear
	}
	return "PLAIN", []byte("\x00" + p.username + "\x00" + p.password), nil
}

func (p *plain) Next(_ []byte, more bool) ([]byte, error) {
	if more {
		return nil, errLogin
	}
	return nil, nil
}

// login answers two prompts, whatever their text: the user name, then the password.
type login struct{ answers []string }

func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS {
		return "", nil, errClear
	}
	return "LOGIN", nil, nil
}

func (l *login) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	if len(l.answers) == 0 {
		return nil, errLogin
	}
	answer := l.answers[0]
	l.answers = l.answers[1:]
	return []byte(answer), nil
}

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

// session is one connection to a mail server. Its methods word what goes wrong; what the server says is never quoted, but for its
// three digits.
type session struct {
	server string
	client *smtp.Client
	close  func()
}

// startTLS secures the connection, or refuses to go on.
func (s *session) startTLS(config *tls.Config) error {
	if offered, _ := s.client.Extension("STARTTLS"); !offered {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil,
			"%s offers no STARTTLS, so that nothing was told to it; set spec.email.security to tls if this port begins with TLS, or have the server offer it", s.server)
	}
	if err := s.client.StartTLS(config); err != nil {
		return s.insecure(err)
	}
	return nil
}

// login by PLAIN, or by LOGIN where there is no other. Both tell the password, which TLS hides; the connection has it here.
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
			"%s offers no login by PLAIN or LOGIN; use its port for submission, usually 587 or 465, or leave out spec.email.auth", s.server)
	}
	if err := s.client.Auth(auth); err != nil {
		return s.refused(err, "the login")
	}
	return nil
}

// envelope says who writes to whom.
func (s *session) envelope(from string, to []string) error {
	if beyond := slices.IndexFunc(append([]string{from}, to...), func(a string) bool { return !ascii(a) }); beyond >= 0 {
		if can, _ := s.client.Extension("SMTPUTF8"); !can {
			return problem.UserError(v1alpha1.ReasonRejected, nil, "%s takes only addresses of ASCII letters (it offers no SMTPUTF8); use such ones in spec.email", s.server)
		}
	}
	if err := s.client.Mail(from); err != nil {
		return s.refused(err, "the sender "+from)
	}
	for _, address := range to {
		if err := s.client.Rcpt(address); err != nil {
			return s.refused(err, "the recipient "+address)
		}
	}
	return nil
}

// content sends the message itself. It is taken when the server says so after the last byte.
func (s *session) content(message []byte) error {
	writer, err := s.client.Data()
	if err != nil {
		return s.refused(err, "the message")
	}
	if _, err := writer.Write(message); err != nil {
		return s.refused(err, "the message")
	}
	if err := writer.Close(); err != nil {
		return s.refused(err, "the message")
	}
	return nil
}

func (s *session) noop() error {
	if err := s.client.Noop(); err != nil {
		return s.refused(err, "NOOP")
	}
	return nil
}

// unwelcome words why there was no greeting.
func (s *session) unwelcome(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return problem.Retrying(v1alpha1.ReasonTimeout, err,
			"%s did not greet in time; check its load and network policies, and set spec.email.security to tls if this port begins with TLS", s.server)
	}
	return s.refused(err, "to talk")
}

// insecure words why there is no TLS.
func (s *session) insecure(err error) error {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil, "%s offers STARTTLS and then refuses it (%d); nothing was told to it; look at its own log and its certificate", s.server, answer.Code)
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, err,
			"no secure connection to %s: it does not speak TLS on this port from the first byte; set spec.email.security to starttls, or use another port", s.server)
	}
	return s.refused(err, "STARTTLS")
}

// refused words an answer that is not the one hoped for. The error itself goes along where it holds nothing that the server said.
func (s *session) refused(err error, what string) error {
	var answer *textproto.Error
	var garbled textproto.ProtocolError
	switch {
	case problem.As(err) != nil:
		return problem.As(err)
	case errors.As(err, &answer):
		return s.code(answer.Code, what)
	case errors.As(err, &garbled):
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"%s answered something that a mail server does not answer; check that spec.email.host and port lead to one", s.server)
	case errors.Is(err, errLogin):
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s asked for something else than name and password at the login", s.server)
	}
	return provider.Explain(err, s.server)
}

// code words the answers of RFC 5321, section 4.2, and of RFC 4954, section 6.
func (s *session) code(code int, what string) error {
	const text = "%s refuses %s (%d)"
	switch {
	case code == 530:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil, text+"; it wants a login, or TLS, first: set spec.email.auth and security", s.server, what, code)
	case code == 534, code == 535, code == 538:
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil, "%s does not accept the credentials (%d); check the Secret that spec.email.auth names", s.server, code)
	case code == 552:
		return problem.Retrying(v1alpha1.ReasonRejected, nil, text+": a mailbox is full, or the message is too large for it", s.server, what, code)
	case code >= 500 && code <= 599:
		return problem.Retrying(v1alpha1.ReasonRejected, nil, text+"; its log says why: usually an address that it does not know, or a sender that it does not allow", s.server, what, code)
	case code == 421, code == 454:
		return problem.Retrying(v1alpha1.ReasonServerError, nil, text+": it cannot serve at the moment; look at its own log", s.server, what, code)
	case code >= 400 && code <= 499:
		return problem.Retrying(v1alpha1.ReasonRejected, nil, text+" for now, and is asked again; its log says why, should it go on", s.server, what, code)
	}
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s answered with the unexpected code %d; check that spec.email.host and port lead to a mail server", s.server, code)
}

// errLogin marks a server that goes on asking.
var errLogin = errors.New("the server asks for more than a name and a password")

// errClear marks a connection without TLS, which session never logs in over.
var errClear = errors.New("credentials are never sent in the clear")

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

// login answers two questions, whatever their words: the name, then the password.
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

// Package mailserver is a real SMTP server in the process of a test, on loopback.
package mailserver

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"kubeops.io/kubeops/internal/testkit/servers"
)

// Options of a server. The zero value accepts everything from everyone, without TLS.
type Options struct {
	// Certificate to offer STARTTLS with, or to begin with TLS where Implicit is set.
	Certificate *servers.Certificate
	Implicit    bool
	// Username and Password to ask for, by the login Mechanisms. Default PLAIN.
	Username, Password string
	Mechanisms         []string
	// UTF8 offers SMTPUTF8.
	UTF8 bool
	// Recipient and Content decide what is accepted. Nil accepts everything. Content is called after the message was stored.
	Recipient func(address string) error
	Content   func() error
}

// Mail that was accepted, or was stored and then rejected by Content.
type Mail struct {
	From    string
	To      []string
	Content string
	// Secure is set for mail over TLS. Login is the user name.
	Secure bool
	Login  string
}

// Refusal with a code.
func Refusal(code int, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 7, 1}, Message: text}
}

// Server that runs until the test ends.
type Server struct {
	// Host and Port to send to.
	Host string
	Port int

	options Options
	mutex   sync.Mutex
	mails   []Mail
	began   int
}

// Start a server.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the server
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port, options: options}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return s.session(c), nil }))
	server.Domain = "mail.test"
	server.EnableSMTPUTF8 = options.UTF8
	server.MaxMessageBytes = 4 << 20
	server.ErrorLog = log.New(io.Discard, "", 0)
	if options.Certificate != nil {
		pair, err := tls.X509KeyPair(options.Certificate.Certificate, options.Certificate.Key)
		if err != nil {
			t.Fatal(err)
		}
		config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		if options.Implicit {
			listener = tls.NewListener(listener, config)
		} else {
			server.TLSConfig = config
		}
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return s
}

// Mails received so far, oldest first.
func (s *Server) Mails() []Mail {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Begun counts the envelopes that were started.
func (s *Server) Begun() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.began
}

func (s *Server) session(c *smtp.Conn) smtp.Session {
	one := &session{server: s, conn: c}
	if s.options.Username == "" {
		return one
	}
	return &withLogin{one}
}

// session of one connection.
type session struct {
	server *Server
	conn   *smtp.Conn
	login  string
	mail   Mail
}

func (s *session) Reset()        { s.mail = Mail{} }
func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.server.mutex.Lock()
	s.server.began++
	s.server.mutex.Unlock()
	if s.server.options.Username != "" && s.login == "" {
		return Refusal(530, "Authentication required")
	}
	_, secure := s.conn.TLSConnectionState()
	s.mail = Mail{From: from, Secure: secure, Login: s.login}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	if judge := s.server.options.Recipient; judge != nil {
		if err := judge(to); err != nil {
			return err
		}
	}
	s.mail.To = append(s.mail.To, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Content = string(content)
	s.server.mutex.Lock()
	s.server.mails = append(s.server.mails, s.mail)
	s.server.mutex.Unlock()
	if judge := s.server.options.Content; judge != nil {
		return judge()
	}
	return nil
}

// withLogin offers AUTH.
type withLogin struct{ *session }

func (s *withLogin) AuthMechanisms() []string {
	if len(s.server.options.Mechanisms) == 0 {
		return []string{sasl.Plain}
	}
	return s.server.options.Mechanisms
}

func (s *withLogin) Auth(mechanism string) (sasl.Server, error) {
	if strings.EqualFold(mechanism, sasl.Login) {
		return &loginServer{check: s.check}, nil
	}
	return sasl.NewPlainServer(func(_, username, password string) error { return s.check(username, password) }), nil
}

func (s *withLogin) check(username, password string) error {
	if username != s.server.options.Username || password != s.server.options.Password {
		return Refusal(535, "no such user with "+password) // a server may say anything
	}
	s.login = username
	return nil
}

// loginServer is the other side of LOGIN.
type loginServer struct {
	step     int
	username string
	check    func(username, password string) error
}

func (l *loginServer) Next(answer []byte) (challenge []byte, done bool, err error) {
	l.step++
	switch l.step {
	case 1:
		return []byte("Username:"), false, nil
	case 2:
		l.username = string(answer)
		return []byte("Password:"), false, nil
	case 3:
		return nil, true, l.check(l.username, string(answer))
	}
	return nil, false, errors.New("LOGIN has two questions")
}

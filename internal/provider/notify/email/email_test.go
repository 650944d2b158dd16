package email

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/mailserver"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// settings for a server on loopback.
func settings(server *mailserver.Server, security string) notify.Settings {
	return notify.Settings{
		Email: notify.Email{
			Host: server.Host, Port: server.Port, Security: security, From: "kubeops@example.com", To: []string{
				"oncall@example.com", "dev@example.com",
			},
		},
		Endpoint: provider.Endpoint{Fields: provider.Fields{TLS: "spec.tls"}},
		Timeout:  5 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	}
}

func channel(t *testing.T, s notify.Settings) notify.Channel {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func message() notify.Message {
	return notify.Message{
		Key: "4f1c0f6e-0000-4000-8000-000000000001", Event: notify.EventReport, Time: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Title: "shop/nightly: 2 new findings – 两个新问题", Text: "- Pod shop/web does not start\n- 镜像不存在\n.\nlast line",
	}
}

// reason of an error, checked to be a problem without the password.
func reason(t *testing.T, err error) string {
	t.Helper()
	p := problem.As(err)
	if p == nil {
		t.Fatalf("got %v, want a problem", err)
	}
	if strings.Contains(err.Error(), hostile.Password) {
		t.Errorf("the error shows the password: %v", err)
	}
	return p.Reason
}

func TestMailArrivesUnchangedOverEveryKindOfConnection(t *testing.T) {
	certificate := servers.NewCertificate(t)
	for name, c := range map[string]struct {
		options  mailserver.Options
		security string
		login    bool
	}{
		"in the clear":          {security: "none"},
		"with STARTTLS":         {options: mailserver.Options{Certificate: certificate}, security: "starttls"},
		"with STARTTLS unasked": {options: mailserver.Options{Certificate: certificate}},
		"with TLS":              {options: mailserver.Options{Certificate: certificate, Implicit: true}, security: "tls"},
		"with PLAIN":            {options: mailserver.Options{Certificate: certificate}, login: true},
		"with LOGIN":            {options: mailserver.Options{Certificate: certificate, Mechanisms: []string{"LOGIN"}}, login: true},
		"with PLAIN over TLS":   {options: mailserver.Options{Certificate: certificate, Implicit: true}, security: "tls", login: true},
		"with the better of two": {
			options: mailserver.Options{Certificate: certificate, Mechanisms: []string{"XOAUTH2", "LOGIN", "PLAIN"}}, login: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.login {
				c.options.Username = "kubeops"
				c.options.Password = hostile.Password
			}
			server := mailserver.Start(t, c.options)
			s := settings(server, c.security)
			s.Email.TLS.CA = certificate.CA
			s.Email.Username = c.options.Username
			s.Email.Password = notify.Secret(c.options.Password)
			ch := channel(t, s)
			if err := ch.(notify.Prober).Probe(context.Background()); err != nil {
				t.Fatal(err)
			}
			if mails := server.Mails(); len(mails) != 0 || server.Begun() != 0 {
				t.Fatalf("the probe mailed: %v", mails)
			}
			for range 2 {
				if err := ch.Send(context.Background(), message()); err != nil {
					t.Fatal(err)
				}
			}
			mails := server.Mails()
			if len(mails) != 2 || mails[0].Content != mails[1].Content {
				t.Fatalf("got %d mails; the same message must make the same mail", len(mails))
			}
			if got := mails[0]; got.From != "kubeops@example.com" || fmt.Sprint(got.To) != "[oncall@example.com dev@example.com]" ||
				got.Secure != (c.security != "none") && !c.options.Implicit || got.Login != c.options.Username {
				t.Errorf("got the envelope %+v", got)
			}
			judge(t, mails[0].Content)
		})
	}
}

// judge what came against the message.
func judge(t *testing.T, content string) {
	t.Helper()
	parsed, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	title, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
	if err != nil || title != message().Title {
		t.Errorf("got the subject %q, %v", title, err)
	}
	for name, want := range map[string]string{
		"From": `"KubeOps" <kubeops@example.com>`, "To": "<oncall@example.com>, <dev@example.com>",
		"Date":           "Sun, 01 Mar 2026 08:00:00 +0000",
		"Auto-Submitted": "auto-generated", "X-Kubeops-Key": message().Key, "Mime-Version": "1.0",
		"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "quoted-printable",
	} {
		if got := parsed.Header.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if id := parsed.Header.Get("Message-Id"); !strings.HasPrefix(id, "<") || !strings.HasSuffix(id, "@example.com>") ||
		len(parsed.Header) != 10 {
		t.Errorf("got the id %q and %d headers", id, len(parsed.Header))
	}
	text, err := io.ReadAll(quotedprintable.NewReader(parsed.Body))
	if err != nil || string(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))) != message().Text+"\n" {
		t.Errorf("got the text %q, %v", text, err)
	}
}

func TestRejectionsNameTheCause(t *testing.T) {
	certificate := servers.NewCertificate(t)
	withLogin := func(o mailserver.Options) mailserver.Options {
		o.Certificate = certificate
		o.Username = "kubeops"
		o.Password = hostile.Password
		return o
	}
	refuse := func(code int) func(string) error {
		return func(address string) error {
			if address == "dev@example.com" {
				return mailserver.Refusal(code, "go away, "+hostile.Password)
			}
			return nil
		}
	}
	for name, c := range map[string]struct {
		options mailserver.Options
		change  func(*notify.Email)
		reason  string
		says    string
		mails   int
	}{
		"no STARTTLS": {reason: v1alpha1.ReasonTLSFailed, says: "does not offer STARTTLS, so nothing was sent"},
		"an unknown CA": {
			options: mailserver.Options{Certificate: certificate}, change: func(e *notify.Email) { e.TLS = provider.TLS{} },
			reason: v1alpha1.ReasonTLSFailed, says: "name the CA in spec.tls.ca",
		},
		"another name": {
			options: mailserver.Options{Certificate: certificate}, change: func(e *notify.Email) { e.TLS.ServerName = "mail.example.com" },
			reason: v1alpha1.ReasonTLSFailed, says: "another host name",
		},
		"TLS where is none": {
			options: mailserver.Options{Certificate: certificate}, change: func(e *notify.Email) { e.Security = "tls" },
			reason: v1alpha1.ReasonTLSFailed, says: "set spec.email.security to starttls",
		},
		"a wrong password": {
			options: withLogin(mailserver.Options{}), change: func(e *notify.Email) { e.Password = "wrong-horse" },
			reason: v1alpha1.ReasonUnauthorized, says: "rejected the credentials (535)",
		},
		"a wrong LOGIN": {
			options: withLogin(mailserver.Options{Mechanisms: []string{"LOGIN"}}), change: func(e *notify.Email) { e.Username = "nobody" },
			reason: v1alpha1.ReasonUnauthorized, says: "(535)",
		},
		"no login known": {
			options: withLogin(mailserver.Options{Mechanisms: []string{"XOAUTH2"}}), reason: v1alpha1.ReasonUnauthorized,
			says: "does not offer the login methods PLAIN or LOGIN",
		},
		"login not offered": {
			options: mailserver.Options{Certificate: certificate},
			change: func(e *notify.Email) {
				e.Username = "kubeops"
				e.Password = hostile.Password
			}, reason: v1alpha1.ReasonUnauthorized,
			says: "does not offer the login methods PLAIN or LOGIN",
		},
		"no login given": {
			options: withLogin(mailserver.Options{}), change: func(e *notify.Email) { e.Username, e.Password = "", "" },
			reason: v1alpha1.ReasonUnauthorized, says: "the sender kubeops@example.com (530)",
		},
		"an unknown address": {
			options: mailserver.Options{Certificate: certificate, Recipient: refuse(550)}, reason: v1alpha1.ReasonRejected,
			says: "the recipient dev@example.com (550)",
		},
		"a grey list": {
			options: mailserver.Options{Certificate: certificate, Recipient: refuse(451)}, reason: v1alpha1.ReasonRejected,
			says: "temporarily",
		},
		"going down": {
			options: mailserver.Options{Certificate: certificate, Recipient: refuse(421)}, reason: v1alpha1.ReasonServerError,
			says: "temporarily unavailable",
		},
		"5xx after all": {
			options: mailserver.Options{
				Certificate: certificate, Content: func() error { return mailserver.Refusal(554, "spam, "+hostile.Password) },
			},
			reason: v1alpha1.ReasonRejected, says: "rejected the message (554)", mails: 1,
		},
		"4xx after all": {
			options: mailserver.Options{Certificate: certificate, Content: func() error { return mailserver.Refusal(452, "later") }},
			reason:  v1alpha1.ReasonRejected, says: "rejected the message (452) temporarily", mails: 1,
		},
		"too large": {
			options: mailserver.Options{Certificate: certificate, Content: func() error { return mailserver.Refusal(552, "large") }},
			reason:  v1alpha1.ReasonRejected, says: "too large", mails: 1,
		},
		"letters beyond ASCII": {
			options: mailserver.Options{Certificate: certificate}, change: func(e *notify.Email) { e.To = []string{"用户@example.com"} },
			reason: v1alpha1.ReasonRejected, says: "SMTPUTF8",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailserver.Start(t, c.options)
			s := settings(server, "")
			s.Email.TLS.CA = certificate.CA
			s.Email.Username = c.options.Username
			s.Email.Password = notify.Secret(c.options.Password)
			if c.change != nil {
				c.change(&s.Email)
			}
			ch := channel(t, s)
			err := ch.Send(context.Background(), message())
			if got := reason(t, err); got != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %s: %v; want %s: %s", got, err, c.reason, c.says)
			}
			if again := ch.Send(context.Background(), message()); problem.As(again).Message != problem.As(err).Message {
				t.Errorf("the words change from try to try: %v, %v", err, again)
			}
			if got := len(server.Mails()); got != 2*c.mails {
				t.Errorf("%d mails came, want %d", got, 2*c.mails)
			}
		})
	}
}

func TestNonASCIIAddressesAreUsedIfTheServerSupportsThem(t *testing.T) {
	server := mailserver.Start(t, mailserver.Options{UTF8: true})
	s := settings(server, "none")
	s.Email.To = []string{"用户@example.com"}
	if err := channel(t, s).Send(context.Background(), message()); err != nil || len(server.Mails()) != 1 ||
		server.Mails()[0].To[0] != "用户@example.com" {
		t.Errorf("got %v, %v", err, server.Mails())
	}
}

func TestInvalidSettingsAreRejected(t *testing.T) {
	for name, change := range map[string]func(*notify.Email){
		"credentials in the clear": func(e *notify.Email) {
			e.Security = "none"
			e.Username = "kubeops"
			e.Password = hostile.Password
		},
		"a security that is none":   func(e *notify.Email) { e.Security = "maybe" },
		"no host":                   func(e *notify.Email) { e.Host = "" },
		"a port that is none":       func(e *notify.Email) { e.Port = 70000 },
		"nobody to mail":            func(e *notify.Email) { e.To = nil },
		"a sender that is two":      func(e *notify.Email) { e.From = "a@example.com, b@example.com" },
		"a sender with a line":      func(e *notify.Email) { e.From = "a@example.com\r\nBcc: b@example.com" },
		"a recipient with a name":   func(e *notify.Email) { e.To = []string{"Dev <dev@example.com>"} },
		"a recipient with a NUL":    func(e *notify.Email) { e.To = []string{"d\x00ev@example.com"} },
		"a CA that is none":         func(e *notify.Email) { e.TLS.CA = []byte("none") },
		"a certificate that is not": func(e *notify.Email) { e.TLS.Certificate = []byte("none") },
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(&mailserver.Server{Host: "127.0.0.1", Port: 25}, "")
			change(&s.Email)
			_, err := New(s)
			if p := problem.As(err); p == nil || p.Action != problem.UserMustAct {
				t.Errorf("got %v, want what the user must do", err)
			}
			reason(t, err)
		})
	}
}

func TestDefaultPortsFollowTheSecurity(t *testing.T) {
	for security, want := range map[string]string{
		"": "mail.test:587", "starttls": "mail.test:587", "none": "mail.test:587", "tls": "mail.test:465",
	} {
		s := settings(&mailserver.Server{Host: "mail.test"}, security)
		if got := channel(t, s).(*Channel).server; got != want {
			t.Errorf("%s: got %s, want %s", security, got, want)
		}
	}
}

func TestACancelledSendEndsAtOnce(t *testing.T) {
	server := scripted(t, func(c *conversation) { c.wait() })
	ctx, cancel := context.WithCancel(context.Background())
	defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
	began := time.Now()
	s := settings(server, "none")
	s.Timeout = time.Minute
	err := channel(t, s).Send(ctx, message())
	if err == nil || time.Since(began) > hostile.Deadline || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v after %s", err, time.Since(began))
	}
}

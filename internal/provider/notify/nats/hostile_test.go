package nats

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

const greeting = `INFO {"server_id":"x","headers":true,"max_payload":1048576}` + "\r\n"

// conversation of a server that follows a script.
type conversation struct {
	net.Conn
	lines *bufio.Scanner
	over  <-chan struct{}
}

func (c *conversation) say(text string) { _, _ = fmt.Fprint(c, text) }

// until a line that begins with a word.
func (c *conversation) until(word string) string {
	for c.lines.Scan() {
		if strings.HasPrefix(c.lines.Text(), word) {
			return c.lines.Text()
		}
	}
	return ""
}

// wait until the test ends.
func (c *conversation) wait() { <-c.over }

// question answers the login, and returns the subject to answer to.
func (c *conversation) question() string {
	c.say(greeting)
	c.until("PING")
	c.say("PONG\r\n")
	return strings.Fields(c.until("HPUB") + " none none none")[2]
}

// scripted server on loopback, as a URL.
func scripted(t *testing.T, script func(*conversation)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { _ = listener.Close(); close(over) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				script(&conversation{Conn: conn, lines: bufio.NewScanner(conn), over: over})
			}()
		}
	}()
	return "nats://" + listener.Addr().String()
}

// endless repeats a text forever.
func endless(text string) func(*conversation) {
	return func(c *conversation) {
		for {
			if _, err := io.WriteString(c, strings.Repeat(text, 1000)); err != nil {
				return
			}
		}
	}
}

func TestMisbehavingServersAreReportedInTime(t *testing.T) {
	said := func(format string) func(*conversation) {
		return func(c *conversation) {
			inbox := c.question()
			c.say(strings.ReplaceAll(format, "INBOX", inbox))
			c.wait()
		}
	}
	answered := func(text string) func(*conversation) {
		return said(fmt.Sprintf("MSG INBOX 1 %d\r\n%s\r\n", len(text), text))
	}
	for name, c := range map[string]struct {
		script func(*conversation)
		reason string
	}{
		"never greets": {func(c *conversation) { c.wait() }, v1alpha1.ReasonTimeout},
		"hangs up":     {func(*conversation) {}, v1alpha1.ReasonUnreachable},
		"speaks HTTP": {
			func(c *conversation) { c.say("HTTP/1.1 400 Bad Request\r\n\r\n"); c.wait() }, v1alpha1.ReasonInvalidResponse,
		},
		"greets with nonsense": {func(c *conversation) { c.say("INFO {\x00\xff\r\n"); c.wait() }, v1alpha1.ReasonInvalidResponse},
		"greets without end":   {func(c *conversation) { c.say("INFO "); endless("x")(c) }, v1alpha1.ReasonInvalidResponse},
		"never lets us in":     {func(c *conversation) { c.say(greeting); c.wait() }, v1alpha1.ReasonTimeout},
		"pings without end": {
			func(c *conversation) { c.say(greeting); endless("PING\r\n")(c) }, v1alpha1.ReasonResponseTooLarge + v1alpha1.ReasonTimeout,
		},
		"takes no headers": {
			func(c *conversation) { c.say("INFO {}\r\n"); c.until("PING"); c.say("PONG\r\n"); c.wait() }, v1alpha1.ReasonInvalidResponse,
		},
		"never answers":         {said(""), v1alpha1.ReasonTimeout},
		"is full":               {said("-ERR 'maximum connections exceeded'\r\n"), v1alpha1.ReasonServerError},
		"answers an error":      {said("-ERR '" + hostile.Password + "'\r\n"), v1alpha1.ReasonServerError},
		"answers huge":          {said("MSG INBOX 1 1000000000\r\nx"), v1alpha1.ReasonResponseTooLarge},
		"answers more than int": {said("MSG INBOX 1 4611686018427387904\r\nx"), v1alpha1.ReasonInvalidResponse},
		"answers less than 0":   {said("MSG INBOX 1 -5\r\nx"), v1alpha1.ReasonInvalidResponse},
		"has larger headers":    {said("HMSG INBOX 1 50 10\r\n0123456789\r\n"), v1alpha1.ReasonInvalidResponse},
		"has no end":            {said("MSG INBOX 1 2\r\n{}xx"), v1alpha1.ReasonInvalidResponse},
		"answers nothing":       {answered(""), v1alpha1.ReasonInvalidResponse},
		"answers null":          {answered("null"), v1alpha1.ReasonInvalidResponse},
		"answers another shape": {answered(`[1, "two"]`), v1alpha1.ReasonInvalidResponse},
		"breaks off":            {func(c *conversation) { c.say("MSG " + c.question() + " 1 90\r\n{") }, v1alpha1.ReasonUnreachable},
		"has no leader":         {answered(`{"error":{"code":503,"err_code":10008}}`), v1alpha1.ReasonServerError},
		"errs in a new way":     {answered(`{"error":{"code":400,"err_code":99999999}}`), v1alpha1.ReasonRejected},
		"fails by itself":       {answered(`{"error":{"code":500}}`), v1alpha1.ReasonServerError},
		"answers others first":  {said("MSG other 7 2\r\n{}\r\nPING\r\n+OK\r\nMSG INBOX 1 20\r\n{\"stream\":\"S\",\"x\":1}\r\n"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings(scripted(t, c.script))
			s.Timeout = hostile.Timeout
			began := time.Now()
			err := channel(t, s).Send(context.Background(), message())
			if c.reason == "" && err != nil || c.reason != "" && !strings.Contains(c.reason, reason(t, err)) {
				t.Errorf("got %v; want %s", err, c.reason)
			}
			if took := time.Since(began); took > hostile.Deadline {
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestDeniedAddressesAreNotCalled(t *testing.T) {
	for url, want := range map[string]string{
		"nats://127.0.0.1:4222": v1alpha1.ReasonEgressDenied, "nats://localhost": v1alpha1.ReasonEgressDenied,
		"tls://169.254.169.254":                v1alpha1.ReasonEgressDenied,
		"nats://[::ffff:169.254.169.254]:4222": v1alpha1.ReasonEgressDenied,
		"nats://no-such-host.invalid":          v1alpha1.ReasonNameNotResolved + v1alpha1.ReasonTimeout,
	} {
		s := settings(url)
		s.Egress = provider.Egress{}
		if err := channel(t, s).Probe(context.Background()); !strings.Contains(want, reason(t, err)) {
			t.Errorf("%s: got %v", url, err)
		}
	}
}

func TestInvalidSettingsAreRejected(t *testing.T) {
	for name, change := range map[string]func(*notify.NATS){
		"another scheme":         func(n *notify.NATS) { n.URL = "http://nats:4222" },
		"no host":                func(n *notify.NATS) { n.URL = "nats://:4222" },
		"credentials in the URL": func(n *notify.NATS) { n.URL = "nats://kubeops:" + hostile.Password + "@nats" },
		"a path":                 func(n *notify.NATS) { n.URL = "nats://nats/x" },
		"no subject":             func(n *notify.NATS) { n.Subject = "" },
		"a wildcard":             func(n *notify.NATS) { n.Subject = "kubeops.>" },
		"a subject with a line":  func(n *notify.NATS) { n.Subject = "kubeops\r\nPUB x 0" },
		"credentials of nobody":  func(n *notify.NATS) { n.Credentials = hostile.Password },
		"a CA that is none":      func(n *notify.NATS) { n.TLS.CA = []byte("none") },
	} {
		t.Run(name, func(t *testing.T) {
			s := settings("nats://nats:4222")
			change(&s.NATS)
			_, err := New(s)
			if p := problem.As(err); p == nil || p.Action != problem.UserMustAct {
				t.Errorf("got %v, want what the user must do", err)
			}
			reason(t, err)
		})
	}
}

// spoken is a connection on which everything was said already.
type spoken struct {
	net.Conn
	io.Reader
}

func (s spoken) Read(into []byte) (int, error) { return s.Reader.Read(into) }
func (spoken) Write(from []byte) (int, error)  { return len(from), nil }

// FuzzWire: whatever a server says, there is an answer or a problem.
func FuzzWire(f *testing.F) {
	for _, seed := range []string{
		"PONG\r\nMSG _INBOX.x 1 20\r\n{\"stream\":\"S\",\"x\":1}\r\n", "PONG\r\nHMSG _INBOX.x 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
		"-ERR 'Authorization Violation'\r\n",
		"PONG\r\nMSG a 1 b 99999999999999999999\r\n", "PONG\r\nHMSG a 1 -1 -1\r\n",
		"PONG\r\n-ERR 'Permissions Violation for Publish to \"$JS.API.STREAM.NAMES\"'\r\n", "PING\r\n\r\n", "MSG\r\n",
	} {
		f.Add([]byte(greeting + seed))
	}
	made, err := New(settings("nats://nats:4222"))
	if err != nil {
		f.Fatal(err)
	}
	c := made.(*Channel)
	f.Fuzz(func(t *testing.T, said []byte) {
		conn := spoken{Reader: bytes.NewReader(said)}
		w := &connection{server: "nats:4222", conn: conn, reader: bufio.NewReader(conn)}
		if err := w.handshake(context.Background(), c); err != nil {
			if problem.As(w.toProblem(err)) == nil {
				t.Errorf("%v is no problem", err)
			}
			return
		}
		got, err := w.request(subject, []header{{"Nats-Msg-Id", "x"}}, []byte("{}"))
		if (got == nil) == (err == nil) || err != nil && problem.As(err) == nil {
			t.Fatalf("got %v, %v", got, err)
		}
		if got != nil {
			if err := c.checkAck(got); err != nil && problem.As(err) == nil {
				t.Errorf("%v is no problem", err)
			}
		}
	})
}

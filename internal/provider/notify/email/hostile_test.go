package email

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/mailserver"
)

// conversation of a server that follows a script.
type conversation struct {
	net.Conn
	lines *bufio.Scanner
	over  <-chan struct{}
}

func (c *conversation) say(text string) { _, _ = fmt.Fprint(c, text) }

// hear a line that begins with a word.
func (c *conversation) hear(word string) bool {
	return c.lines.Scan() && strings.HasPrefix(c.lines.Text(), word)
}

// wait until the test ends.
func (c *conversation) wait() { <-c.over }

// begin up to the envelope.
func (c *conversation) begin() {
	c.say("220 mail.test\r\n")
	if c.hear("EHLO") {
		c.say("250-mail.test\r\n250 8BITMIME\r\n")
	}
}

// scripted server on loopback.
func scripted(t *testing.T, script func(*conversation)) *mailserver.Server {
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
	return &mailserver.Server{Host: "127.0.0.1", Port: listener.Addr().(*net.TCPAddr).Port}
}

func TestMisbehavingServersAreReportedInTime(t *testing.T) {
	for name, c := range map[string]struct {
		script   func(*conversation)
		security string
		reason   string
		says     string
	}{
		"never greets": {
			script: func(c *conversation) { c.wait() }, reason: v1alpha1.ReasonTimeout, says: "set spec.email.security to tls",
		},
		"never shakes hands": {script: func(c *conversation) { c.wait() }, security: "tls", reason: v1alpha1.ReasonTimeout},
		"hangs up":           {script: func(*conversation) {}, reason: v1alpha1.ReasonUnreachable},
		"speaks HTTP": {
			script: func(c *conversation) { c.say("HTTP/1.1 400 Bad Request\r\n\r\n") }, reason: v1alpha1.ReasonInvalidResponse,
			says: "check spec.email.host",
		},
		"speaks nonsense": {script: func(c *conversation) { c.say("\x00\xff\xfe\r\n") }, reason: v1alpha1.ReasonInvalidResponse},
		"says another code": {
			script: func(c *conversation) { c.say("354 go on\r\n") }, reason: v1alpha1.ReasonInvalidResponse, says: "354",
		},
		"wants nobody": {
			script: func(c *conversation) { c.say("554 no " + hostile.Password + "\r\n") }, reason: v1alpha1.ReasonRejected,
			says: "rejected the connection (554)",
		},
		"drips bytes":          {script: drip, reason: v1alpha1.ReasonTimeout},
		"talks without end":    {script: endless("220-x\r\n"), reason: v1alpha1.ReasonResponseTooLarge},
		"has a line of no end": {script: endless("220 xxxxxxxx"), reason: v1alpha1.ReasonResponseTooLarge},
		"has endless features": {
			script: func(c *conversation) { c.say("220 x\r\n"); c.hear("EHLO"); endless("250-x\r\n")(c) },
			reason: v1alpha1.ReasonResponseTooLarge,
		},
		"strips STARTTLS": {
			script: func(c *conversation) { c.begin(); c.hear("STARTTLS") }, security: "starttls", reason: v1alpha1.ReasonTLSFailed,
		},
		"refuses STARTTLS": {
			script: func(c *conversation) { c.offer(); c.hear("STARTTLS"); c.say("454 no\r\n"); c.wait() }, security: "starttls",
			reason: v1alpha1.ReasonTLSFailed, says: "but rejected it (454)",
		},
		"injects after it": {
			script:   func(c *conversation) { c.offer(); c.hear("STARTTLS"); c.say("220 go\r\n250 AUTH PLAIN\r\n"); c.wait() },
			security: "starttls", reason: v1alpha1.ReasonTLSFailed + v1alpha1.ReasonTimeout,
		},
		"hangs in STARTTLS": {
			script: func(c *conversation) { c.offer(); c.hear("STARTTLS"); c.say("220 go\r\n"); c.wait() }, security: "starttls",
			reason: v1alpha1.ReasonTimeout,
		},
		"hangs at the envelope": {script: func(c *conversation) { c.begin(); c.hear("MAIL"); c.wait() }, reason: v1alpha1.ReasonTimeout},
		"hangs after the data":  {script: func(c *conversation) { c.data(); c.wait() }, reason: v1alpha1.ReasonTimeout},
		"drops after the data":  {script: func(c *conversation) { c.data() }, reason: v1alpha1.ReasonUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.security == "" {
				c.security = "none"
			}
			s := settings(scripted(t, c.script), c.security)
			s.Timeout = hostile.Timeout
			began := time.Now()
			err := channel(t, s).Send(context.Background(), message())
			if got := reason(t, err); !strings.Contains(c.reason, got) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %s: %v; want %s: %s", got, err, c.reason, c.says)
			}
			if took := time.Since(began); took > hostile.Deadline {
				t.Errorf("it took %s", took)
			}
		})
	}
}

// offer STARTTLS.
func (c *conversation) offer() {
	c.say("220 mail.test\r\n")
	if c.hear("EHLO") {
		c.say("250-mail.test\r\n250 STARTTLS\r\n")
	}
}

// data takes a whole message, and says nothing more.
func (c *conversation) data() {
	c.begin()
	for c.lines.Scan() && c.lines.Text() != "." {
		switch word, _, _ := strings.Cut(c.lines.Text(), " "); word {
		case "MAIL", "RCPT":
			c.say("250 ok\r\n")
		case "DATA":
			c.say("354 go on\r\n")
		}
	}
}

func drip(c *conversation) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	c.say("220 ")
	for {
		select {
		case <-c.over:
			return
		case <-ticker.C:
			if _, err := c.Write([]byte("x")); err != nil {
				return
			}
		}
	}
}

func endless(text string) func(*conversation) {
	return func(c *conversation) {
		c.say(text)
		rest := []byte(strings.Repeat(strings.TrimPrefix(text, "220 "), 1000))
		for {
			if _, err := c.Write(rest); err != nil {
				return
			}
		}
	}
}

func TestAFailureAfterTheServerAcceptedTheMessageIsIgnored(t *testing.T) {
	server := scripted(t, func(c *conversation) { c.data(); c.say("250 taken\r\n") }) // and hangs up without a farewell
	if err := channel(t, settings(server, "none")).Send(context.Background(), message()); err != nil {
		t.Error(err)
	}
}

func TestAnUnreachableServerIsReported(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	for name, c := range map[string]struct {
		host    string
		port    int
		egress  provider.Egress
		reasons string
	}{
		"closed port": {
			"127.0.0.1", listener.Addr().(*net.TCPAddr).Port, provider.Egress{AllowLoopback: true}, v1alpha1.ReasonUnreachable,
		},
		"unknown name": {"no-such-host.invalid", 25, provider.Egress{}, v1alpha1.ReasonNameNotResolved + v1alpha1.ReasonTimeout},
		"loopback":     {"127.0.0.1", 25, provider.Egress{}, v1alpha1.ReasonEgressDenied},
		"by name":      {"localhost", 25, provider.Egress{}, v1alpha1.ReasonEgressDenied},
		"metadata":     {"169.254.169.254", 25, provider.Egress{AllowLoopback: true}, v1alpha1.ReasonEgressDenied},
		"mapped":       {"::ffff:169.254.169.254", 25, provider.Egress{AllowLoopback: true}, v1alpha1.ReasonEgressDenied},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings(&mailserver.Server{Host: c.host, Port: c.port}, "none")
			s.Egress = c.egress
			err := channel(t, s).Send(context.Background(), message())
			if got := reason(t, err); !strings.Contains(c.reasons, got) {
				t.Errorf("got %s: %v", got, err)
			}
		})
	}
}

// FuzzCompose: whatever a title, a text and a key hold, there are the same headers, no line of which is too long.
func FuzzCompose(f *testing.F) {
	for _, seed := range []string{
		"plain", "two\r\nBcc: victim@example.com", "\r\n\r\nbody", "=?utf-8?q?hidden?=", "\u202etxt.exe", "\x00\x1b[31m", "\xff\xfe",
		strings.Repeat("长", 5000), strings.Repeat("x", 5000), "a\u2028Bcc: b", "\n.\nQUIT\n", "",
	} {
		f.Add(seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, title, text, key string) {
		m := notify.Message{Key: key, Title: title, Text: text, Time: time.Unix(0, 0)}
		content := string(compose("kubeops@example.com", []string{"a@example.com", "b@example.com"}, m))
		head, _, _ := strings.Cut(content, "\r\n\r\n")
		for line := range strings.SplitSeq(content, "\r\n") {
			if len(line) > 998 || strings.ContainsAny(line, "\r\n\x00") ||
				strings.ContainsFunc(line, func(r rune) bool { return r != '\t' && unicode.IsControl(r) }) {
				t.Fatalf("a line of %d bytes: %q", len(line), line)
			}
		}
		if !utf8.ValidString(content) || !isASCII(head) {
			t.Fatalf("not ASCII: %q", head)
		}
		parsed, err := mail.ReadMessage(strings.NewReader(content))
		if err != nil || len(parsed.Header) != 10 || len(parsed.Header["Subject"]) != 1 || parsed.Header["Bcc"] != nil {
			t.Fatalf("got %v, %v", parsed, err)
		}
	})
}

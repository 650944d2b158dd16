package nats

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/servers"
)

const subject = "kubeops.reports"

func settings(url string) notify.Settings {
	return notify.Settings{
		Endpoint: provider.Endpoint{Fields: provider.Fields{TLS: "spec.tls"}},
		NATS:     notify.NATS{URL: url, Subject: subject}, Timeout: 5 * time.Second, Egress: provider.Egress{AllowLoopback: true},
	}
}

func channel(t *testing.T, s notify.Settings) *Channel {
	t.Helper()
	c, err := New(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c.(*Channel)
}

func message() notify.Message {
	return notify.Message{
		Key: "4f1c0f6e-0000-4000-8000-000000000001/0123abcd", Event: notify.EventFinding, Time: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Title: "Pod shop/web does not start – 镜像不存在", Text: "- one\r\nMSG x 1 5\r\n", Severity: v1alpha1.SeverityHigh, Cluster: "demo",
		Namespace: "shop", Inspection: "nightly", Report: "nightly-1",
		Findings: []notify.Finding{{ID: "0123abcd", Check: "image-pull", Severity: v1alpha1.SeverityHigh, Message: "no such image"}},
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

// stream makes one, through a client that is not ours.
func stream(t *testing.T, url string, config jetstream.StreamConfig, options ...client.Option) jetstream.Stream {
	t.Helper()
	conn, err := client.Connect(url, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if config.Name == "" {
		config.Name = "REPORTS"
	}
	if config.Subjects == nil {
		config.Subjects = []string{"kubeops.>"}
	}
	got, err := js.CreateOrUpdateStream(ctx, config)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// count of the messages in a stream.
func count(t *testing.T, s jetstream.Stream) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	about, err := s.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return about.State.Msgs
}

func TestAMessageSentTwiceIsStoredOnce(t *testing.T) {
	address, _ := servers.NATS(t, servers.NATSOptions{})
	s := stream(t, "nats://"+address, jetstream.StreamConfig{})
	c := channel(t, settings("nats://"+address))
	for range 2 {
		if err := c.Send(context.Background(), message()); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, s); got != 1 {
		t.Fatalf("the stream has %d messages, want 1", got)
	}
	got, err := s.GetMsg(context.Background(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != subject || got.Header.Get("Nats-Msg-Id") != message().Key ||
		got.Header.Get("Content-Type") != "application/cloudevents+json; charset=utf-8" || len(got.Header) != 2 {
		t.Errorf("got %s with %v", got.Subject, got.Header)
	}
	var event struct{ SpecVersion, ID, Type string }
	if err := json.Unmarshal(got.Data, &event); err != nil || event.SpecVersion != "1.0" || event.ID != message().Key {
		t.Errorf("got %s, %v", got.Data, err)
	}
	other := message()
	other.Key += "0"
	if err := c.Send(context.Background(), other); err != nil || count(t, s) != 2 {
		t.Errorf("got %v and %d messages, want 2", err, count(t, s))
	}
	if err := c.Probe(context.Background()); err != nil || count(t, s) != 2 {
		t.Errorf("got %v and %d messages: a probe publishes nothing", err, count(t, s))
	}
}

func TestEveryLoginWorksAndAWrongOneIsReported(t *testing.T) {
	creds, operator := chain(t)
	for name, c := range map[string]struct {
		config string
		login  func(*notify.NATS)
		wrong  func(*notify.NATS)
		option client.Option
	}{
		"basic": {
			config: fmt.Sprintf("authorization {user: kubeops, password: %q}", hostile.Password),
			login: func(n *notify.NATS) {
				n.Username = "kubeops"
				n.Password = hostile.Password
			},
			wrong:  func(n *notify.NATS) { n.Password = "wrong-horse" },
			option: client.UserInfo("kubeops", hostile.Password),
		},
		"token": {
			config: fmt.Sprintf("authorization {token: %q}", hostile.Password),
			login:  func(n *notify.NATS) { n.Token = hostile.Password },
			wrong:  func(n *notify.NATS) { n.Token = "" },
			option: client.Token(hostile.Password),
		},
		"credentials": {
			config: operator,
			login:  func(n *notify.NATS) { n.Credentials = notify.Secret(creds) },
			wrong: func(n *notify.NATS) {
				stranger, _ := chain(t)
				n.Credentials = notify.Secret(stranger)
			},
			option: client.UserCredentialBytes([]byte(creds)),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := servers.NATS(t, servers.NATSOptions{Config: c.config})
			s := stream(t, "nats://"+address, jetstream.StreamConfig{}, c.option)
			right := settings("nats://" + address)
			c.login(&right.NATS)
			if err := channel(t, right).Send(context.Background(), message()); err != nil || count(t, s) != 1 {
				t.Errorf("got %v and %d messages", err, count(t, s))
			}
			c.wrong(&right.NATS)
			for _, call := range []func(context.Context) error{
				channel(t, right).Probe, func(ctx context.Context) error { return channel(t, right).Send(ctx, message()) },
			} {
				if err := call(context.Background()); reason(t, err) != v1alpha1.ReasonUnauthorized {
					t.Errorf("got %v", err)
				}
			}
			if got := count(t, s); got != 1 {
				t.Errorf("the stream has %d messages", got)
			}
		})
	}
}

func TestTLSIsUsedIfEitherSideRequiresIt(t *testing.T) {
	certificate := servers.NewCertificate(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(certificate.CA)
	address, _ := servers.NATS(t, servers.NATSOptions{Certificate: certificate})
	s := stream(t, "tls://"+address, jetstream.StreamConfig{}, client.Secure(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}))
	plain, _ := servers.NATS(t, servers.NATSOptions{})
	mutual, _ := servers.NATS(t, servers.NATSOptions{Certificate: certificate, Verify: true})
	for name, c := range map[string]struct {
		url, reason, says string
		tls               provider.TLS
	}{
		"asked for":            {url: "tls://" + address, tls: provider.TLS{CA: certificate.CA}},
		"demanded":             {url: "nats://" + address, tls: provider.TLS{CA: certificate.CA}},
		"by an unknown CA":     {url: "tls://" + address, reason: v1alpha1.ReasonTLSFailed, says: "name the CA in spec.tls.ca"},
		"demanded, unknown CA": {url: "nats://" + address, reason: v1alpha1.ReasonTLSFailed, says: "name the CA in spec.tls.ca"},
		"for another name": {
			url: "tls://" + address, tls: provider.TLS{CA: certificate.CA, ServerName: "nats.example.com"},
			reason: v1alpha1.ReasonTLSFailed, says: "another host name",
		},
		"where there is none": {url: "tls://" + plain, reason: v1alpha1.ReasonTLSFailed, says: "does not offer TLS"},
		"with a CA, none there": {
			url: "nats://" + plain, tls: provider.TLS{CA: certificate.CA}, reason: v1alpha1.ReasonTLSFailed, says: "does not offer TLS",
		},
		"without our own": {
			url: "tls://" + mutual, tls: provider.TLS{CA: certificate.CA}, reason: v1alpha1.ReasonTLSFailed,
			says: "spec.tls.clientCertificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			want := settings(c.url)
			want.NATS.TLS = c.tls
			err := channel(t, want).Send(context.Background(), message())
			if c.reason == "" {
				if err != nil || count(t, s) != 1 {
					t.Errorf("got %v and %d messages", err, count(t, s))
				}
			} else if got := reason(t, err); got != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %s: %v", got, err)
			}
		})
	}
}

func TestAServerThatStoresNothingIsReported(t *testing.T) {
	address, _ := servers.NATS(t, servers.NATSOptions{Config: "max_payload: 65536"})
	without, _ := servers.NATS(t, servers.NATSOptions{WithoutJetStream: true})
	stream(t, "nats://"+address,
		jetstream.StreamConfig{Name: "FULL", Subjects: []string{"full"}, MaxBytes: 64, Discard: jetstream.DiscardNew})
	stream(t, "nats://"+address, jetstream.StreamConfig{Name: "SMALL", Subjects: []string{"small"}, MaxMsgSize: 64})
	conn, err := client.Connect("nats://" + address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if _, err := conn.Subscribe("answered", func(m *client.Msg) { _ = m.Respond([]byte("thanks, " + hostile.Password)) }); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
	large := message()
	large.Text = strings.Repeat("x", 70000)
	for name, c := range map[string]struct {
		server, subject, reason, says string
		message                       notify.Message
		probe                         string
	}{
		"no stream": {
			address, "nobody.listens", v1alpha1.ReasonNotFound, "no JetStream stream of " + address + " has the subject nobody.listens",
			message(), v1alpha1.ReasonNotFound,
		},
		"no JetStream":   {without, subject, v1alpha1.ReasonNotFound, "has the subject", message(), v1alpha1.ReasonNotFound},
		"a full stream":  {address, "full", v1alpha1.ReasonRejected, "may be full", message(), ""},
		"a small stream": {address, "small", v1alpha1.ReasonRejected, "max-msg-size", message(), ""},
		"a small server": {address, "full", v1alpha1.ReasonRejected, "max_payload", large, ""},
		"somebody answers": {
			address, "answered", v1alpha1.ReasonInvalidResponse, "is not a JetStream stream", message(), v1alpha1.ReasonNotFound,
		},
		"another's subject": {
			address, "full.other", v1alpha1.ReasonNotFound, "has the subject full.other", message(), v1alpha1.ReasonNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings("nats://" + c.server)
			s.NATS.Subject = c.subject
			err := channel(t, s).Send(context.Background(), c.message)
			if got := reason(t, err); got != c.reason || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %s: %v", got, err)
			}
			err = channel(t, s).Probe(context.Background())
			if c.probe == "" && err != nil || c.probe != "" && reason(t, err) != c.probe {
				t.Errorf("the probe says %v", err)
			}
		})
	}
}

func TestMissingPermissionsAreNamed(t *testing.T) {
	permissions := func(publish, hear string) string {
		return fmt.Sprintf("authorization {users: [{user: kubeops, password: %q, permissions: {publish: [%s], subscribe: "+
			"[%s]}}, {user: admin, password: %q}]}",
			hostile.Password, publish, hear, hostile.Password)
	}
	for name, c := range map[string]struct {
		config, send, probe string
	}{
		"all":           {permissions(`"kubeops.>", "$JS.API.STREAM.NAMES"`, `"_INBOX.>"`), "", ""},
		"no publishing": {permissions(`"other"`, `"_INBOX.>"`), "allow this user to publish to the subject", "$JS.API.STREAM.NAMES"},
		"no asking":     {permissions(`"kubeops.>"`, `"_INBOX.>"`), "", "$JS.API.STREAM.NAMES"},
		"no hearing":    {permissions(`"kubeops.>", "$JS.API.STREAM.NAMES"`, `"other"`), "_INBOX.>", "_INBOX.>"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, _ := servers.NATS(t, servers.NATSOptions{Config: c.config})
			stream(t, "nats://"+address, jetstream.StreamConfig{}, client.UserInfo("admin", hostile.Password))
			s := settings("nats://" + address)
			s.NATS.Username = "kubeops"
			s.NATS.Password = hostile.Password
			for says, err := range map[string]error{
				c.send: channel(t, s).Send(context.Background(), message()), c.probe + " ": channel(t, s).Probe(context.Background()),
			} {
				says = strings.TrimSpace(says)
				if says == "" && err != nil || says != "" &&
					(reason(t, err) != v1alpha1.ReasonForbidden || !strings.Contains(err.Error(), says)) {
					t.Errorf("got %v, want %q", err, says)
				}
			}
		})
	}
}

func TestAServerThatIsStoppedAndStartedAgainGetsTheMessageOnce(t *testing.T) {
	address, process := servers.NATS(t, servers.NATSOptions{})
	stream(t, "nats://"+address, jetstream.StreamConfig{})
	c := channel(t, settings("nats://"+address))
	if err := c.Send(context.Background(), message()); err != nil {
		t.Fatal(err)
	}
	process.Stop()
	for range 2 {
		if err := c.Send(context.Background(), message()); reason(t, err) != v1alpha1.ReasonUnreachable {
			t.Errorf("got %v", err)
		}
	}
	process.Start()
	if err := c.Send(context.Background(), message()); err != nil {
		t.Fatal(err)
	}
	if got := count(t, stream(t, "nats://"+address, jetstream.StreamConfig{})); got != 1 {
		t.Errorf("the stream has %d messages, want 1", got)
	}
	process.Pause()
	short := settings("nats://" + address)
	short.Timeout = hostile.Timeout
	err := channel(t, short).Send(context.Background(), message())
	process.Resume()
	if reason(t, err) != v1alpha1.ReasonTimeout {
		t.Errorf("got %v", err)
	}
}

// TestNoConnectionOutlivesItsMessage counts this process's own descriptors.
func TestNoConnectionOutlivesItsMessage(t *testing.T) {
	address, _ := servers.NATS(t, servers.NATSOptions{WithoutJetStream: true})
	c := channel(t, settings("nats://"+address))
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	_ = c.Send(context.Background(), message())
	before := open()
	for range 20 {
		_ = c.Send(context.Background(), message())
	}
	if after := open(); after > before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

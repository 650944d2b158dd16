// Package conformance is the suite of every channel over HTTP. It runs against servers that misbehave, and against a strict fake that
// accepts messages or returns the documented errors.
package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/notify"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

// Hidden is a part of the URL that no error may contain.
const Hidden = "hidden-part-of-the-url"

// Key that messages are signed with.
const Key = "key-to-sign-with"

// Subject is a type of channel under test.
type Subject struct {
	New func(notify.Settings) (notify.Channel, error)
	// Path and query of the URL.
	Path string
	// Check fails the test if a request does not follow the documentation.
	Check func(t *testing.T, m notify.Message, r *http.Request, body []byte)
	// Taken is the response of the fake to a message that it accepts.
	Taken string
	// TakesAnything is set if only the status shows whether a message was accepted. Misbehaviours with status 200 look correct then.
	TakesAnything bool
	// Refusals are the documented error responses, and the reason of their problem.
	Refusals []Refusal
	// MaxBytes of a request. Zero disables the check.
	MaxBytes int
}

// Refusal is a response that does not accept the message.
type Refusal struct {
	Status       int
	Body, Reason string
	RetryAfter   string
	After        time.Duration
}

// Messages of every kind, including texts with markup.
func Messages() []notify.Message {
	at := time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	f := notify.Finding{
		ID: "f1", Check: "pod-crash-looping", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical, State: "new",
		Object:  v1alpha1.ObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Namespace: "shop", Name: "cart"},
		Message: "container app exits with code 1", Remediation: "Read its log.", FirstSeen: &at,
	}
	base := notify.Message{Key: "u-1", Event: notify.EventReport, Time: at, Title: "shop/all: 1 to look at",
		Text: "- [critical] Deployment shop/cart", Severity: v1alpha1.SeverityCritical,
		Namespace: "shop", Inspection: "all", Report: "all-1", Findings: []notify.Finding{f}}
	with := func(change func(*notify.Message)) notify.Message { m := base; change(&m); return m }
	return []notify.Message{
		base,
		with(func(m *notify.Message) {
			m.Key = "u-1/f1"
			m.Event = notify.EventFinding
		}),
		with(func(m *notify.Message) {
			m.Key = "u-1/f1"
			m.Event = notify.EventFixed
			m.Severity = ""
			m.Findings = nil
			m.Fixed = []notify.Finding{f}
		}),
		{Key: "test-u-1", Event: notify.EventTest, Namespace: "shop", Title: "KubeOps test message", Text: "It works."},
		with(func(m *notify.Message) {
			m.Title = "\x00<!channel> @all [x](http://evil.example)\r\nBcc: x"
			m.Text = "<@U123> <!here> @everyone @所有人 [click](https://evil.example) " +
				"![p](https://evil.example/p.png) `x` <at user_id=\"all\"> \u202Eabc"
		}),
		with(func(m *notify.Message) { m.Title, m.Text = "", "" }),
		with(func(m *notify.Message) {
			m.Title, m.Text = strings.Repeat("标题", 500), strings.Repeat("一行文字 & more <>\"'\n", 5000)
		}),
		with(func(m *notify.Message) { m.Text = strings.Repeat("x", 60<<10) }),
	}
}

// Run the suite.
func Run(t *testing.T, s Subject) {
	t.Run("a server that", func(t *testing.T) {
		var except []string
		if s.TakesAnything {
			except = []string{"answers nothing", "answers broken JSON", "answers JSON of another shape"}
		}
		hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
			endpoint.URL += s.Path
			c, err := s.open(endpoint)
			if err != nil {
				return err
			}
			defer c.Close()
			return c.Send(ctx, Messages()[0])
		}, except...)
	})
	t.Run("memory of hostile responses", func(t *testing.T) {
		hostile.RunMemory(t, hostile.Backend{Call: func(ctx context.Context, endpoint provider.Endpoint) error {
			endpoint.URL += s.Path
			c, err := s.open(endpoint)
			if err != nil {
				return err
			}
			defer c.Close()
			if p, is := c.(notify.Prober); is {
				_ = p.Probe(ctx)
			}
			return c.Send(ctx, Messages()[0])
		}})
	})
	for n, m := range Messages() {
		t.Run(fmt.Sprintf("takes message %d, %s", n, m.Event), func(t *testing.T) { s.taken(t, m) })
	}
	for _, r := range append(s.Refusals, common()...) {
		t.Run(fmt.Sprintf("is refused with %d %.60s", r.Status, r.Body), func(t *testing.T) { s.refused(t, r) })
	}
	t.Run("prints no part of its URL but the host, and no key", s.prints)
	t.Run("a page that a POST is sent on to took nothing", func(t *testing.T) {
		s.refused(t, Refusal{Status: http.StatusFound, Reason: v1alpha1.ReasonRedirected})
	})
}

func common() []Refusal {
	return []Refusal{
		{Status: 429, Reason: v1alpha1.ReasonRateLimited, RetryAfter: "7", After: 7 * time.Second},
		{Status: 429, Reason: v1alpha1.ReasonRateLimited, After: time.Minute},
		{Status: 429, Reason: v1alpha1.ReasonRateLimited, RetryAfter: "999999999", After: time.Hour},
		{Status: 410, Reason: v1alpha1.ReasonNotFound},
		{Status: 413, Reason: v1alpha1.ReasonRejected},
	}
}

func (s Subject) open(endpoint provider.Endpoint) (notify.Channel, error) {
	return s.New(notify.Settings{
		Endpoint: endpoint, SecretURL: true, SigningKey: Key, Labels: map[string]string{"team": "shop"}, Timeout: hostile.Timeout,
		Egress: provider.Egress{AllowLoopback: true},
	})
}

func (s Subject) prints(t *testing.T) {
	settings := notify.Settings{
		Endpoint: provider.Endpoint{
			URL: "https://chat.example/" + Hidden + "?token=" + Hidden, Header: http.Header{"X-Token": {Hidden}},
			Auth: provider.Auth{BearerToken: Hidden},
		},
		SigningKey: Hidden,
	}
	c, err := s.New(settings)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, value := range []any{settings, &settings, c} {
			if text := fmt.Sprintf(verb, value); strings.Contains(text, Hidden) {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
}

func (s Subject) taken(t *testing.T, m notify.Message) {
	var mutex sync.Mutex
	var seen int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mutex.Lock()
		defer mutex.Unlock()
		seen++
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || !strings.HasPrefix(r.URL.RequestURI(), s.Path) {
			t.Errorf("got %s %s (%v)", r.Method, r.URL, err)
		}
		if s.MaxBytes > 0 && len(body) > s.MaxBytes {
			t.Errorf("a message of %d bytes, the server accepts %d", len(body), s.MaxBytes)
		}
		s.Check(t, m, r, body)
		_, _ = io.WriteString(w, s.Taken)
	}))
	defer server.Close()
	c, err := s.open(provider.Endpoint{URL: server.URL + s.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Send(t.Context(), m); err != nil || seen != 1 {
		t.Errorf("sent %d times: %v", seen, err)
	}
}

func (s Subject) refused(t *testing.T, want Refusal) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/welcome" {
			_, _ = io.WriteString(w, s.Taken)
			return
		}
		if want.RetryAfter != "" {
			w.Header().Set("Retry-After", want.RetryAfter)
		}
		if want.Status == http.StatusFound {
			w.Header().Set("Location", "/welcome")
		}
		w.WriteHeader(want.Status)
		_, _ = io.WriteString(w, want.Body)
	}))
	defer server.Close()
	c, err := s.open(provider.Endpoint{URL: server.URL + s.Path})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Send(t.Context(), Messages()[0])
	p := problem.As(err)
	if p == nil || p.Reason != want.Reason || want.After != 0 && p.After != want.After {
		t.Fatalf("got %+v, want %s after %s", p, want.Reason, want.After)
	}
	for cause := err; cause != nil; {
		for _, secret := range []string{Hidden, Key} {
			if strings.Contains(cause.Error(), secret) {
				t.Errorf("an error contains %q: %v", secret, cause)
			}
		}
		unwrapped, ok := cause.(interface{ Unwrap() error })
		if !ok {
			break
		}
		cause = unwrapped.Unwrap()
	}
}

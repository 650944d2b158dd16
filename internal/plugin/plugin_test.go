package plugin

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// hostile is a plugin that answers what a test wants.
type hostile struct {
	pluginv1.UnimplementedPluginServer
	description *pluginv1.DescribeResponse
	get         func() (*pluginv1.GetResponse, error)
	calls       atomic.Int32
}

func honest() *pluginv1.DescribeResponse {
	return &pluginv1.DescribeResponse{Versions: []int32{1, 7}, Kind: KindCD, Name: "test", Capabilities: []string{CapabilityFind}}
}

func (h *hostile) Describe(context.Context, *pluginv1.DescribeRequest) (*pluginv1.DescribeResponse, error) {
	h.calls.Add(1)
	return h.description, nil
}

func (h *hostile) Get(context.Context, *pluginv1.GetRequest) (*pluginv1.GetResponse, error) {
	return h.get()
}

// serve a plugin on a socket, and return a pool that finds it as test.
func serve(t *testing.T, h *hostile, options Options) *Pool {
	t.Helper()
	folder, err := os.MkdirTemp("", "kubeops-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	run(t, "unix:"+filepath.Join(folder, "test.sock"), h, options)
	return &Pool{Sockets: folder}
}

func run(t *testing.T, address string, h *hostile, options Options) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := Listen(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, listener, h, options) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

func target() Target { return Target{Socket: "test", Kind: KindCD} }

func open(t *testing.T, p *Pool) *Conn {
	t.Helper()
	c, err := p.Open(t.Context(), target())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestAPluginThatLiesAboutItselfIsRefused(t *testing.T) {
	for name, change := range map[string]func(*pluginv1.DescribeResponse){
		"another version": func(d *pluginv1.DescribeResponse) { d.Versions = []int32{2} },
		"no version":      func(d *pluginv1.DescribeResponse) { d.Versions = nil },
		"another kind":    func(d *pluginv1.DescribeResponse) { d.Kind = "ci" },
		"no find":         func(d *pluginv1.DescribeResponse) { d.Capabilities = nil },
	} {
		h := &hostile{description: honest()}
		change(h.description)
		pool := serve(t, h, Options{})
		_, err := pool.Open(t.Context(), target())
		if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonPluginIncompatible || p.Action != problem.UserMustAct {
			t.Errorf("%s: %v", name, err)
		}
		if n := pool.Connections(); n != 0 {
			t.Errorf("%s: %d connections", name, n)
		}
	}
}

func TestErrorsOfACall(t *testing.T) {
	h := &hostile{description: honest()}
	var logged atomic.Int32
	c := open(t, serve(t, h, Options{Log: func(string) { logged.Add(1) }}))
	for name, tc := range map[string]struct {
		get    func() (*pluginv1.GetResponse, error)
		reason string
		action problem.Action
		has    string
	}{
		"a problem of the user": {
			get:    func() (*pluginv1.GetResponse, error) { return nil, problem.UserError("Broken", nil, "thing is broken") },
			reason: "Broken", action: problem.UserMustAct, has: "thing is broken",
		},
		"a problem that waits": {
			get: func() (*pluginv1.GetResponse, error) {
				return nil, problem.Waiting("Busy", time.Minute, "thing is busy")
			},
			reason: "Busy", action: problem.Wait,
		},
		"a reason and a message that are no such": {
			get: func() (*pluginv1.GetResponse, error) {
				return nil, problem.UserError("not a reason", nil, "a\x1b[31m\nb")
			},
			reason: v1alpha1.ReasonPluginFailed, action: problem.UserMustAct,
		},
		"an error without a problem has no text": {
			get:    func() (*pluginv1.GetResponse, error) { return nil, errors.New("secret") },
			reason: v1alpha1.ReasonPluginFailed, action: problem.Retry, has: "see its log",
		},
		"a panic": {
			get:    func() (*pluginv1.GetResponse, error) { panic("boom") },
			reason: v1alpha1.ReasonPluginFailed, action: problem.Retry,
		},
		"a state of a later version": {
			get:    func() (*pluginv1.GetResponse, error) { return &pluginv1.GetResponse{State: 99}, nil },
			reason: v1alpha1.ReasonInvalidResponse, action: problem.Retry,
		},
		"no state": {
			get:    func() (*pluginv1.GetResponse, error) { return &pluginv1.GetResponse{}, nil },
			reason: v1alpha1.ReasonInvalidResponse, action: problem.Retry,
		},
		"a message that is too large": {
			get: func() (*pluginv1.GetResponse, error) {
				return &pluginv1.GetResponse{State: pluginv1.State_STATE_RUNNING, Message: strings.Repeat("a", MaxMessage)}, nil
			},
			reason: v1alpha1.ReasonResponseTooLarge, action: problem.Retry,
		},
		"a status": {
			get:    func() (*pluginv1.GetResponse, error) { return nil, status.Error(codes.Unavailable, "down") },
			reason: v1alpha1.ReasonPluginUnreachable, action: problem.Retry,
		},
	} {
		h.get = tc.get
		_, err := c.Get(t.Context(), &pluginv1.GetRequest{Handle: "h"})
		p := problem.As(err)
		if p == nil || p.Reason != tc.reason || p.Action != tc.action || !strings.Contains(p.Message, tc.has) ||
			strings.ContainsAny(p.Message, "\x1b\n") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if logged.Load() != 1 {
		t.Errorf("%d panics were logged", logged.Load())
	}
}

func TestTextsOfAPluginArePrintableAndClipped(t *testing.T) {
	h := &hostile{description: honest(), get: func() (*pluginv1.GetResponse, error) {
		return &pluginv1.GetResponse{State: pluginv1.State_STATE_RUNNING, Message: "a\x1b[2J", Kind: &pluginv1.GetResponse_Delivery{
			Delivery: &pluginv1.DeliveryState{
				Revisions: []string{"r\x07"}, Unhealthy: []*pluginv1.ResourceState{{Message: strings.Repeat("x", 5000) + "\u202e"}},
			},
		}}, nil
	}}
	answer, err := open(t, serve(t, h, Options{})).Get(t.Context(), &pluginv1.GetRequest{})
	if err != nil {
		t.Fatal(err)
	}
	d := answer.GetDelivery()
	all := answer.GetMessage() + d.GetRevisions()[0] + d.GetUnhealthy()[0].GetMessage()
	if strings.ContainsAny(all, "\x1b\x07\u202e") || len([]rune(d.GetUnhealthy()[0].GetMessage())) > maxText {
		t.Errorf("texts: %q", all)
	}
}

func TestAPluginThatIsNotThereOrRestartsIsUnreachable(t *testing.T) {
	pool := &Pool{Sockets: t.TempDir()}
	_, err := pool.Open(t.Context(), target())
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonPluginUnreachable || !strings.Contains(p.Message, "has no socket") {
		t.Errorf("no socket: %v", err)
	}
	for name, bad := range map[string]Target{
		"a path":              {Socket: "../x", Kind: KindCD},
		"neither":             {Kind: KindCD},
		"an address, no TLS":  {Address: "a:1", Kind: KindCD},
		"both":                {Socket: "a", Address: "a:1", Kind: KindCD},
		"a link-local target": {Address: "169.254.169.254:80", Kind: KindCD, TLS: provider.TLS{CA: []byte("x"), Certificate: []byte("x")}},
	} {
		if _, err := pool.Open(t.Context(), bad); problem.As(err) == nil || problem.As(err).Action != problem.UserMustAct {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestASocketNeedsNoTLSAndAnAddressNeedsClientCertificates(t *testing.T) {
	for name, config := range map[string]*tls.Config{"no TLS": nil, "no client certificates": {}} {
		listener, err := Listen(t.Context(), "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := Serve(t.Context(), listener, &hostile{}, Options{TLS: config}); err == nil {
			t.Errorf("%s: served", name)
		}
		_ = listener.Close()
	}
}

func TestMutualTLS(t *testing.T) {
	certificate := servers.NewCertificate(t)
	pair, err := tls.X509KeyPair(certificate.Certificate, certificate.Key)
	if err != nil {
		t.Fatal(err)
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(certificate.CA)
	address := run(t, "127.0.0.1:0", &hostile{description: honest()}, Options{TLS: &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	}})
	pool := &Pool{Egress: provider.Egress{AllowLoopback: true}}
	to := Target{Address: address, Kind: KindCD, TLS: provider.TLS{
		CA: certificate.CA, Certificate: certificate.Certificate, Key: certificate.Key,
	}}
	c, err := pool.Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	other := servers.NewCertificate(t)
	stranger := to
	stranger.TLS.Certificate, stranger.TLS.Key = other.Certificate, other.Key
	if _, err := pool.Open(t.Context(), stranger); err == nil {
		t.Error("the certificate of another authority was accepted")
	}
	wrong := to
	wrong.TLS.CA = other.CA
	if _, err := pool.Open(t.Context(), wrong); problem.As(err) == nil || problem.As(err).Reason != v1alpha1.ReasonTLSFailed {
		t.Errorf("another authority: %v", err)
	}
	if _, err := (&Pool{}).Open(t.Context(), to); problem.As(err) == nil || problem.As(err).Reason != v1alpha1.ReasonEgressDenied {
		t.Errorf("loopback: %v", err)
	}
}

package clusters

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/fairqueue"
	"kubeops.io/kubeops/internal/provider"
)

const (
	// connectTimeout of one connection, TLS handshake included.
	connectTimeout = 10 * time.Second
	// pingAfter is how long an HTTP/2 connection may be silent before it is pinged. Package net/http keeps the memory of a closed
	// connection, about 50 KiB, for as long.
	pingAfter = 30 * time.Second
	// maxCalls to all clusters at the same time, and to one.
	maxCalls        = 256
	maxClusterCalls = 16
	// maxResponse in bytes. A page of 500 usual Pods has 5 MiB.
	maxResponse = 32 << 20
	// grace is how long calls of a connection that was replaced or dropped may go on.
	grace = 15 * time.Second
	// hidden replaces a secret in a text.
	hidden = "[redacted]"
	// userAgent of all requests.
	userAgent = "kubeops"
)

var (
	// errClosed is the error of calls of a connection that was dropped.
	errClosed = errors.New("the connection to the cluster was closed")
	// errRedirected is the error of a redirect, which would take the credentials elsewhere.
	errRedirected = errors.New("the API server redirects to another address")
)

// Connection to a cluster with one set of credentials. All callers share it, and its HTTP clients; none of them closes it.
type Connection struct {
	name   string
	server *url.URL
	// access that it was made with; nil for the cluster of the manager.
	access *Access
	// account that the cluster of the manager is read as.
	account string
	// config has no credentials: its transport adds them.
	config *rest.Config
	// probe has connections of its own, so that a probe does not wait behind other calls.
	probe *http.Client
	state *connectionState
}

// connectionState is what the transports of a connection share.
type connectionState struct {
	name  string
	host  string
	slots *fairqueue.Slots
	// memory of the responses; may be nil.
	memory *provider.ResponseShare
	token  atomic.Pointer[string]
	// authority is the hash of the public key of the authority that signed the server's certificate.
	authority atomic.Pointer[string]
	// identity of the cluster that the last successful probe reached.
	identity atomic.Pointer[string]

	// closed ends all calls.
	closed context.Context //nolint:containedctx // the life of the connection
	end    context.CancelFunc

	mutex    sync.Mutex
	inFlight int
	leaving  bool
	idle     []func()
}

// Name of the cluster in messages.
func (c *Connection) Name() string { return c.name }

// Host of the API server, for messages.
func (c *Connection) Host() string { return c.server.Host }

// Config connects to the cluster: the credentials, limits and egress rules are in its transport. There is no client-side rate limit, since
// API Priority and Fairness of the cluster decides.
func (c *Connection) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Access is how to connect to the cluster, for another process. ok is false for the cluster of the manager.
func (c *Connection) Access() (access Access, ok bool) {
	if c.access == nil {
		return Access{}, false
	}
	access = *c.access
	access.Token = *c.state.token.Load()
	return access, true
}

// Account is the ServiceAccount that the cluster of the manager is read as; empty for other clusters.
func (c *Connection) Account() string { return c.account }

// Close ends a connection that Connect made, once its calls have ended. Those of a Registry are closed by it.
func (c *Connection) Close() { c.leave() }

// Redact removes the credentials from a text.
func (c *Connection) Redact(text string) string {
	if token := c.state.token.Load(); token != nil && len(*token) >= 4 {
		return strings.ReplaceAll(text, *token, hidden)
	}
	return text
}

// shared is what a connection shares with others.
type shared struct {
	egress    provider.Egress
	slots     *fairqueue.Slots
	memory    *provider.ResponseShare
	pingAfter time.Duration
}

// Connect is for one task: a connection of its own, which the caller closes. It connects nothing yet.
func Connect(name string, access Access, egress provider.Egress, memory *provider.ResponseShare) (*Connection, error) {
	return newConnection(name, access, shared{
		egress: egress, slots: fairqueue.NewSlots(maxClusterCalls, maxClusterCalls), memory: memory, pingAfter: pingAfter,
	})
}

// newConnection connects nothing yet. The caller ends it with leave.
func newConnection(name string, access Access, shared shared) (*Connection, error) {
	state := &connectionState{name: name, host: access.Server.Host, slots: shared.slots, memory: shared.memory}
	state.token.Store(&access.Token)
	c := &Connection{name: name, server: access.Server, access: &access, state: state}
	transports := make([]*http.Transport, 2)
	for i := range transports {
		config, err := access.TLS.Config(provider.Fields{})
		if err != nil {
			return nil, err
		}
		if transports[i], err = shared.egress.Transport(access.Server, config, connectTimeout); err != nil {
			return nil, provider.ToProblem(err, access.Server.Host, provider.Fields{})
		}
		transports[i].HTTP2.SendPingTimeout = shared.pingAfter
		state.idle = append(state.idle, transports[i].CloseIdleConnections)
	}
	state.closed, state.end = context.WithCancel(context.Background())
	c.config = &rest.Config{
		Host: access.Server.String(), QPS: -1, UserAgent: userAgent, Transport: &authenticated{state: state, next: transports[0]},
	}
	c.probe = &http.Client{Transport: &authenticated{state: state, next: transports[1], probe: true}, CheckRedirect: refuseRedirect}
	return c, nil
}

// newLocalConnection is a connection to the cluster of the manager, with a configuration that acts as a ServiceAccount. It shares the
// connections of the manager, which are not closed.
func newLocalConnection(name, account string, config *rest.Config) (*Connection, error) {
	server, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	shared, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	state := &connectionState{name: name, host: server.Host}
	state.closed, state.end = context.WithCancel(context.Background())
	return &Connection{
		name: name, server: server, account: account, config: rest.CopyConfig(config), probe: shared, state: state,
	}, nil
}

func refuseRedirect(*http.Request, []*http.Request) error { return errRedirected }

// renew the token of a connection whose access is otherwise the same.
func (c *Connection) renew(token string) { c.state.token.Store(&token) }

// leave lets calls end, and closes the TCP connections after the last one, or after a grace period.
func (c *Connection) leave() {
	s := c.state
	s.mutex.Lock()
	s.leaving = true
	busy := s.inFlight > 0
	s.mutex.Unlock()
	if !busy {
		s.finish()
		return
	}
	time.AfterFunc(grace, s.finish)
}

// closeIdle closes the TCP connections that no call uses, so that the next call dials.
func (c *Connection) closeIdle() {
	for _, closeIdle := range c.state.idle {
		closeIdle()
	}
}

func (s *connectionState) finish() {
	s.end()
	for _, closeIdle := range s.idle {
		closeIdle()
	}
}

// begin a call, unless the connection is gone.
func (s *connectionState) begin() error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed.Err() != nil {
		return errClosed
	}
	s.inFlight++
	return nil
}

func (s *connectionState) done() {
	s.mutex.Lock()
	s.inFlight--
	last := s.leaving && s.inFlight == 0
	s.mutex.Unlock()
	if last {
		s.finish()
	}
}

// authenticated is the one way to a cluster: it adds the token, for its own host only, waits for a slot, and bounds the response.
type authenticated struct {
	state *connectionState
	next  http.RoundTripper
	// probe calls need no slot.
	probe bool
}

// RoundTrip sends one request. The call lasts until its body is closed.
func (a *authenticated) RoundTrip(request *http.Request) (*http.Response, error) {
	s := a.state
	if request.URL.Host != s.host || request.URL.Scheme != "https" {
		return nil, errRedirected
	}
	ctx, cancel := context.WithCancel(request.Context())
	stop := context.AfterFunc(s.closed, cancel)
	release := func() {}
	end := sync.OnceFunc(func() {
		release()
		stop()
		cancel()
	})
	if !a.probe {
		freed, err := s.slots.Acquire(ctx, s.name)
		if err != nil {
			end()
			return nil, err
		}
		release = freed
	}
	if err := s.begin(); err != nil {
		end()
		return nil, err
	}
	response, err := a.send(request.Clone(ctx))
	if err != nil {
		s.done()
		end()
		return nil, err
	}
	response.Body = &callBody{ReadCloser: response.Body, end: sync.OnceFunc(func() { s.done(); end() })}
	return response, nil
}

func (a *authenticated) send(request *http.Request) (*http.Response, error) {
	if token := *a.state.token.Load(); token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("User-Agent", userAgent)
	response, err := a.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.TLS != nil {
		a.state.learn(response.TLS.VerifiedChains)
	}
	if request.URL.Query().Has("watch") {
		return response, nil // a watch has no end; its reader bounds each event
	}
	if err := provider.BoundResponse(response, maxResponse, a.state.memory); err != nil {
		return nil, err
	}
	return response, nil
}

// learn which authority signed the certificate of the server.
func (s *connectionState) learn(chains [][]*x509.Certificate) {
	if len(chains) == 0 || s.authority.Load() != nil {
		return
	}
	chain := chains[0]
	sum := sha256.Sum256(chain[len(chain)-1].RawSubjectPublicKeyInfo)
	authority := hex.EncodeToString(sum[:16])
	s.authority.Store(&authority)
}

// callBody ends a call when it is closed.
type callBody struct {
	io.ReadCloser
	end func()
}

// Close the body and end the call.
func (b *callBody) Close() error {
	err := b.ReadCloser.Close()
	b.end()
	return err
}

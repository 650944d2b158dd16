package plugin

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// Target is where a plugin listens: a Socket or an Address.
type Target struct {
	// Socket is the name of a Unix socket in the folder of the Pool, without .sock.
	Socket string
	// Address is host:port. It needs TLS with a CA and a client certificate.
	Address string
	TLS     provider.TLS
	// Kind that the plugin must have.
	Kind string
	// Fields of the spec, for messages.
	Fields provider.Fields
}

// name of the target for messages.
func (t Target) name() string {
	if t.Socket != "" {
		return t.Socket
	}
	return t.Address
}

// id of the connection: targets with the same id share one.
func (t Target) id() string {
	content, err := json.Marshal([]any{t.Socket, t.Address, t.TLS.CA, t.TLS.Certificate, t.TLS.Key, t.TLS.ServerName})
	if err != nil { // texts can be encoded
		return t.name()
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// Pool of connections: one for each plugin, which is closed when its last user closes it. The zero value works.
type Pool struct {
	// Sockets is the folder of the Unix sockets. Default DefaultSockets.
	Sockets string
	// Egress of addresses.
	Egress provider.Egress
	// Telemetry counts calls as requests of type plugin; nil counts nothing.
	Telemetry *provider.Metrics

	mu    sync.Mutex
	links map[string]*link
}

// link is a connection with its users.
type link struct {
	conn  *grpc.ClientConn
	users int
	slots chan struct{}

	mu   sync.Mutex
	lost *problem.Problem
}

func (l *link) setLost(p *problem.Problem) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = p
}

func (l *link) why() *problem.Problem {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// Conn is a connection to a plugin whose kind and version were checked. Close it.
type Conn struct {
	// Description of the plugin.
	Description *pluginv1.DescribeResponse

	pool   *Pool
	id     string
	target Target
	link   *link
	client pluginv1.PluginClient
	once   sync.Once
}

// Open connects to a plugin, and asks what it is. Errors are problems.
func (p *Pool) Open(ctx context.Context, target Target) (*Conn, error) {
	if err := p.check(target); err != nil {
		return nil, err
	}
	l, err := p.acquire(target)
	if err != nil {
		return nil, err
	}
	c := &Conn{pool: p, id: target.id(), target: target, link: l, client: pluginv1.NewPluginClient(l.conn)}
	if err := c.describe(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// check the target, before anything connects.
func (p *Pool) check(target Target) error {
	switch {
	case (target.Socket == "") == (target.Address == ""):
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "a plugin needs either a socket or an address")
	case target.Socket != "" && !socketName().MatchString(target.Socket):
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"the socket of a plugin is a name of lower case letters, digits and dashes")
	case target.Socket != "":
		return nil
	case len(target.TLS.CA) == 0, len(target.TLS.Certificate) == 0, target.TLS.InsecureSkipVerify:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "plugin %s needs mutual TLS: set a CA and a client certificate",
			target.Address)
	}
	host, _, err := net.SplitHostPort(target.Address)
	if err != nil {
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the address of a plugin is host:port")
	}
	if err := p.Egress.CheckHost(host); err != nil {
		return provider.ToProblem(err, host, target.Fields)
	}
	return nil
}

func (p *Pool) acquire(target Target) (*link, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.links == nil {
		p.links = map[string]*link{}
	}
	if l := p.links[target.id()]; l != nil {
		l.users++
		return l, nil
	}
	l := &link{users: 1, slots: make(chan struct{}, maxCalls)}
	dial, err := p.dialer(target, l)
	if err != nil {
		return nil, err
	}
	// TLS is part of dial, whose errors are known by type.
	l.conn, err = grpc.NewClient("passthrough:///plugin", grpc.WithContextDialer(dial), grpc.WithNoProxy(),
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDisableServiceConfig(),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: keepaliveTime / 2, PermitWithoutStream: true}),
		grpc.WithUnaryInterceptor(p.recordCall(target.Kind)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)))
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, err, "plugin %s cannot be connected to", target.name())
	}
	p.links[target.id()] = l
	return l, nil
}

// dialer connects, and keeps why it could not.
func (p *Pool) dialer(target Target, l *link) (func(context.Context, string) (net.Conn, error), error) {
	if target.Socket != "" {
		folder := p.Sockets
		if folder == "" {
			folder = DefaultSockets
		}
		path := filepath.Join(folder, target.Socket+".sock")
		return func(ctx context.Context, _ string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
			l.setLost(socketProblem(target, path, err))
			return conn, err
		}, nil
	}
	config, err := target.TLS.Config(target.Fields)
	if err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(target.Address) // checked before
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.NextProtos = []string{"h2"}
	plain := p.Egress.Dialer(callTimeout / 2)
	return func(ctx context.Context, _ string) (net.Conn, error) {
		conn, err := plain.DialContext(ctx, "tcp", target.Address)
		if err == nil {
			secure := tls.Client(conn, config)
			if err = secure.HandshakeContext(ctx); err == nil {
				l.setLost(nil)
				return secure, nil
			}
			_ = conn.Close()
		}
		l.setLost(provider.ToProblem(err, target.Address, target.Fields))
		return nil, err
	}, nil
}

func socketProblem(target Target, path string, err error) *problem.Problem {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return problem.Retrying(v1alpha1.ReasonPluginUnreachable, err,
			"plugin %s has no socket %s; check that its container runs beside the manager", target.Socket, path)
	case errors.Is(err, fs.ErrPermission):
		return problem.Retrying(v1alpha1.ReasonPluginUnreachable, err,
			"the manager cannot open the socket of plugin %s; both containers need the same user", target.Socket)
	}
	return problem.Retrying(v1alpha1.ReasonPluginUnreachable, err, "plugin %s does not listen on its socket; see its log", target.Socket)
}

// Connections that are open.
func (p *Pool) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.links)
}

// Close lets go of the connection.
func (c *Conn) Close() {
	c.once.Do(func() {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		if c.link.users--; c.link.users == 0 {
			delete(c.pool.links, c.id)
			_ = c.link.conn.Close()
		}
	})
}

// describe the plugin, and check its kind and version.
func (c *Conn) describe(ctx context.Context) error {
	d, err := invoke(ctx, c, c.client.Describe, &pluginv1.DescribeRequest{Versions: []int32{Version}})
	if err != nil {
		return err
	}
	switch {
	case !slices.Contains(d.GetVersions(), Version):
		return problem.UserError(v1alpha1.ReasonPluginIncompatible, nil, "plugin %s does not speak version %d of the contract; update it",
			c.target.name(), Version)
	case d.GetKind() != c.target.Kind:
		return problem.UserError(v1alpha1.ReasonPluginIncompatible, nil, "plugin %s is not of kind %s", c.target.name(), c.target.Kind)
	case !slices.Contains(d.GetCapabilities(), CapabilityFind):
		return problem.UserError(v1alpha1.ReasonPluginIncompatible, nil,
			"plugin %s cannot find work that it started, so it would be started twice after a crash", c.target.name())
	}
	clean(d.ProtoReflect())
	c.Description = d
	return nil
}

// invoke a method with a deadline, and one of the slots of the connection. A canceled call has an unknown result.
func invoke[Q, A any](ctx context.Context, c *Conn, method func(context.Context, Q, ...grpc.CallOption) (A, error), request Q) (A, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var none A
	select {
	case c.link.slots <- struct{}{}:
		defer func() { <-c.link.slots }()
	case <-ctx.Done():
		return none, problem.Retrying(v1alpha1.ReasonTimeout, ctx.Err(), "plugin %s has %d calls in progress", c.target.name(), maxCalls)
	}
	answer, err := method(ctx, request)
	if err != nil {
		return none, toProblem(c.target.name(), c.link.why(), err)
	}
	return answer, nil
}

package provider

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// keepAlive of connections.
const keepAlive = 30 * time.Second

// maxPrivateDial is the longest that a connection to a private address may take, which is also how long one that was refused takes.
// A SYN that was lost is sent again after one second, and after three.
const maxPrivateDial = 4 * time.Second

// lookupTimeout of a name behind a proxy.
const lookupTimeout = 5 * time.Second

// errNotConnected stands for a connection to a private address that was refused, had no route, or got no response: which of them it
// was would show the ports and network policies of other tenants.
var errNotConnected = errors.New("no connection")

// Dialer connects to addresses that the rules allow, and to no other. Backends that do not speak HTTP use it without a Client.
type Dialer struct {
	egress  Egress
	timeout time.Duration
	// private reports whether the errors of an address are concealed: isPrivate.
	private func(netip.Addr) bool
}

// Dialer connects within a timeout, which includes resolving the name.
func (e Egress) Dialer(timeout time.Duration) *Dialer {
	return &Dialer{egress: e, timeout: timeout, private: isPrivate}
}

// DialContext connects to host:port. Each address that a name resolves to is judged before it is dialed. A private address that
// cannot be connected to has the same error after the same time, whatever the cause.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", errEgressSpelling, address)
	}
	hostAllowed, err := d.egress.checkHost(host)
	if err != nil {
		return nil, err
	}
	after := min(maxPrivateDial, d.timeout/2)
	within, err := d.share(ctx, host, after)
	if err != nil {
		return nil, err
	}
	dialing, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	concealed := &deadline{after: after, expired: make(chan struct{}), cancel: cancel}
	defer concealed.stop()
	dialer := &net.Dialer{Timeout: d.timeout, KeepAlive: keepAlive, Control: func(_, address string, _ syscall.RawConn) error {
		ip, err := d.egress.allowsAddress(address, hostAllowed)
		if err == nil && !d.egress.DetailedDialErrors && d.private(ip) {
			concealed.start()
		}
		return err
	}}
	conn, err := dialer.DialContext(dialing, network, address)
	if err == nil || !concealed.started() || errors.Is(err, errEgress) {
		return conn, err
	}
	select {
	case <-concealed.expired:
		return nil, errNotConnected
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// share is the time for all addresses of a host: that of private addresses where it has one, so that the dialer gives each of several
// addresses its part of it.
func (d *Dialer) share(ctx context.Context, host string, private time.Duration) (time.Duration, error) {
	addresses := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		addresses = append(addresses, ip)
	} else if addresses, err = d.egress.lookup(ctx, d.timeout, host); err != nil {
		return 0, err
	}
	if !d.egress.DetailedDialErrors && slices.ContainsFunc(addresses, d.private) {
		return private, nil
	}
	return d.timeout, nil
}

// deadline begins when the first private address is dialed, and ends the dialing.
type deadline struct {
	after   time.Duration
	expired chan struct{}
	cancel  context.CancelFunc

	mutex sync.Mutex
	timer *time.Timer
}

func (d *deadline) start() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.timer == nil {
		d.timer = time.AfterFunc(d.after, func() {
			d.cancel()
			close(d.expired)
		})
	}
}

func (d *deadline) started() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return d.timer != nil
}

func (d *deadline) stop() {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
}

// Resolver looks up the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// lookup returns the addresses of a name.
func (e Egress) lookup(ctx context.Context, timeout time.Duration, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if e.Resolver != nil {
		return e.Resolver.LookupNetIP(ctx, "ip", name)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// errProxyOnly is the error of a host that the manager cannot resolve, while the proxy might resolve it to any address.
var errProxyOnly = errors.New("the host cannot be resolved before the proxy is asked")

// CheckBehindProxy resolves and judges a host that a proxy will connect to. The proxy resolves the name again, and should therefore
// deny such addresses itself.
func (e Egress) CheckBehindProxy(ctx context.Context, host string) error {
	hostAllowed, err := e.checkHost(host)
	if err != nil {
		return err
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil // judged already
	}
	name, err := hostName(host)
	if err != nil {
		return err
	}
	if text.MatchAny(e.ProxyResolvedHosts, name) {
		return nil
	}
	addresses, err := e.lookup(ctx, lookupTimeout, name)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("%w: %w", errProxyOnly, err)
	}
	for _, address := range addresses {
		if err := e.allows(address, hostAllowed); err != nil {
			return err
		}
	}
	return nil
}

// Observe counts a request that did not go through a Client: its result is ok, or the reason of the problem. A nil *Metrics counts
// nothing.
func (m *Metrics) Observe(backend, operation string, err error, took time.Duration) {
	result := "ok"
	if p := problem.As(err); p != nil {
		result = p.Reason
	} else if err != nil {
		result = "error"
	}
	m.observe(backend, operation, result, took)
}

// Bounded is a connection to a hostile server: it ends with the context that it was made with, and a read of more than
// maxBytes gets an error that ToProblem turns into ResponseTooLarge.
type Bounded struct {
	net.Conn
	limit, left int64
	stop        func() bool
}

// Bound a connection. Close lets go of the context, too.
func Bound(ctx context.Context, conn net.Conn, maxBytes int64) *Bounded {
	b := &Bounded{Conn: conn, limit: maxBytes, left: maxBytes}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that cannot is one that is closed, which the next call finds
	}
	b.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return b
}

// Read at most what is left.
func (b *Bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, &sizeError{b.limit}
	}
	if int64(len(into)) > b.left {
		into = into[:b.left]
	}
	n, err := b.Conn.Read(into)
	b.left -= int64(n)
	return n, err
}

// SetDeadline does nothing: the deadline of the context is the only one.
func (b *Bounded) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing, likewise.
func (b *Bounded) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing, likewise: TLS would set a deadline of its own for its closing message.
func (b *Bounded) SetWriteDeadline(time.Time) error { return nil }

// Close the connection.
func (b *Bounded) Close() error {
	b.stop()
	return b.Conn.Close()
}

package provider

import (
	"context"
	"net"
	"time"

	"kubeops.io/kubeops/internal/problem"
)

// What follows is for backends that do not speak HTTP: the same rules of egress, trust and wording, without a Client.

// Dialer connects to addresses that the rules allow, and to no other. Resolving the name is part of the timeout.
func (e Egress) Dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second, Control: e.control}
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
	left int64
	stop func() bool
}

// Bound a connection. Close lets go of the context, too.
func Bound(ctx context.Context, conn net.Conn, maxBytes int64) *Bounded {
	b := &Bounded{Conn: conn, left: maxBytes}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // a connection that cannot is one that is closed, which the next call finds
	}
	b.stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return b
}

// Read at most what is left.
func (b *Bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
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

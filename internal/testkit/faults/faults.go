// Package faults puts servers behind proxies that delay, hang, reset or impersonate, so that one real server can be many, good and bad.
package faults

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math"
	"math/big"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Fault is what a proxy does instead of passing bytes on.
type Fault int32

const (
	// None passes everything on.
	None Fault = iota
	// Hang accepts everything and passes nothing on, on connections that are open already, too: a frozen server.
	Hang
	// Reset ends connections with RST, at once: a server whose process is gone.
	Reset
	// Certificate answers with TLS and a certificate that no client trusts: another server behind the address. It ends open connections.
	Certificate
	// Stall passes on what the server says at the beginning of each connection, up to answers, and no more: a server that answers small
	// requests, and none for lists.
	Stall
)

// answers is what Stall passes on of a connection, in bytes: the handshake and a small answer.
const answers = 8 << 10

// Proxy is a TCP proxy in front of a server. It is safe for concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	delay    time.Duration
	// other is the certificate of Certificate.
	other tls.Certificate

	fault    atomic.Int32
	accepted atomic.Int64

	mutex sync.Mutex
	open  map[net.Conn]bool // true for those of clients
}

// NewProxy before a server at HOST:PORT, on a loopback address, until the test ends. What it passes on in either direction is delayed.
func NewProxy(t testing.TB, target string, delay time.Duration) *Proxy {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{listener: listener, target: target, delay: delay, other: untrusted(t), open: map[net.Conn]bool{}}
	go p.serve()
	t.Cleanup(func() {
		_ = listener.Close()
		p.cut()
	})
	return p
}

// untrusted is a certificate that signed itself.
func untrusted(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// Address is HOST:PORT of the proxy.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Set what the proxy does from now on.
func (p *Proxy) Set(f Fault) {
	p.fault.Store(int32(f))
	if f == Reset || f == Certificate {
		p.cut()
	}
}

// Healthy reports whether the proxy passes everything on.
func (p *Proxy) Healthy() bool { return p.current() == None }

// Accepted is how many connections clients have made.
func (p *Proxy) Accepted() int64 { return p.accepted.Load() }

// Open is how many connections clients have now.
func (p *Proxy) Open() (n int) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, ofClient := range p.open {
		if ofClient {
			n++
		}
	}
	return n
}

func (p *Proxy) current() Fault { return Fault(p.fault.Load()) }

func (p *Proxy) serve() {
	for {
		from, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		p.keep(from, true)
		go p.pass(from)
	}
}

func (p *Proxy) pass(from net.Conn) {
	defer p.drop(from)
	switch p.current() {
	case Reset:
		return
	case Certificate:
		server := tls.Server(from, &tls.Config{Certificates: []tls.Certificate{p.other}, MinVersion: tls.VersionTLS12})
		_ = server.HandshakeContext(context.Background()) // the client refuses it
		return
	}
	to, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		return
	}
	p.keep(to, false)
	defer p.drop(to)
	var both sync.WaitGroup
	both.Go(func() { p.copy(to, from, math.MaxInt) })
	both.Go(func() { p.copy(from, to, answers) })
	both.Wait()
}

// copy until one side ends, which ends the other one, too. Stall passes on as many bytes.
func (p *Proxy) copy(to, from net.Conn, stalls int) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		stalls = max(stalls-n, 0)
		if fault := p.current(); n > 0 && fault != Hang && (fault != Stall || stalls > 0) {
			if p.delay > 0 {
				<-time.After(p.delay)
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) keep(c net.Conn, ofClient bool) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.open[c] = ofClient
}

func (p *Proxy) drop(c net.Conn) {
	p.mutex.Lock()
	delete(p.open, c)
	p.mutex.Unlock()
	if tcp, ok := c.(*net.TCPConn); ok && p.current() == Reset {
		_ = tcp.SetLinger(0) // RST instead of FIN
	}
	_ = c.Close()
}

// cut all connections.
func (p *Proxy) cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for c := range p.open {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it may be closed already
		}
		_ = c.Close()
	}
}

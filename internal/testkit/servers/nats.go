package servers

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// NATSOptions of a server.
type NATSOptions struct {
	// Certificate to demand TLS with, if set.
	Certificate *Certificate
	// Verify wants clients to have a certificate that the CA of Certificate signed.
	Verify bool
	// Config is added to its configuration file, for example an authorization block.
	Config string
	// WithoutJetStream keeps nothing.
	WithoutJetStream bool
}

// NATS starts a server with JetStream on a free port, which it keeps when it is stopped and started again, as it keeps its data.
// The address is host:port.
func NATS(t testing.TB, options NATSOptions) (address string, process *Process) {
	t.Helper()
	folder := Folder(t, "nats")
	dir := t.TempDir()
	address = fmt.Sprintf("127.0.0.1:%d", FreePort(t))
	config := fmt.Sprintf("listen: %q\n%s\n", address, options.Config)
	if c := options.Certificate; c != nil {
		writeText(t, filepath.Join(dir, "tls.crt"), string(c.Certificate))
		writeText(t, filepath.Join(dir, "tls.key"), string(c.Key))
		writeText(t, filepath.Join(dir, "ca.crt"), string(c.CA))
		config += fmt.Sprintf("tls {cert_file: tls.crt, key_file: tls.key, ca_file: ca.crt, verify: %t}\n", options.Verify)
	}
	if !options.WithoutJetStream {
		config += "jetstream {store_dir: data, max_mem: 16M, max_file: 1G}\n"
	}
	writeText(t, filepath.Join(dir, "nats.conf"), config)
	process = Start(t, Spec{
		Name: "nats", Path: filepath.Join(folder, "nats-server"), Dir: dir, Args: []string{"--config", "nats.conf"},
		Ready: saysTo(address, "", "INFO "),
	})
	return address, process
}

// saysTo is a Ready that connects, says something, and wants an answer that begins with a text; with an empty one, a connection.
func saysTo(address, question, text string) func(context.Context) error {
	return func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		if text == "" {
			return nil
		}
		if deadline, ok := ctx.Deadline(); ok {
			if err := conn.SetDeadline(deadline); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(conn, question); err != nil {
			return err
		}
		got := make([]byte, 512)
		n, err := conn.Read(got)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(string(got[:n]), text) {
			return fmt.Errorf("%s does not begin with %q", address, text)
		}
		return nil
	}
}

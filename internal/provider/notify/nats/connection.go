package nats

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// Limits of what is read from a server: in total, per line (INFO lists the servers of a cluster), and per message. The longest
// response is a page of 1024 stream names.
const (
	maxRead    = 2 << 20
	maxLine    = 64 << 10
	maxMessage = 512 << 10
)

// connection to a server, with one request at a time.
type connection struct {
	server string
	fields provider.Fields
	conn   net.Conn
	reader *bufio.Reader
	info   info
	close  func()
}

// info is the greeting of a server.
type info struct {
	MaxPayload   int64  `json:"max_payload"`
	Headers      bool   `json:"headers"`
	TLSRequired  bool   `json:"tls_required"`
	TLSAvailable bool   `json:"tls_available"`
	Nonce        string `json:"nonce"`
}

// header of a message.
type header struct{ name, value string }

// response to a request. With noResponders, the subject has no subscriber.
type response struct {
	noResponders bool
	payload      []byte
}

// errProtocol marks input that violates the NATS protocol. It does not quote it.
var errProtocol = errors.New("not the NATS protocol")

// open a connection, secured and logged in.
func (c *Channel) open(ctx context.Context) (*connection, error) {
	raw, err := c.egress.Dialer(c.timeout).DialContext(ctx, "tcp", c.server)
	if err != nil {
		return nil, provider.ToProblem(err, c.server, c.fields)
	}
	bound := provider.Bound(ctx, raw, maxRead)
	conn := &connection{
		server: c.server, fields: c.fields, conn: bound, reader: bufio.NewReader(bound), close: func() { _ = bound.Close() },
	}
	if err := conn.handshake(ctx, c); err != nil {
		conn.close()
		return nil, conn.toProblem(err)
	}
	return conn, nil
}

// handshake reads the greeting, starts TLS, and logs in.
func (c *connection) handshake(ctx context.Context, channel *Channel) error {
	line, err := c.line()
	if err != nil {
		return err
	}
	content, found := strings.CutPrefix(line, "INFO ")
	if !found || decode([]byte(content), &c.info) != nil {
		return errProtocol
	}
	useTLS := channel.requireTLS || c.info.TLSRequired
	if useTLS {
		if err := c.startTLS(ctx, channel.tls); err != nil {
			return err
		}
	}
	options, err := channel.connectOptions(c.info.Nonce, useTLS)
	if err != nil {
		return problem.UserError(
			v1alpha1.ReasonInvalidSecret, nil, "the key of spec.nats.credentials cannot sign; create the .creds file again",
		)
	}
	encoded, err := json.Marshal(options)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.conn, "CONNECT %s\r\nPING\r\n", encoded); err != nil {
		return c.serverError(err)
	}
	_, err = c.readUntil("PONG")
	return err
}

// startTLS and discard what was received in plain text.
func (c *connection) startTLS(ctx context.Context, config *tls.Config) error {
	if !c.info.TLSRequired && !c.info.TLSAvailable {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil,
			"%s does not offer TLS, so nothing was sent; configure TLS there, or use nats:// without spec.tls", c.server)
	}
	conn := tls.Client(c.conn, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) {
			return problem.Retrying(
				v1alpha1.ReasonTLSFailed, err, "no secure connection to %s: it offers TLS, but does not respond with it", c.server,
			)
		}
		return err
	}
	c.conn = conn
	c.reader = bufio.NewReader(conn)
	return nil
}

// request publishes to a subject and waits for the response.
func (c *connection) request(subject string, headers []header, payload []byte) (*response, error) {
	if len(headers) > 0 && !c.info.Headers {
		return nil, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"%s does not support headers, which prevent duplicates; use NATS 2.2 or later, and allow headers", c.server)
	}
	encoded := encodeHeaders(headers)
	size := len(encoded) + len(payload)
	if c.info.MaxPayload > 0 && int64(size) > c.info.MaxPayload {
		return nil, c.tooLarge()
	}
	inbox := "_INBOX." + rand.Text()
	var out bytes.Buffer
	fmt.Fprintf(&out, "SUB %s 1\r\n", inbox)
	if len(encoded) > 0 {
		fmt.Fprintf(&out, "HPUB %s %s %d %d\r\n", subject, inbox, len(encoded), size)
	} else {
		fmt.Fprintf(&out, "PUB %s %s %d\r\n", subject, inbox, size)
	}
	out.Write(encoded)
	out.Write(payload)
	out.WriteString("\r\n")
	if _, err := c.conn.Write(out.Bytes()); err != nil {
		return nil, c.toProblem(c.serverError(err))
	}
	received, err := c.readUntil("")
	if err != nil {
		return nil, c.toProblem(err)
	}
	return received, nil
}

func encodeHeaders(headers []header) []byte {
	if len(headers) == 0 {
		return nil
	}
	var out bytes.Buffer
	out.WriteString("NATS/1.0\r\n")
	for _, h := range headers {
		out.WriteString(h.name + ": " + h.value + "\r\n")
	}
	out.WriteString("\r\n")
	return out.Bytes()
}

func (c *connection) tooLarge() error {
	return problem.UserError(v1alpha1.ReasonRejected, nil,
		"%s does not accept messages of this size; raise max_payload there, or send less: see spec.filter and spec.mode", c.server)
}

// serverError is the reason that a server gave before it closed the connection, or the error of the write.
func (c *connection) serverError(writeErr error) error {
	if _, err := c.readUntil("PONG"); problem.As(err) != nil {
		return err
	}
	return writeErr
}

// readUntil reads until a line is the given operation, or, if that is empty, until a message.
func (c *connection) readUntil(expected string) (*response, error) {
	for {
		line, err := c.line()
		if err != nil {
			return nil, err
		}
		operation, arguments, _ := strings.Cut(line, " ")
		switch operation = strings.ToUpper(operation); operation {
		case "PING":
			if _, err := io.WriteString(c.conn, "PONG\r\n"); err != nil {
				return nil, err
			}
		case "PONG", "+OK", "INFO":
			if operation == expected {
				return nil, nil
			}
		case "-ERR":
			return nil, c.protocolError(arguments)
		case "MSG", "HMSG":
			received, err := c.message(operation == "HMSG", strings.Fields(arguments))
			if err != nil || (received != nil && expected == "") {
				return received, err
			}
		default:
			return nil, errProtocol
		}
	}
}

// message reads the message that a line announces. Its fields are subject, subscription, optionally a subject to reply to, the size of
// the headers if there are any, and the total size. The result is nil for a message of another subscription.
func (c *connection) message(headers bool, fields []string) (*response, error) {
	numbers := 1
	if headers {
		numbers = 2
	}
	if len(fields) < 2+numbers || len(fields) > 3+numbers {
		return nil, errProtocol
	}
	size, err := strconv.ParseUint(fields[len(fields)-1], 10, 31)
	if err != nil {
		return nil, errProtocol
	}
	if size > maxMessage {
		return nil, problem.Retrying(v1alpha1.ReasonResponseTooLarge, nil,
			"the response of %s exceeds %d bytes; check that the subject belongs to a JetStream stream", c.server, maxMessage)
	}
	headerSize := uint64(0)
	if headers {
		if headerSize, err = strconv.ParseUint(fields[len(fields)-2], 10, 31); err != nil || headerSize > size {
			return nil, errProtocol
		}
	}
	content := make([]byte, size+2)
	if _, err := io.ReadFull(c.reader, content); err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(content, []byte("\r\n")) {
		return nil, errProtocol
	}
	if fields[1] != "1" {
		return nil, nil
	}
	status, _, _ := strings.Cut(string(content[:headerSize]), "\r\n")
	return &response{noResponders: strings.HasPrefix(status, "NATS/1.0 503"), payload: content[headerSize:size]}, nil
}

// line without its line break.
func (c *connection) line() (string, error) {
	var line []byte
	for {
		part, err := c.reader.ReadSlice('\n')
		if len(line)+len(part) > maxLine {
			return "", errProtocol
		}
		line = append(line, part...)
		if err == nil {
			return strings.TrimRight(string(line), "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
	}
}

// protocolError maps -ERR. Its text identifies the cause and is never quoted: it may contain random subjects.
func (c *connection) protocolError(text string) error {
	text = strings.ToLower(text)
	contains := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case contains("permissions violation for publish to \"$js.api"):
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s does not allow this user to query the streams of the subject; allow publish to $JS.API.STREAM.NAMES", c.server)
	case contains("permissions violation for subscription"):
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s does not allow this user to receive the stream's response; allow subscribe to _INBOX.>", c.server)
	case contains("permissions violation"):
		return problem.Retrying(v1alpha1.ReasonForbidden, nil,
			"%s does not allow this user to publish to the subject; allow publish to spec.nats.subject", c.server)
	case contains("authorization"), contains("authentication"):
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil,
			"%s rejected the credentials; check the Secret that spec.nats references", c.server)
	case contains("tls required"):
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil, "%s requires TLS; use tls:// in spec.nats.url", c.server)
	case contains("maximum payload"):
		return c.tooLarge()
	case contains("connections exceeded"):
		return problem.Retrying(
			v1alpha1.ReasonServerError, nil, "%s has reached its maximum of connections; raise max_connections there", c.server,
		)
	}
	return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s returned an error; check its log", c.server)
}

// toProblem maps an error that is not a problem yet.
func (c *connection) toProblem(err error) error {
	if errors.Is(err, errProtocol) {
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil,
			"%s did not respond as a NATS server does; check that spec.nats.url is the client port of one", c.server)
	}
	return provider.ToProblem(err, c.server, c.fields)
}

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

// Bounds of what is read from a server: in all, of one line (INFO lists the servers of a cluster), and of one message. The longest
// answer is a page of 1024 names of streams.
const (
	mostRead    = 2 << 20
	mostLine    = 64 << 10
	mostMessage = 512 << 10
)

// wire is one connection to a server, which has one question open at a time.
type wire struct {
	server string
	fields provider.Fields
	conn   net.Conn
	reader *bufio.Reader
	info   info
	close  func()
}

// info is what a server says first.
type info struct {
	MaxPayload   int64  `json:"max_payload"`
	Headers      bool   `json:"headers"`
	TLSRequired  bool   `json:"tls_required"`
	TLSAvailable bool   `json:"tls_available"`
	Nonce        string `json:"nonce"`
}

// header of a message.
type header struct{ name, value string }

// answer to a question. Nobody says that nothing takes the subject.
type answer struct {
	nobody  bool
	payload []byte
}

// errGarbled marks what no NATS server says. It holds nothing of it.
var errGarbled = errors.New("not the protocol of NATS")

// open a connection, secured and logged in.
func (c *Channel) open(ctx context.Context) (*wire, error) {
	raw, err := c.egress.Dialer(c.timeout).DialContext(ctx, "tcp", c.server)
	if err != nil {
		return nil, provider.ToProblem(err, c.server, c.fields)
	}
	bound := provider.Bound(ctx, raw, mostRead)
	w := &wire{server: c.server, fields: c.fields, conn: bound, reader: bufio.NewReader(bound), close: func() { _ = bound.Close() }}
	if err := w.begin(ctx, c); err != nil {
		w.close()
		return nil, w.explain(err)
	}
	return w, nil
}

// begin reads who is there, secures the connection, and logs in.
func (w *wire) begin(ctx context.Context, c *Channel) error {
	line, err := w.line()
	if err != nil {
		return err
	}
	content, found := strings.CutPrefix(line, "INFO ")
	if !found || json.Unmarshal([]byte(content), &w.info) != nil {
		return errGarbled
	}
	secure := c.secure || w.info.TLSRequired
	if secure {
		if err := w.secure(ctx, c.tls); err != nil {
			return err
		}
	}
	hello, err := c.hello(w.info.Nonce, secure)
	if err != nil {
		return problem.UserError(v1alpha1.ReasonInvalidSecret, nil, "the key of spec.nats.credentials cannot sign; make the .creds file anew")
	}
	said, err := json.Marshal(hello)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w.conn, "CONNECT %s\r\nPING\r\n", said); err != nil {
		return w.lastWords(err)
	}
	_, err = w.until("PONG")
	return err
}

// secure the connection. What the server said in the clear before is forgotten.
func (w *wire) secure(ctx context.Context, config *tls.Config) error {
	if !w.info.TLSRequired && !w.info.TLSAvailable {
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil, "%s offers no TLS, so that nothing was told to it; configure TLS there, or use nats:// without spec.tls", w.server)
	}
	conn := tls.Client(w.conn, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		var record tls.RecordHeaderError
		if errors.As(err, &record) {
			return problem.Retrying(v1alpha1.ReasonTLSFailed, err, "no secure connection to %s: it offers TLS and does not speak it", w.server)
		}
		return err
	}
	w.conn, w.reader = conn, bufio.NewReader(conn)
	return nil
}

// request publishes to a subject and waits for what is said to it.
func (w *wire) request(subject string, headers []header, payload []byte) (*answer, error) {
	inbox := "_INBOX." + rand.Text()
	var head bytes.Buffer
	if len(headers) > 0 {
		if !w.info.Headers {
			return nil, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s takes no headers, without which duplicates are not dropped; use NATS 2.2 or later, and allow headers", w.server)
		}
		head.WriteString("NATS/1.0\r\n")
		for _, h := range headers {
			head.WriteString(h.name + ": " + h.value + "\r\n")
		}
		head.WriteString("\r\n")
	}
	if total := int64(head.Len() + len(payload)); w.info.MaxPayload > 0 && total > w.info.MaxPayload {
		return nil, problem.UserError(v1alpha1.ReasonRejected, nil, "%s takes no message of this size; raise its max_payload, or tell less: see spec.filter and spec.mode", w.server)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "SUB %s 1\r\n", inbox)
	if head.Len() > 0 {
		fmt.Fprintf(&out, "HPUB %s %s %d %d\r\n", subject, inbox, head.Len(), head.Len()+len(payload))
	} else {
		fmt.Fprintf(&out, "PUB %s %s %d\r\n", subject, inbox, len(payload))
	}
	out.Write(head.Bytes())
	out.Write(payload)
	out.WriteString("\r\n")
	if _, err := w.conn.Write(out.Bytes()); err != nil {
		return nil, w.explain(w.lastWords(err))
	}
	got, err := w.until("")
	if err != nil {
		return nil, w.explain(err)
	}
	return got, nil
}

// lastWords of a server that hung up while something was written to it: it may have said why.
func (w *wire) lastWords(err error) error {
	if _, why := w.until("PONG"); problem.As(why) != nil {
		return why
	}
	return err
}

// until a line that is a word, or, without one, until a message.
func (w *wire) until(word string) (*answer, error) {
	for {
		line, err := w.line()
		if err != nil {
			return nil, err
		}
		operation, rest, _ := strings.Cut(line, " ")
		switch operation = strings.ToUpper(operation); operation {
		case "PING":
			if _, err := io.WriteString(w.conn, "PONG\r\n"); err != nil {
				return nil, err
			}
		case "PONG", "+OK", "INFO":
			if operation == word {
				return nil, nil
			}
		case "-ERR":
			return nil, w.refused(rest)
		case "MSG", "HMSG":
			got, err := w.message(operation == "HMSG", strings.Fields(rest))
			if err != nil || (got != nil && word == "") {
				return got, err
			}
		default:
			return nil, errGarbled
		}
	}
}

// message reads what the line announces: subject, subscription, perhaps a subject to answer to, the size of the headers if there
// are any, and the size. Nil is one of another subscription.
func (w *wire) message(headers bool, fields []string) (*answer, error) {
	numbers := 1
	if headers {
		numbers = 2
	}
	if len(fields) < 2+numbers || len(fields) > 3+numbers {
		return nil, errGarbled
	}
	size, err := strconv.ParseUint(fields[len(fields)-1], 10, 31)
	if err != nil {
		return nil, errGarbled
	}
	if size > mostMessage {
		return nil, problem.Retrying(v1alpha1.ReasonResponseTooLarge, nil, "%s answered more than is read; check that the subject leads to a JetStream stream", w.server)
	}
	head := uint64(0)
	if headers {
		if head, err = strconv.ParseUint(fields[len(fields)-2], 10, 31); err != nil || head > size {
			return nil, errGarbled
		}
	}
	content := make([]byte, size+2)
	if _, err := io.ReadFull(w.reader, content); err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(content, []byte("\r\n")) {
		return nil, errGarbled
	}
	if fields[1] != "1" {
		return nil, nil
	}
	status, _, _ := strings.Cut(string(content[:head]), "\r\n")
	return &answer{nobody: strings.HasPrefix(status, "NATS/1.0 503"), payload: content[head:size]}, nil
}

// line without its end.
func (w *wire) line() (string, error) {
	var line []byte
	for {
		part, err := w.reader.ReadSlice('\n')
		if len(line)+len(part) > mostLine {
			return "", errGarbled
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

// refused words an error of the protocol, which is told apart by its words, and never quoted: it may name subjects at random.
func (w *wire) refused(text string) error {
	text = strings.ToLower(text)
	has := func(words string) bool { return strings.Contains(text, words) }
	switch {
	case has("permissions violation for publish to \"$js.api"):
		return problem.Retrying(v1alpha1.ReasonForbidden, nil, "%s does not let this user ask whether a stream takes the subject; let it publish to $JS.API.STREAM.NAMES", w.server)
	case has("permissions violation for subscription"):
		return problem.Retrying(v1alpha1.ReasonForbidden, nil, "%s does not let this user hear the answer of the stream; let it subscribe to _INBOX.>", w.server)
	case has("permissions violation"):
		return problem.Retrying(v1alpha1.ReasonForbidden, nil, "%s does not let this user publish to the subject; give it the right to", w.server)
	case has("authorization"), has("authentication"):
		return problem.Retrying(v1alpha1.ReasonUnauthorized, nil, "%s does not accept the credentials; check the Secret that spec.nats names", w.server)
	case has("tls required"):
		return problem.Retrying(v1alpha1.ReasonTLSFailed, nil, "%s wants TLS; use tls://", w.server)
	case has("maximum payload"):
		return problem.UserError(v1alpha1.ReasonRejected, nil, "%s takes no message of this size; raise its max_payload, or tell less: see spec.filter and spec.mode", w.server)
	case has("connections exceeded"):
		return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s takes no more connections; raise its limits", w.server)
	}
	return problem.Retrying(v1alpha1.ReasonServerError, nil, "%s answered with an error; look at its own log", w.server)
}

// explain what is no problem yet.
func (w *wire) explain(err error) error {
	if errors.Is(err, errGarbled) {
		return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "%s answered something that a NATS server does not answer; check that spec.nats.url leads to one, and to its port for clients", w.server)
	}
	return provider.ToProblem(err, w.server, w.fields)
}

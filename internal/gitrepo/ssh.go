package gitrepo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the format of hashed host names in known_hosts
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// sshWire speaks the protocol of Git over SSH.
type sshWire struct {
	address, path string
	config        *ssh.ClientConfig
	dialer        *provider.Dialer
	options       Options
	fields        provider.Fields
}

// errHostKey is a server with another key than the given ones.
var errHostKey = errors.New("the host key is not known")

func newSSH(target *url.URL, remote Remote, options Options) (*sshWire, error) {
	if _, hasPassword := target.User.Password(); hasPassword {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s must not contain a password; reference a private key in %s",
			remote.Fields.URL, remote.Fields.Auth)
	}
	if strings.ContainsFunc(target.Path, func(r rune) bool { return r < ' ' || strings.ContainsRune("'\\!", r) }) {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the path of %s has characters that no repository has",
			remote.Fields.URL)
	}
	signer, err := ssh.ParsePrivateKey(remote.Key)
	if err != nil { // err is left out to be sure that no part of the key leaks
		return nil, problem.UserError(v1alpha1.ReasonInvalidSecret, nil,
			"ssh-privatekey of the Secret in %s is no private key in PEM form without a passphrase", remote.Fields.Auth)
	}
	port := target.Port()
	if port == "" {
		port = "22"
	}
	user := target.User.Username()
	if user == "" {
		user = "git"
	}
	w := &sshWire{
		address: net.JoinHostPort(target.Hostname(), port), path: target.Path, options: options, fields: remote.Fields,
		dialer: options.Egress.Dialer(options.Timeout),
	}
	keys := hostKeys(remote.KnownHosts, w.address)
	if len(keys) == 0 {
		return nil, problem.UserError(v1alpha1.ReasonHostKeyUnknown, nil,
			"known_hosts of the Secret in %s has no key of %s; add the line that its operator publishes", remote.Fields.Auth,
			knownhosts.Normalize(w.address))
	}
	w.config = &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, Timeout: options.Timeout, HostKeyAlgorithms: algorithms(keys),
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if slices.ContainsFunc(keys, func(known ssh.PublicKey) bool { return bytes.Equal(known.Marshal(), key.Marshal()) }) {
				return nil
			}
			return errHostKey
		},
	}
	return w, nil
}

// hostKeys are the keys of a server in known_hosts. Lines with patterns are left out: a key belongs to one server.
func hostKeys(knownHosts []byte, address string) (keys []ssh.PublicKey) {
	wanted := knownhosts.Normalize(address)
	for rest := knownHosts; len(rest) > 0; {
		marker, hosts, key, _, left, err := ssh.ParseKnownHosts(rest)
		if err != nil {
			return keys
		}
		rest = left
		if marker == "" && slices.ContainsFunc(hosts, func(host string) bool { return host == wanted || hashed(host, wanted) }) {
			keys = append(keys, key)
		}
	}
	return keys
}

// hashed reports whether a hashed name of known_hosts (HashKnownHosts of ssh_config) is a host.
func hashed(entry, host string) bool {
	parts := strings.Split(entry, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil {
		return false
	}
	sum := hmac.New(sha1.New, salt)
	_, _ = sum.Write([]byte(host))
	return base64.StdEncoding.EncodeToString(sum.Sum(nil)) == parts[3]
}

// algorithms of the known keys, such that the server shows one of them.
func algorithms(keys []ssh.PublicKey) (names []string) {
	for _, key := range keys {
		switch key.Type() {
		case ssh.KeyAlgoRSA:
			names = append(names, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
		default:
			names = append(names, key.Type())
		}
	}
	return names
}

func (w *sshWire) host() string { return w.address }

func (w *sshWire) close() {}

// start implements wire.
func (w *sshWire) start(ctx context.Context, service string) (exchange, error) {
	began := time.Now()
	started, err := w.open(ctx, service)
	w.options.Metrics.Observe("git", "refs", err, time.Since(began))
	return started, err
}

func (w *sshWire) open(ctx context.Context, service string) (exchange, error) {
	ctx, cancel := context.WithTimeout(ctx, w.options.Timeout)
	conn, err := w.dialer.DialContext(ctx, "tcp", w.address)
	if err != nil {
		cancel()
		return nil, provider.ToProblem(err, w.address, w.fields)
	}
	bounded := provider.Bound(ctx, conn, maxPack+provider.ListBytes)
	e := &sshExchange{wire: w, closers: []func(){cancel, func() { _ = bounded.Close() }}}
	if err := e.connect(ctx, bounded, service); err != nil {
		e.close()
		return nil, w.toProblem(err, e.stderr.String())
	}
	return e, nil
}

// toProblem describes an error of a session, and what the server wrote.
func (w *sshWire) toProblem(err error, stderr string) error {
	switch {
	case problem.As(err) != nil:
		return problem.As(err)
	case errors.Is(err, errHostKey):
		return problem.UserError(v1alpha1.ReasonHostKeyUnknown, nil,
			"%s has another host key than known_hosts of the Secret in %s; nothing was sent. Check who answers there, then update the line",
			w.address, w.fields.Auth)
	case strings.Contains(err.Error(), "unable to authenticate"):
		return problem.UserError(v1alpha1.ReasonUnauthorized, nil, "%s rejected the private key; check the Secret referenced by %s",
			w.address,
			w.fields.Auth)
	case stderr != "":
		return problem.UserError(v1alpha1.ReasonForbidden, nil, "%s refused the repository: %s", w.address,
			firstLines(stderr, w.options.Redact))
	}
	return provider.ToProblem(err, w.address, w.fields)
}

type sshExchange struct {
	wire    *sshWire
	refs    *packp.AdvRefs
	stdin   io.WriteCloser
	stdout  io.Reader
	stderr  lines
	closers []func()
}

func (e *sshExchange) connect(ctx context.Context, conn net.Conn, service string) error {
	secured, channels, requests, err := ssh.NewClientConn(conn, e.wire.address, e.wire.config)
	if err != nil {
		return err
	}
	client := ssh.NewClient(secured, channels, requests)
	e.closers = append(e.closers, func() { _ = client.Close() })
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	session.Stderr = &e.stderr
	stdin, stdinErr := session.StdinPipe()
	stdout, stdoutErr := session.StdoutPipe()
	if err := errors.Join(stdinErr, stdoutErr); err != nil {
		return err
	}
	e.stdin = stdin
	e.stdout = stdout
	if err := session.Start(fmt.Sprintf("%s '%s'", service, e.wire.path)); err != nil {
		return err
	}
	list, err := e.bound(ctx, provider.ListBytes)
	if err != nil {
		return err
	}
	e.refs, err = decodeRefs(list)
	_ = list.Close()
	if err != nil {
		_ = stdin.Close()
		_ = session.Wait() // such that what the server wrote has arrived
	}
	return err
}

func (e *sshExchange) advertised() *packp.AdvRefs { return e.refs }

// close ends the session in reverse order of how it began.
func (e *sshExchange) close() {
	for i := len(e.closers) - 1; i >= 0; i-- {
		e.closers[i]()
	}
}

// bound what is read next from the server, as for a response over HTTP: by a number of bytes, and by the memory of all responses.
func (e *sshExchange) bound(ctx context.Context, maxBytes int64) (io.ReadCloser, error) {
	next := &http.Response{
		Request: (&http.Request{}).WithContext(ctx), ContentLength: -1, Body: io.NopCloser(e.stdout),
	}
	if err := provider.BoundResponse(next, maxBytes, e.wire.options.Memory); err != nil {
		return nil, err
	}
	return next.Body, nil
}

// call implements exchange.
func (e *sshExchange) call(ctx context.Context, request []byte, maxBytes int64) (response, error) {
	_, err := e.stdin.Write(request)
	if err == nil {
		err = e.stdin.Close()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		e.close()
		return nil, e.wire.toProblem(err, e.stderr.String())
	}
	body, err := e.bound(ctx, maxBytes)
	if err != nil {
		e.close()
		return nil, e.wire.toProblem(err, "")
	}
	e.closers = append(e.closers, func() { _ = body.Close() })
	return &sshResponse{e, body}, nil
}

// sshResponse ends the session when it is closed.
type sshResponse struct {
	*sshExchange
	body io.Reader
}

func (r *sshResponse) Read(into []byte) (int, error) {
	n, err := r.body.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, provider.ToProblem(err, r.wire.address, r.wire.fields)
	}
	return n, err
}

func (r *sshResponse) Close() error {
	r.close()
	return nil
}

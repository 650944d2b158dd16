package gitrepo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// response of a service.
type response = io.ReadCloser

// httpWire speaks the smart protocol of Git over HTTP, version 0 (gitprotocol-http).
type httpWire struct {
	client *provider.Client
	field  string
}

func newHTTP(remote Remote, options Options) (*httpWire, error) {
	client, err := provider.NewClient(provider.Endpoint{
		URL: remote.URL, Auth: provider.Auth{Username: remote.Username, Password: remote.Password}, TLS: remote.TLS, Fields: remote.Fields,
	}, provider.Options{
		Type: "git", Egress: options.Egress, Metrics: options.Metrics, Memory: options.Memory,
		Limits: provider.Limits{Timeout: options.Timeout, MaxBytes: maxPack + provider.ProbeBytes},
	})
	if err != nil {
		return nil, err
	}
	return &httpWire{client: client, field: remote.Fields.URL}, nil
}

func (w *httpWire) host() string { return w.client.Host() }

func (w *httpWire) close() { w.client.Close() }

// start implements wire.
func (w *httpWire) start(ctx context.Context, service string) (exchange, error) {
	answer, err := w.client.Do(ctx, provider.Request{
		Operation: "refs", Path: "/info/refs", Query: url.Values{"service": {service}}, MaxBytes: provider.ListBytes,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.Status != http.StatusOK {
		return nil, w.refused(answer, service)
	}
	if kind := answer.Header.Get("Content-Type"); kind != "application/x-"+service+"-advertisement" {
		return nil, problem.UserError(v1alpha1.ReasonInvalidResponse, nil,
			"%s is not the URL of a Git repository: the response is no list of its branches; check %s", w.host(), w.field)
	}
	refs, err := decodeRefs(answer.Body)
	if err != nil {
		if p := problem.As(err); p != nil {
			return nil, p
		}
		return nil, problem.Retrying(v1alpha1.ReasonInvalidResponse, err, "the list of branches of %s cannot be read", w.host())
	}
	return &httpExchange{wire: w, service: service, refs: refs}, nil
}

// decodeRefs reads an advertisement. An empty repository has none.
func decodeRefs(from io.Reader) (*packp.AdvRefs, error) {
	refs := packp.NewAdvRefs()
	err := refs.Decode(from)
	if errors.Is(err, packp.ErrEmptyAdvRefs) || errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return packp.NewAdvRefs(), nil
	}
	return refs, err
}

// refused is the problem of a status. Nothing was changed.
func (w *httpWire) refused(answer *provider.Answer, service string) error {
	p := w.client.Refused(answer)
	does := "read"
	if service == receivePack {
		does = "write"
	}
	switch answer.Status {
	case http.StatusUnauthorized:
		return problem.UserError(v1alpha1.ReasonUnauthorized, nil, "%s; a token must not have expired", p.Message)
	case http.StatusForbidden:
		return problem.UserError(v1alpha1.ReasonForbidden, nil,
			"%s accepted the credentials but denied access to %s the repository (403); grant it there", w.host(), does)
	case http.StatusNotFound:
		return problem.UserError(v1alpha1.ReasonNotFound, nil,
			"%s has no such repository, or the credentials may not %s it (404); check %s", w.host(), does, w.field)
	}
	return p
}

type httpExchange struct {
	wire    *httpWire
	service string
	refs    *packp.AdvRefs
}

func (e *httpExchange) advertised() *packp.AdvRefs { return e.refs }

func (e *httpExchange) close() {}

// call implements exchange.
func (e *httpExchange) call(ctx context.Context, request []byte, maxBytes int64) (response, error) {
	answer, err := e.wire.client.Do(ctx, provider.Request{
		Operation: strings.TrimPrefix(e.service, "git-"), Method: http.MethodPost, Path: "/" + e.service, Body: request,
		ContentType: "application/x-" + e.service + "-request", MaxBytes: maxBytes,
		Header: http.Header{"Accept": {"application/x-" + e.service + "-result"}},
	})
	if err != nil {
		return nil, err
	}
	if answer.Status != http.StatusOK {
		defer func() { _ = answer.Body.Close() }()
		return nil, e.wire.refused(answer, e.service)
	}
	return answer.Body, nil
}

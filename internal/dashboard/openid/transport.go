package openid

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
)

// maxResponse of the provider, in bytes: keys, its description, or tokens.
const maxResponse = 1 << 20

// bounded limits responses, which the libraries read whole.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &limitedBody{ReadCloser: response.Body, left: maxResponse}
	return response, nil
}

// errTooLarge ends a response over the limit.
var errTooLarge = errors.New("the response of the provider has over 1 MiB")

type limitedBody struct {
	io.ReadCloser
	left int
}

// Read implements io.Reader.
func (b *limitedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if b.left -= n; b.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}

package collect

import (
	"fmt"
	"io"
	"net/http"
)

// maxResponse is the size of one response in bytes. A page of 500 usual objects is far below it. 500 ConfigMaps of one mebibyte each
// are not, and are read in smaller pages instead.
const maxResponse = 8 << 20

// tooLargeError is the error of a response that was cut at the limit.
type tooLargeError struct {
	limit int64
}

// Error states the limit.
func (e tooLargeError) Error() string {
	return fmt.Sprintf("response exceeds %d bytes", e.limit)
}

// boundedTransport fails responses that exceed its limit, to bound memory whatever a server sends. Watches do not end; the events of
// each are bounded where they are read.
type boundedTransport struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip bounds the response of the next transport.
func (t boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode == http.StatusOK && request.URL.Query().Get("watch") == "true" {
		return response, nil
	}
	response.Body = &boundedBody{ReadCloser: response.Body, limit: t.limit, left: t.limit}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	limit, left int64
}

// Read fails beyond the limit.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, tooLargeError{b.limit}
	}
	return n, err
}

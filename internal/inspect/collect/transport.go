package collect

import (
	"fmt"
	"io"
	"net/http"
)

// maxAnswer is how many bytes one answer may have. A page of 500 usual objects is far below it; 500 ConfigMaps of a
// mebibyte each are not, and are read in smaller pages instead.
const maxAnswer = 8 << 20

// tooLargeError says that an answer was cut off at its largest size.
type tooLargeError struct {
	limit int64
}

// Error names the limit.
func (e tooLargeError) Error() string {
	return fmt.Sprintf("the answer has more than %d bytes", e.limit)
}

// boundedTransport ends answers that are larger than its limit, so that no server can fill the memory.
type boundedTransport struct {
	next  http.RoundTripper
	limit int64
}

// RoundTrip asks the next transport and bounds its answer.
func (t boundedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, limit: t.limit, left: t.limit}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	limit, left int64
}

// Read fails once the limit is passed.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n, tooLargeError{b.limit}
	}
	return n, err
}

package collect

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

const (
	// maxResponse is the size of one response in bytes. A page of 500 usual objects is far below it. 500 ConfigMaps of one mebibyte each
	// are not, and are read in smaller pages instead.
	maxResponse = 8 << 20
	// maxObject is the size of one object in bytes. API servers accept 3 MiB, and etcd by default half of it, so a smaller page would
	// be of no help. https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/apiserver/pkg/server/config.go
	maxObject = 4 << 20
	// maxHeld is how many bytes of a response may be in memory at once while others are read. Objects are smaller, so lists that are read
	// object by object never wait for each other.
	maxHeld = 1 << 20
	// maxShared is how many objects a page may have while others are read: several times what is requested.
	maxShared = 4 * pageSize
	// maxError is how many bytes of an error are read. The rest of a longer one is ignored, and its status code stays.
	maxError = 16 << 10
)

// tooLargeError is the error of a response that was cut at the limit.
type tooLargeError struct {
	limit int64
}

// Error states the limit.
func (e tooLargeError) Error() string {
	return fmt.Sprintf("response exceeds %d bytes", e.limit)
}

// oversizedError is the error of an object that exceeds maxObject.
type oversizedError struct{}

// Error states the limit.
func (oversizedError) Error() string { return fmt.Sprintf("one object exceeds %d MiB", maxObject>>20) }

// held is what is in memory of one page. Its requests have it in their context. Only one page of a reader holds more than maxHeld, or more
// than maxShared objects, at a time; the others stop reading until it is done. So kinds that are read at the same time do not need the
// memory of several largest responses, whatever a server sends.
type held struct {
	// large has room for the page that may hold more.
	large chan struct{}
	// bytes since the last object, and objects of the page.
	bytes, objects int64
	alone          bool
}

type heldKey struct{}

// hold returns the context for the requests of one page. The caller releases what is held when the page is reduced.
func (r *reader) hold(ctx context.Context) (context.Context, *held) {
	h := &held{large: r.large}
	return context.WithValue(ctx, heldKey{}, h), h
}

// read waits for the others before more is held than all pages may.
func (h *held) read(ctx context.Context, from io.Reader, p []byte) (int, error) {
	if (h.bytes >= maxHeld || h.objects > maxShared) && !h.alone {
		select {
		case h.large <- struct{}{}:
			h.alone = true
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	n, err := from.Read(p)
	if h.bytes += int64(n); h.bytes > maxObject {
		return n, oversizedError{}
	}
	return n, err
}

// reduced says that an object of a page was reduced, or failed to be with an error, which is returned. The next object can have its memory.
// A page that may hold more keeps that, since decoders keep the largest buffer they needed.
func (h *held) reduced(requested int64, err error) error {
	if err != nil {
		return err
	}
	if h.objects++; h.objects > maxObjects {
		return crowdedError{requested}
	}
	h.bytes = 0
	return nil
}

// release says that all that was read of the page is garbage.
func (h *held) release() {
	h.bytes, h.objects = 0, 0
	if h.alone {
		<-h.large
		h.alone = false
	}
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
	if response.StatusCode >= http.StatusMultipleChoices {
		response.Body = &errorBody{Reader: io.LimitReader(response.Body, maxError), Closer: response.Body}
		return response, nil
	}
	ctx := request.Context()
	if h, ok := ctx.Value(heldKey{}).(*held); ok {
		h.release() // of an attempt before
		read := func(from io.Reader, p []byte) (int, error) { return h.read(ctx, from, p) }
		response.Body = &heldBody{ReadCloser: response.Body, read: read}
	}
	response.Body = &boundedBody{ReadCloser: response.Body, limit: t.limit, left: t.limit}
	return response, nil
}

// heldBody reads a response as long as there is room for it.
type heldBody struct {
	io.ReadCloser
	read func(from io.Reader, p []byte) (int, error)
}

// Read waits for room.
func (b *heldBody) Read(p []byte) (int, error) { return b.read(b.ReadCloser, p) }

// errorBody is the beginning of an error.
type errorBody struct {
	io.Reader
	io.Closer
}

type boundedBody struct {
	io.ReadCloser
	limit, left int64
}

// Read fails beyond the limit. Nothing beyond it is returned, or a decoder could end before it sees the error.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, tooLargeError{b.limit}
	}
	n, err := b.ReadCloser.Read(p[:min(int64(len(p)), b.left+1)])
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, tooLargeError{b.limit}
	}
	return n, err
}

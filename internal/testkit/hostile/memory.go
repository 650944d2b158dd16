package hostile

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"kubeops.io/kubeops/internal/provider"
)

// What reading one response may allocate: a multiple of its bytes, and a part that does not depend on them, for connections, buffers and
// the request. Everything that is allocated counts, not the peak, so that the result does not depend on the garbage collector.
const (
	bodyBytes        = 256 << 10
	allocatedFactor  = 12
	allocatedBesides = 1 << 20
)

// Response to requests whose path has an end.
type Response struct {
	// Path or the end of it. Empty matches every path.
	Path string
	// Body of the response. In a hostile one, VALUE stands for a value of any kind, and what is between << and >> is repeated, with commas
	// between.
	Body string
}

// Backend is how a backend is called, and what its server returns usually: some requests prepare others.
type Backend struct {
	// Fixed is what a call allocates whatever the response is, in bytes, such as the buffer of a library.
	Fixed int64
	// Call creates a backend for the endpoint with Timeout, MaxBytes and loopback allowed, and uses it.
	Call  func(ctx context.Context, endpoint provider.Endpoint) error
	Usual []Response
}

// Values that decoders may turn into a multiple of their size.
func values() map[string]string {
	list := func(open, element, end string) string {
		return open + strings.TrimSuffix(strings.Repeat(element, bodyBytes/len(element)), ",") + end
	}
	var names strings.Builder
	names.WriteString(`{"":""`)
	for i := 0; names.Len() < bodyBytes; i++ {
		names.WriteString(`,"` + strings.Repeat(string(rune('a'+i%26)), 1+i%7) + string(rune(0x4e00+i%20000)) + `":""`)
	}
	names.WriteString("}")
	return map[string]string{
		"empty objects":         list(`[`, `{},`, `]`),
		"empty lists":           list(`[`, `[],`, `]`),
		"empty strings":         list(`[`, `"",`, `]`),
		"nulls":                 list(`[`, `null,`, `]`),
		"numbers":               list(`[`, `1,`, `]`),
		"pairs":                 list(`[`, `[1,"1"],`, `]`),
		"many names":            names.String(),
		"one name":              list(`{"a":""`, `,"a":""`, `}`),
		"objects of one name":   list(`{"a":{}`, `,"a":{}`, `}`),
		"nested lists":          strings.Repeat("[", bodyBytes),
		"nested objects":        strings.Repeat(`{"a":`, bodyBytes/5),
		"a long string":         `"` + strings.Repeat("x", bodyBytes) + `"`,
		"a string of escapes":   `"` + strings.Repeat(`\u00e9`, bodyBytes/6) + `"`,
		"a string of surrogate": `"` + strings.Repeat(`\ud83d`, bodyBytes/6) + `"`,
		"invalid UTF-8":         `"` + strings.Repeat("\xff", bodyBytes) + `"`,
		"a long number":         `1` + strings.Repeat("0", bodyBytes),
		"a long fraction":       `0.` + strings.Repeat("1", bodyBytes) + `e` + strings.Repeat("1", bodyBytes),
		"white space":           strings.Repeat(" ", bodyBytes) + "null",
		"a long name":           `{"` + strings.Repeat("x", bodyBytes) + `":1}`,
	}
}

// bodies of a hostile response, by name.
func (r Response) bodies() map[string]string {
	if before, _, repeats := strings.Cut(r.Body, "<<"); repeats {
		text := before
		for _, part := range strings.Split(r.Body, "<<")[1:] {
			element, after, _ := strings.Cut(part, ">>")
			element += ","
			text += strings.TrimSuffix(strings.Repeat(element, bodyBytes/len(element)+1), ",") + after
		}
		return map[string]string{"repeated": text}
	}
	bodies := map[string]string{}
	for name, value := range values() {
		bodies[name] = strings.ReplaceAll(r.Body, "VALUE", value)
	}
	return bodies
}

// RunMemory calls a backend whose server sends hostile responses, plain and compressed, and fails the test if it allocates more than a
// multiple of what it was sent. What the call returns does not matter. The test must not run in parallel with others, because what they
// allocate would count.
func RunMemory(t *testing.T, backend Backend, responses ...Response) {
	server := &memoryServer{usual: backend.Usual}
	listening := httptest.NewServer(server)
	t.Cleanup(listening.Close)
	for _, response := range append(responses, Response{Body: "VALUE"}) {
		for name, content := range response.bodies() {
			if !server.run(t, backend, listening.URL, response, name, content) {
				break // the call does not send such a request
			}
		}
	}
}

// run one body, and reports whether it was requested.
func (s *memoryServer) run(t *testing.T, backend Backend, url string, response Response, name, content string) bool {
	for _, compressed := range []bool{false, true} {
		if compressed && name != "repeated" && name != "a long string" {
			continue // what is decoded is the same
		}
		s.set(response.Path, content, compressed)
		ctx, cancel := context.WithTimeout(t.Context(), Deadline)
		allocated := allocates(func() { _ = backend.Call(ctx, provider.Endpoint{URL: url}) })
		cancel()
		if bound := s.bound.Load() + backend.Fixed; allocated > bound {
			t.Errorf("%.60s with %s (compressed: %v): %d bytes were allocated for %d of the response, want at most %d", response.Body,
				name, compressed, allocated, len(content), bound)
		}
	}
	return s.asked.Load()
}

// memoryServer sends one hostile response, and the usual ones to other requests.
type memoryServer struct {
	usual []Response

	mutex      sync.Mutex
	path       string
	content    []byte
	bytes      int64
	compressed bool
	// bound of what may be allocated for all that was sent.
	bound atomic.Int64
	// asked reports that the hostile response was requested.
	asked atomic.Bool
}

func (s *memoryServer) set(path, content string, compressed bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.path = path
	s.content = []byte(content)
	s.bytes = int64(len(content))
	s.compressed = compressed
	s.bound.Store(allocatedBesides)
	s.asked.Store(false)
	if !compressed {
		return
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, _ = writer.Write(s.content) // a buffer has no errors
	_ = writer.Close()
	s.content = packed.Bytes()
}

func (s *memoryServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	if !strings.HasSuffix(r.URL.Path, s.path) {
		for _, usual := range s.usual {
			if strings.HasSuffix(r.URL.Path, usual.Path) {
				s.bound.Add(allocatedBesides)
				_, _ = io.WriteString(w, usual.Body) // the client may go away
				return
			}
		}
	}
	s.asked.Store(true)
	s.bound.Add(s.bytes*allocatedFactor + allocatedBesides)
	if s.compressed {
		w.Header().Set("Content-Encoding", "gzip")
	}
	_, _ = w.Write(s.content)
}

func allocates(call func()) int64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return int64(after.TotalAlloc - before.TotalAlloc) //nolint:gosec // far below 2^63
}

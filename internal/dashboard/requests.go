package dashboard

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
	"k8s.io/utils/lru"
)

// contextKey of values of a request.
type contextKey int

const (
	requestKey contextKey = iota
	viewerKey
)

// requestInfo is what is known of a request. The viewer is set once the request is authenticated.
type requestInfo struct {
	id     string
	viewer string
}

func info(ctx context.Context) *requestInfo {
	if found, ok := ctx.Value(requestKey).(*requestInfo); ok {
		return found
	}
	return &requestInfo{}
}

// instance identifies a request in a problem, and in the log.
func instance(ctx context.Context) string { return "urn:kubeops:request:" + info(ctx).id }

// recorder remembers the status of an answer. Unwrap gives http.ResponseController, and the socket, the connection.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(content []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(content)
}

// Unwrap returns the writer below.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// audited gives each request an id, logs who looked at what, and answers a panic with a problem.
func (s *Server) audited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about := &requestInfo{id: newID()}
		r = r.WithContext(context.WithValue(r.Context(), requestKey, about))
		w.Header().Set("X-Request-Id", about.id)
		writer := &recorder{ResponseWriter: w}
		start := s.options.Clock.Now()
		defer func() {
			if crash := recover(); crash != nil {
				s.options.Logger.Error(nil, "Request failed", "requestID", about.id, "panic", crash, "stack", string(debug.Stack()))
				if writer.status == 0 {
					writeProblem(writer, r, http.StatusInternalServerError,
						"Unexpected error; see the log of the dashboard for request ID "+about.id+".")
				}
			}
			if !isAPI(r.URL.Path) && r.Method != http.MethodPost {
				return // assets say nothing about the cluster
			}
			s.options.Logger.Info("Request", "user", about.viewer, "method", r.Method, "path", r.URL.Path, "query", r.URL.RawQuery,
				"status", writer.status, "duration", s.options.Clock.Since(start).Round(time.Millisecond).String(), "requestID", about.id)
		}()
		next.ServeHTTP(writer, r)
	})
}

func newID() string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // it never fails
	return hex.EncodeToString(id)
}

func isAPI(path string) bool { return path == "/api" || strings.HasPrefix(path, "/api/") }

// limiter gives every key a rate of its own. It remembers the keys that were used last.
type limiter struct {
	rate  rate.Limit
	burst int
	keys  *lru.Cache
}

func newLimiter(perSecond rate.Limit, burst int) *limiter {
	const remembered = 4096
	return &limiter{rate: perSecond, burst: burst, keys: lru.New(remembered)}
}

func (l *limiter) allow(key string) bool {
	found, ok := l.keys.Get(key)
	if !ok {
		found = rate.NewLimiter(l.rate, l.burst)
		l.keys.Add(key, found)
	}
	return found.(*rate.Limiter).Allow()
}

// remoteIP of a connection. Headers of proxies are not read: anyone can send them.
func remoteIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// maxSockets of one viewer: one for each open page.
const maxSockets = 64

// counter limits what is open for each key at the same time.
type counter struct {
	limit int

	mu   sync.Mutex
	open map[string]int
}

func newCounter(limit int) *counter { return &counter{limit: limit, open: map[string]int{}} }

// acquire is false if the limit is reached. What was acquired must be released once.
func (c *counter) acquire(key string) (release func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open[key] >= c.limit {
		return nil, false
	}
	c.open[key]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.open[key]--; c.open[key] == 0 {
			delete(c.open, key)
		}
	}, true
}

// place is what one key may have of a counter.
type place struct {
	of  *counter
	key string
}

// acquireAll acquires one of each place, or of none: full is the first that has no room, or -1.
func acquireAll(places ...place) (release func(), full int) {
	var taken []func()
	release = func() {
		for _, one := range taken {
			one()
		}
	}
	for i, p := range places {
		one, ok := p.of.acquire(p.key)
		if !ok {
			release()
			return nil, i
		}
		taken = append(taken, one)
	}
	return release, -1
}

package registry

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

const (
	// maxHosts that the requests for one repository go to: the registry, and its token service.
	maxHosts = 3
	// minRetryAfter and maxRetryAfter bound what a registry asks for.
	minRetryAfter = 5 * time.Second
	maxRetryAfter = 5 * time.Minute
)

// router sends the requests of go-containerregistry, each through the client of its host. The registry is always called by the scheme of
// the spec: the library would fall back to plain HTTP for names and addresses that it takes for local ones.
type router struct {
	host    string
	remote  Remote
	options Options

	mutex   sync.Mutex
	clients map[string]*provider.Client
	// last is the last request that had no response, and wait what a response with status 429 asked for.
	last *problem.Problem
	wait time.Duration
}

func newRouter(host string, remote Remote, options Options) (*router, error) {
	r := &router{host: host, remote: remote, options: options, clients: map[string]*provider.Client{}}
	_, err := r.client(r.scheme(), host)
	return r, err
}

func (r *router) scheme() string {
	if r.remote.PlainHTTP {
		return "http"
	}
	return "https"
}

// client of a host.
func (r *router) client(scheme, host string) (*provider.Client, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if client := r.clients[scheme+host]; client != nil {
		return client, nil
	}
	if len(r.clients) >= maxHosts {
		return nil, r.errRedirected()
	}
	client, err := provider.NewClient(provider.Endpoint{
		URL: scheme + "://" + host, TLS: provider.TLS{CA: r.remote.CA}, Fields: r.remote.Fields,
	}, provider.Options{
		Type: "registry", Egress: r.options.Egress, Metrics: r.options.Metrics, Memory: r.options.Memory,
		Limits: provider.Limits{Timeout: r.options.Timeout, MaxBytes: maxManifest}, KeepRedirects: true,
	})
	if err != nil {
		return nil, err
	}
	r.clients[scheme+host] = client
	return client, nil
}

// RoundTrip implements http.RoundTripper.
func (r *router) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	if request.URL.Host == r.host {
		request.URL.Scheme = r.scheme()
	}
	if request.URL.Scheme != "https" && !r.remote.PlainHTTP {
		return nil, r.errScheme()
	}
	client, err := r.client(request.URL.Scheme, request.URL.Host)
	if err != nil {
		return nil, err
	}
	response, err := client.HTTP().Transport.RoundTrip(request)
	if err != nil {
		return nil, r.failed(client, err)
	}
	response.Body = &body{ReadCloser: response.Body, failed: func(err error) error { return r.failed(client, err) }}
	if r.leaves(request.URL, response) {
		_, _ = io.CopyN(io.Discard, response.Body, 4<<10) // so that the connection can be reused
		_ = response.Body.Close()
		return nil, r.errRedirected()
	}
	if response.StatusCode == http.StatusTooManyRequests {
		r.note(response.Header.Get("Retry-After"))
	}
	return response, nil
}

// failed records why a request has no response.
func (r *router) failed(client *provider.Client, err error) *problem.Problem {
	p := client.ToProblem(err)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.last = p
	return p
}

// body explains what goes wrong while it is read.
type body struct {
	io.ReadCloser
	failed func(error) error
}

// Read implements io.Reader.
func (b *body) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return n, b.failed(err)
	}
	return n, err
}

// leaves reports whether a response redirects to another host.
func (r *router) leaves(from *url.URL, response *http.Response) bool {
	if response.StatusCode < 300 || response.StatusCode >= 400 {
		return false
	}
	to, err := from.Parse(response.Header.Get("Location"))
	return err != nil || to.Host != from.Host
}

// note how long a registry asks to wait.
func (r *router) note(seconds string) {
	n, err := strconv.Atoi(seconds)
	if err != nil || n < 0 {
		n = 0
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.wait = min(max(time.Duration(min(n, int(maxRetryAfter/time.Second)))*time.Second, minRetryAfter), maxRetryAfter)
}

func (r *router) retryAfter() time.Duration {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return max(r.wait, minRetryAfter)
}

// failure is why the last request had no response; nil if all had one.
func (r *router) failure() *problem.Problem {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.last
}

func (r *router) refusedStatus(status int) error {
	client, err := r.client(r.scheme(), r.host)
	if err != nil {
		return err
	}
	return client.RefusedStatus(status)
}

func (r *router) close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, client := range r.clients {
		client.Close()
	}
}

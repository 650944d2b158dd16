package main

import (
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// front is an address of the API server on loopback that counts requests, and that can be away.
type front struct {
	// of names what a request is counted as.
	of func(*http.Request) string

	server *httptest.Server
	folder string

	mutex       sync.Mutex
	counts      map[string]int
	spans       map[string]span
	connections map[net.Conn]bool
	away        bool
}

// span is the time from the start of the first request to the end of the last.
type span struct{ first, last time.Time }

func newFront(config *rest.Config, of func(*http.Request) string) (*front, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	proxy.FlushInterval = -1 // watches
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	f := &front{of: of, counts: map[string]int{}, spans: map[string]span{}, connections: map[net.Conn]bool{}}
	f.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		of := f.of(r)
		began := time.Now()
		f.count(of)
		proxy.ServeHTTP(w, r)
		f.ended(of, began)
	}))
	f.server.Config.ConnState = f.connection
	f.server.Start()
	f.folder, err = os.MkdirTemp("", "bench-")
	return f, err
}

func (f *front) count(of string) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.counts[of]++
}

func (f *front) ended(of string, began time.Time) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	s := f.spans[of]
	if s.first.IsZero() || began.Before(s.first) {
		s.first = began
	}
	s.last = time.Now()
	f.spans[of] = s
}

// took is the time from the start of the first request of a kind to the end of the last; 0 without one.
func (f *front) took(of string) time.Duration {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.spans[of].last.Sub(f.spans[of].first)
}

// requests so far.
func (f *front) requests() map[string]int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return maps.Clone(f.counts)
}

// lists so far.
func (f *front) lists() int { return f.requests()["list"] }

// connection follows the connections, and closes those that are opened while the server is away.
func (f *front) connection(connection net.Conn, state http.ConnState) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if state == http.StateClosed {
		delete(f.connections, connection)
		return
	}
	f.connections[connection] = true
	if f.away {
		_ = connection.Close()
	}
}

// leave ends all connections and closes new ones until it is called with false.
func (f *front) leave(away bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.away = away
	for connection := range f.connections {
		if away {
			_ = connection.Close()
		}
	}
}

// kubeconfig for this address.
func (f *front) kubeconfig() (string, error) {
	path := filepath.Join(f.folder, "kubeconfig")
	return path, clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"front": {Server: f.server.URL}}, CurrentContext: "front",
		Contexts: map[string]*clientcmdapi.Context{"front": {Cluster: "front"}},
	}, path)
}

func (f *front) close() {
	f.leave(true) // watches would keep the server open
	f.server.Close()
	_ = os.RemoveAll(f.folder)
}

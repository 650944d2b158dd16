package provider

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

func TestNoProxyIsAskedForADeniedHostHoweverItIsWritten(t *testing.T) {
	var requests atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	defer proxy.Close()
	address, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	Egress{Resolver: fakeResolver{}, ProxyResolvedHosts: []string{"*"}}.viaProxy(transport, address, Limits{}.defaulted().Timeout)
	for _, host := range metadataSpellings() {
		if strings.Contains(host, ":") && host[0] != '[' {
			host = "[" + host + "]"
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://proxied.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.URL.Host = host // also what no URL can contain
		response, err := transport.RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		if err == nil || requests.Load() > 0 {
			t.Errorf("%q: %v, %d requests to the proxy", host, err, requests.Swap(0))
		}
	}
}

func TestARedirectToAnotherHostIsNotFollowed(t *testing.T) {
	var followed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Add(1) }))
	defer other.Close()
	targets := []string{"http://169.254.169.254/latest/meta-data", "http://metadata.google.internal/", "//169.254.169.254/", other.URL,
		strings.Replace(other.URL, "127.0.0.1", "localhost", 1)}
	var status int
	var target string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", target)
		w.WriteHeader(status)
	}))
	defer server.Close()
	client, err := NewClient(Endpoint{URL: server.URL, Fields: Fields{URL: "spec.url"}}, Options{Egress: Egress{AllowLoopback: true}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, status = range []int{301, 302, 303, 307, 308} {
		for _, target = range targets {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				err := client.JSON(t.Context(), Request{Method: method, Path: "/", Body: []byte("{}")}, nil)
				if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonRedirected || followed.Load() > 0 {
					t.Errorf("%s %d to %s: %v, %d requests", method, status, target, err, followed.Swap(0))
				}
			}
		}
	}
}

package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// countRequests runs one inspection through a proxy on loopback and counts its requests by verb. It is a separate run,
// since the proxy costs time.
func countRequests(ctx context.Context, m measurement) (map[string]int, error) {
	target, err := url.Parse(m.config.Host)
	if err != nil {
		return nil, err
	}
	transport, err := rest.TransportFor(m.config)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	counts := map[string]int{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = transport
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		counts[verb(r)]++
		mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	defer server.Close()
	folder, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	path := filepath.Join(folder, "kubeconfig")
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		Clusters: map[string]*clientcmdapi.Cluster{"proxy": {Server: server.URL}}, CurrentContext: "proxy",
		Contexts: map[string]*clientcmdapi.Context{"proxy": {Cluster: "proxy"}},
	}, path)
	if err != nil {
		return nil, err
	}
	_, _, err = spend(ctx, m.program, "inspect", "-A", "-o", "json", "--kubeconfig", path, "--startup-grace", "1s")
	return counts, err
}

// verb returns the RBAC verb of a request; log requests and non-resource requests are counted separately.
func verb(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet:
		return r.Method
	case parts[len(parts)-1] == "log":
		return "log"
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		return "discovery"
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	if len(parts) == 1 {
		return "list"
	}
	return "get"
}

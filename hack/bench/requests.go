package main

import (
	"context"
	"net/http"
	"strings"
)

// countRequests runs one inspection through a proxy on loopback and counts its requests by verb. It is a separate run,
// since the proxy costs time.
func countRequests(ctx context.Context, m measurement) (map[string]int, error) {
	proxy, err := newFront(m.config, verb)
	if err != nil {
		return nil, err
	}
	defer proxy.close()
	path, err := proxy.kubeconfig()
	if err != nil {
		return nil, err
	}
	_, _, err = spend(ctx, m.program, "inspect", "-A", "-o", "json", "--kubeconfig", path, "--startup-grace", "1s")
	return proxy.requests(), err
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

// verbOfWatcher is verb for a manager that watches: the lists of its own resources are counted apart.
func verbOfWatcher(r *http.Request) string {
	switch watch := r.URL.Query().Get("watch"); {
	case watch == "true", watch == "1":
		return "watch"
	case strings.HasPrefix(r.URL.Path, "/apis/kubeops.io/"):
		return "own"
	default:
		return verb(r)
	}
}

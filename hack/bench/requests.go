package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// countRequests runs one inspection through a proxy on loopback and counts its requests by verb, and the time in which it reads logs. It
// is a separate run, since the proxy costs time. An inspection only lists, beside discovery and a bounded number of logs: other requests
// are an error.
func countRequests(ctx context.Context, m measurement) (counts map[string]int, logs time.Duration, err error) {
	proxy, err := newFront(m.config, verb)
	if err != nil {
		return nil, 0, err
	}
	defer proxy.close()
	path, err := proxy.kubeconfig()
	if err != nil {
		return nil, 0, err
	}
	if _, _, err = spend(ctx, m.program, "inspect", "-A", "-o", "json", "--kubeconfig", path, "--startup-grace", "1s"); err != nil {
		return nil, 0, err
	}
	counts = proxy.requests()
	return counts, proxy.took(logRequest), onlyLists(counts)
}

// Names of the requests that an inspection makes.
const (
	listRequest      = "list"
	logRequest       = "log"
	discoveryRequest = "discovery"
)

// onlyLists is an error if there were other requests than those of an inspection.
func onlyLists(counts map[string]int) error {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		switch name {
		case listRequest, logRequest, discoveryRequest:
		default:
			return fmt.Errorf("the inspection made %d requests of type %s; it should only list, and read logs", counts[name], name)
		}
	}
	return nil
}

// verb returns the RBAC verb of a request; log requests and non-resource requests are counted separately.
func verb(r *http.Request) string {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.Method != http.MethodGet:
		return r.Method
	case parts[len(parts)-1] == "log":
		return logRequest
	case parts[0] == "api" && len(parts) > 2:
		parts = parts[2:]
	case parts[0] == "apis" && len(parts) > 3:
		parts = parts[3:]
	default:
		return discoveryRequest
	}
	if len(parts) > 2 && parts[0] == "namespaces" {
		parts = parts[2:]
	}
	if len(parts) == 1 {
		return listRequest
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

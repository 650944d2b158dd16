package fluentd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// podAPI is an API server for the plug-in kubernetes_metadata: Pods of a node, and nothing else. It counts requests for single Pods.
type podAPI struct {
	t      *testing.T
	server *httptest.Server
	// refuse closes connections without an answer.
	refuse atomic.Bool

	mu   sync.Mutex
	pods map[string]map[string]string // labels by namespace/name
	gets map[string]int
}

func newPodAPI(t *testing.T) *podAPI {
	t.Helper()
	a := &podAPI{t: t, pods: map[string]map[string]string{}, gets: map[string]int{}}
	a.server = httptest.NewServer(a)
	t.Cleanup(func() {
		a.server.CloseClientConnections()
		a.server.Close()
	})
	return a
}

func (a *podAPI) add(namespace, name string, labels map[string]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pods[namespace+"/"+name] = labels
}

// requests for a Pod that is not there.
func (a *podAPI) requests(namespace, name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gets[namespace+"/"+name]
}

func (a *podAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.refuse.Load() {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	path := strings.TrimSuffix(r.URL.Path, "/")
	parts := strings.Split(strings.TrimPrefix(path, "/api/v1/namespaces/"), "/")
	switch {
	case r.Method != http.MethodGet:
		a.t.Errorf("%s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusMethodNotAllowed)
	case path == "/api":
		a.answer(w, map[string]any{"kind": "APIVersions", "versions": []string{"v1"}})
	case path == "/api/v1":
		a.answer(w, map[string]any{"kind": "APIResourceList", "groupVersion": "v1", "resources": []any{
			resource("pods", "Pod", true), resource("namespaces", "Namespace", false),
		}})
	case r.URL.Query().Get("watch") == "true" || strings.Contains(path, "/watch/"):
		w.(http.Flusher).Flush() //nolint:forcetypeassert // of net/http
		<-r.Context().Done()
	case path == "/api/v1/pods" || path == "/api/v1/namespaces":
		a.answer(w, map[string]any{"kind": "List", "apiVersion": "v1", "metadata": map[string]any{"resourceVersion": "1"}, "items": []any{}})
	case len(parts) == 3 && parts[1] == "pods":
		a.pod(w, parts[0], parts[2])
	default:
		w.WriteHeader(http.StatusNotFound)
		a.answer(w, map[string]any{"kind": "Status", "message": "not found", "code": 404})
	}
}

func (a *podAPI) pod(w http.ResponseWriter, namespace, name string) {
	a.mu.Lock()
	a.gets[namespace+"/"+name]++
	labels, found := a.pods[namespace+"/"+name]
	a.mu.Unlock()
	if !found {
		w.WriteHeader(http.StatusNotFound)
		a.answer(w, map[string]any{"kind": "Status", "message": fmt.Sprintf("pods %q not found", name), "code": 404})
		return
	}
	a.answer(w, map[string]any{
		"kind": "Pod", "apiVersion": "v1",
		"metadata": map[string]any{"name": name, "namespace": namespace, "uid": namespace + "-" + name, "labels": labels,
			"creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "1"},
		"spec":   map[string]any{"nodeName": "node"},
		"status": map[string]any{"podIP": "10.1.2.3", "containerStatuses": []any{}},
	})
}

func resource(name, kind string, namespaced bool) map[string]any {
	return map[string]any{"name": name, "kind": kind, "namespaced": namespaced, "verbs": []string{"get", "list", "watch"}}
}

func (a *podAPI) answer(w http.ResponseWriter, content any) {
	if err := json.NewEncoder(w).Encode(content); err != nil {
		a.t.Log(err)
	}
}

package collect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// fakeAPI is an API server with fixed responses. It fails the test for an unexpected request. For each
// path it gives the answers in their order; the last one stands for all later requests.
type fakeAPI struct {
	t       *testing.T
	mu      sync.Mutex
	answers map[string][]http.HandlerFunc
	asked   map[string]int
}

// serve starts the fake and returns it with the source that reads it. It has a version by default.
func serve(t *testing.T, answers map[string][]http.HandlerFunc) (*fakeAPI, Source) {
	t.Helper()
	fake := &fakeAPI{t: t, answers: answers, asked: map[string]int{}}
	if answers["/version"] == nil {
		answers["/version"] = []http.HandlerFunc{body(http.StatusOK, "application/json", `{"gitVersion":"v1.37.2"}`)}
	}
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return fake, Source{Cluster: "fake", Config: &rest.Config{Host: server.URL}}
}

func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	answers, nth := f.answers[r.URL.Path], f.asked[r.URL.Path]
	f.asked[r.URL.Path]++
	f.mu.Unlock()
	if len(answers) == 0 || r.Method != http.MethodGet {
		f.t.Errorf("unexpected request: %s %s", r.Method, r.URL)
		w.WriteHeader(http.StatusTeapot)
		return
	}
	answers[min(nth, len(answers)-1)](w, r)
}

// requests for a path so far.
func (f *fakeAPI) requests(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[path]
}

// body answers with a fixed text.
func body(code int, contentType, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(code)
		_, _ = fmt.Fprint(w, text)
	}
}

// status answers with the API's way of saying no.
func status(code int, reason, message string) http.HandlerFunc {
	text, _ := json.Marshal(
		map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code},
	)
	return body(code, "application/json", string(text))
}

// after answers as the handler does, with a Retry-After header.
func after(seconds string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", seconds)
		handler(w, r)
	}
}

// forbidden is how the API server refuses a list.
func forbidden(user, what string) http.HandlerFunc {
	return status(http.StatusForbidden, "Forbidden",
		fmt.Sprintf("%s is forbidden: User %q cannot list resource %q in API group \"\" at the cluster scope", what, user, what))
}

// hang answers when the client has gone.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// silence breaks the connection without an answer.
func silence(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// reset sends a half of an answer, and breaks the connection.
func reset(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "10000")
	_, _ = fmt.Fprint(w, `{"kind":"PodList","apiVersion":"v1","items":[{`)
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}

// list answers with a page of objects that have only names, in namespace shop. It expects the request to go on where the page
// before ended: from.
func (f *fakeAPI) list(kind, from, next string, names ...string) http.HandlerFunc {
	return f.listOf(kind, from, next, nil, names...)
}

func (f *fakeAPI) listOf(kind, from, next string, more map[string]any, names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if got := query.Get("continue"); got != from {
			f.t.Errorf("%s: the request goes on at %q, want %q", r.URL.Path, got, from)
		}
		if got := query.Get("limit"); got != "500" {
			f.t.Errorf("%s: the limit is %q", r.URL.Path, got)
		}
		if query.Has("resourceVersion") {
			f.t.Errorf("%s: a resource version is named, so the limit would not count", r.URL.Path)
		}
		if accept := r.Header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.kubernetes.protobuf,") {
			f.t.Errorf("%s: accepts %q, want protobuf first", r.URL.Path, accept)
		}
		items := []map[string]any{}
		for _, name := range names {
			item := map[string]any{"metadata": map[string]any{"name": name, "namespace": "shop"}}
			for k, v := range more {
				item[k] = v
			}
			items = append(items, item)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"kind": kind + "List", "apiVersion": "v1", "metadata": map[string]any{"continue": next, "resourceVersion": "7"}, "items": items,
		})
	}
}

// podNames of a graph, in order.
func podNames(g *facts.Graph) []string {
	names := make([]string, 0, len(g.Pods))
	for _, pod := range g.Pods {
		names = append(names, pod.Name)
	}
	slices.Sort(names)
	return names
}

// gapTexts are gaps as a user reads them, without the remediation.
func gapTexts(gaps []facts.Gap) []string {
	var texts []string
	for _, g := range gaps {
		texts = append(texts, fmt.Sprintf("%s, %s: %s", g.Reason, g.Source, g.Message))
		if cmp.Or(g.Remediation, "none") == "none" {
			texts = append(texts, "no remedy for "+g.Source)
		}
	}
	return texts
}

// namespaces answers with the metadata of Namespaces.
func (f *fakeAPI) namespaces(names ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if accept := r.Header.Get("Accept"); !strings.Contains(accept, "as=PartialObjectMetadataList") {
			f.t.Errorf("Namespaces are listed with %q", accept)
		}
		items := []map[string]any{}
		for _, name := range names {
			items = append(items, map[string]any{"metadata": map[string]any{"name": name}})
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "items": items})
	}
}

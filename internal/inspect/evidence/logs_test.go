package evidence

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/collect"
)

// kubeAPI answers requests for logs as an API server does.
func kubeAPI(t *testing.T) collect.Source {
	t.Helper()
	status := func(w http.ResponseWriter, code int, reason, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}/log", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		switch {
		case query.Get("tailLines") == "" || query.Get("limitBytes") == "":
			status(w, http.StatusTeapot, "Unbounded", "the request has no bounds")
		case r.PathValue("namespace") == "closed":
			status(w, http.StatusForbidden, "Forbidden", "pods/log is forbidden")
		case r.PathValue("pod") == "gone":
			status(w, http.StatusNotFound, "NotFound", "pod not found")
		case query.Get("previous") == "true" && r.PathValue("pod") == "first-run":
			status(w, http.StatusBadRequest, "BadRequest", "previous terminated container not found")
		default:
			fmt.Fprintf(w, "starting %s\n\n\x1b[31mFATAL\x1b[0m previous=%s\n", query.Get("container"), query.Get("previous"))
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return collect.Source{Cluster: "test", Config: &rest.Config{Host: server.URL}}
}

func TestLogsAreReadWithinBoundsAndFailuresHurtOnlyThemselves(t *testing.T) {
	ask := func(namespace, pod string) Request {
		return Request{checks.LogRef{Namespace: namespace, Pod: pod, Container: "app", Previous: true}}
	}
	lines, gaps := Add(t.Context(), kubeAPI(t), []Request{ask("shop", "crashed"), ask("shop", "first-run"), ask("shop", "gone"), ask("closed", "crashed")})
	want := []Lines{{"starting app\nFATAL previous=true"}, {"starting app\nFATAL previous=false"}, {}, {}}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	if len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapForbidden || gaps[0].Source != "pods/log" {
		t.Errorf("gaps: %+v, want one for pods/log", gaps)
	}
}

func TestTidyKeepsTheLastLinesAndCutsLongOnes(t *testing.T) {
	var log strings.Builder
	for i := range 30 {
		fmt.Fprintf(&log, "line %d\n", i)
	}
	log.WriteString(strings.Repeat("é", 1000) + "\n\xff\x1b]0;title\x07end\r\n")
	lines := strings.Split(tidy(log.String()), "\n")
	if len(lines) != keptLines || lines[0] != "line 22" || len([]rune(lines[8])) != maxLineRunes || lines[9] != "\uFFFDend" {
		t.Errorf("got %q", lines)
	}
}

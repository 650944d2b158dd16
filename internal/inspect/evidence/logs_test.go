package evidence

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/collect"
)

// kubeAPI answers requests for logs as an API server does.
func kubeAPI(t *testing.T) collect.Source {
	t.Helper()
	status := func(w http.ResponseWriter, code int, reason, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/namespaces/{namespace}/pods/{pod}/log", func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		switch {
		case query.Get("tailLines") == "" || query.Get("limitBytes") == "":
			status(w, http.StatusTeapot, "Unbounded", "the request has no bounds")
		case r.PathValue("namespace") == "closed" || r.PathValue("namespace") == "locked":
			status(w, http.StatusForbidden, "Forbidden", "pods/log is forbidden")
		case r.PathValue("pod") == "no-kubelet":
			status(w, http.StatusInternalServerError, "InternalError", "dial tcp 10.0.0.7:10250: connect: connection refused")
		case r.PathValue("pod") == "hangs":
			<-r.Context().Done()
		case r.PathValue("pod") == "cut":
			w.Header().Set("Content-Length", "1000")
			_, _ = fmt.Fprint(w, "half a line")
		case r.PathValue("pod") == "verbose" && query.Get("tailLines") == "20":
			_, _ = fmt.Fprint(w, strings.Repeat(strings.Repeat("x", 1023)+"\n", 100)) // more than asked for, as no kubelet would
		case r.PathValue("pod") == "verbose":
			_, _ = fmt.Fprint(w, "near\nthe end\n")
		case r.PathValue("pod") == "gone":
			status(w, http.StatusNotFound, "NotFound", "pod not found")
		case query.Get("previous") == "true" && r.PathValue("pod") == "first-run":
			status(w, http.StatusBadRequest, "BadRequest", "previous terminated container not found")
		default:
			_, _ = fmt.Fprintf(w, "starting %s\n\n\x1b[31mFATAL\x1b[0m previous=%s\n", query.Get("container"), query.Get("previous"))
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return collect.Source{Cluster: "test", Config: &rest.Config{Host: server.URL}}
}

func ask(namespace, pod string) Request {
	return Request{check.LogRef{Namespace: namespace, Pod: pod, Container: "app", Previous: true}, "check-of-" + pod}
}

func TestLogsAreReadWithinBoundsAndFailuresHurtOnlyThemselves(t *testing.T) {
	source := kubeAPI(t)
	source.Config.Impersonate.UserName = "jane"
	lines, gaps := Add(t.Context(), source, []Request{
		ask("shop", "crashed"), ask("shop", "first-run"), ask("shop", "gone"), ask("closed", "crashed"), ask("locked", "crashed"), ask("shop", "no-kubelet"), ask("shop", "cut"),
	})
	want := []Lines{{"starting app\nFATAL previous=true"}, {"starting app\nFATAL previous=false"}, {}, {}, {}, {}, {"half a line"}}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	type gap struct {
		Reason  v1alpha1.GapReason
		Message string
		Checks  []string
	}
	var got []gap
	for _, g := range gaps {
		got = append(got, gap{g.Reason, g.Message, g.Checks})
	}
	wantGaps := []gap{
		{v1alpha1.GapForbidden, "jane may not get pods/log in namespace closed and 1 more, so findings about crashes there lack the last log lines.", []string{"check-of-crashed"}},
		{v1alpha1.GapUnavailable, "Logs could not be read where they would show more (1 of 7), so those findings lack the last log lines.", []string{"check-of-no-kubelet"}},
	}
	if diff := cmp.Diff(wantGaps, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestOfLongLinesTheLastAreRead(t *testing.T) {
	lines, _ := Add(t.Context(), kubeAPI(t), []Request{ask("shop", "verbose")})
	if !strings.HasSuffix(lines[0].Text, "the end") {
		t.Errorf("got %q, want the end of the log", lines[0].Text)
	}
}

func TestNoMoreLogsAreReadThanTheBound(t *testing.T) {
	requests := make([]Request, maxReads+5)
	for i := range requests {
		requests[i] = ask("shop", "crashed")
	}
	lines, gaps := Add(t.Context(), kubeAPI(t), requests)
	if len(lines) != len(requests) || lines[maxReads-1].Text == "" || lines[maxReads].Text != "" || len(gaps) > 0 {
		t.Errorf("%d lines, gaps %v; want the first %d requests answered", len(lines), gaps, maxReads)
	}
}

type counted struct {
	next http.RoundTripper
	n    *atomic.Int64
}

func (c counted) RoundTrip(r *http.Request) (*http.Response, error) {
	c.n.Add(1)
	return c.next.RoundTrip(r)
}

func TestSecondTriesCountTowardsTheBound(t *testing.T) {
	source, n := kubeAPI(t), &atomic.Int64{}
	source.Config.Wrap(func(next http.RoundTripper) http.RoundTripper { return counted{next, n} })
	requests := make([]Request, maxReads)
	for i := range requests {
		requests[i] = ask("shop", "first-run") // read twice: there is no previous container
	}
	Add(t.Context(), source, requests)
	if n.Load() != maxReads {
		t.Errorf("%d requests, want %d", n.Load(), maxReads)
	}
}

func TestALogThatDoesNotComeInTimeIsAGap(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	lines, gaps := Add(ctx, kubeAPI(t), []Request{ask("shop", "hangs")})
	if lines[0].Text != "" || len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapUnavailable {
		t.Errorf("lines %v, gaps %v", lines, gaps)
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

func TestTidyLeavesNothingThatATerminalWouldObey(t *testing.T) {
	for name, tc := range map[string]struct{ log, want string }{
		"colours":                    {"\x1b[1;31mred\x1b[0m and \x1b[38;5;9mmore", "red and more"},
		"cursor and screen":          {"\x1b[2J\x1b[Hhome\x1b(B\x1b=", "home"},
		"a link":                     {"\x1b]8;;https://example.com\x1b\\text\x1b]8;;\x1b\\", "text"},
		"a sequence that is cut off": {"end\x1b[", "end["},
		"bell, backspace and nul":    {"a\a\b\x00c", "ac"},
		"a progress bar":             {"10%\r50%\r100%", "100%"},
		"tabs":                       {"a\tb", "a b"},
		"nothing but space":          {" \n\t\n\r\n", ""},
		"C1 control characters":      {"a\u009b31mb", "a31mb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tidy(tc.log); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

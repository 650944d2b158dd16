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
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason,
			message, code)
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
			_, _ = fmt.Fprint(w, strings.Repeat(strings.Repeat("x", 1023)+"\n", 100)) // more than limitBytes
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

func requestFor(namespace, pod string) Request {
	return Request{check.LogRef{Namespace: namespace, Pod: pod, Container: "app", Previous: true}, "check-of-" + pod}
}

func TestAFailedReadDoesNotAffectOtherLogs(t *testing.T) {
	source := kubeAPI(t)
	source.Config.Impersonate.UserName = "jane"
	lines, gaps := ReadClusterLogs(t.Context(), source, []Request{
		requestFor("shop", "crashed"), requestFor("shop", "first-run"), requestFor("shop", "gone"), requestFor("closed", "crashed"),
		requestFor("locked", "crashed"), requestFor("shop", "no-kubelet"), requestFor("shop", "cut"),
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
		{
			v1alpha1.GapForbidden,
			"jane cannot get pods/log in namespace closed and 1 more: findings about crashes lack the last log lines.",
			[]string{"check-of-crashed"},
		},
		{
			v1alpha1.GapUnavailable,
			"Cannot read the logs of 1 of 7 crashed containers: their findings lack the last log lines.",
			[]string{"check-of-no-kubelet"},
		},
	}
	if diff := cmp.Diff(wantGaps, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestTheEndOfALogWithLongLinesIsRead(t *testing.T) {
	lines, _ := ReadClusterLogs(t.Context(), kubeAPI(t), []Request{requestFor("shop", "verbose")})
	if !strings.HasSuffix(lines[0].Text, "the end") {
		t.Errorf("got %q, want the end of the log", lines[0].Text)
	}
}

func TestTheNumberOfLogsIsBounded(t *testing.T) {
	requests := make([]Request, maxReads+5)
	for i := range requests {
		requests[i] = requestFor("shop", "crashed")
	}
	lines, gaps := ReadClusterLogs(t.Context(), kubeAPI(t), requests)
	if len(lines) != len(requests) || lines[maxReads-1].Text == "" || lines[maxReads].Text != "" || len(gaps) > 0 {
		t.Errorf("%d lines, gaps %v; want lines for the first %d requests only", len(lines), gaps, maxReads)
	}
}

type countingTransport struct {
	next     http.RoundTripper
	requests *atomic.Int64
}

func (c countingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.next.RoundTrip(r)
}

func TestRetriesCountTowardsTheBound(t *testing.T) {
	source := kubeAPI(t)
	sent := &atomic.Int64{}
	source.Config.Wrap(func(next http.RoundTripper) http.RoundTripper { return countingTransport{next, sent} })
	requests := make([]Request, maxReads)
	for i := range requests {
		requests[i] = requestFor("shop", "first-run") // retried: there is no previous container
	}
	ReadClusterLogs(t.Context(), source, requests)
	if sent.Load() != maxReads {
		t.Errorf("%d requests, want %d", sent.Load(), maxReads)
	}
}

func TestALogThatTimesOutIsAGap(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	lines, gaps := ReadClusterLogs(ctx, kubeAPI(t), []Request{requestFor("shop", "hangs")})
	if lines[0].Text != "" || len(gaps) != 1 || gaps[0].Reason != v1alpha1.GapUnavailable {
		t.Errorf("lines %v, gaps %v", lines, gaps)
	}
}

func TestCleanLogKeepsTheLastLinesAndTruncatesLongOnes(t *testing.T) {
	var log strings.Builder
	for i := range 30 {
		fmt.Fprintf(&log, "line %d\n", i)
	}
	log.WriteString(strings.Repeat("é", 1000) + "\n\xff\x1b]0;title\x07end\r\n")
	lines := strings.Split(cleanLog(log.String()), "\n")
	if len(lines) != maxLines || lines[0] != "line 22" || len([]rune(lines[8])) != maxLineRunes || lines[9] != "\uFFFDend" {
		t.Errorf("got %q", lines)
	}
}

func TestCleanLogRemovesTerminalSequences(t *testing.T) {
	for name, tc := range map[string]struct{ log, want string }{
		"colors":                  {"\x1b[1;31mred\x1b[0m and \x1b[38;5;9mmore", "red and more"},
		"cursor and screen":       {"\x1b[2J\x1b[Hhome\x1b(B\x1b=", "home"},
		"a link":                  {"\x1b]8;;https://example.com\x1b\\text\x1b]8;;\x1b\\", "text"},
		"a truncated sequence":    {"end\x1b[", "end["},
		"bell, backspace and nul": {"a\a\b\x00c", "ac"},
		"a progress bar":          {"10%\r50%\r100%", "100%"},
		"tabs":                    {"a\tb", "a b"},
		"nothing but space":       {" \n\t\n\r\n", ""},
		"C1 control characters":   {"a\u009b31mb", "a31mb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := cleanLog(tc.log); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

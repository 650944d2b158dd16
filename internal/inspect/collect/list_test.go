package collect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/problem"
)

const pods, services = "/api/v1/pods", "/api/v1/services"

func TestListsAreReadAsFarAsTheServerAllows(t *testing.T) {
	var fake fakeAPI // its methods make answers; the servers below are fakes of their own
	fake.t = t
	page := fake.list
	outage := status(http.StatusServiceUnavailable, "ServiceUnavailable", "no etcd")
	expired := status(http.StatusGone, "Expired", "The provided continue parameter is too old")
	for name, tc := range map[string]struct {
		answers      []http.HandlerFunc
		wantPods     []string
		wantGaps     []string
		wantRequests int
	}{
		"page after page": {
			[]http.HandlerFunc{page("Pod", "", "2", "a"), page("Pod", "2", "3", "b"), page("Pod", "3", "", "c")},
			[]string{"a", "b", "c"}, nil, 3,
		},
		"an empty list": {[]http.HandlerFunc{page("Pod", "", "")}, []string{}, nil, 1},
		"forbidden": {
			[]http.HandlerFunc{forbidden("jane", "pods")},
			[]string{}, []string{"Forbidden, pods: jane cannot list pods (RBAC)."}, 1,
		},
		"an API that is not served": {
			[]http.HandlerFunc{body(http.StatusNotFound, "text/plain", "404 page not found")},
			[]string{}, []string{"NotServed, pods: The cluster does not serve pods."}, 1,
		},
		"expired between two pages, and read again: what has gone meanwhile is gone": {
			[]http.HandlerFunc{page("Pod", "", "2", "a", "gone"), expired, page("Pod", "", "2", "a"), page("Pod", "2", "", "b")},
			[]string{"a", "b"}, nil, 4,
		},
		"expired again and again": {
			[]http.HandlerFunc{
				page("Pod", "", "2", "a"), expired, page("Pod", "", "2", "a"), expired, page("Pod", "", "2", "a"), expired, page("Pod", "", "2", "a"),
				expired,
			},
			[]string{"a"}, []string{"Incomplete, pods: Only part of pods was read (410 Expired)."}, 8,
		},
		"too many requests, with Retry-After": {
			[]http.HandlerFunc{after("0", status(http.StatusTooManyRequests, "TooManyRequests", "slow down")), page("Pod", "", "", "a")},
			[]string{"a"}, nil, 2,
		},
		"too many requests, without Retry-After": {
			[]http.HandlerFunc{status(http.StatusTooManyRequests, "TooManyRequests", "slow down"), page("Pod", "", "", "a")},
			[]string{"a"}, nil, 2,
		},
		"too many requests, always": {
			[]http.HandlerFunc{after("0", body(http.StatusTooManyRequests, "text/plain", "slow down"))},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (429 TooManyRequests)."}, 33,
		},
		"an error inside, then well": {
			[]http.HandlerFunc{status(http.StatusInternalServerError, "InternalError", "etcdserver: leader changed"), page("Pod", "", "", "a")},
			[]string{"a"}, nil, 2,
		},
		"down": {
			[]http.HandlerFunc{outage},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (503 ServiceUnavailable)."}, 3,
		},
		"down after the first page": {
			[]http.HandlerFunc{page("Pod", "", "2", "a"), outage},
			[]string{"a"}, []string{"Incomplete, pods: Only part of pods was read (503 ServiceUnavailable)."}, 4,
		},
		"the connection breaks in the middle, then well": {
			[]http.HandlerFunc{reset, page("Pod", "", "", "a")},
			[]string{"a"}, nil, 2,
		},
		"the connection breaks before an answer, then well": {
			[]http.HandlerFunc{silence, page("Pod", "", "", "a")},
			[]string{"a"}, nil, 2,
		},
		"the connection always breaks in the middle": {
			[]http.HandlerFunc{reset},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (connection failed)."}, 3,
		},
		"half an answer that says it is whole": {
			[]http.HandlerFunc{body(http.StatusOK, "application/json", `{"kind":"PodList","apiVersion":"v1","items":[{"metadata"`)},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (unreadable response)."}, 1,
		},
		"nonsense in protobuf": {
			[]http.HandlerFunc{body(http.StatusOK, "application/vnd.kubernetes.protobuf", "k8s\x00\x0a\xff\xff\xff")},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (unreadable response)."}, 1,
		},
		"the page of a proxy": {
			[]http.HandlerFunc{body(http.StatusOK, "text/html", "<html>Sign in</html>")},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (unreadable response)."}, 1,
		},
		"the error page of a proxy": {
			[]http.HandlerFunc{body(http.StatusBadGateway, "text/html", "<html>Bad gateway</html>")},
			[]string{}, []string{"Unavailable, pods: Listing pods failed (502 InternalError)."}, 3,
		},
		"credentials that ran out during the run": {
			[]http.HandlerFunc{status(http.StatusUnauthorized, "Unauthorized", "Unauthorized")},
			[]string{}, []string{"Unavailable, pods: The API server rejected the credentials (401) for pods."}, 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api, source := serve(t, map[string][]http.HandlerFunc{pods: tc.answers, services: {fake.list("Service", "", "", "s")}})
			collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod, facts.Service}, clock.RealClock{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			g := collected.Graph
			if diff := cmp.Diff(tc.wantPods, podNames(g)); diff != "" {
				t.Errorf("Pods (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.wantGaps, gapTexts(collected.Gaps)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if got := api.requests(pods); got != tc.wantRequests {
				t.Errorf("%d requests, want %d", got, tc.wantRequests)
			}
			if g.Read(facts.Pod) != (tc.wantGaps == nil) || !g.Complete(facts.Service, "shop") {
				t.Errorf("Pods count as read: %v; Services: %v", g.Read(facts.Pod), g.Complete(facts.Service, "shop"))
			}
		})
	}
}

func TestEventsThatAreReadAgainAreCountedOnce(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	event := map[string]any{
		"type":           "Warning",
		"reason":         "BackOff",
		"count":          2,
		"involvedObject": map[string]any{"kind": "Pod", "namespace": "shop", "name": "p"},
	}
	expired := status(http.StatusGone, "Expired", "too old")
	_, source := serve(t, map[string][]http.HandlerFunc{"/api/v1/events": {
		fake.listOf("Event", "", "2", event,
			"e1"), expired, fake.listOf("Event", "", "2", event, "e1"), fake.listOf("Event", "2", "", event, "e2"),
	}})
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Event}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if events := collected.Graph.Events; len(events) != 1 || events[0].Count != 4 {
		t.Errorf("got %+v, want one event that happened 4 times", events)
	}
}

func TestRetryAfterIsRespected(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	_, source := serve(
		t,
		map[string][]http.HandlerFunc{
			pods: {after("1", status(http.StatusTooManyRequests, "TooManyRequests", "")), fake.list("Pod", "", "", "a")},
		},
	)
	start := time.Now()
	if _, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < time.Second {
		t.Errorf("asked again after %v, although Retry-After is one second", took)
	}
}

func TestASlowSourceIsAGapAndDoesNotUseUpTheRun(t *testing.T) {
	var fake fakeAPI
	fake.t = t
	for name, slow := range map[string]http.HandlerFunc{
		"hangs":                       hang,
		"asks to come back in a week": after("604800", status(http.StatusTooManyRequests, "TooManyRequests", "")),
		"sends its answer, never the end": func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, "{")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			_, source := serve(t, map[string][]http.HandlerFunc{
				pods: {
					slow,
				}, services: {fake.list("Service", "", "", "s")}, "/api/v1/configmaps": {fake.list("ConfigMap", "", "2", "c"), slow},
			})
			collected, err := All(ctx, source, Scope{}, []facts.Kind{facts.Pod, facts.Service, facts.ConfigMap}, clock.RealClock{}, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []string{
				"Incomplete, configmaps: Only part of configmaps was read (timed out).",
				"TimedOut, pods: Listing pods timed out.",
			}
			if diff := cmp.Diff(want, gapTexts(collected.Gaps)); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			if !collected.Graph.Read(facts.Service) || len(collected.Graph.Configs) != 1 {
				t.Error("want the Services and the first page of ConfigMaps")
			}
			if ctx.Err() != nil {
				t.Error("nothing of the run's time is left for what comes after")
			}
		})
	}
}

func TestAServerThatOnlyReportsItsVersionIsAProblem(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, source := serve(t, map[string][]http.HandlerFunc{pods: {hang}, services: {hang}})
	_, err := All(ctx, source, Scope{}, []facts.Kind{facts.Pod, facts.Service}, clock.RealClock{}, nil)
	if p := problem.As(err); p == nil || p.Reason != v1alpha1.ReasonClusterUnreachable || !strings.Contains(p.Message, "timed out") {
		t.Errorf("got %v", err)
	}
}

func TestOversizedPagesAreReadInSmallerPages(t *testing.T) {
	// Each of the twenty ConfigMaps has a mebibyte: at most seven fit into one response.
	const objects, next = 20, 8
	large := strings.Repeat("x", 1<<20)
	var sizes []int
	_, source := serve(t, map[string][]http.HandlerFunc{"/api/v1/configmaps": {func(w http.ResponseWriter, r *http.Request) {
		limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
		from, _ := strconv.Atoi(r.URL.Query().Get("continue"))
		sizes = append(sizes, limit)
		w.Header().Set("Content-Type", "application/json")
		end := min(from+limit, objects)
		separator := ""
		token := ""
		if end < objects {
			token = strconv.Itoa(end)
		}
		_, _ = fmt.Fprintf(w, `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"continue":%q},"items":[`, token)
		for i := from; i < end; i++ {
			_, _ = fmt.Fprintf(w, `%s{"metadata":{"name":"c%d","namespace":"shop"},"data":{"k":%q}}`, separator, i, large)
			separator = ","
		}
		_, _ = fmt.Fprint(w, "]}")
	}}})
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.ConfigMap}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(collected.Graph.Configs) != objects || len(collected.Gaps) > 0 {
		t.Errorf("%d ConfigMaps, want %d; gaps: %v", len(collected.Graph.Configs), objects, gapTexts(collected.Gaps))
	}
	if diff := cmp.Diff([]int{500, 62, 7, 7, 7}, sizes); diff != "" {
		t.Errorf("sizes of the pages that were asked for (-want +got):\n%s", diff)
	}
}

func TestAnOversizedObjectIsAGap(t *testing.T) {
	_, source := serve(t, map[string][]http.HandlerFunc{
		pods: {
			body(http.StatusOK, "application/json", strings.Repeat(" ", maxObject+1)),
		}, services: {body(http.StatusOK, "application/json", `{"kind":"ServiceList","apiVersion":"v1"}`)},
	})
	collected, err := All(t.Context(), source, Scope{}, []facts.Kind{facts.Pod, facts.Service}, clock.RealClock{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Unavailable, pods: Listing pods failed (one object exceeds 4 MiB)."}, gapTexts(collected.Gaps)); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
}

func TestACancelledRunIsNotAProblemOfTheCluster(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, source := serve(t, map[string][]http.HandlerFunc{pods: {func(w http.ResponseWriter, r *http.Request) {
		cancel()
		hang(w, r)
	}}})
	_, err := All(ctx, source, Scope{}, []facts.Kind{facts.Pod}, clock.RealClock{}, nil)
	if !errors.Is(err, context.Canceled) || problem.As(err) != nil {
		t.Errorf("got %v, want the cancelling itself", err)
	}
}

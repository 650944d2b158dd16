package gitsource

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// world is a source and a public repository with the folder apps.
type world struct {
	*Source
	t      *testing.T
	server *gitserver.Server
	clock  *testingclock.FakeClock
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, clock: testingclock.NewFakeClock(time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))}
	w.server = gitserver.New(t, map[string]string{"apps/a.yaml": "v: 1\n", "README.md": "hello\n"})
	w.server.Public()
	w.Source = New(Options{Egress: provider.Egress{AllowLoopback: true}, Clock: w.clock})
	return w
}

// request for the folder apps.
func (w *world) request(change ...func(*Request)) Request {
	r := Request{Namespace: "shop", Account: "kubeops", Field: "spec.manifestsFrom[0].git", Spec: &v1alpha1.GitManifests{
		URL: w.server.URL, Path: "apps", Interval: &metav1.Duration{Duration: time.Minute},
	}}
	for _, f := range change {
		f(&r)
	}
	return r
}

func (w *world) read(r Request) Content {
	w.t.Helper()
	c, err := w.Read(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// want one file with a content, and a problem that contains a text; none if it is empty.
func (w *world) want(c Content, content, problem string) {
	w.t.Helper()
	got := ""
	for _, f := range c.Files {
		got += string(f.Content)
	}
	if got != content || (c.Revision == "") != (content == "") {
		w.t.Errorf("%q of commit %q, want %q", got, c.Revision, content)
	}
	switch {
	case problem == "" && c.Problem != nil:
		w.t.Errorf("problem: %s", c.Problem.Message)
	case problem != "" && (c.Problem == nil || !strings.Contains(c.Problem.Message, problem)):
		w.t.Errorf("problem %+v, want %q", c.Problem, problem)
	case c.Problem != nil && c.Problem.Reason != v1alpha1.ReasonSourceUnavailable:
		w.t.Errorf("reason %s", c.Problem.Reason)
	}
}

func TestAFolderIsLookedAtEveryIntervalAndFetchedWhenItsCommitChanges(t *testing.T) {
	w := newWorld(t)
	first := w.read(w.request())
	w.want(first, "v: 1\n", "")
	requests := len(w.server.Requests())
	w.clock.Step(59 * time.Second)
	if c := w.read(w.request()); c.Next != time.Second || len(w.server.Requests()) != requests {
		t.Errorf("next in %s, %q", c.Next, w.server.Requests())
	}
	w.clock.Step(time.Second)
	w.want(w.read(w.request()), "v: 1\n", "")
	if sent := w.server.Requests()[requests:]; len(sent) != 1 || !strings.HasPrefix(sent[0], "GET") {
		t.Errorf("an unchanged branch was asked for with %q", sent)
	}
	w.server.Push("main", "second", map[string]string{"apps/a.yaml": "v: 2\n"})
	w.want(w.read(w.request()), "v: 1\n", "")
	second := w.read(w.request(func(r *Request) { r.Requested = "now" }))
	w.want(second, "v: 2\n", "")
	if second.Revision == first.Revision || second.Next != time.Minute {
		t.Errorf("commit %s, next in %s", second.Revision, second.Next)
	}
}

func TestFoldersOfOneBranchComeToTheSameCommitSoon(t *testing.T) {
	w := newWorld(t)
	w.server.Push("main", "second folder", map[string]string{"more/b.yaml": "w: 1\n"})
	slow := func(folder string) Request {
		return w.request(func(r *Request) {
			r.Spec.Path = folder
			r.Spec.Interval = &metav1.Duration{Duration: time.Hour}
		})
	}
	w.want(w.read(slow("apps")), "v: 1\n", "")
	w.want(w.read(slow("more")), "w: 1\n", "")
	w.server.Push("main", "both", map[string]string{"apps/a.yaml": "v: 2\n", "more/b.yaml": "w: 2\n"})
	w.clock.Step(time.Second)
	now := slow("apps")
	now.Requested = "now"
	w.want(w.read(now), "v: 2\n", "")
	w.want(w.read(slow("more")), "w: 1\n", "") // it was looked at a moment ago
	w.clock.Step(minInterval)
	w.want(w.read(slow("more")), "w: 2\n", "")
	requests := len(w.server.Requests())
	w.clock.Step(minInterval)
	w.want(w.read(slow("apps")), "v: 2\n", "")
	if n := len(w.server.Requests()); n != requests {
		t.Errorf("%d requests for a commit that is known", n-requests)
	}
}

func TestAnIntervalBelowTheFloorIsRaised(t *testing.T) {
	w := newWorld(t)
	hasty := func(r *Request) { r.Spec.Interval = &metav1.Duration{Duration: time.Second} }
	if c := w.read(w.request(hasty)); c.Next != minInterval {
		t.Errorf("next in %s", c.Next)
	}
}

func TestARepositoryThatIsAwayKeepsTheLastRevision(t *testing.T) {
	w := newWorld(t)
	w.want(w.read(w.request()), "v: 1\n", "")
	w.server.Push("main", "second", map[string]string{"apps/a.yaml": "v: 2\n"})
	for _, tc := range []struct {
		name, problem string
		before        func(*http.Request) int
	}{
		{"the server fails", "stays applied", func(*http.Request) int { return http.StatusServiceUnavailable }},
		{"the server wants a login", "401", func(*http.Request) int { return http.StatusUnauthorized }},
		{"the repository is gone", "404", func(*http.Request) int { return http.StatusNotFound }},
		{"the branches are listed, and nothing is sent", "stays applied", func(r *http.Request) int {
			if r.Method == http.MethodPost {
				return http.StatusBadGateway
			}
			return 0
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.clock.Step(time.Hour)
			w.server.Before(tc.before)
			c := w.read(w.request())
			w.want(c, "v: 1\n", tc.problem)
			requests := len(w.server.Requests())
			again := w.read(w.request())
			if c.Next != minInterval || len(w.server.Requests()) != requests || again.Problem.Message != c.Problem.Message {
				t.Errorf("next in %s, %d requests: %s", c.Next, len(w.server.Requests())-requests, again.Problem.Message)
			}
		})
	}
	w.server.Before(nil)
	w.clock.Step(minInterval)
	w.want(w.read(w.request()), "v: 2\n", "")
}

func TestWhatIsNoSourceIsNotAnEmptyOne(t *testing.T) {
	w := newWorld(t)
	w.server.Push("main", "other", map[string]string{"docs/b.md": "text\n", "README.md": "bye\n"})
	for _, tc := range []struct {
		name, problem string
		change        func(*Request)
	}{
		{"a folder that does not exist", "none does not exist", func(r *Request) { r.Spec.Path = "none" }},
		{"a folder without manifests", "docs has no file", func(r *Request) { r.Spec.Path = "docs" }},
		{"a branch that does not exist", "branch other does not exist", func(r *Request) {
			r.Spec.Ref = &v1alpha1.GitRef{Branch: "other"}
		}},
		{"an address that is never called", "never called", func(r *Request) { r.Spec.URL = "https://169.254.169.254/repo.git" }},
		{"credentials in the URL", "credentials", func(r *Request) { r.Spec.URL = "https://u:hunter2@git.example.com/repo.git" }},
		{"plain http", "unencrypted", func(r *Request) { r.Spec.URL = "http://git.example.com/repo.git" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := w.read(w.request(tc.change))
			w.want(c, "", tc.problem)
			if c.Problem != nil && strings.Contains(c.Problem.Message, "hunter2") {
				t.Error(c.Problem.Message)
			}
		})
	}
}

// hanging is a server that does not answer until it is released.
func hanging(t *testing.T) (server *gitserver.Server, release func()) {
	t.Helper()
	server = gitserver.New(t, map[string]string{"apps/a.yaml": "v: slow\n"})
	server.Public()
	released := make(chan struct{})
	server.Before(func(*http.Request) int {
		<-released
		return 0
	})
	release = sync.OnceFunc(func() { close(released) })
	t.Cleanup(release)
	return server, release
}

func TestAServerThatDoesNotAnswerDelaysNeitherItsCallerNorOthers(t *testing.T) {
	w := newWorld(t)
	slow, release := hanging(t)
	woken := make(chan string, 2*maxNamespaceLooks)
	ofSlow := func(n int) Request {
		return w.request(func(r *Request) {
			r.Namespace = "slow"
			r.Spec.URL = slow.URL
			r.Field = fmt.Sprint("field", n) // a folder of its own
			r.Until = time.Now().Add(50 * time.Millisecond)
			r.Bundle = r.Field
			r.Wake = func() { woken <- r.Bundle }
		})
	}
	const folders = 2 * maxNamespaceLooks
	for range 2 { // the second time, the look is in progress
		for n := range folders {
			if c := w.read(ofSlow(n)); !c.Pending || c.Revision != "" || c.Problem != nil || c.Next != pendingRetry {
				t.Fatalf("%+v", c)
			}
		}
	}
	w.want(w.read(w.request()), "v: 1\n", "") // of another namespace
	release()
	for range folders {
		<-woken
	}
	for n := range folders {
		w.want(w.read(ofSlow(n)), "v: slow\n", "")
	}
	if len(woken) != 0 || len(w.looks.current) != 0 {
		t.Errorf("%d more calls, %d looks are left", len(woken), len(w.looks.current))
	}
}

func TestWhatIsKnownIsUsedWhileARepositoryIsLookedAt(t *testing.T) {
	w := newWorld(t)
	w.want(w.read(w.request()), "v: 1\n", "")
	w.server.Push("main", "second", map[string]string{"apps/a.yaml": "v: 2\n"})
	released := make(chan struct{})
	w.server.Before(func(*http.Request) int {
		<-released
		return 0
	})
	now := w.request(func(r *Request) { r.Requested = "first" })
	now.Until = time.Now().Add(50 * time.Millisecond)
	c := w.read(now)
	w.want(c, "v: 1\n", "")
	if !c.Pending {
		t.Error("a look that was requested has ended")
	}
	close(released)
	now.Until = time.Time{}
	w.want(w.read(now), "v: 2\n", "")
	requests := len(w.server.Requests())
	w.want(w.read(now), "v: 2\n", "")
	if n := len(w.server.Requests()); n != requests {
		t.Errorf("one request looked twice, with %d requests", n-requests)
	}
}

func TestAFolderThatIsTooLargeToKeepIsReadFromItsLook(t *testing.T) {
	w := newWorld(t)
	w.cache = newCache(1)
	woken := make(chan struct{})
	early := w.request(func(r *Request) {
		r.Until = time.Now().Add(-time.Second)
		r.Wake = func() { close(woken) }
	})
	if c := w.read(early); !c.Pending {
		t.Fatalf("%+v", c)
	}
	<-woken
	early.Wake = nil
	w.want(w.read(early), "v: 1\n", "")
}

func TestACanceledReadIsNoProblemOfTheRepository(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Read(ctx, w.request()); err == nil {
		t.Error("no error")
	}
	w.want(w.read(w.request()), "v: 1\n", "")
}

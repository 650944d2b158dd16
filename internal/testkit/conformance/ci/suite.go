// Package ci is the suite of the contract of build servers: every provider passes it against a strict fake and a real server.
package ci

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

// Behaviour is the parameter that makes a build of the job under test do something.
const Behaviour = "BEHAVIOUR"

// Values of Behaviour. A build without one succeeds at once.
const (
	// Hold runs until it is cancelled.
	Hold = "hold"
	// Fail ends with a failure.
	Fail = "fail"
	// Unstable has 2 tests that pass, one that fails and one that is skipped.
	Unstable = "unstable"
	// Lines prints LineCount lines.
	Lines = "lines"
	// Archive archives ArtifactContent at ArtifactPath.
	Archive = "archive"
)

// LineCount is how many lines a build with Behaviour Lines prints.
const LineCount = 4000

// lineFormat is that of printf, in Go and in awk.
const lineFormat = "line %05d of a build that prints more than one answer may have"

// Line of a build with Behaviour Lines: from one number to the next only the number changes.
func Line(n int) string { return fmt.Sprintf(lineFormat, n) }

// deadline of everything that a test waits for, on a busy machine.
const deadline = 2 * time.Minute

// Subject is a server with jobs, whose builds have two executors.
type Subject struct {
	// Open a new provider, as a new process does.
	Open func(t testing.TB) ci.Provider
	// Job accepts a key and the parameter Behaviour. Unmarked accepts no key, and Disabled no build.
	Job, Unmarked, Disabled string
	// Definition is that of a job like Job, in the format of the server.
	Definition []byte
	// Edit replaces texts in the definition of a job, as a person does.
	Edit func(t testing.TB, job string, texts *strings.Replacer)
	// Step lets time pass for the provider.
	Step func(time.Duration)
	// Name of the run, which makes keys unique on a server that is used several times.
	Name string
}

// Run the suite.
func Run(t *testing.T, s Subject) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, Subject)
	}{
		{"the server is described", described},
		{"each started build is found and followed", found},
		{"a build whose start was interrupted is found", interrupted},
		{"a key that was never started is absent", absent},
		{"equal requests with two keys are two builds", twoKeys},
		{"results are told apart", results},
		{"a running build is cancelled", cancelRunning},
		{"a waiting build is cancelled", cancelWaiting},
		{"the log is read in parts and resumed", log},
		{"an artifact is read", artifact},
		{"what cannot start is for the user to fix", refused},
		{"a job is created and updated", ensured},
		{"a job of others is not replaced", notManaged},
		{"a job that people change is reported and corrected", drift},
		{"handles of others are refused", foreign},
		{"a cancelled call tells nothing", called},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, s) })
	}
}

func (s Subject) request(key, behaviour string) ci.Request {
	return ci.Request{
		Key: s.Name + key, Job: s.Job, Parameters: map[string]string{Behaviour: behaviour}, Claimed: time.Now().Add(-time.Second),
	}
}

// start a build and check the handle.
func (s Subject) start(t *testing.T, p ci.Provider, request ci.Request) ci.Handle {
	t.Helper()
	started, err := p.Start(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if started.Handle == "" || len(started.Handle) > 1024 {
		t.Fatalf("a handle of %d bytes", len(started.Handle))
	}
	return started.Handle
}

// until a build has a phase that is wanted, with a new provider for each question.
func (s Subject) until(t *testing.T, handle ci.Handle, wanted func(ci.Phase) bool) ci.Status {
	t.Helper()
	var last ci.Status
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, deadline, true, func(ctx context.Context) (bool, error) {
		p := s.Open(t)
		defer p.Close()
		status, err := p.Get(ctx, handle)
		if err != nil {
			return false, err
		}
		if status.Handle == "" || len(status.Handle) > 1024 {
			t.Errorf("a handle of %d bytes", len(status.Handle))
		}
		last = status
		handle = status.Handle
		if !wanted(status.Phase) {
			s.Step(2 * time.Second)
			return false, nil
		}
		return true, nil
	})
	if err != nil {
		t.Fatalf("%v; the last status is %+v", err, last)
	}
	return last
}

func is(phase ci.Phase) func(ci.Phase) bool { return func(p ci.Phase) bool { return p == phase } }

func described(t *testing.T, s Subject) {
	p := s.Open(t)
	d, err := p.Describe(t.Context())
	if err != nil || d.Version == "" || d.User == "" || d.QuietingDown || d.Executors < 1 || d.Busy > d.Executors {
		t.Errorf("%+v: %v", d, err)
	}
}

func found(t *testing.T, s Subject) {
	p := s.Open(t)
	request := s.request("found", "")
	handle := s.start(t, p, request)
	lookup, err := p.Find(t.Context(), request)
	if err == nil && lookup.Presence == ci.Absent { // between queue and builds
		status := s.until(t, handle, ci.Phase.Ended)
		handle = status.Handle
		lookup, err = p.Find(t.Context(), request)
	}
	if err != nil || lookup.Presence != ci.Found || lookup.Handle == "" {
		t.Fatalf("%+v: %v", lookup, err)
	}
	for _, handle := range []ci.Handle{handle, lookup.Handle} {
		status := s.until(t, handle, ci.Phase.Ended)
		if status.Phase != ci.Succeeded || status.Number < 1 || status.Started.IsZero() || !strings.HasPrefix(status.URL, "http") {
			t.Errorf("%+v", status)
		}
	}
	if lookup, err = s.Open(t).Find(t.Context(), request); err != nil || lookup.Presence != ci.Found {
		t.Errorf("an ended build: %+v: %v", lookup, err)
	}
}

func interrupted(t *testing.T, s Subject) {
	request := s.request("interrupted", Hold)
	s.start(t, s.Open(t), request) // its answer is lost
	var lookup ci.Lookup
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, deadline, true, func(ctx context.Context) (_ bool, err error) {
		lookup, err = s.Open(t).Find(ctx, request)
		return lookup.Presence == ci.Found, err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.end(t, lookup.Handle)
}

// end a build by Cancel, as often as it takes.
func (s Subject) end(t *testing.T, handle ci.Handle) ci.Status {
	t.Helper()
	return s.until(t, handle, func(phase ci.Phase) bool {
		next, err := s.Open(t).Cancel(t.Context(), handle)
		if err != nil {
			t.Error(err)
		}
		handle = next
		return phase.Ended()
	})
}

func absent(t *testing.T, s Subject) {
	lookup, err := s.Open(t).Find(t.Context(), s.request("absent", ""))
	if err != nil || lookup.Presence != ci.Absent || lookup.Handle != "" {
		t.Errorf("%+v: %v", lookup, err)
	}
}

func twoKeys(t *testing.T, s Subject) {
	p := s.Open(t)
	one, two := s.start(t, p, s.request("one", "")), s.start(t, p, s.request("two", ""))
	first, second := s.until(t, one, ci.Phase.Ended), s.until(t, two, ci.Phase.Ended)
	if first.Number == second.Number || first.Phase != ci.Succeeded || second.Phase != ci.Succeeded {
		t.Errorf("%+v and %+v", first, second)
	}
}

func results(t *testing.T, s Subject) {
	p := s.Open(t)
	failed, unstable := s.start(t, p, s.request("failed", Fail)), s.start(t, p, s.request("unstable", Unstable))
	if status := s.until(t, failed, ci.Phase.Ended); status.Phase != ci.Failed || status.Tests != nil {
		t.Errorf("%+v", status)
	}
	status := s.until(t, unstable, ci.Phase.Ended)
	if status.Phase != ci.Unstable || status.Tests == nil || *status.Tests != (ci.Tests{Passed: 2, Failed: 1, Skipped: 1}) {
		t.Errorf("%+v, tests %+v", status, status.Tests)
	}
}

func cancelRunning(t *testing.T, s Subject) {
	p := s.Open(t)
	running := s.until(t, s.start(t, p, s.request("running", Hold)), is(ci.Running))
	if ended := s.end(t, running.Handle); ended.Phase != ci.Aborted {
		t.Errorf("%+v", ended)
	}
	if _, err := p.Cancel(t.Context(), running.Handle); err != nil {
		t.Errorf("an ended build: %v", err)
	}
}

func cancelWaiting(t *testing.T, s Subject) {
	p := s.Open(t)
	var holding []ci.Handle
	for n := range 2 {
		holding = append(holding, s.until(t, s.start(t, p, s.request(fmt.Sprint("holding", n), Hold)), is(ci.Running)).Handle)
	}
	waiting := s.start(t, p, s.request("waiting", Hold))
	if status, err := p.Get(t.Context(), waiting); err != nil || status.Phase != ci.Queued || status.Reason == "" || status.Number != 0 {
		t.Errorf("%+v: %v", status, err)
	}
	if ended := s.end(t, waiting); (ended.Phase != ci.Aborted && ended.Phase != ci.Lost) || ended.Number != 0 {
		t.Errorf("%+v", ended)
	}
	for _, handle := range holding {
		s.end(t, handle)
	}
}

func log(t *testing.T, s Subject) {
	handle := s.start(t, s.Open(t), s.request("log", Lines))
	var text strings.Builder
	var offset int64
	chunks := 0
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, deadline, true, func(ctx context.Context) (bool, error) {
		for {
			p := s.Open(t)
			chunk, err := p.Log(ctx, handle, offset)
			p.Close()
			if err != nil {
				return false, err
			}
			if len(chunk.Text) > 64<<10 || chunk.Next < offset || (chunk.More && chunk.Text != "" && !strings.HasSuffix(chunk.Text, "\n")) {
				return false, fmt.Errorf("%d bytes from %d to %d end in %.80q", len(chunk.Text), offset, chunk.Next,
					chunk.Text[max(0, len(chunk.Text)-80):])
			}
			text.WriteString(chunk.Text)
			offset = chunk.Next
			chunks++
			if !chunk.More || chunk.Text == "" {
				s.Step(time.Second)
				return !chunk.More, nil
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if past, err := s.Open(t).Log(t.Context(), handle, 1<<40); err != nil || past.Text != "" || past.Next != offset || past.More {
		t.Errorf("beyond the end of %d: %d bytes, next %d, more %t, %v", offset, len(past.Text), past.Next, past.More, err)
	}
	if chunks < 4 {
		t.Errorf("%d chunks", chunks)
	}
	for n := range LineCount {
		if count := strings.Count(text.String(), "\n"+Line(n)+"\n"); count != 1 {
			t.Fatalf("line %d is there %d times", n, count)
		}
	}
}

func refused(t *testing.T, s Subject) {
	p := s.Open(t)
	for name, tc := range map[string]struct {
		change func(*ci.Request)
		reason string
	}{
		"an unknown job":          {func(r *ci.Request) { r.Job = "no-such-job" }, v1alpha1.ReasonJobNotFound},
		"a job without the key":   {func(r *ci.Request) { r.Job = s.Unmarked; r.Parameters = nil }, v1alpha1.ReasonMarkerParameterMissing},
		"a disabled job":          {func(r *ci.Request) { r.Job = s.Disabled }, v1alpha1.ReasonJobDisabled},
		"an undeclared parameter": {func(r *ci.Request) { r.Parameters["OTHER"] = "x" }, v1alpha1.ReasonParameterMissing},
		"a reserved parameter":    {func(r *ci.Request) { r.Parameters["delay"] = "x" }, v1alpha1.ReasonInvalidParameter},
		"the token of a job":      {func(r *ci.Request) { r.Parameters["token"] = "x" }, v1alpha1.ReasonInvalidParameter},
		"a path":                  {func(r *ci.Request) { r.Job = "../x" }, v1alpha1.ReasonInvalidSpec},
		"no key":                  {func(r *ci.Request) { r.Key = "" }, v1alpha1.ReasonInvalidSpec},
		"a key of two lines":      {func(r *ci.Request) { r.Key = "a\nb" }, v1alpha1.ReasonInvalidSpec},
	} {
		request := s.request("refused", "")
		tc.change(&request)
		_, err := p.Start(t.Context(), request)
		if got := problem.As(err); got == nil || got.Reason != tc.reason || got.Action != problem.UserMustAct {
			t.Errorf("%s: got %v, want %s", name, err, tc.reason)
		}
	}
	if lookup, err := p.Find(t.Context(), s.request("refused", "")); err != nil || lookup.Presence != ci.Absent {
		t.Errorf("a refused request started something: %+v: %v", lookup, err)
	}
}

func foreign(t *testing.T, s Subject) {
	p := s.Open(t)
	for _, handle := range []ci.Handle{"", "x", `{"job":"../x"}`, `{"job":"x","build":-1}`, ci.Handle(strings.Repeat("x", 2000))} {
		_, getErr := p.Get(t.Context(), handle)
		_, cancelErr := p.Cancel(t.Context(), handle)
		_, logErr := p.Log(t.Context(), handle, 0)
		for _, err := range []error{getErr, cancelErr, logErr} {
			if got := problem.As(err); got == nil || got.Reason != v1alpha1.ReasonInvalidSpec {
				t.Errorf("%.20q: %v", handle, err)
			}
		}
	}
}

func called(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := s.Open(t)
	if lookup, err := p.Find(ctx, s.request("called", "")); err == nil || lookup.Presence != ci.Unknown {
		t.Errorf("%+v: %v", lookup, err)
	}
	if _, err := p.Start(ctx, s.request("called", "")); problem.As(err) == nil {
		t.Error(err)
	}
}

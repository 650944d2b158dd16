// Package argocd is a strict stand-in for the API server and the controller of Argo CD, written from the source of 2.14.21. A sync clears
// the state of the last operation, and none is there until the controller begins; a second one is refused; an application that is synced
// automatically refuses others; termination is asynchronous; health is judged after the end of an operation; a selective sync is not in
// the history; without a project, an application that does not exist is one that cannot be seen.
package argocd

import (
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"
)

// Token that is accepted, and the user that it belongs to.
const (
	Token = "eyJ-argocd-api-token-of-the-test"
	User  = "kubeops"
)

// Application of the server. The fields are the behaviour that a test wants.
type Application struct {
	// Name of the application. Its project is default, unless Spec has another.
	Name string
	// Automated is synced by the server.
	Automated bool
	// Disabled is automated.enabled: false, of newer servers.
	Disabled bool
	// Head is the target revision's commit.
	Head string
	// Hold keeps an operation running until it is terminated or Hold is false.
	Hold bool
	// Fail is the message of operations that fail.
	Fail string
	// Health after an operation, and its message. Default Healthy.
	Health, HealthMessage string
	// Closed is a sync window that does not permit syncs.
	Closed bool
	// Takes is how long the controller takes until it begins an operation, until it ends it, and until it judges health. By default, each
	// takes until the next request.
	Takes time.Duration

	// Annotations and Labels of its metadata. ApplicationSet is the name of its owner.
	Annotations, Labels map[string]string
	ApplicationSet      string
	// Spec that a request created or changed; nil is that of the stand-in.
	Spec map[string]any

	// next is when the next step is due.
	next         time.Time
	operation    *operation
	state        *operationState
	history      []entry
	synced       string
	health       string
	reconciledAt time.Time
	unjudged     bool
	nextID       int64
}

// operation as it was asked for.
type operation struct {
	By        string
	Automated bool
	Infos     []map[string]string
	Revision  string
	DryRun    bool
	Selected  bool
}

type operationState struct {
	operation
	Phase, Message    string
	Started, Finished time.Time
	Revision          string
	terminating       bool
}

type entry struct {
	ID                int64
	Revision          string
	Started, Deployed time.Time
	By                string
	Automated         bool
}

// Server is the stand-in.
type Server struct {
	URL string

	mu    sync.Mutex
	http  *httptest.Server
	apps  map[string]*Application
	calls []string
	syncs int
	drop  bool
	fail  map[string]int
	now   func() time.Time
	// crash is the number of the request at which the server goes down; zero is none. lost loses the request, not only its answer.
	crash, requests int
	lost, down      bool
}

// New starts a server that ends with the test.
func New(t testing.TB, apps ...Application) *Server {
	t.Helper()
	s := &Server{apps: map[string]*Application{}, fail: map[string]int{}, now: time.Now}
	for _, a := range apps {
		if a.Health == "" {
			a.Health = "Healthy"
		}
		a.health = "Missing"
		a.reconciledAt = s.now()
		s.apps[a.Name] = &a
	}
	s.http = httptest.NewServer(s)
	s.URL = s.http.URL
	t.Cleanup(s.http.Close)
	return s
}

// Close the server: it does not answer any more.
func (s *Server) Close() { s.http.Close() }

// Set changes the behaviour of an application.
func (s *Server) Set(name string, change func(*Application)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s.apps[name])
}

// Drop the connection of the next sync after it was accepted.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop = true
}

// SetClock replaces the clock of the machine.
func (s *Server) SetClock(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
	for _, a := range s.apps {
		a.reconciledAt = now()
	}
}

// Crash loses the answer to the n-th request from now on, and all later requests until Restart. If lost is set, the n-th request is lost,
// too.
func (s *Server) Crash(n int, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash = n
	s.requests = 0
	s.lost = lost
}

// Down reports whether the server has crashed.
func (s *Server) Down() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.down
}

// Restart answers again, and reports whether the server had crashed.
func (s *Server) Restart() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	crashed := s.down
	s.down = false
	return crashed
}

// Refuse requests whose path ends so, with a status. Status 0 answers again.
func (s *Server) Refuse(path string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail[path] = status
}

// Start an operation as another user.
func (s *Server) Start(name, by, revision string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[name].start(operation{By: by, Revision: revision}, s.now())
}

// Syncs that were accepted, and the requests so far.
func (s *Server) Syncs() (syncs int, calls []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.syncs, slices.Clone(s.calls)
}

// Deployed revisions of an application, the newest last.
func (s *Server) Deployed(name string) (revisions []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.apps[name].history {
		revisions = append(revisions, e.Revision)
	}
	return revisions
}

// start clears the state of the last operation.
func (a *Application) start(o operation, now time.Time) {
	a.operation = &o
	a.state = nil
	a.next = now.Add(a.Takes)
}

func (a *Application) busy() bool { return a.operation != nil }

// automated reports whether the server syncs.
func (a *Application) automated() bool { return a.Automated && !a.Disabled }

// tick is one step of the controller, or all those that are due.
func (a *Application) tick(now time.Time) {
	if a.Takes == 0 {
		a.step(now)
		return
	}
	for (a.busy() || a.unjudged) && !now.Before(a.next) {
		at := a.next
		a.next = at.Add(a.Takes)
		a.step(at)
	}
}

// step of the controller: judge health, begin an operation, or end it.
func (a *Application) step(now time.Time) {
	if a.unjudged {
		a.unjudged = false
		a.health = a.Health
		a.reconciledAt = now
	} else if a.health != "Missing" && a.state != nil && !a.state.Finished.IsZero() {
		a.health = a.Health
	}
	switch {
	case a.operation == nil:
	case a.state == nil:
		a.state = &operationState{operation: *a.operation, Phase: "Running", Message: "one or more tasks are running", Started: now}
	case a.state.terminating:
		a.end(now, "Failed", "Operation terminated")
	case a.Hold:
	case a.Fail != "":
		a.end(now, "Failed", a.Fail)
	default:
		a.end(now, "Succeeded", "successfully synced (all tasks run)")
	}
}

func (a *Application) end(now time.Time, phase, message string) {
	s := a.state
	s.Phase, s.Message = phase, message
	s.Finished = now
	s.Revision = s.operation.Revision
	if s.Revision == "" {
		s.Revision = a.Head
	}
	a.operation = nil
	if phase != "Succeeded" || s.DryRun {
		return
	}
	a.unjudged = true
	a.health = "Progressing"
	if s.Selected {
		return
	}
	a.synced = s.Revision
	a.history = append(a.history, entry{
		ID: a.nextID, Revision: s.Revision, Started: s.Started, Deployed: now, By: s.By, Automated: s.Automated,
	})
	a.nextID++ // the first is 0
	a.history = a.history[max(0, len(a.history)-10):]
}

// refresh compares, and starts an automated sync of a revision that was not tried.
func (a *Application) refresh(now time.Time) {
	a.reconciledAt = now
	tried := a.state != nil && a.state.Revision == a.Head
	if a.automated() && a.synced != a.Head && !a.busy() && !tried {
		a.start(operation{Automated: true, Revision: a.Head}, now)
	}
}

// Package jenkins is a strict stand-in for Jenkins, written from the behaviour of its core (2.579): it folds equal items of the queue,
// drops parameters that a job does not declare, forgets items five minutes after they left the queue, and after a crash it has lost what
// it had not saved and gives ids of the queue again.
package jenkins

import (
	"fmt"
	"maps"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"kubeops.io/kubeops/internal/testkit/conformance/ci"
)

// Credentials that are accepted, and a password that is one of a user who needs a crumb.
const (
	User     = "kubeops"
	Token    = "11aabbccddeeff-api-token"
	Password = "correct-horse-battery"
)

// Job of the server.
type Job struct {
	// Parameters that it declares, with their choices.
	Parameters map[string][]string
	// Disabled jobs refuse builds. A Folder is no job. Hidden ones are not visible to the user.
	Disabled, Folder, Hidden bool
	// Pipeline jobs have stages, and can be terminated and killed.
	Pipeline bool
	// Stubborn builds ignore that they are stopped, and with 2 that they are terminated.
	Stubborn int
	// Config is the job's config.xml.
	Config string

	builds []*Build
	next   int64
}

// Build of a job.
type Build struct {
	Number, QueueID int64
	Parameters      map[string]string
	Building        bool
	Result          string
	Began           time.Time
	// Log is the file: with annotations, and Unix line ends.
	Log string
	// Stages as wfapi describes them.
	Stages []Stage
	// Hidden builds answer 404, as one does whose record is just being written.
	Hidden bool
	// Artifacts are its archived files by their paths.
	Artifacts map[string]string
	// Means are the calls that asked it to end.
	Means []string
	// Trigger is the number of the request that it is from, which is never given again; zero for builds that a test added. An item of the
	// queue that a crash brought back is built once more.
	Trigger int
}

// Stage of a build.
type Stage struct{ Name, Status string }

// Item of the queue.
type Item struct {
	ID         int64
	Job        string
	Parameters map[string]string
	// Left is when it left the queue; zero while it waits.
	Left      time.Time
	Cancelled bool
	// Build is the number once it runs.
	Build int64
	// Trigger is that of the build.
	Trigger int
}

// Server is a Jenkins.
type Server struct {
	*httptest.Server
	Clock *clocktesting.FakeClock

	mu       sync.Mutex
	jobs     map[string]*Job
	queue    []*Item
	left     []*Item
	nextID   int64
	sessions int
	saved    struct {
		queue  []*Item
		nextID int64
	}
	options Options
	calls   []string
	posts   int
	crash   struct {
		// at is the number of the request at which the server goes down; zero is none. lost loses the request, not only its answer.
		at, requests int
		lost, down   bool
	}
	// definitions of jobs that were created or replaced.
	definitions int
	refused     map[string]int
}

// Options of a Server, which Set changes.
type Options struct {
	// Executors that run builds.
	Executors int
	// QuietingDown starts no builds.
	QuietingDown bool
	// Gap is true while items that left the queue are not listed as builds.
	Gap bool
	// Frozen leaves items in the queue.
	Frozen bool
	// Old answers 201 for an item that exists already.
	Old bool
	// Refuse redirects triggers to the job without a build.
	Refuse bool
	// PluginsHidden answers 403 for plugins.
	PluginsHidden bool
	// Uncancellable items of the queue (422).
	Uncancellable bool
	// ArtifactsElsewhere redirects requests for artifacts to another server, as plugins do that store them there.
	ArtifactsElsewhere bool
	// Drop closes the connection of the next trigger after it was executed.
	Drop bool
	// Duration of builds, by the clock. Default: until the next request.
	Duration time.Duration
}

// New starts a server with two executors and no jobs.
func New(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		Clock: clocktesting.NewFakeClock(time.Now()), jobs: map[string]*Job{}, nextID: 1, refused: map[string]int{},
		options: Options{Executors: 2},
	}
	s.saved.nextID = 1
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// Add a job by its full name.
func (s *Server) Add(name string, job *Job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	job.next = 1
	s.jobs[name] = job
}

// Delete a job with its builds.
func (s *Server) Delete(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.jobs, name)
}

// Set changes options.
func (s *Server) Set(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.options)
}

// Refuse answers requests whose path ends with a text with a status; 0 ends that.
func (s *Server) Refuse(path string, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused[path] = status
}

// Builds of a job, the oldest first, as copies.
func (s *Server) Builds(job string) []Build {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tick()
	var list []Build
	for _, b := range s.jobs[job].builds {
		list = append(list, *b)
	}
	return list
}

// Change a build.
func (s *Server) Change(job string, number int64, change func(*Build)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.jobs[job].builds {
		if b.Number == number {
			change(b)
		}
	}
}

// AddBuilds of a person to a job, which ended.
func (s *Server) AddBuilds(job string, count int, began time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range count {
		b := s.jobs[job].add(map[string]string{}, -1, began)
		b.Building = false
		b.Result = "SUCCESS"
	}
}

// Save the queue, as Jenkins does at most every 60 seconds.
func (s *Server) Save() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.save()
}

func (s *Server) save() {
	s.saved.queue = nil
	for _, i := range s.queue {
		kept := *i
		s.saved.queue = append(s.saved.queue, &kept)
	}
	s.saved.nextID = s.nextID
}

// Kill and start the server: the queue and the counter of ids are those that were saved last, and running builds of jobs without Pipeline
// are cut off.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kill()
}

// Restart the server without a loss.
func (s *Server) Restart() {
	s.Save()
	s.Kill()
}

// Calls that were sent, as method and path, and how many of them were triggers that had an effect.
func (s *Server) Calls() ([]string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...), s.posts
}

// Definitions of jobs that were created or replaced by requests.
func (s *Server) Definitions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.definitions
}

// Config is the config.xml of a job; empty if there is none.
func (s *Server) Config(job string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.jobs[job]; found != nil {
		return found.Config
	}
	return ""
}

// Edit the config.xml of a job, as a person does.
func (s *Server) Edit(job string, change func(config string) string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.jobs[job].Config = change(s.jobs[job].Config)
	s.jobs[job].parse()
}

func (s *Server) session() string { return fmt.Sprintf("%08x", 0xa1b2c3d4+s.sessions) }

// add a build that runs.
func (j *Job) add(parameters map[string]string, queueID int64, began time.Time) *Build {
	b := &Build{Number: j.next, QueueID: queueID, Parameters: parameters, Building: true, Began: began, Log: "Started by user kubeops\n"}
	j.next++
	j.builds = append(j.builds, b)
	return b
}

// tick lets time pass: builds end, items start, and old items are forgotten.
func (s *Server) tick() {
	now := s.Clock.Now()
	running := 0
	for _, job := range s.jobs {
		for _, b := range job.builds {
			if b.Building && b.Parameters[ci.Behaviour] != ci.Hold && now.Sub(b.Began) >= s.options.Duration {
				b.end()
			}
			if b.Building {
				running++
			}
		}
	}
	var waiting, kept []*Item
	for _, i := range s.queue {
		job := s.jobs[i.Job]
		if job == nil {
			continue // the items of a deleted job are cancelled
		}
		if s.options.QuietingDown || s.options.Frozen || running >= s.options.Executors {
			waiting = append(waiting, i)
			continue
		}
		i.Left = now
		s.left = append(s.left, i)
		running++
	}
	s.queue = waiting
	for _, i := range s.left {
		if job := s.jobs[i.Job]; job != nil && i.Build == 0 && !i.Cancelled && !s.options.Gap {
			b := job.add(i.Parameters, i.ID, now)
			b.Trigger = i.Trigger
			i.Build = b.Number
		}
		if now.Sub(i.Left) < 5*time.Minute {
			kept = append(kept, i)
		}
	}
	s.left = kept
}

// Finish a build with a result. Use it within Change.
func (b *Build) Finish(result string) {
	b.Building = false
	b.Result = result
}

// end a build as its behaviour says.
func (b *Build) end() {
	b.Building = false
	if b.Result != "" {
		return
	}
	b.Result = "SUCCESS"
	switch b.Parameters[ci.Behaviour] {
	case ci.Fail:
		b.Result = "FAILURE"
	case ci.Unstable:
		b.Result = "UNSTABLE"
	case ci.Archive:
		b.Artifacts = map[string]string{ci.ArtifactPath: ci.ArtifactContent}
	case ci.Lines:
		var text strings.Builder
		for n := range ci.LineCount {
			text.WriteString(ci.Line(n) + "\n")
		}
		b.Log += text.String()
	}
	b.Log += "Finished: " + b.Result + "\n"
}

// enqueue a build, or return the equal item that waits.
func (s *Server) enqueue(job string, parameters map[string]string) (i *Item, isNew bool) {
	for _, waiting := range s.queue {
		if waiting.Job == job && maps.Equal(waiting.Parameters, parameters) {
			return waiting, false
		}
	}
	s.posts++
	i = &Item{ID: s.nextID, Job: job, Parameters: parameters, Trigger: s.posts}
	s.nextID++
	s.queue = append(s.queue, i)
	return i, true
}

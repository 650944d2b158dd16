// Package ci is the contract of servers that build: every one implements Provider. Its calls are those of the plugin contract, so that a
// plugin is one more Provider.
package ci

import (
	"context"
	"time"
)

// Provider starts builds and follows them. All methods keep to the context's deadline, bound what they read, and return *problem.Problem
// errors that name the cause. They may be called from many goroutines.
type Provider interface {
	// Describe makes the round trip that proves the server usable.
	Describe(ctx context.Context) (Description, error)
	// Start triggers a build. After an error the build may have been triggered, and only Find can tell. Two actions of a problem mean that
	// it was not triggered: UserMustAct, and Wait, such as for a job that builds already; call Start again after the time of the problem.
	Start(ctx context.Context, request Request) (Started, error)
	// Find looks for the build of a request's key. Only Absent permits another Start. With an error the presence is Unknown.
	Find(ctx context.Context, request Request) (Lookup, error)
	// Get reads where a build stands. A build that the server does not know any more is Lost.
	Get(ctx context.Context, handle Handle) (Status, error)
	// Cancel asks the server to end a build. It returns before the build has ended: Get tells when. Cancel of an ended build is no error.
	// The returned handle replaces the one asked with: it has what was tried, and a later call with it uses stronger means.
	Cancel(ctx context.Context, handle Handle) (Handle, error)
	// Log reads the build's log from an offset. One beyond its end gives the end as Next, and no text.
	Log(ctx context.Context, handle Handle, offset int64) (LogChunk, error)
	// Close closes idle connections.
	Close()
}

// Checker is a Provider that can tell without a build whether a request can start one.
type Checker interface {
	// Check that the job exists, accepts builds and declares the parameters. Their values may be unknown, and are not checked.
	Check(ctx context.Context, request Request) error
}

// Description of a server.
type Description struct {
	// Version as the server gives it.
	Version string
	// User that the credentials belong to.
	User string
	// Latency of the round trip.
	Latency time.Duration
	// Executors in all, and those that are busy.
	Executors, Busy int
	// Queued is the number of builds that wait for an executor.
	Queued int
	// Capabilities in the names of the backend, sorted, such as "stages".
	Capabilities []string
	// QuietingDown is true while the server starts no builds.
	QuietingDown bool
}

// Request of a build.
type Request struct {
	// Key of the stage attempt, unique and the same in every retry of the call. It is sent with the build, and found again by Find.
	Key string
	// Job by its full name, with / between folders.
	Job string
	// Parameters by name. Values are strings.
	Parameters map[string]string
	// AllowUnmarked permits a job that cannot carry the key, one build at a time. Find is then Unknown if any build could be ours.
	AllowUnmarked bool
	// Claimed is when the key was claimed. Builds that began before cannot have it: without this time Find is Absent only if the server
	// lists all builds that the job ever had.
	Claimed time.Time
}

// Started is the answer to Start.
type Started struct {
	// Handle of the build.
	Handle Handle
}

// Handle names a build at the server, in words that the provider gives and reads. It is stored in status, at most 1,024 characters.
type Handle string

// Presence is the answer to a lookup.
type Presence string

const (
	// Found is a build with the key.
	Found Presence = "Found"
	// Absent means that everything was read and there is no such build. A build that has just left the queue may be missing for seconds:
	// call again after 10 s before Start.
	Absent Presence = "Absent"
	// Unknown means that the answer cannot be given: the server is down, or the list was cut off. It never permits a Start.
	Unknown Presence = "Unknown"
)

// Lookup is the answer to Find.
type Lookup struct {
	Presence Presence
	// Handle of the build if it was found.
	Handle Handle
	// Reason in words for people why the answer is Unknown.
	Reason string
}

// Phase of a build.
type Phase string

const (
	// Queued has not begun.
	Queued Phase = "Queued"
	// Running has begun and not ended.
	Running Phase = "Running"
	// Succeeded ended without a fault.
	Succeeded Phase = "Succeeded"
	// Unstable ended, but tests failed.
	Unstable Phase = "Unstable"
	// Failed ended with a fault.
	Failed Phase = "Failed"
	// Aborted was stopped by a person, by Cancel or by a restart of the server.
	Aborted Phase = "Aborted"
	// Lost means that the server does not know the build any more.
	Lost Phase = "Lost"
)

// Ended is true if the phase does not change any more.
func (p Phase) Ended() bool { return p != Queued && p != Running }

// Status of a build.
type Status struct {
	// Handle that replaces the one asked with: a queued build gets its number when it begins.
	Handle Handle
	Phase  Phase
	// Reason in words for people: why it waits, or how it ended.
	Reason string
	// URL of the build for people.
	URL string
	// Number of the build, 0 while it is queued.
	Number int64
	// Started and Duration as the server tells; zero while unknown.
	Started  time.Time
	Duration time.Duration
	// Stages of the build, if the server has them, at most 100.
	Stages []Stage
	// Tests of an ended build; nil if it has none.
	Tests *Tests
}

// Stage of a build.
type Stage struct {
	Name   string
	Phase  Phase
	Paused bool
}

// Tests are the counts of a build's test report.
type Tests struct{ Passed, Failed, Skipped int }

// LogChunk is a part of a log.
type LogChunk struct {
	// Text begins at the requested offset and ends at a line's end unless the log has ended, at most 64 KiB.
	Text string
	// Next offset to ask for.
	Next int64
	// More is false if the log has ended and nothing follows.
	More bool
}

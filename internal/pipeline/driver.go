// Package pipeline is the state machine of PipelineRuns. It decides which stages start, claims each attempt before it acts, looks for the
// work of an attempt before it starts it a second time, and ends everything that has a deadline. It knows no Kubernetes client: what a
// stage does is a Driver, and what it decided is stored by its caller.
package pipeline

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Driver does the work of a type of stage. Its errors are *problem.Problem with one of three actions: what may recover is repeated until
// the deadline of the stage, and so is what waits for something. Methods keep to the context's deadline.
type Driver interface {
	// Check finds out before the first stage of a run starts whether the stage can be run. A problem that only the user can fix fails the
	// run, and any other delays it.
	Check(ctx context.Context, attempt Attempt) error
	// Start starts the work, and returns its handle. After an error the work may have been started, and only Find can tell. Two actions of
	// a problem mean that it was not: UserMustAct ends the stage, and after Wait, Start is called again.
	Start(ctx context.Context, attempt Attempt) (handle string, err error)
	// Find looks for the work by the key of the attempt. An error means that the answer is unknown.
	Find(ctx context.Context, attempt Attempt) (Lookup, error)
	// Get reads the state of the work. An error changes nothing.
	Get(ctx context.Context, attempt Attempt, handle string) (Observation, error)
	// Cancel asks for the end of the work. It can return before the work has ended, and reports whether nothing is left to wait for.
	Cancel(ctx context.Context, attempt Attempt, handle string) (ended bool, err error)
}

// Verifier is a Driver with something to check, or to read, after the work ended well.
type Verifier interface {
	// Verify returns the result. While its state is Running, it is called again.
	Verify(ctx context.Context, attempt Attempt, handle string) (Observation, error)
}

// Stopper is a Driver whose means to end work get stronger. Stop replaces Cancel.
type Stopper interface {
	// Stop is Cancel, and returns the handle for the next call: it has what was tried.
	Stop(ctx context.Context, attempt Attempt, handle string) (next string, ended bool, err error)
}

// Expirer is a Driver for which the timeout of a stage is a failure with a reason of the type.
type Expirer interface {
	Expired(attempt Attempt) (reason, message string)
}

// Reverter is a Driver whose work can be undone, for stages after which onFailure of another one is rollback.
type Reverter interface {
	// Previous reads the state that the work of the attempt will replace, such as a revision: text without secrets, of 1 to 1,024
	// characters. It is stored before Start, once for a stage and its attempts, and is Attempt.Previous then. An error starts nothing.
	Previous(ctx context.Context, attempt Attempt) (string, error)
	// Rollback is the Driver that undoes work. Its attempts have keys of their own, and are claimed and looked for as others are;
	// Attempt.Undo is what they undo. Their outputs are those of the type, as far as they exist. A problem that only the user can fix is
	// the reason why the work is not undone. Check is not called.
	Rollback() Driver
}

// Follower is a Reverter whose rollbacks may have to follow those of the commits that they deploy.
type Follower interface {
	// Follows reports whether a rollback to a previous state starts only after all others have ended.
	Follows(previous string) bool
}

// RevertedCommit is a commit of the run, and what its rollback resulted in.
type RevertedCommit struct {
	// Target is the repository and the branch.
	Target string
	// Revision of the commit, and that of its rollback; the second is empty if it was not rolled back.
	Revision, Rollback string
}

// Undo is what a rollback undoes: the work of a stage in this run.
type Undo struct {
	// Keys of the attempts, the last first. The work of some of them may not exist.
	Keys []string
	// Handle of the work of the last attempt; empty if it is not known whether it was started.
	Handle string
	// Commits of the stages before this one, in the order in which they were rolled back.
	Commits []RevertedCommit
}

// Source is the work of a stage that a later one reads.
type Source struct {
	// Stage of the work.
	Stage *v1alpha1.PipelineStage
	// Handle of the work of its last attempt, and its URL for people. They are empty while there is none, which is never so when the
	// later stage starts.
	Handle, URL string
}

// Attempt of a stage, as a Driver needs it.
type Attempt struct {
	// Key is unique, and the same in every call for the attempt.
	Key string
	// Namespace, Run and UID of the PipelineRun, and its Pipeline.
	Namespace, Run string
	UID            types.UID
	Pipeline       string
	// RequestedBy is the user who requested the run; empty if unknown.
	RequestedBy string
	// ServiceAccount acts for the run.
	ServiceAccount string
	Stage          *v1alpha1.PipelineStage
	Number         int32
	// Values of the stage by name.
	Values map[string]string
	// Previous is the state before the work; see Reverter.
	Previous string
	// Undo is what a rollback undoes; nil for other attempts.
	Undo *Undo
	// Source is the work of an earlier stage that this one reads; nil for stages that read none.
	Source *Source
	// Digest of what the attempt was given.
	Digest string
	// RunStarted is when the first stage of the run could start; zero before that.
	RunStarted time.Time
	// Deployed is when the first stage before this one started that deploys something; without one, the first that commits. Zero without
	// either.
	Deployed time.Time
	// FirstDeployed is when the first attempt of these stages started: before it, the run had changed nothing of what Deployed is about.
	// Zero if Deployed is.
	FirstDeployed time.Time
	// Started is when the attempt was claimed, and Deadline when it times out.
	Started, Deadline time.Time
	// NotBefore is a time at which no work of the attempt had been started: Started, or that of a later Start or Find that proved it.
	NotBefore time.Time
	// Now is the time of the call.
	Now time.Time
}

// Presence is the answer to a lookup.
type Presence int

const (
	// Unknown means that the answer cannot be given. It never permits a second Start.
	Unknown Presence = iota
	// Found is work with the key.
	Found
	// Absent means that everything was read and nothing has the key. Work that was started a moment ago may be missing: a second lookup
	// follows after absenceDelay.
	Absent
	// Never means that nothing has the key, and that one lookup proves it, such as a read of a name from the API server.
	Never
)

// Lookup is the answer to Find.
type Lookup struct {
	Presence Presence
	// Handle of the work that was found.
	Handle string
	// Reason why the answer is unknown, for people.
	Reason string
}

// State of the work of an attempt.
type State int

const (
	// Running has not ended.
	Running State = iota
	// Succeeded ended well.
	Succeeded
	// Failed ended with a fault.
	Failed
	// Aborted was stopped, by Cancel or by a person.
	Aborted
	// Lost no longer exists, and its result is unknown.
	Lost
)

// Observation of the work of an attempt.
type Observation struct {
	State State
	// Handle replaces the one that was asked with; empty keeps it.
	Handle string
	// Reason of a failure, in CamelCase, and Message for people, which is stable while the state lasts.
	Reason, Message string
	// URL of the work for people.
	URL string
	// Outputs of work that succeeded.
	Outputs map[string]string
	// Diagnosis of work that failed, a line each.
	Diagnosis []string
	// After is when to look again. Default: observeInterval.
	After time.Duration
}

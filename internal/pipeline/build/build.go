// Package build is the stage that runs a job of a build server. The key of the attempt is the marker of the build, by which the server is
// asked for it: a build whose trigger was not confirmed is found again, and triggered a second time only if it is surely not there.
package build

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/pace"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/ci"
)

const (
	// retryOpen is when to try again to open a CIProvider, or to ensure a job.
	retryOpen = 5 * time.Second
	// missingRetry is when to look again for the definition of a job that does not exist.
	missingRetry = 10 * time.Second
	// maxText of a server in a message, in characters.
	maxText = 300
	// maxURL of a build, in characters.
	maxURL = 1024
	// reasonQueued and reasonRunning of a build that has not ended.
	reasonQueued  = "BuildQueued"
	reasonRunning = "BuildRunning"
)

// Driver runs builds. All exported fields are required.
type Driver struct {
	// Open a client of a CIProvider, which the driver closes. Errors are problems.
	Open func(ctx context.Context, key client.ObjectKey) (*backends.Builds, error)
	// Accounts acts as the ServiceAccounts of tenants, which read the definitions of jobs.
	Accounts impersonate.Source
	// Cluster is the identity of the cluster, which the jobs that stages define carry: two clusters can have Pipelines of the same name.
	// Empty leaves it out, and so does nil. Errors are problems.
	Cluster func(ctx context.Context) (string, error)
	// Redact replaces secrets in a text of several lines.
	Redact func(string) string

	pace pace.Pacer
}

var _ pipeline.Stopper = (*Driver)(nil)

func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*backends.Builds, error) {
	return d.Open(ctx, client.ObjectKey{Namespace: attempt.Namespace, Name: attempt.Stage.Build.ProviderRef.Name})
}

// request of the build of an attempt.
func request(attempt pipeline.Attempt) ci.Request {
	stage := attempt.Stage.Build
	r := ci.Request{Key: attempt.Key, Job: stage.Job, AllowUnmarked: stage.AllowUnmarked, Claimed: attempt.Started}
	r.Parameters = make(map[string]string, len(stage.Parameters))
	for _, parameter := range stage.Parameters {
		r.Parameters[parameter.Name] = attempt.Values[parameter.Name]
	}
	return r
}

// Check implements pipeline.Driver: the server accepts the credentials, and the job declares the parameters.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return err
	}
	defer server.Close()
	jobs, err := definer(attempt, server.Provider)
	if err == nil && jobs != nil {
		err = d.checkDefinition(ctx, attempt, jobs)
	}
	if err != nil || jobs != nil {
		return problem.In("stage "+attempt.Stage.Name, err)
	}
	if checker, ok := server.Provider.(ci.Checker); ok {
		return problem.In("stage "+attempt.Stage.Name, checker.Check(ctx, request(attempt)))
	}
	_, err = server.Describe(ctx)
	return problem.In("stage "+attempt.Stage.Name, err)
}

// Start implements pipeline.Driver.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return "", untriggered(err)
	}
	defer server.Close()
	jobs, err := definer(attempt, server.Provider)
	if err != nil {
		return "", err
	}
	if jobs != nil {
		if err := d.ensure(ctx, attempt, jobs); err != nil {
			return "", err
		}
	}
	started, err := server.Start(ctx, request(attempt))
	return string(started.Handle), err
}

// Find implements pipeline.Driver.
func (d *Driver) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	defer server.Close()
	found, err := server.Find(ctx, request(attempt))
	if neverCreated(attempt, err) {
		return pipeline.Lookup{Presence: pipeline.Absent}, nil
	}
	if err != nil {
		return pipeline.Lookup{}, err
	}
	lookup := pipeline.Lookup{Handle: string(found.Handle), Reason: server.Redact(found.Reason, maxText)}
	switch found.Presence {
	case ci.Found:
		lookup.Presence = pipeline.Found
	case ci.Absent:
		lookup.Presence = pipeline.Absent
	}
	return lookup, nil
}

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Observation{}, err
	}
	defer server.Close()
	status, err := server.Get(ctx, ci.Handle(handle))
	if err != nil {
		return pipeline.Observation{}, err
	}
	o := observe(attempt, status, server.Redact)
	o.After = d.pace.Next(attempt.Namespace+"/"+attempt.Stage.Build.ProviderRef.Name, attempt.Key, attempt.Started, attempt.Now)
	if o.State == pipeline.Failed {
		o.Diagnosis = d.diagnose(ctx, server, status)
		o.Message += d.drift(ctx, attempt, server.Provider)
	}
	return o, nil
}

// observe what a status means for the stage.
func observe(attempt pipeline.Attempt, status ci.Status, redactTo func(string, int) string) pipeline.Observation {
	o := pipeline.Observation{Handle: string(status.Handle), URL: redactTo(status.URL, maxURL)}
	redact := func(text string) string { return redactTo(text, maxText) }
	name := name(attempt, status)
	because := ""
	if status.Reason != "" {
		because = ": " + redact(status.Reason)
	}
	set := func(state pipeline.State, reason, message string) {
		o.State = state
		o.Reason = reason
		o.Message = message
	}
	switch status.Phase {
	case ci.Queued:
		set(pipeline.Running, reasonQueued, name+" is in the queue"+because)
	case ci.Running:
		if stage := current(status.Stages); stage != "" && because == "" {
			because = ", stage " + redact(stage)
		}
		set(pipeline.Running, reasonRunning, name+" is in progress"+because)
	case ci.Succeeded:
		set(pipeline.Succeeded, "", name+" succeeded")
	case ci.Unstable:
		set(pipeline.Failed, v1alpha1.ReasonBuildUnstable, name+" is unstable"+failedTests(status.Tests))
		if attempt.Stage.Build.Unstable == v1alpha1.UnstablePass {
			o.State = pipeline.Succeeded
		}
	case ci.Failed:
		set(pipeline.Failed, v1alpha1.ReasonBuildFailed, name+" failed"+because)
	case ci.Aborted:
		set(pipeline.Aborted, v1alpha1.ReasonBuildAborted, name+" was aborted"+because)
	default:
		set(pipeline.Lost, "", name+" is lost"+because)
	}
	return o
}

func name(attempt pipeline.Attempt, status ci.Status) string {
	if status.Number == 0 {
		return "the build of job " + attempt.Stage.Build.Job
	}
	return "build " + strconv.FormatInt(status.Number, 10) + " of job " + attempt.Stage.Build.Job
}

// current is the name of the last stage in progress.
func current(stages []ci.Stage) string {
	name := ""
	for _, stage := range stages {
		if stage.Phase == ci.Running {
			name = stage.Name
		}
	}
	return name
}

func failedTests(tests *ci.Tests) string {
	if tests == nil || tests.Failed == 0 {
		return ""
	}
	return fmt.Sprintf(": %d of %d tests failed", tests.Failed, tests.Failed+tests.Passed+tests.Skipped)
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(ctx context.Context, attempt pipeline.Attempt, handle string) (bool, error) {
	_, ended, err := d.Stop(ctx, attempt, handle)
	return ended, err
}

// Stop implements pipeline.Stopper: the build is stopped, then terminated, then killed. Get tells when it has ended.
func (d *Driver) Stop(ctx context.Context, attempt pipeline.Attempt, handle string) (next string, ended bool, err error) {
	server, err := d.open(ctx, attempt)
	if err != nil {
		return "", false, err
	}
	defer server.Close()
	after, err := server.Cancel(ctx, ci.Handle(handle))
	return string(after), false, err
}

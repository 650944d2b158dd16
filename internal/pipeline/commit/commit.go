// Package commit is the stage that commits changes of files to a branch of a Git repository. The key of the attempt is a trailer of the
// commit, by which it is found again. Credentials are read as the ServiceAccount of the Pipeline.
package commit

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
	"kubeops.io/kubeops/internal/yamledit"
)

// reasonUnchanged of a stage whose files had the values already.
const reasonUnchanged = "Unchanged"

// Driver commits.
type Driver struct {
	// Secrets reads credentials; required.
	Secrets *secretref.Source
	// Egress says which servers may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory of responses; nil bounds each response only.
	Memory *provider.ResponseMemory
	// Redact replaces secrets in what servers say; required.
	Redact func(string) string
	// Locks of branches; required.
	Locks *gitrepo.Locks
}

// open the repository of an attempt. The caller closes it.
func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*gitrepo.Repository, error) {
	spec := attempt.Stage.Commit
	field := "stage " + attempt.Stage.Name + ": commit."
	secrets := d.Secrets.For(attempt.Namespace, attempt.ServiceAccount)
	remote, err := gitrepo.Login(ctx, secrets, spec.Repository, spec.SecretRef, provider.Fields{
		URL: field + "repository", Auth: field + "secretRef",
	})
	if err != nil {
		return nil, err
	}
	options := gitrepo.Options{
		Egress: d.Egress, Metrics: d.Metrics, Locks: d.Locks,
		Redact: func(text string) string { return d.Redact(secrets.Hide(text)) },
	}
	if d.Memory != nil {
		options.Memory = d.Memory.For(attempt.Namespace)
	}
	return gitrepo.Open(remote, options)
}

// Check implements pipeline.Driver: the paths can be read, the server accepts the credentials, and the branch exists.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	for i, change := range attempt.Stage.Commit.Changes {
		if change.Path == "" {
			continue
		}
		if _, err := yamledit.Parse(change.Path); err != nil {
			return problem.UserError(v1alpha1.ReasonInvalidPipeline, nil, "stage %s: commit.changes[%d]: %s", attempt.Stage.Name, i, err)
		}
	}
	_, err := d.Previous(ctx, attempt)
	return err
}

// Previous implements pipeline.Reverter: the commit of the branch.
func (d *Driver) Previous(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	r, err := d.open(ctx, attempt)
	if err != nil {
		return "", err
	}
	defer r.Close()
	return r.Tip(ctx, attempt.Stage.Commit.Branch)
}

// Rollback implements pipeline.Reverter.
func (d *Driver) Rollback() pipeline.Driver { return &rollback{Driver: d} }

// Start implements pipeline.Driver.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	r, err := d.open(ctx, attempt)
	if err != nil {
		return "", err
	}
	defer r.Close()
	change := newChange(attempt)
	change.Build = func(s *gitrepo.Snapshot) error {
		for i, c := range attempt.Stage.Commit.Changes {
			if err := apply(s, c, attempt.Values[v1alpha1.ValueName(i)]); err != nil {
				return fmt.Errorf("stage %s: commit.changes[%d]: %w", attempt.Stage.Name, i, err)
			}
		}
		return nil
	}
	result, err := r.Commit(ctx, change)
	return handleOf(result), err
}

// newChange is the commit of an attempt, without its content.
func newChange(attempt pipeline.Attempt) gitrepo.Change {
	spec := attempt.Stage.Commit
	change := gitrepo.Change{
		Branch: spec.Branch, Message: spec.Message, Key: attempt.Key, Name: v1alpha1.DefaultCommitName, Email: v1alpha1.DefaultCommitEmail,
	}
	if change.Message == "" {
		change.Message = fmt.Sprintf("Pipeline %s: stage %s", attempt.Pipeline, attempt.Stage.Name)
	}
	if spec.Author != nil {
		change.Name, change.Email = spec.Author.Name, spec.Author.Email
	}
	return change
}

// apply one change. Errors are for people.
func apply(s *gitrepo.Snapshot, c v1alpha1.CommitChange, value string) error {
	content, err := s.Read(c.File)
	if err != nil {
		return err
	}
	if c.Image != "" {
		fields, err := yamledit.ParseImage(value)
		if err != nil {
			return err
		}
		content, err = yamledit.SetImage(content, c.Image, fields)
		if err != nil {
			return fmt.Errorf("%s: %w", c.File, err)
		}
		s.Write(c.File, content)
		return nil
	}
	path, err := yamledit.Parse(c.Path)
	if err != nil {
		return err
	}
	content, err = yamledit.Set(content, path, value)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", c.File, c.Path, err)
	}
	s.Write(c.File, content)
	return nil
}

// Find implements pipeline.Driver. A commit that is not in the history since the claim was not pushed, or its push is in progress.
func (d *Driver) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	r, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	defer r.Close()
	branch := attempt.Stage.Commit.Branch
	found, err := r.Find(ctx, branch, attempt.Key, attempt.Previous)
	switch {
	case err != nil:
		return pipeline.Lookup{}, err
	case found.Found:
		return pipeline.Lookup{Presence: pipeline.Found, Handle: handleOf(found.Result)}, nil
	case found.Complete:
		return pipeline.Lookup{Presence: pipeline.Absent}, nil
	}
	reason := fmt.Sprintf("branch %s has had more than %d commits since the stage started, or its history was rewritten", branch,
		gitrepo.HistoryDepth)
	return pipeline.Lookup{Reason: reason}, nil
}

// Get implements pipeline.Driver: a commit that was pushed is done.
func (d *Driver) Get(_ context.Context, _ pipeline.Attempt, handle string) (pipeline.Observation, error) {
	return observe(handle), nil
}

// Cancel implements pipeline.Driver: a commit that was pushed stays.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

// handleOf a result: both revisions.
func handleOf(result gitrepo.Result) string {
	if result.Revision == "" {
		return ""
	}
	return result.Revision + ":" + result.Previous
}

// shortRevision is how many digits of a revision people read.
const shortRevision = 12

func observe(handle string) pipeline.Observation {
	revision, previous, _ := strings.Cut(handle, ":")
	o := pipeline.Observation{State: pipeline.Succeeded, Outputs: map[string]string{
		v1alpha1.OutputRevision: revision, v1alpha1.OutputPreviousRevision: previous,
		v1alpha1.OutputChanged: strconv.FormatBool(revision != previous),
	}}
	short := revision[:min(len(revision), shortRevision)]
	if revision == previous {
		o.Reason = reasonUnchanged
		o.Message = "the files had the values already, in commit " + short
		return o
	}
	o.Message = "commit " + short
	return o
}

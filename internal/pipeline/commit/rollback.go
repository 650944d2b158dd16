package commit

import (
	"context"
	"fmt"
	"maps"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/yamledit"
)

// reasonNothingToRollBack of a rollback of a stage that changed nothing.
const reasonNothingToRollBack = "NothingToRollBack"

// rollback commits the values from before a stage, if the branch still has those of the stage. Other methods are those of Driver: the
// commit of a rollback has a key, too.
type rollback struct{ *Driver }

// Start implements pipeline.Driver.
func (d *rollback) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	r, err := d.open(ctx, attempt)
	if err != nil {
		return "", err
	}
	defer r.Close()
	change := newChange(attempt)
	change.Message = fmt.Sprintf("Roll back Pipeline %s: stage %s", attempt.Pipeline, attempt.Stage.Name)
	change.Depth = gitrepo.HistoryDepth
	change.Build = func(s *gitrepo.Snapshot) error { return d.restore(s, attempt) }
	result, err := r.Commit(ctx, change)
	return handleOf(result), err
}

// Get implements pipeline.Driver.
func (d *rollback) Get(_ context.Context, _ pipeline.Attempt, handle string) (pipeline.Observation, error) {
	o := observe(handle)
	if o.Reason == reasonUnchanged {
		o.Reason = reasonNothingToRollBack
		o.Message = "the files have the values from before the stage"
	}
	return o, nil
}

// Find implements pipeline.Driver. The rollback began after the stage, so that everything since the stage is more than enough.
func (d *rollback) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	return d.Driver.Find(ctx, attempt)
}

// restore the values from before the stage's commits.
func (d *rollback) restore(s *gitrepo.Snapshot, attempt pipeline.Attempt) error {
	var ours, before *gitrepo.Snapshot
	for _, key := range attempt.Undo.Keys { // the last attempt first
		made, parent := s.Marked(key)
		if made == nil {
			continue
		}
		if ours == nil {
			ours = made
		}
		before = parent
	}
	switch revision, previous := revisions(attempt.Undo.Handle); {
	case ours != nil:
	case revision != "" && revision == previous && len(attempt.Undo.Keys) == 1:
		return nil // the stage had nothing to change
	case revision != previous, !s.Reaches(attempt.Previous):
		return problem.UserError(v1alpha1.ReasonHistoryNotAvailable, nil,
			"stage %s: its commit is not among the last %d commits of branch %s, so the values from before it are not known; set them by "+
				"hand", attempt.Stage.Name, gitrepo.HistoryDepth, attempt.Stage.Commit.Branch)
	default:
		return nil // the stage has made no commit
	}
	for i, c := range attempt.Stage.Commit.Changes {
		if err := restoreOne(s, ours, before, c); err != nil {
			if problem.As(err) != nil {
				return err
			}
			return fmt.Errorf("stage %s: commit.changes[%d]: %w", attempt.Stage.Name, i, err)
		}
	}
	return nil
}

// restoreOne value. The snapshot may have it from another change of the stage already.
func restoreOne(s, ours, before *gitrepo.Snapshot, c v1alpha1.CommitChange) error {
	var states [3]map[string]string
	for i, snapshot := range []*gitrepo.Snapshot{s, ours, before} {
		state, err := stateOf(snapshot, c)
		if err != nil {
			return err
		}
		states[i] = state
	}
	now, set, old := states[0], states[1], states[2]
	if maps.Equal(now, old) {
		return nil
	}
	if !maps.Equal(now, set) {
		return problem.UserError(v1alpha1.ReasonValuesChanged, nil,
			"%s: the value was changed after the stage by someone else, so it is left as it is; set it by hand if it must go back",
			nameOf(c))
	}
	content, err := s.Read(c.File)
	if err != nil {
		return err
	}
	if c.Image != "" {
		content, err = yamledit.RestoreImage(content, c.Image, old)
	} else {
		var path yamledit.Path
		if path, err = yamledit.Parse(c.Path); err == nil {
			var from []byte
			if from, err = before.Read(c.File); err == nil {
				content, err = yamledit.Restore(content, from, path)
			}
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", nameOf(c), err)
	}
	s.Write(c.File, content)
	return nil
}

func nameOf(c v1alpha1.CommitChange) string {
	if c.Image != "" {
		return fmt.Sprintf("%s: image %s", c.File, c.Image)
	}
	return c.File + ": " + c.Path
}

// stateOf is what a change sets, in a snapshot.
func stateOf(s *gitrepo.Snapshot, c v1alpha1.CommitChange) (map[string]string, error) {
	content, err := s.Read(c.File)
	if err != nil {
		return nil, err
	}
	if c.Image != "" {
		state, err := yamledit.GetImage(content, c.Image)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.File, err)
		}
		return state, nil
	}
	path, err := yamledit.Parse(c.Path)
	if err != nil {
		return nil, err
	}
	value, err := yamledit.Get(content, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", c.File, c.Path, err)
	}
	return map[string]string{"": value}, nil
}

// revisions of a handle.
func revisions(handle string) (revision, previous string) {
	outputs := observe(handle).Outputs
	return outputs[v1alpha1.OutputRevision], outputs[v1alpha1.OutputPreviousRevision]
}

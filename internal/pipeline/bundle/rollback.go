package bundle

import (
	"context"
	"fmt"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
)

// reasonNothingToRollBack of a rollback of a stage that changed nothing.
const reasonNothingToRollBack = "NothingToRollBack"

// Rollback implements pipeline.Reverter.
func (d *Driver) Rollback() pipeline.Driver { return &rollback{d} }

// rollback sets the reference from before a stage, and waits until the bundle is Ready with it.
type rollback struct{ *Driver }

// nothing is the handle of a rollback that has nothing to do.
const nothing = "nothing"

// Start implements pipeline.Driver.
func (d *rollback) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	was, ok := decode(attempt.Previous)
	if !ok {
		return "", problem.UserError(v1alpha1.ReasonHistoryNotAvailable, nil,
			"the revision of ResourceBundle %s from before the stage cannot be read; set it by hand", keyOf(attempt))
	}
	c, found, repository, err := d.read(ctx, attempt)
	if err != nil {
		return "", err
	}
	if changed, err := changedBy(attempt, found, repository, was); err != nil || !changed {
		return nothing, err
	}
	return was.Revision, set(ctx, c, attempt, request(attempt.Key, ""), found, repository, was.Refs)
}

// changedBy reports whether the stage has changed a source of the bundle. The error says that someone else has done so since.
func changedBy(attempt pipeline.Attempt, found *v1alpha1.ResourceBundle, repository string, was before) (changed bool, err error) {
	commits := []string{attempt.Undo.Handle}
	for _, key := range attempt.Undo.Keys { // whose answer may have been lost
		if commit, is := requested(found, key); is {
			commits = append(commits, commit)
		}
	}
	for n, i := range sources(found, repository) {
		ref := found.Spec.ManifestsFrom[i].Git.Ref
		if same(ref, refAt(was.Refs, n)) {
			continue
		}
		if ref == nil || ref.Commit == "" || !slices.Contains(commits, ref.Commit) {
			return false, problem.UserError(v1alpha1.ReasonValuesChanged, nil,
				"someone else changed spec.manifestsFrom[%d].git.ref of ResourceBundle %s after the stage; set it by hand, if it must "+
					"go back", i, keyOf(attempt))
		}
		changed = true
	}
	return changed, nil
}

// Find implements pipeline.Driver.
func (d *rollback) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	_, found, _, err := d.read(ctx, attempt)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	was, ok := decode(attempt.Previous)
	if _, is := requested(found, attempt.Key); !ok || !is {
		return pipeline.Lookup{Presence: pipeline.Never}, nil
	}
	return pipeline.Lookup{Presence: pipeline.Found, Handle: was.Revision}, nil
}

// Get implements pipeline.Driver.
func (d *rollback) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	if handle == nothing {
		return pipeline.Observation{
			State: pipeline.Succeeded, Reason: reasonNothingToRollBack,
			Message: fmt.Sprintf("ResourceBundle %s has the revision from before the stage", keyOf(attempt)),
		}, nil
	}
	was, ok := decode(attempt.Previous)
	if !ok {
		return unreadable(), nil
	}
	o, err := d.observe(ctx, attempt, was.Refs)
	if o.State == pipeline.Succeeded {
		o.Outputs = map[string]string{v1alpha1.OutputRevision: was.Revision}
	}
	return o, err
}

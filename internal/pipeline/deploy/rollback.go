package deploy

import (
	"context"
	"encoding/json"
	"slices"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/cd"
)

// reasonNothingToRollBack of a rollback of a stage that deployed nothing.
const reasonNothingToRollBack = "NothingToRollBack"

// before is the state of an application before a stage.
type before struct {
	// Automated is set if its server syncs it.
	Automated bool `json:"automated,omitempty"`
	// Revision that was deployed last, and the number of its entry in the history, from 0; empty and -1 if there is none.
	Revision string `json:"revision,omitempty"`
	ID       int64  `json:"id"`
	// Sources of the application.
	Sources int32 `json:"sources,omitempty"`
}

// Previous implements pipeline.Reverter: what is deployed now.
func (d *Driver) Previous(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	p, err := d.open(ctx, attempt)
	if err != nil {
		return "", err
	}
	defer p.Close()
	found, err := p.Get(ctx, applicationOf(attempt), "", false)
	if notCreated(attempt, err) {
		content, err := json.Marshal(before{ID: -1})
		return string(content), err
	}
	if err != nil {
		return "", err
	}
	state := found.GetDelivery()
	if o := state.GetOperation(); o.GetState() == pluginv1.State_STATE_RUNNING && !state.GetAutomated() { // what it deploys comes before
		return "", problem.Waiting(v1alpha1.ReasonOperationInProgress, interval,
			"application %s has another operation in progress, started by %s", attempt.Stage.Deploy.Application.Name, starter(o))
	}
	was := before{Automated: state.GetAutomated(), Sources: state.GetSources(), ID: -1}
	if newest := newestEntry(state); newest != nil {
		was.Revision = first(newest.GetRevisions())
		was.ID = newest.GetId()
	}
	content, err := json.Marshal(was)
	return string(content), err
}

// starter is who started an operation.
func starter(o *pluginv1.Operation) string {
	switch {
	case o.GetAutomated():
		return "automated sync"
	case o.GetInitiatedBy() != "":
		return o.GetInitiatedBy()
	}
	return "an unknown user"
}

func newestEntry(state *cd.State) *pluginv1.HistoryEntry {
	history := state.GetHistory()
	if len(history) == 0 {
		return nil
	}
	return history[len(history)-1]
}

// Follows implements pipeline.Follower: an application that its server syncs goes back when its repository does.
func (d *Driver) Follows(previous string) bool {
	var was before
	return json.Unmarshal([]byte(previous), &was) == nil && was.Automated
}

// Rollback implements pipeline.Reverter.
func (d *Driver) Rollback() pipeline.Driver { return &rollback{Driver: d} }

// rollback deploys the revision from before a stage, and waits as the stage does. Its sync has a key of its own, by which it is found:
// other methods are those of Driver.
type rollback struct{ *Driver }

// Start implements pipeline.Driver.
func (d *rollback) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	var was before
	if err := json.Unmarshal([]byte(attempt.Previous), &was); err != nil {
		return "", problem.UserError(v1alpha1.ReasonHistoryNotAvailable, nil,
			"the state of application %s from before the stage cannot be read; sync it by hand", attempt.Stage.Deploy.Application.Name)
	}
	p, err := d.open(ctx, attempt)
	if err != nil {
		return "", err
	}
	defer p.Close()
	application := applicationOf(attempt)
	found, err := p.Get(ctx, application, "", false)
	if err != nil {
		return "", err
	}
	state := found.GetDelivery()
	application.Project = state.GetProject()
	sync := attempt.Stage.Deploy.Sync
	switch {
	case sync != nil && sync.DryRun:
		return record{Nothing: true}.encode(), nil
	case state.GetAutomated():
		return d.follow(ctx, p, attempt, application)
	}
	if changed, err := changedBy(attempt, state, was); err != nil || !changed {
		return record{Nothing: true}.encode(), err
	}
	// The history after the sync of the stage knows of a deployment in between. With a second attempt, it has what the first one deployed.
	if made, err := decode(attempt.Undo.Handle); err == nil && made.Previous != "" && len(attempt.Undo.Keys) == 1 {
		was.Revision = made.Previous
	}
	if err := possible(attempt, was); err != nil {
		return "", err
	}
	r := record{Revision: was.Revision}
	r.Handle, err = p.Sync(ctx, attempt.Key, application, &cd.Sync{Revision: was.Revision, Prune: sync != nil && sync.Prune})
	return r.encode(), err
}

// changedBy reports whether the stage has changed the application. The error says that someone else has done so since.
func changedBy(attempt pipeline.Attempt, state *cd.State, was before) (bool, error) {
	operation := state.GetOperation()
	ours := slices.Contains(attempt.Undo.Keys, operation.GetKey())
	made, err := decode(attempt.Undo.Handle)
	newest := newestEntry(state)
	if newest == nil || newest.GetId() <= was.ID { // a failed sync is in no history
		return ours || err == nil && made.Handle != "", nil
	}
	known := err == nil && made.Revision != "" && slices.Contains(newest.GetRevisions(), made.Revision)
	if ours || known {
		return true, nil
	}
	return false, problem.UserError(v1alpha1.ReasonDeployedByOthers, nil,
		"application %s was deployed with revision %s by someone else after the stage, so it is left as it is; sync it by hand if it must "+
			"go back to %s", attempt.Stage.Deploy.Application.Name, first(newest.GetRevisions()), orNone(was.Revision))
}

// possible refuses what a sync of one revision cannot undo.
func possible(attempt pipeline.Attempt, was before) error {
	name := attempt.Stage.Deploy.Application.Name
	refuse := func(format string, args ...any) error {
		return problem.UserError(v1alpha1.ReasonHistoryNotAvailable, nil, format, args...)
	}
	sync := attempt.Stage.Deploy.Sync
	switch {
	case sync != nil && len(sync.Resources) > 0:
		return refuse("application %s was synced for single resources, which its history does not have; sync them by hand", name)
	case was.Revision == "":
		return refuse("application %s was not deployed before the stage; delete its resources by hand if they must go", name)
	case was.Sources > 1:
		return refuse("application %s has %d sources, and one revision cannot be that of all; roll it back by hand", name, was.Sources)
	}
	return nil
}

// follow refreshes an application that its server syncs, and waits for the commit that rolled back the one which the stage deployed.
func (d *rollback) follow(
	ctx context.Context, p *backends.Delivery, attempt pipeline.Attempt, application *cd.Application,
) (string, error) {
	wanted, err := rolledBackTo(attempt)
	if err != nil {
		return "", err
	}
	return record{Revision: wanted}.encode(), p.Refresh(ctx, attempt.Key, application, false)
}

// rolledBackTo is the last rollback of the repository and branch whose commit the stage deployed.
func rolledBackTo(attempt pipeline.Attempt) (string, error) {
	commits := attempt.Undo.Commits
	deployed := ""
	if made, err := decode(attempt.Undo.Handle); err == nil {
		deployed = made.Revision
	}
	at := slices.IndexFunc(commits, func(c pipeline.RevertedCommit) bool { return c.Revision == deployed && deployed != "" })
	if at < 0 && len(commits) > 0 && !slices.ContainsFunc(commits, func(c pipeline.RevertedCommit) bool {
		return c.Target != commits[0].Target
	}) {
		at = len(commits) - 1 // there is only one repository that it can be
	}
	if at < 0 || commits[at].Rollback == "" {
		return "", problem.UserError(v1alpha1.ReasonCommitNotRolledBack, nil,
			"application %s is synced automatically, and no stage rolled back the commit that it deployed (%s); revert it in its "+
				"repository", attempt.Stage.Deploy.Application.Name, orNone(deployed))
	}
	last := commits[at].Rollback
	for _, c := range commits {
		if c.Target == commits[at].Target && c.Rollback != "" {
			last = c.Rollback
		}
	}
	return last, nil
}

func orNone(revision string) string {
	if revision == "" {
		return "no revision"
	}
	return revision
}

// Get implements pipeline.Driver.
func (d *rollback) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	if r, err := decode(handle); err == nil && r.Nothing {
		return pipeline.Observation{
			State: pipeline.Succeeded, Reason: reasonNothingToRollBack, Message: "the stage has not changed the application",
		}, nil
	}
	return d.Driver.Get(ctx, attempt, handle)
}

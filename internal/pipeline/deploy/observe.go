package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/provider/cd"
)

// Reasons of a stage in progress.
const (
	reasonSyncing  = "Syncing"
	reasonDeployed = "WaitingForHealth"
	reasonStable   = "WaitingForStability"
)

// view of an application while a stage waits for it.
type view struct {
	attempt pipeline.Attempt
	record  record
	state   *cd.State
	name    string
	// interval until the next read of the application.
	interval time.Duration
}

// Get implements pipeline.Driver.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, handle string) (pipeline.Observation, error) {
	r, err := decode(handle)
	if err != nil {
		return pipeline.Observation{}, err
	}
	p, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Observation{}, err
	}
	defer p.Close()
	ask := r.Handle
	if r.Finished != nil { // a later operation may have replaced its record
		ask = ""
	}
	work, err := p.Get(ctx, applicationOf(attempt), ask, false)
	if err != nil {
		return pipeline.Observation{}, err
	}
	v := &view{attempt: attempt, record: r, state: work.GetDelivery(), name: attempt.Stage.Deploy.Application.Name}
	v.interval = d.pace.Next(attempt.Namespace+"/"+attempt.Stage.Deploy.ProviderRef.Name, attempt.Key, attempt.Started, attempt.Now)
	var o pipeline.Observation
	switch {
	case r.Finished != nil:
		o = v.settle()
	case r.Handle == "":
		o = v.automated()
	default:
		o = v.operation(work)
	}
	o.URL = work.GetUrl()
	o.Handle = v.record.encode()
	if o.State == pipeline.Failed {
		o.Diagnosis = v.diagnose(ctx, p)
	}
	return o, nil
}

// operation reads the sync of the attempt.
func (v *view) operation(work *cd.Work) pipeline.Observation {
	operation := v.state.GetOperation()
	switch work.GetState() {
	case pluginv1.State_STATE_RUNNING:
		return v.waiting(reasonSyncing, "application "+v.name+" is being synced", work.GetMessage())
	case pluginv1.State_STATE_FAILED:
		return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonSyncFailed,
			Message: fmt.Sprintf("the sync of application %s failed: %s", v.name, work.GetMessage())}
	case pluginv1.State_STATE_ABORTED:
		return pipeline.Observation{State: pipeline.Aborted, Reason: v1alpha1.ReasonSyncTerminated,
			Message: fmt.Sprintf("the sync of application %s was terminated: %s", v.name, work.GetMessage())}
	case pluginv1.State_STATE_LOST:
		return pipeline.Observation{State: pipeline.Lost, Message: fmt.Sprintf("application %s: %s", v.name, work.GetMessage())}
	}
	revisions := operation.GetRevisions()
	if len(revisions) > 0 {
		v.record.Revision = revisions[0]
	}
	finished := operation.GetFinishedAt().AsTime()
	v.record.Finished = &finished
	v.record.Previous = previous(v.state.GetHistory(), v.record.Revision, operation.GetStartedAt().AsTime())
	if sync := v.attempt.Stage.Deploy.Sync; sync != nil && sync.DryRun {
		return v.succeeded("the dry run of application " + v.name + " succeeded")
	}
	return v.settle()
}

// automated waits until the server has deployed the revision.
func (v *view) automated() pipeline.Observation {
	operation := v.state.GetOperation()
	wanted := v.record.Revision
	revisions := v.state.GetRevisions()
	running := operation.GetState() == pluginv1.State_STATE_RUNNING
	switch {
	case wanted != "" && !slices.Contains(revisions, wanted):
		if v.superseded() {
			return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonRevisionNotDeployed,
				Message: fmt.Sprintf("application %s deployed revision %s, and now compares with %s", v.name, wanted, first(revisions))}
		}
		return v.expiring(v1alpha1.ReasonRevisionNotDeployed,
			v.waiting(reasonSyncing, fmt.Sprintf("application %s compares with revision %s, not yet with %s", v.name, first(revisions),
				wanted), ""))
	case running:
		return v.waiting(reasonSyncing, "application "+v.name+" is being synced", operation.GetMessage())
	case v.state.GetSyncStatus() != cd.Synced && v.failedHere():
		return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonSyncFailed,
			Message: fmt.Sprintf("the automated sync of application %s failed: %s", v.name, operation.GetMessage())}
	case v.state.GetSyncStatus() != cd.Synced, v.state.GetReconciledAt().AsTime().Before(v.attempt.Started.Truncate(time.Second)):
		return v.expiring(v1alpha1.ReasonRevisionNotDeployed, v.waiting(reasonSyncing, "application "+v.name+" is not synced yet", ""))
	}
	v.record.Revision = first(revisions)
	finished := operation.GetFinishedAt().AsTime()
	v.record.Finished = &finished
	v.record.Previous = previous(v.state.GetHistory(), v.record.Revision, v.attempt.Started)
	return v.settle()
}

// superseded reports whether the revision was deployed in this attempt, and another one followed.
func (v *view) superseded() bool {
	for _, entry := range v.state.GetHistory() {
		if slices.Contains(entry.GetRevisions(), v.record.Revision) && entry.GetDeployedAt().AsTime().After(v.attempt.Started) {
			return true
		}
	}
	return false
}

// failedHere reports whether the last operation was one of the revision, and failed. Argo CD does not repeat it.
func (v *view) failedHere() bool {
	operation := v.state.GetOperation()
	failed := operation.GetState() == pluginv1.State_STATE_FAILED || operation.GetState() == pluginv1.State_STATE_ABORTED
	return failed && operation.GetStartedAt().AsTime().After(v.attempt.Started) &&
		(v.record.Revision == "" || slices.Contains(operation.GetRevisions(), v.record.Revision) ||
			operation.GetRequestedRevision() == v.record.Revision)
}

// settle waits until the application has been healthy with the revision for stableFor. Health is judged in another loop than the
// sync: one from before its end does not count.
func (v *view) settle() pipeline.Observation {
	s := v.state
	now := v.attempt.Now
	selected := v.attempt.Stage.Deploy.Sync != nil && len(v.attempt.Stage.Deploy.Sync.Resources) > 0
	if other := v.replaced(selected); other != "" {
		return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonRevisionNotDeployed,
			Message: fmt.Sprintf("revision %s of application %s was replaced by %s", v.record.Revision, v.name, other)}
	}
	atRevision := slices.Contains(s.GetRevisions(), v.record.Revision)
	switch {
	case s.GetReconciledAt().AsTime().Before(*v.record.Finished):
		return v.unsettled(reasonDeployed, "application "+v.name+" was synced, and its health was not judged since")
	case atRevision && !selected && s.GetSyncStatus() != cd.Synced:
		return v.unsettled(reasonDeployed, fmt.Sprintf("application %s was synced, and is %s again", v.name, s.GetSyncStatus()))
	case s.GetHealth() == cd.Degraded:
		return v.degraded()
	case s.GetHealth() != cd.Healthy:
		return v.unsettled(reasonDeployed, withDetail(fmt.Sprintf("application %s is %s", v.name, s.GetHealth()), s.GetHealthMessage()))
	}
	v.record.Unhealthy = nil
	if v.record.Healthy == nil {
		v.record.Healthy = &now
	}
	stable := v.record.Healthy.Add(v.attempt.Stage.Deploy.Stable())
	if now.Before(stable) {
		o := v.waiting(reasonStable, fmt.Sprintf("application %s is healthy, and must stay so for %s", v.name,
			v.attempt.Stage.Deploy.Stable()), "")
		o.After = min(o.After, stable.Sub(now))
		return o
	}
	return v.succeeded(fmt.Sprintf("application %s is healthy with revision %s", v.name, v.record.Revision))
}

// replaced is the revision that another operation deployed after that of the attempt, or "".
func (v *view) replaced(selected bool) string {
	history := v.state.GetHistory()
	if len(history) == 0 || selected {
		return ""
	}
	newest := history[len(history)-1]
	if slices.Contains(newest.GetRevisions(), v.record.Revision) || !newest.GetDeployedAt().AsTime().After(*v.record.Finished) {
		return ""
	}
	return first(newest.GetRevisions())
}

// degraded fails once the application was degraded for stableFor: a rollout may pass through that state.
func (v *view) degraded() pipeline.Observation {
	v.record.Healthy = nil
	if v.record.Unhealthy == nil {
		now := v.attempt.Now
		v.record.Unhealthy = &now
	}
	message := withDetail("application "+v.name+" is Degraded", v.state.GetHealthMessage())
	if v.attempt.Now.Sub(*v.record.Unhealthy) >= v.attempt.Stage.Deploy.Stable() {
		return pipeline.Observation{State: pipeline.Failed, Reason: v1alpha1.ReasonApplicationUnhealthy, Message: message}
	}
	return v.expiring(v1alpha1.ReasonApplicationUnhealthy, v.waiting(reasonDeployed, message, ""))
}

// unsettled is the state of an application that is not healthy.
func (v *view) unsettled(reason, message string) pipeline.Observation {
	v.record.Healthy = nil
	v.record.Unhealthy = nil
	return v.expiring(v1alpha1.ReasonApplicationUnhealthy, v.waiting(reason, message, ""))
}

func (v *view) waiting(reason, message, detail string) pipeline.Observation {
	return pipeline.Observation{State: pipeline.Running, Reason: reason, Message: withDetail(message, detail), After: v.interval}
}

// expiring fails shortly before the deadline, while the cause can still be read. Nothing is in progress that has to be stopped.
func (v *view) expiring(reason string, o pipeline.Observation) pipeline.Observation {
	left := v.attempt.Deadline.Sub(v.attempt.Now)
	if left > margin {
		o.After = min(o.After, left-margin+time.Second)
		return o
	}
	return pipeline.Observation{State: pipeline.Failed, Reason: reason, Message: o.Message + " at the timeout of the stage"}
}

func (v *view) succeeded(message string) pipeline.Observation {
	return pipeline.Observation{State: pipeline.Succeeded, Message: message, Outputs: map[string]string{
		v1alpha1.OutputRevision: v.record.Revision, v1alpha1.OutputPreviousRevision: v.record.Previous,
	}}
}

// diagnose lists what failed in the operation, and what is not healthy, as far as it can be read.
func (v *view) diagnose(ctx context.Context, p *backends.Delivery) []string {
	lines := slices.Clone(v.state.GetConditions())
	for _, failed := range v.state.GetOperation().GetFailed() {
		lines = append(lines, describeResource(failed))
	}
	detailed, err := p.Get(ctx, applicationOf(v.attempt), "", true)
	if err != nil {
		return append(lines, "the resources of the application cannot be read: "+err.Error())
	}
	for _, resource := range detailed.GetDelivery().GetUnhealthy() {
		lines = append(lines, describeResource(resource))
	}
	return lines
}

func withDetail(message, detail string) string {
	if detail == "" {
		return message
	}
	return message + ": " + detail
}

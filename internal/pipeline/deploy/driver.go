// Package deploy is the stage that deploys a revision of an application by a CDProvider. An application that its server syncs automatically
// is refreshed and waited for; any other is synced once for each attempt, with the key of the attempt in the operation.
package deploy

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/pipeline/pace"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/cd"
)

const (
	// interval after which a stage that waits for something else tries again to start.
	interval = 5 * time.Second
	// margin before the deadline in which a stage that waits for health ends with the cause.
	margin = 7 * time.Second
)

// Driver deploys applications.
type Driver struct {
	// Reader reads CDProviders; it must not be a cache that drops specs.
	Reader client.Reader
	// Open connects to a CDProvider.
	Open func(context.Context, *v1alpha1.CDProvider) (*backends.Delivery, error)
	// Cluster is the identity of the cluster, which the applications that stages define carry: two clusters can have Pipelines of the same
	// name. Empty leaves it out, and so does nil. Errors are problems.
	Cluster func(ctx context.Context) (string, error)

	pace pace.Pacer
}

// record is the handle of an attempt.
type record struct {
	// Handle of the sync; empty if the server syncs automatically.
	Handle string `json:"handle,omitempty"`
	// Revision to deploy, and the one that was deployed.
	Revision string `json:"revision,omitempty"`
	// Previous revision of the application.
	Previous string `json:"previous,omitempty"`
	// Finished is when the operation that deployed the revision ended, in the time of the server.
	Finished *time.Time `json:"finished,omitempty"`
	// Healthy and Unhealthy are since when the application is so with the revision.
	Healthy   *time.Time `json:"healthy,omitempty"`
	Unhealthy *time.Time `json:"unhealthy,omitempty"`
	// Nothing is set for a rollback that has nothing to do.
	Nothing bool `json:"nothing,omitempty"`
}

func (r record) encode() string {
	content, err := json.Marshal(r)
	if err != nil { // texts and times can be encoded
		return ""
	}
	return string(content)
}

func decode(handle string) (record, error) {
	var r record
	if err := json.Unmarshal([]byte(handle), &r); err != nil {
		return r, problem.Retrying(v1alpha1.ReasonRetrying, err, "the handle of the stage is not valid")
	}
	return r, nil
}

// open the CDProvider of a stage.
func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*backends.Delivery, error) {
	name := attempt.Stage.Deploy.ProviderRef.Name
	found := &v1alpha1.CDProvider{}
	err := d.Reader.Get(ctx, types.NamespacedName{Namespace: attempt.Namespace, Name: name}, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, problem.UserError(v1alpha1.ReasonInvalidPipeline, nil, "stage %s: CDProvider %s/%s does not exist", attempt.Stage.Name,
			attempt.Namespace, name)
	case err != nil:
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "stage %s: cannot get CDProvider %s/%s (%s)", attempt.Stage.Name,
			attempt.Namespace, name, apierror.Describe(err))
	case found.Spec.Suspend:
		return nil, problem.Waiting(v1alpha1.ReasonSuspended, interval, "CDProvider %s/%s is suspended", attempt.Namespace, name)
	}
	return d.Open(ctx, found)
}

func applicationOf(attempt pipeline.Attempt) *cd.Application {
	a := attempt.Stage.Deploy.Application
	return &cd.Application{Name: a.Name, Namespace: a.Namespace}
}

// Check implements pipeline.Driver: the application exists or can be created, and can be deployed as the stage says.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	p, err := d.open(ctx, attempt)
	if err != nil {
		return err
	}
	defer p.Close()
	if err := d.ensure(ctx, p, attempt, true); err != nil {
		return err
	}
	found, err := p.Get(ctx, applicationOf(attempt), "", false)
	if notCreated(attempt, err) {
		return nil
	}
	if err != nil {
		return err
	}
	return options(attempt, found.GetDelivery())
}

// options of the sync that the server would ignore are refused.
func options(attempt pipeline.Attempt, state *cd.State) error {
	sync := attempt.Stage.Deploy.Sync
	if state.GetAutomated() && sync != nil && (sync.Prune || sync.DryRun || len(sync.Resources) > 0) {
		return problem.UserError(v1alpha1.ReasonAutomated, nil,
			"stage %s: application %s is synced automatically, so sync cannot be set; remove it, or turn automated sync off",
			attempt.Stage.Name, attempt.Stage.Deploy.Application.Name)
	}
	return nil
}

// Start implements pipeline.Driver.
func (d *Driver) Start(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	p, err := d.open(ctx, attempt)
	if err != nil {
		return "", err
	}
	defer p.Close()
	if err := d.ensure(ctx, p, attempt, false); err != nil {
		return "", unsynced(err)
	}
	application := applicationOf(attempt)
	found, err := p.Get(ctx, application, "", false)
	if err != nil {
		return "", unsynced(err)
	}
	state := found.GetDelivery()
	if err := options(attempt, state); err != nil {
		return "", err
	}
	application.Project = state.GetProject()
	r := record{Revision: attempt.Values[v1alpha1.OutputRevision]}
	if state.GetAutomated() {
		return startAutomated(ctx, p, attempt, application, r)
	}
	sync := &cd.Sync{Revision: r.Revision}
	if o := attempt.Stage.Deploy.Sync; o != nil {
		sync.Prune, sync.DryRun = o.Prune, o.DryRun
		for _, selected := range o.Resources {
			sync.Resources = append(sync.Resources, &pluginv1.ResourceName{
				Group: selected.Group, Kind: selected.Kind, Namespace: selected.Namespace, Name: selected.Name,
			})
		}
	}
	r.Handle, err = p.Sync(ctx, attempt.Key, application, sync)
	return r.encode(), err
}

// startAutomated refreshes only: the server syncs. A name cannot be waited for, since the server compares with what it resolves to.
func startAutomated(
	ctx context.Context, p *backends.Delivery, attempt pipeline.Attempt, application *cd.Application, r record,
) (string, error) {
	exact := regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64}|v?[0-9]+(\.[0-9]+)+([-+][-+.0-9A-Za-z]+)?)$`)
	if r.Revision != "" && !exact.MatchString(r.Revision) {
		return "", problem.UserError(v1alpha1.ReasonAutomated, nil,
			"application %s is synced automatically, and revision %s is neither a full commit hash nor a version", application.GetName(),
			r.Revision)
	}
	return r.encode(), p.Refresh(ctx, attempt.Key, application, false)
}

// Find implements pipeline.Driver. A refresh can be repeated: that of an application which is synced automatically was never started.
func (d *Driver) Find(ctx context.Context, attempt pipeline.Attempt) (pipeline.Lookup, error) {
	p, err := d.open(ctx, attempt)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	defer p.Close()
	application := applicationOf(attempt)
	presence, handle, reason, err := p.Find(ctx, attempt.Key, application, attempt.NotBefore)
	if notCreated(attempt, err) {
		return pipeline.Lookup{Presence: pipeline.Absent}, nil
	}
	if err != nil {
		return pipeline.Lookup{}, err
	}
	found, err := p.Get(ctx, application, handle, false)
	if err != nil {
		return pipeline.Lookup{}, err
	}
	state := found.GetDelivery()
	switch {
	case presence == cd.Found:
		r := record{Handle: handle, Revision: state.GetOperation().GetRequestedRevision()}
		return pipeline.Lookup{Presence: pipeline.Found, Handle: r.encode()}, nil
	case state.GetAutomated():
		return pipeline.Lookup{Presence: pipeline.Never}, nil
	case presence == cd.Absent:
		return pipeline.Lookup{Presence: pipeline.Absent}, nil
	}
	return pipeline.Lookup{Presence: pipeline.Unknown, Reason: reason}, nil
}

// Cancel implements pipeline.Driver. Only the sync of this attempt is terminated.
func (d *Driver) Cancel(ctx context.Context, attempt pipeline.Attempt, handle string) (bool, error) {
	r, err := decode(handle)
	if err != nil || r.Handle == "" || r.Finished != nil {
		return true, nil // nothing is in progress that can be terminated
	}
	p, err := d.open(ctx, attempt)
	if err != nil {
		return false, err
	}
	defer p.Close()
	return p.Terminate(ctx, applicationOf(attempt), r.Handle)
}

// previous revision of the history: that of the entry before the one which deployed a revision since a time, or of the newest one. Times of
// the server have a resolution of seconds.
func previous(history []*pluginv1.HistoryEntry, revision string, since time.Time) string {
	for i := len(history) - 1; i >= 0; i-- {
		entry := history[i]
		if slices.Contains(entry.GetRevisions(), revision) && !entry.GetDeployedAt().AsTime().Before(since.Truncate(time.Second)) {
			if i == 0 {
				return ""
			}
			return first(history[i-1].GetRevisions())
		}
	}
	if len(history) == 0 {
		return ""
	}
	return first(history[len(history)-1].GetRevisions())
}

func first(revisions []string) string {
	if len(revisions) == 0 {
		return ""
	}
	return revisions[0]
}

func describeResource(r *pluginv1.ResourceState) string {
	resource := r.GetResource()
	name := resource.GetName()
	if resource.GetNamespace() != "" {
		name = resource.GetNamespace() + "/" + name
	}
	line := fmt.Sprintf("%s %s: %s", resource.GetKind(), name, r.GetStatus())
	if r.GetMessage() != "" {
		line += ": " + r.GetMessage()
	}
	return line
}

package deploy

import (
	"context"
	"slices"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/plugin"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/cd"
)

// maxSpec of an application, in bytes.
const maxSpec = 64 << 10

// ensure the application of the stage, if the stage defines one, or find out whether that is possible.
func (d *Driver) ensure(ctx context.Context, p *backends.Delivery, attempt pipeline.Attempt, onlyAsk bool) error {
	defined := attempt.Stage.Deploy.Ensure
	if defined == nil {
		return nil
	}
	switch {
	case !slices.Contains(p.Capabilities(), plugin.CapabilityEnsure):
		return problem.UserError(v1alpha1.ReasonPluginIncompatible, nil,
			"stage %s: the plugin of CDProvider %s cannot create applications; update it, or remove deploy.ensure", attempt.Stage.Name,
			attempt.Stage.Deploy.ProviderRef.Name)
	case len(defined.Spec.Raw) > maxSpec:
		return problem.UserError(v1alpha1.ReasonInvalidPipeline, nil, "stage %s: deploy.ensure.spec has more than 64 KiB",
			attempt.Stage.Name)
	}
	owner, err := d.owner(ctx, attempt)
	if err != nil {
		return err
	}
	return p.Ensure(ctx, attempt.Key, applicationOf(attempt), &cd.Ensure{
		Spec: string(defined.Spec.Raw), Owner: owner, Adopt: defined.Adopt, DryRun: onlyAsk,
	})
}

// owner of the applications that a Pipeline defines: NAMESPACE/PIPELINE@CLUSTER.
func (d *Driver) owner(ctx context.Context, attempt pipeline.Attempt) (string, error) {
	owner := attempt.Namespace + "/" + attempt.Pipeline
	if d.Cluster == nil {
		return owner, nil
	}
	cluster, err := d.Cluster(ctx)
	if err != nil || cluster == "" {
		return owner, err
	}
	return owner + "@" + cluster, nil
}

// unsynced is an error before anything was sent that could start a sync: the stage waits, where it would look for the sync.
func unsynced(err error) error {
	if found := problem.As(err); found != nil && found.Action == problem.Retry {
		return problem.Waiting(found.Reason, interval, "%s", found.Message)
	}
	return err
}

// notCreated reports whether a call found no application, which the stage creates.
func notCreated(attempt pipeline.Attempt, err error) bool {
	found := problem.As(err)
	return attempt.Stage.Deploy.Ensure != nil && found != nil && found.Reason == v1alpha1.ReasonApplicationNotFound
}

// Package image is the stage that looks up the digest of a tag in a container registry. It only reads, so that an attempt can be repeated
// at any time; its handle is the tag. Credentials are read as the ServiceAccount of the Pipeline.
package image

import (
	"context"
	"fmt"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/pipeline"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/registry"
	"kubeops.io/kubeops/internal/secretref"
)

// Driver looks up digests.
type Driver struct {
	// Secrets reads credentials; required.
	Secrets *secretref.Source
	// Egress says which registries may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory of responses; nil bounds each response only.
	Memory *provider.ResponseMemory
}

// open the repository of an attempt. The caller closes it.
func (d *Driver) open(ctx context.Context, attempt pipeline.Attempt) (*registry.Repository, error) {
	spec := attempt.Stage.Image
	field := "stage " + attempt.Stage.Name + ": image."
	remote := registry.Remote{
		Repository: spec.Repository, PlainHTTP: spec.PlainHTTP,
		Fields: provider.Fields{URL: field + "repository", Auth: field + "secretRef"},
	}
	if spec.SecretRef != nil {
		if spec.PlainHTTP {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
				"%splainHTTP would send the credentials of secretRef unencrypted; remove one of them", field)
		}
		var err error
		remote.Username, remote.Password, remote.CA, err = d.Secrets.For(attempt.Namespace, attempt.ServiceAccount).
			Registry(ctx, *spec.SecretRef, spec.Repository, field+"secretRef")
		if err != nil {
			return nil, err
		}
	}
	options := registry.Options{Egress: d.Egress, Metrics: d.Metrics}
	if d.Memory != nil {
		options.Memory = d.Memory.For(attempt.Namespace)
	}
	return registry.Open(remote, options)
}

// Check implements pipeline.Driver: the registry accepts the credentials.
func (d *Driver) Check(ctx context.Context, attempt pipeline.Attempt) error {
	repository, err := d.open(ctx, attempt)
	if err != nil {
		return problem.In("stage "+attempt.Stage.Name, err)
	}
	defer repository.Close()
	return problem.In("stage "+attempt.Stage.Name, repository.Check(ctx))
}

// Start implements pipeline.Driver. It keeps the tag.
func (d *Driver) Start(_ context.Context, attempt pipeline.Attempt) (string, error) {
	tag := attempt.Values[v1alpha1.ValueTag]
	if err := registry.CheckTag(tag); err != nil {
		return "", err
	}
	return tag, nil
}

// Find implements pipeline.Driver. Nothing was started outside.
func (d *Driver) Find(context.Context, pipeline.Attempt) (pipeline.Lookup, error) {
	return pipeline.Lookup{Presence: pipeline.Never}, nil
}

// Get implements pipeline.Driver: it asks the registry.
func (d *Driver) Get(ctx context.Context, attempt pipeline.Attempt, tag string) (pipeline.Observation, error) {
	repository, err := d.open(ctx, attempt)
	if err != nil {
		return failed(err)
	}
	defer repository.Close()
	spec := attempt.Stage.Image
	digest, err := repository.Digest(ctx, tag, spec.Platform)
	if err != nil {
		return failed(err)
	}
	return pipeline.Observation{
		State: pipeline.Succeeded, Message: fmt.Sprintf("tag %s is %s", tag, digest),
		Outputs: map[string]string{v1alpha1.OutputDigest: digest, v1alpha1.OutputImage: spec.Repository + "@" + digest},
	}, nil
}

// failed ends the attempt after a problem that only the user can fix; any other is tried again.
func failed(err error) (pipeline.Observation, error) {
	if p := problem.As(err); p != nil && p.Action == problem.UserMustAct {
		return pipeline.Observation{State: pipeline.Failed, Reason: p.Reason, Message: p.Message}, nil
	}
	return pipeline.Observation{}, err
}

// Cancel implements pipeline.Driver.
func (d *Driver) Cancel(context.Context, pipeline.Attempt, string) (bool, error) { return true, nil }

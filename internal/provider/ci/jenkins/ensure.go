package jenkins

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
)

// existing is a job on the server.
type existing struct {
	Buildable   *bool  `json:"buildable"`
	Description string `json:"description" max:"16384"`
}

// lookUp a job that may not exist. It is nil then, and also if the user cannot see it.
func (p *Provider) lookUp(ctx context.Context, path, name string) (*existing, error) {
	var found existing
	got, err := p.read(ctx, "job", path, "_class,buildable,description", &found)
	switch {
	case err == nil && found.Buildable == nil:
		return nil, problem.UserError(v1alpha1.ReasonNotAJob, nil,
			"%s is a folder or a project with branches, which is not replaced by a job; choose another name", clip(name, maxReason))
	case err == nil:
		return &found, nil
	case got.status == http.StatusNotFound:
		return nil, nil
	}
	return nil, p.describeError(err, got, name)
}

// ownerOf a definition, as its job has it: NAMESPACE/PIPELINE@CLUSTER.
func ownerOf(from ci.Definition) string {
	if from.Cluster == "" {
		return from.Owner
	}
	return from.Owner + "@" + from.Cluster
}

// mayReplace reports whether a job has to be replaced. One that is not managed for the owner is a problem, unless that is permitted.
func (p *Provider) mayReplace(found *existing, name, digest string, from ci.Definition) (bool, error) {
	owner, current := managedBy(found.Description)
	name = clip(name, maxReason)
	switch {
	case owner == ownerOf(from):
		return current != digest, nil
	case from.Overwrite, owner == from.Owner && current == digest: // the second of a version that did not write the cluster
		return true, nil
	case owner == from.Owner:
		return false, problem.UserError(v1alpha1.ReasonJobNotManaged, nil, "job %s on %s has another definition and is managed "+
			"for Pipeline %s of an unknown cluster; if that is this one, set build.ensure.overwrite until the next run has started",
			name, p.client.Host(), clip(owner, maxOwner))
	case owner != "":
		return false, problem.UserError(v1alpha1.ReasonJobNotManaged, nil,
			"job %s on %s is managed for Pipeline %s; choose another name, or set build.ensure.overwrite", name, p.client.Host(),
			clip(owner, maxOwner))
	}
	return false, problem.UserError(v1alpha1.ReasonJobNotManaged, nil, "job %s on %s exists and is not managed by KubeOps; choose another "+
		"name, remove build.ensure, or set build.ensure.overwrite", name, p.client.Host())
}

// CheckDefinition implements ci.Definer.
func (p *Provider) CheckDefinition(ctx context.Context, request ci.Request, from ci.Definition) error {
	path, err := check(request)
	if err != nil {
		return err
	}
	wanted, err := definitionOf(request, from)
	if err != nil {
		return err
	}
	found, err := p.lookUp(ctx, path, request.Job)
	if err != nil || found == nil {
		return err
	}
	_, digest := wanted.marked(ownerOf(from))
	_, err = p.mayReplace(found, request.Job, digest, from)
	return err
}

// Ensure implements ci.Definer.
func (p *Provider) Ensure(ctx context.Context, request ci.Request, from ci.Definition) error {
	path, err := check(request)
	if err != nil {
		return err
	}
	wanted, err := definitionOf(request, from)
	if err != nil {
		return err
	}
	content, digest := wanted.marked(ownerOf(from))
	found, err := p.lookUp(ctx, path, request.Job)
	if err != nil {
		return err
	}
	if found == nil {
		return p.create(ctx, path, request.Job, content, digest, from)
	}
	replace, err := p.mayReplace(found, request.Job, digest, from)
	if err == nil && !replace && from.Correct {
		replace, err = p.differs(ctx, path, request.Job, wanted)
	}
	if err != nil || !replace {
		return err
	}
	got, err := p.send(ctx, "update-job", path+"/config.xml", nil, content)
	if err != nil {
		return err
	}
	return p.defined(got, request.Job, "Job/Configure")
}

// create a job. If another request created it in the meantime, that must have been one with the same definition.
func (p *Provider) create(ctx context.Context, path, full string, content []byte, digest string, from ci.Definition) error {
	at := strings.LastIndex(path, "/job/")
	got, err := p.send(ctx, "create-job", path[:at]+"/createItem", url.Values{"name": {path[at+len("/job/"):]}}, content)
	if err != nil {
		return err
	}
	if got.status != http.StatusBadRequest {
		return p.defined(got, full, "Job/Create")
	}
	found, err := p.lookUp(ctx, path, full)
	if err != nil {
		return err
	}
	if found != nil {
		if replace, err := p.mayReplace(found, full, digest, from); err != nil || !replace {
			return err
		}
	}
	return problem.UserError(v1alpha1.ReasonInvalidJobDefinition, nil, "%s rejected the config.xml of job %s (400); check that Jenkins "+
		"can load it, and that no job of this name is hidden from the user %s", p.client.Host(), clip(full, maxReason),
		clip(p.user, maxShort))
}

// send a config.xml.
func (p *Provider) send(ctx context.Context, operation, path string, query url.Values, content []byte) (reply, error) {
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: operation, Method: http.MethodPost, Path: path, Query: query, Body: content, ContentType: "application/xml",
		MaxBytes: provider.ProbeBytes, Prefix: true,
	})
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = answer.Body.Close() }()
	return replyOf(answer), nil
}

// defined reads the answer to a job that was sent. Redirects lead to the page of the job.
func (p *Provider) defined(got reply, name, permission string) error {
	switch {
	case got.status >= 200 && got.status < 400:
		return nil
	case got.status == http.StatusBadRequest, got.status == http.StatusInternalServerError:
		return problem.UserError(v1alpha1.ReasonInvalidJobDefinition, nil,
			"%s rejected the config.xml of job %s (%d); check that Jenkins can load it, and has the plugins that it uses",
			p.client.Host(), clip(name, maxReason), got.status)
	case got.status == http.StatusNotFound:
		return problem.UserError(v1alpha1.ReasonJobNotFound, nil,
			"the folder of job %s is not on %s, or not visible to the user %s; create it", clip(name, maxReason), p.client.Host(),
			clip(p.user, maxShort))
	}
	return p.refused(got, name, permission)
}

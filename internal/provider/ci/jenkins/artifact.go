package jenkins

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/ci"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxArtifacts of a build that are looked through, and maxPath the length of the path of one, in bytes.
	maxArtifacts, maxPath = 1000, 255
	// artifactsTree is what is read of a build: its marker shows that it is the one that was asked for.
	artifactsTree = "number," + actionsTree + ",artifacts[relativePath]{0,1001}"
)

var _ ci.Archiver = (*Provider)(nil)

// archived is what a build has archived.
type archived struct {
	Mark      mark `json:"actions"`
	Artifacts bounded[struct {
		Path string `json:"relativePath" max:"256"`
	}] `json:"artifacts"`
}

// Artifact implements ci.Archiver. The list of artifacts is read first: the path of a folder has a page as its answer, and so have
// patterns, which Jenkins expands.
func (p *Provider) Artifact(ctx context.Context, from ci.Handle, path string, read func(io.Reader) error) error {
	if err := checkArtifact(path); err != nil {
		return err
	}
	where, err := p.locate(ctx, from)
	if err != nil {
		return err
	}
	if where.place != inBuilds {
		return noArtifacts("the build of job "+clip(where.handle.Job, maxReason), path, "it has not started")
	}
	if err := p.lists(ctx, where, path); err != nil {
		return err
	}
	answer, err := p.client.Do(ctx, provider.Request{
		Operation: "artifact", Path: where.buildPath() + "/artifact/" + path, MaxBytes: ci.MaxArtifact,
	})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	switch got := replyOf(answer); {
	case got.status == http.StatusOK:
		return read(answer.Body)
	case got.status >= 300 && got.status < 400:
		return problem.UserError(v1alpha1.ReasonArtifactNotAvailable, nil, "%s keeps artifact %s on another server (%d), to which "+
			"requests are not redirected; let Jenkins serve the artifacts of job %s itself", p.client.Host(), clip(path, maxPath),
			got.status, clip(where.handle.Job, maxReason))
	case hidden(got.status):
		return problem.UserError(v1alpha1.ReasonArtifactNotAvailable, nil, "%s lists artifact %s of %s, but does not return it to the "+
			"user %s (%d); check the permission Run/Artifacts", p.client.Host(), clip(path, maxPath), buildName(where),
			clip(p.user, maxShort), got.status)
	default:
		return p.refused(got, where.handle.Job, "Job/Read")
	}
}

// checkArtifact refuses paths that Jenkins or a proxy may read as something else.
func checkArtifact(path string) error {
	invalid := func(r rune) bool { return r < ' ' || r == 0x7f || strings.ContainsRune(`?*\#%<>|:;"`, r) }
	bad := path == "" || len(path) > maxPath || strings.ContainsFunc(path, invalid)
	for segment := range strings.SplitSeq(path, "/") {
		bad = bad || segment == "" || segment == "." || segment == ".."
	}
	if bad {
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "the path of the artifact is not valid: write it relative to the folder "+
			"of the artifacts, at most %d bytes, with / between folders, such as reports/findings.sarif", maxPath)
	}
	return nil
}

// lists reports as a problem that a build does not have an artifact.
func (p *Provider) lists(ctx context.Context, where located, path string) error {
	var found archived
	found.Artifacts.max = maxArtifacts
	got, err := p.read(ctx, "artifacts", where.buildPath(), artifactsTree, &found)
	switch {
	case got.status == http.StatusNotFound:
		return noArtifacts(buildName(where), path, "it was deleted, or is not visible to the user "+clip(p.user, maxShort))
	case err != nil:
		return p.describeError(err, got, where.handle.Job)
	case where.handle.Key != "" && found.Mark.Key != where.handle.Key:
		return noArtifacts(buildName(where), path, "the job was deleted and created again")
	}
	paths := make([]string, 0, len(found.Artifacts.list))
	for _, artifact := range found.Artifacts.list {
		if artifact.Path == path {
			return nil
		}
		paths = append(paths, artifact.Path)
	}
	because := fmt.Sprintf("it has %d others", len(paths))
	switch similar := text.Similar(paths, path); {
	case len(paths) == 0:
		because = "it archived none"
	case similar != "":
		because += "; did you mean " + clip(similar, maxPath) + "?"
	case found.Artifacts.cut:
		because = fmt.Sprintf("it is not among the first %d", maxArtifacts)
	}
	return noArtifacts(buildName(where), path, because)
}

func buildName(where located) string {
	return fmt.Sprintf("build %d of job %s", where.handle.Build, clip(where.handle.Job, maxReason))
}

func noArtifacts(build, path, because string) error {
	return problem.UserError(v1alpha1.ReasonArtifactNotFound, nil, "%s has no artifact %s: %s", build, clip(path, maxPath), because)
}

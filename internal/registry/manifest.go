package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider/stream"
)

// maxIndex is the memory of the decoded entries of an index, in bytes: more than ten thousand.
const maxIndex = 4 << 20

// manifest or index that a tag names. The library decodes all of either, into a structure that can take a hundred times the memory of its
// text; here, only what is used is decoded, within a limit.
type manifest struct {
	mediaType types.MediaType
	// digest of what was sent.
	digest string
	// images of an index, if they were asked for.
	images []indexed
}

// indexed is an image in an index.
type indexed struct {
	MediaType string `json:"mediaType" max:"256"`
	Digest    string `json:"digest" max:"256"`
	Platform  struct {
		OS           string `json:"os" max:"64"`
		Architecture string `json:"architecture" max:"64"`
		Variant      string `json:"variant" max:"64"`
	} `json:"platform"`
}

// satisfies reports whether the entry is an image for a platform.
func (i *indexed) satisfies(wanted *v1.Platform) bool {
	of := v1.Platform{OS: i.Platform.OS, Architecture: i.Platform.Architecture, Variant: i.Platform.Variant}
	return of.Satisfies(*wanted) && types.MediaType(i.MediaType).IsImage()
}

// manifest reads what a tag names.
func (r *Repository) manifest(ctx context.Context, tag string, images bool) (*manifest, error) {
	login, err := transport.NewWithContext(ctx, r.name.Registry, r.auth(), r.router, []string{r.name.Scope(transport.PullScope)})
	if err != nil {
		return nil, err
	}
	url := r.router.scheme() + "://" + r.name.RegistryStr() + "/v2/" + r.name.RepositoryStr() + "/manifests/" + tag
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", strings.Join([]string{
		string(types.OCIManifestSchema1), string(types.DockerManifestSchema2), string(types.OCIImageIndex),
		string(types.DockerManifestList), string(types.DockerManifestSchema1), string(types.DockerManifestSchema1Signed),
	}, ","))
	response, err := (&http.Client{Transport: login}).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if err := transport.CheckError(response, http.StatusOK); err != nil {
		return nil, err
	}
	found := &manifest{mediaType: types.MediaType(response.Header.Get("Content-Type"))}
	sum := sha256.New()
	body := io.TeeReader(response.Body, sum)
	if images && found.mediaType.IsIndex() {
		if found.images, err = r.images(body, tag); err != nil {
			return nil, err
		}
	}
	if _, err := io.Copy(io.Discard, body); err != nil {
		return nil, err
	}
	found.digest = "sha256:" + hex.EncodeToString(sum.Sum(nil))
	return found, nil
}

// images of an index.
func (r *Repository) images(body io.Reader, tag string) ([]indexed, error) {
	var index struct {
		Manifests []indexed `json:"manifests"`
	}
	err := stream.New(body, stream.Limits{Memory: maxIndex}).Decode(&index)
	var limit *stream.LimitError
	switch {
	case err == nil:
		return index.Manifests, nil
	case problem.As(err) != nil:
		return nil, err
	case errors.As(err, &limit):
		return nil, problem.UserError(v1alpha1.ReasonInvalidResponse, nil, "the index of tag %s of %s has %s", tag, r.remote, limit)
	}
	return nil, problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "the index of tag %s of %s is not valid JSON", tag, r.remote)
}

// ofPlatform is the digest of an image in an index.
func (r *Repository) ofPlatform(found *manifest, tag, platform string) (string, error) {
	wanted, err := v1.ParsePlatform(platform)
	if err != nil {
		return "", problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s is not a platform such as linux/amd64", names.Quote(platform))
	}
	if !found.mediaType.IsIndex() {
		return "", problem.UserError(v1alpha1.ReasonImageNotFound, nil,
			"tag %s of %s is a single image without an index of platforms; remove the platform from the stage", tag, r.remote)
	}
	for i := range found.images {
		if !found.images[i].satisfies(wanted) {
			continue
		}
		digest, err := v1.NewHash(found.images[i].Digest)
		if err != nil {
			return "", problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "the index of tag %s of %s has an invalid digest", tag,
				r.remote)
		}
		return digest.String(), nil
	}
	return "", problem.UserError(v1alpha1.ReasonImageNotFound, nil, "tag %s of %s has no image for platform %s; build one", tag, r.remote,
		platform)
}

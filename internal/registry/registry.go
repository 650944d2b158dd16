// Package registry looks up digests of images in container registries of tenants. The protocol and the logins are those of
// go-containerregistry; its requests go through the connections of package provider, so that the egress rules of the manager hold.
package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

const (
	// maxManifest is the size of a manifest, an index or a token, in bytes. Registries accept manifests of 4 MiB.
	maxManifest = 4 << 20
	// maxTag is the length of a tag.
	maxTag = 128
	// defaultTimeout of a lookup.
	defaultTimeout = 15 * time.Second
)

// Remote is a repository and how to log in there. It never prints its secrets.
type Remote struct {
	// Repository with the host of its registry, for example registry.example.com/shop.
	Repository string
	// Username and Password; empty for anonymous requests. They are sent to the registry, and to the token service that it names.
	Username, Password string
	// CA in PEM, of a private authority.
	CA []byte
	// PlainHTTP connects without TLS.
	PlainHTTP bool
	// Fields of the spec that all of this comes from, for messages.
	Fields provider.Fields
}

// String names the repository.
func (r Remote) String() string { return r.Repository }

// GoString hides the secrets from %#v.
func (r Remote) GoString() string { return r.Repository }

// Options of repositories.
type Options struct {
	// Egress says what may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory that responses take from; nil bounds each response only.
	Memory *provider.ResponseShare
	// Timeout of a lookup with all its requests. Default 15s.
	Timeout time.Duration
}

// Repository is one repository. Close it.
type Repository struct {
	remote Remote
	name   name.Repository
	router *router
	// timeout of a lookup.
	timeout time.Duration
}

// Open checks the name of the repository, and connects to nothing yet. Its errors are problems.
func Open(remote Remote, options Options) (*Repository, error) {
	parsed, err := name.NewRepository(remote.Repository, name.StrictValidation)
	if err != nil {
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s must be HOST/PATH without a tag, such as registry.example.com/shop", remote.Fields.URL)
	}
	if options.Timeout <= 0 {
		options.Timeout = defaultTimeout
	}
	router, err := newRouter(parsed.RegistryStr(), remote, options)
	if err != nil {
		return nil, err
	}
	return &Repository{remote: remote, name: parsed, router: router, timeout: options.Timeout}, nil
}

// Close lets go of idle connections.
func (r *Repository) Close() { r.router.close() }

// Check logs in. Its errors are problems.
func (r *Repository) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	_, err := transport.NewWithContext(ctx, r.name.Registry, r.auth(), r.router, []string{r.name.Scope(transport.PullScope)})
	return r.toProblem(err, "")
}

// CheckTag refuses a text that is no tag. The error is a problem.
func CheckTag(tag string) error {
	valid := tag != "" && len(tag) <= maxTag && tag[0] != '-' && tag[0] != '.'
	for _, c := range []byte(tag) {
		valid = valid && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.')
	}
	if !valid {
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s is not a valid tag: it must have 1 to %d letters, digits, _, - and ., and begin with none of the last two",
			names.Quote(tag), maxTag)
	}
	return nil
}

// Digest of a tag: that of its manifest or index, or, with a platform such as linux/amd64, that of the manifest of the platform in the
// index. The digest is computed from what the registry sent. Errors are problems: ImageNotFound if the repository, the tag, or the platform
// does not exist.
func (r *Repository) Digest(ctx context.Context, tag, platform string) (string, error) {
	if err := CheckTag(tag); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	found, err := r.manifest(ctx, tag, platform != "")
	switch {
	case err != nil:
		return "", r.toProblem(err, tag)
	case platform != "":
		return r.ofPlatform(found, tag, platform)
	case !found.mediaType.IsIndex() && !found.mediaType.IsImage():
		return "", problem.UserError(v1alpha1.ReasonInvalidResponse, nil, "tag %s of %s is not an image: its media type is %s", tag,
			r.remote, names.Quote(string(found.mediaType)))
	}
	return found.digest, nil
}

func (r *Repository) auth() authn.Authenticator {
	if r.remote.Username == "" && r.remote.Password == "" {
		return authn.Anonymous
	}
	return &authn.Basic{Username: r.remote.Username, Password: r.remote.Password}
}

// toProblem explains an error of the library, of which nothing is quoted: its texts have parts of responses.
func (r *Repository) toProblem(err error, tag string) error {
	if err == nil {
		return nil
	}
	var refused *transport.Error
	if errors.As(err, &refused) {
		return r.refused(refused.StatusCode, tag)
	}
	if p := problem.As(err); p != nil {
		return p
	}
	if p := r.router.failure(); p != nil {
		return p
	}
	if strings.Contains(err.Error(), "invalid realm in www-authenticate") { // an error of the library without a type
		return problem.UserError(v1alpha1.ReasonEgressDenied, nil, "%s sends logins to a private, link-local or metadata address, or to "+
			"one without TLS, which is never called; check %s", r.name.RegistryStr(), r.remote.Fields.URL)
	}
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, nil, "the response of %s is not that of a container registry; check %s",
		r.name.RegistryStr(), r.remote.Fields.URL)
}

// refused is the problem of a status.
func (r *Repository) refused(status int, tag string) error {
	host := r.name.RegistryStr()
	switch status {
	case http.StatusUnauthorized:
		if r.remote.Username == "" {
			return problem.UserError(v1alpha1.ReasonUnauthorized, nil,
				"%s requires credentials for %s, or has no such repository (401); check %s, and set %s", host, r.remote,
				r.remote.Fields.URL, r.remote.Fields.Auth)
		}
		return problem.UserError(v1alpha1.ReasonUnauthorized, nil, "%s rejected the credentials for %s (401); check the Secret of %s", host,
			r.remote, r.remote.Fields.Auth)
	case http.StatusForbidden:
		return problem.UserError(v1alpha1.ReasonForbidden, nil,
			"%s accepted the credentials but denied access to %s (403); permit them to pull there", host, r.remote)
	case http.StatusNotFound:
		if tag == "" {
			return problem.UserError(v1alpha1.ReasonNotFound, nil, "%s is no container registry: it does not serve /v2/ (404); check %s",
				host, r.remote.Fields.URL)
		}
		return problem.UserError(v1alpha1.ReasonImageNotFound, nil, "%s has no tag %s (404); push it, or fix the tag", r.remote, tag)
	case http.StatusTooManyRequests:
		return problem.Waiting(v1alpha1.ReasonRateLimited, r.router.retryAfter(), "%s limits the rate of requests (429); it is tried again",
			host)
	}
	return r.router.refusedStatus(status)
}

// errRedirected is the error of a redirect to another host.
func (r *router) errRedirected() error {
	return problem.UserError(v1alpha1.ReasonRedirected, nil, "%s redirects to another host, which is never followed; set %s to that one",
		r.host, r.remote.Fields.URL)
}

// errScheme is the error of a request that TLS would not protect.
func (r *router) errScheme() error {
	return fmt.Errorf("no request without TLS is sent, since %s is reached with it", r.host)
}

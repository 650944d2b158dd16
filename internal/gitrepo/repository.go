// Package gitrepo reads and writes branches of Git repositories of tenants, in memory and within limits. It knows no work tree: it reads
// single files of a commit, and pushes commits that change single files. Submodules, LFS and symbolic links are never followed. The wire
// protocol is spoken through the connections of package provider, so that the egress rules of the manager hold.
package gitrepo

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
)

// Services of a Git server.
const (
	uploadPack  = "git-upload-pack"
	receivePack = "git-receive-pack"
)

// Remote is a repository and how to log in there. It never prints its secrets.
type Remote struct {
	// URL of the repository: https:// or ssh://, without credentials. http:// is for loopback addresses only.
	URL string
	// Username and Password, or a token in place of the password, for https. For ssh, the user is that of the URL, by default git.
	Username, Password string
	// TLS of an https URL.
	TLS provider.TLS
	// Key is a private key in PEM form, and KnownHosts the public keys of the server in the format of known_hosts, for ssh. No other server
	// is trusted.
	Key, KnownHosts []byte
	// Fields of the spec that all of this comes from, for messages.
	Fields provider.Fields
}

// String names the server and the path.
func (r Remote) String() string {
	target, err := url.Parse(r.URL)
	if err != nil {
		return "[redacted]"
	}
	return target.Host + target.Path
}

// GoString hides the secrets from %#v.
func (r Remote) GoString() string { return r.String() }

// Options of repositories.
type Options struct {
	// Egress says what may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory that responses take from; nil bounds each response only.
	Memory *provider.ResponseShare
	// Locks serializes the writers of a branch in this process; nil serializes nothing.
	Locks *Locks
	// Redact replaces secrets in lines of the server.
	Redact func(string) string
	// MaxPack is the size of what a server sends, and MaxObjects that of the objects in it, in bytes. Default 24 and 64 MiB, which are the
	// largest values, too.
	MaxPack, MaxObjects int64
	// BeforeUnpack is called after the objects were received and before they are unpacked in memory. Its error ends the fetch.
	BeforeUnpack func(context.Context) error
	// Timeout of a request. Default 15s.
	Timeout time.Duration
	// Now is the time of commits. Default time.Now.
	Now func() time.Time
}

const defaultTimeout = 15 * time.Second

// Repository is one repository. Close it.
type Repository struct {
	url     string
	wire    wire
	options Options
}

// wire starts services of a server.
type wire interface {
	// start a service and read what it advertises.
	start(ctx context.Context, service string) (exchange, error)
	// host of the server, for messages.
	host() string
	close()
}

// exchange is a service in progress.
type exchange interface {
	// advertised references and capabilities.
	advertised() *packp.AdvRefs
	// call sends a request, and returns the response of at most maxBytes.
	call(ctx context.Context, request []byte, maxBytes int64) (response, error)
	close()
}

// Open checks the URL and the credentials, and connects to nothing yet. Its errors are problems.
func Open(remote Remote, options Options) (*Repository, error) {
	if options.Timeout <= 0 {
		options.Timeout = defaultTimeout
	}
	if options.MaxPack <= 0 || options.MaxPack > maxPack {
		options.MaxPack = maxPack
	}
	if options.MaxObjects <= 0 || options.MaxObjects > maxObjects {
		options.MaxObjects = maxObjects
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Redact == nil {
		options.Redact = func(text string) string { return text }
	}
	target, err := url.Parse(remote.URL)
	field := remote.Fields.URL
	switch {
	case err != nil || target.Hostname() == "" || strings.Trim(target.Path, "/") == "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s must be https://HOST/PATH or ssh://USER@HOST/PATH", field)
	case target.RawQuery != "" || target.Fragment != "":
		return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s must not have a query or a fragment", field)
	}
	r := &Repository{url: remote.URL, options: options}
	switch {
	case target.Scheme == "https", target.Scheme == "http" && options.Egress.AllowLoopback && isLoopback(target.Hostname()):
		r.wire, err = newHTTP(remote, options)
	case target.Scheme == "http":
		err = problem.UserError(v1alpha1.ReasonInvalidSpec, nil,
			"%s begins with http://, which would send the credentials unencrypted; use https:// or ssh://", field)
	case target.Scheme == "ssh":
		r.wire, err = newSSH(target, remote, options)
	default:
		err = problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%s must begin with https:// or ssh://", field)
	}
	if err != nil {
		return nil, err
	}
	return r, nil
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Close lets go of idle connections.
func (r *Repository) Close() { r.wire.close() }

// Tip is the commit of a branch. Its errors are problems: BranchNotFound if the branch does not exist.
func (r *Repository) Tip(ctx context.Context, branch string) (string, error) {
	service, tip, err := r.start(ctx, uploadPack, branch)
	if err != nil {
		return "", err
	}
	service.close()
	return tip.String(), nil
}

// Head is a commit of a branch.
type Head struct {
	// Revision is its hash.
	Revision string
	// Message and Email of its author, at most 64 KiB and 256 bytes.
	Message, Email string
	// Time when it was made: that of its committer.
	Time time.Time
}

// Heads reads the last commits of a branch along their first parents, at most count, the newest first. Its errors are those of Tip.
func (r *Repository) Heads(ctx context.Context, branch string, count int) ([]Head, error) {
	f, err := r.fetch(ctx, branch, count, false)
	if err != nil {
		return nil, err
	}
	const (
		maxMessage = 64 << 10
		maxEmail   = 256
	)
	var heads []Head
	for commit := f.tip; ; {
		message := commit.Message
		email := commit.Author.Email
		heads = append(heads, Head{
			Revision: commit.Hash.String(), Email: email[:min(len(email), maxEmail)],
			Message: message[max(0, len(message)-maxMessage):], // trailers are at the end
			Time:    commit.Committer.When,
		})
		if len(heads) >= count || len(commit.ParentHashes) == 0 {
			return heads, nil
		}
		if commit, err = object.GetCommit(f.objects, commit.ParentHashes[0]); err != nil {
			return heads, nil //nolint:nilerr // the parent of the last commit that was sent
		}
	}
}

// start a service and find the branch.
func (r *Repository) start(ctx context.Context, name, branch string) (exchange, plumbing.Hash, error) {
	if branch == "" {
		return nil, plumbing.ZeroHash, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%q is no name of a branch", branch)
	}
	service, found, err := r.startAt(ctx, name, Ref{Branch: branch})
	return service, found.commit, err
}

// broken is the problem of a response that is not that of a Git server.
func (r *Repository) broken(what string, err error) error {
	if p := problem.As(err); p != nil {
		return p
	}
	return problem.Retrying(v1alpha1.ReasonInvalidResponse, err, "%s of %s cannot be read: %s", what, r.wire.host(),
		r.quote(fmt.Sprint(err)))
}

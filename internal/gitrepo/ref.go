package gitrepo

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Ref is what to read of a repository: at most one field is set. Without any, it is the default branch of the server.
type Ref struct {
	Branch, Tag string
	// Commit in full, in hexadecimal.
	Commit string
}

// String names the ref for messages.
func (r Ref) String() string {
	switch {
	case r.Branch != "":
		return "branch " + r.Branch
	case r.Tag != "":
		return "tag " + r.Tag
	case r.Commit != "":
		return "commit " + r.Commit
	}
	return "the default branch"
}

// place of a ref: the object to ask for, which is not the commit for an annotated tag.
type place struct{ want, commit plumbing.Hash }

// check a ref before anything is sent.
func (r Ref) check() error {
	switch {
	case r.Branch != "" && plumbing.NewBranchReferenceName(r.Branch).Validate() != nil:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%q is no name of a branch", r.Branch)
	case r.Tag != "" && plumbing.NewTagReferenceName(r.Tag).Validate() != nil:
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%q is no name of a tag", r.Tag)
	case r.Commit != "" && !plumbing.IsHash(r.Commit):
		return problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "%q is no full hash of a commit", r.Commit)
	}
	return nil
}

// find a ref in what a server advertises.
func (r Ref) find(refs *packp.AdvRefs) (found place, ok bool) {
	switch {
	case r.Commit != "":
		hash := plumbing.NewHash(r.Commit)
		return place{hash, hash}, true
	case r.Branch != "":
		hash, ok := refs.References[plumbing.NewBranchReferenceName(r.Branch).String()]
		return place{hash, hash}, ok
	case r.Tag != "":
		name := plumbing.NewTagReferenceName(r.Tag).String()
		hash, ok := refs.References[name]
		if commit, annotated := refs.Peeled[name]; annotated {
			return place{hash, commit}, ok
		}
		return place{hash, hash}, ok
	case refs.Head != nil:
		return place{*refs.Head, *refs.Head}, true
	}
	return place{}, false
}

// mayWant reports whether a server sends a commit that is asked for by its hash.
func mayWant(refs *packp.AdvRefs, commit plumbing.Hash) bool {
	for _, c := range []capability.Capability{capability.AllowReachableSHA1InWant, capability.AllowTipSHA1InWant} {
		if refs.Capabilities.Supports(c) {
			return true
		}
	}
	for _, advertised := range refs.References {
		if advertised == commit {
			return true
		}
	}
	return false
}

// startAt starts a service and finds a ref.
func (r *Repository) startAt(ctx context.Context, name string, ref Ref) (exchange, place, error) {
	if err := ref.check(); err != nil {
		return nil, place{}, err
	}
	service, err := r.wire.start(ctx, name)
	if err != nil {
		return nil, place{}, err
	}
	found, ok := ref.find(service.advertised())
	switch {
	case !ok && ref == Ref{}:
		err = problem.UserError(v1alpha1.ReasonBranchNotFound, nil,
			"the repository at %s has no default branch; name a branch, tag or commit", r.wire.host())
	case !ok:
		err = problem.UserError(v1alpha1.ReasonBranchNotFound, nil,
			"%s does not exist in the repository at %s; create it, or fix its name", ref, r.wire.host())
	case ref.Commit != "" && !mayWant(service.advertised(), found.commit):
		err = problem.UserError(v1alpha1.ReasonBranchNotFound, nil,
			"%s sends no single commits (capability allow-reachable-sha1-in-want); name a branch or tag", r.wire.host())
	}
	if err != nil {
		service.close()
		return nil, place{}, err
	}
	return service, found, nil
}

// Resolve a ref to its commit. One that is a commit is returned as it is, and nothing is sent. Its errors are problems: BranchNotFound if
// there is no such branch or tag.
func (r *Repository) Resolve(ctx context.Context, ref Ref) (string, error) {
	if ref.Commit != "" {
		return ref.Commit, ref.check()
	}
	service, found, err := r.startAt(ctx, uploadPack, ref)
	if err != nil {
		return "", err
	}
	service.close()
	return found.commit.String(), nil
}

// Snapshot of a ref, without its history. Its errors are problems.
func (r *Repository) Snapshot(ctx context.Context, ref Ref) (*Snapshot, error) {
	f, err := r.fetchRef(ctx, ref, 1, true)
	if err != nil {
		return nil, err
	}
	return f.snapshot(f.tip), nil
}

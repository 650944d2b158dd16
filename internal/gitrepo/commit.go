package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
)

// Trailer of the message of a commit: its value is the key of what made it.
const Trailer = "KubeOps-Run"

const (
	// maxTries of a commit while others push to the branch.
	maxTries = 10
	// firstDelay between two tries, which grows by half each time.
	firstDelay = 200 * time.Millisecond
)

// Change of a branch that becomes one commit.
type Change struct {
	Branch string
	// Message for people, and Key, which is the value of the trailer.
	Message, Key string
	// Name and Email of the author.
	Name, Email string
	// Depth is how many commits Build sees. Default 1.
	Depth int
	// Build writes to the snapshot of the tip. It is called again when the branch has moved. An error ends the commit; one that is no
	// problem has the reason FileNotEditable.
	Build func(*Snapshot) error
}

// Result of a commit.
type Result struct {
	// Revision of the branch that has the change, and the one before. They are the same if there was nothing to change.
	Revision, Previous string
}

// Commit builds a change on the tip of the branch and pushes it, if the branch has not moved. Otherwise it starts again with the new tip.
// A change of nothing pushes nothing. After an error the commit may exist, unless the action of the problem is UserMustAct.
func (r *Repository) Commit(ctx context.Context, change Change) (Result, error) {
	unlock, err := r.options.Locks.Lock(ctx, r.url+"\x00"+change.Branch)
	if err != nil {
		return Result{}, r.moved(change.Branch)
	}
	defer unlock()
	delay := firstDelay
	for range maxTries {
		result, err := r.try(ctx, change)
		if !errors.Is(err, errMoved) {
			return result, err
		}
		select {
		case <-ctx.Done():
			return Result{}, r.moved(change.Branch)
		case <-time.After(delay/2 + rand.N(delay)): //nolint:gosec // jitter is no secret
		}
		delay += delay / 2
	}
	return Result{}, r.moved(change.Branch)
}

// moved is the problem of a branch that others push to all the time. Nothing was changed.
func (r *Repository) moved(branch string) error {
	return problem.Waiting(v1alpha1.ReasonBranchMoved, time.Second,
		"branch %s at %s moves too often: no commit fitted its tip in time; it is tried again", branch, r.wire.host())
}

// errMoved is a branch that is no longer where it was read.
var errMoved = errors.New("the branch has moved")

func (r *Repository) try(ctx context.Context, change Change) (Result, error) {
	f, err := r.fetch(ctx, change.Branch, max(change.Depth, 1), true)
	if err != nil {
		return Result{}, err
	}
	if marked(f.tip, change.Key) {
		return resultOf(f.tip), nil
	}
	s := f.snapshot(f.tip)
	if err := change.Build(s); err != nil {
		if p := problem.As(err); p != nil {
			return Result{}, p
		}
		return Result{}, problem.UserError(v1alpha1.ReasonFileNotEditable, nil, "%s", r.options.Redact(err.Error()))
	}
	root, added, err := s.build()
	switch {
	case err != nil:
		return Result{}, problem.UserError(v1alpha1.ReasonFileNotEditable, err, "the tree of the commit cannot be written")
	case root == f.tip.TreeHash:
		return Result{Revision: f.tip.Hash.String(), Previous: f.tip.Hash.String()}, nil
	}
	commit, err := r.store(s, change, root)
	if err != nil {
		return Result{}, problem.UserError(v1alpha1.ReasonFileNotEditable, err, "the commit cannot be written")
	}
	var pack bytes.Buffer
	if _, err := packfile.NewEncoder(&pack, s.objects, false).Encode(unique(append(added, commit)), 0); err != nil {
		return Result{}, problem.UserError(v1alpha1.ReasonFileNotEditable, err, "the objects of the commit cannot be packed")
	}
	if err := r.push(ctx, change.Branch, f.tip.Hash, commit, pack.Bytes()); err != nil {
		return Result{}, err
	}
	return Result{Revision: commit.String(), Previous: f.tip.Hash.String()}, nil
}

func unique(hashes []plumbing.Hash) []plumbing.Hash {
	plumbing.HashesSort(hashes)
	return slices.Compact(hashes)
}

// store the commit object.
func (r *Repository) store(s *Snapshot, change Change, root plumbing.Hash) (plumbing.Hash, error) {
	author := object.Signature{Name: change.Name, Email: change.Email, When: r.options.Now().UTC()}
	commit := &object.Commit{
		Author: author, Committer: author, TreeHash: root, ParentHashes: []plumbing.Hash{s.commit.Hash},
		Message: fmt.Sprintf("%s\n\n%s: %s\n", strings.TrimSpace(change.Message), Trailer, change.Key),
	}
	encoded := s.objects.NewEncodedObject()
	if err := commit.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return s.objects.SetEncodedObject(encoded)
}

// Marker is the key in the trailer of a message, or "".
func Marker(message string) string {
	lines := strings.Split(strings.TrimSpace(message), "\n")
	for i := len(lines) - 1; i >= 0 && strings.TrimSpace(lines[i]) != ""; i-- {
		if key, found := strings.CutPrefix(lines[i], Trailer+": "); found {
			return strings.TrimSpace(key)
		}
	}
	return ""
}

func marked(commit *object.Commit, key string) bool { return Marker(commit.Message) == key }

func resultOf(commit *object.Commit) Result {
	result := Result{Revision: commit.Hash.String(), Previous: commit.Hash.String()}
	if len(commit.ParentHashes) > 0 {
		result.Previous = commit.ParentHashes[0].String()
	}
	return result
}

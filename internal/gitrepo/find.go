package gitrepo

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// Lookup is what a search for a marker found out.
type Lookup struct {
	// Found is whether a commit has the key; Result is that commit.
	Found  bool
	Result Result
	// Complete is whether everything since the revision was read. Without it, a commit that was not found may exist.
	Complete bool
}

// Find the commit of a branch with a key, within its last 100 commits. since is a revision that the branch had before the commit could
// exist.
func (r *Repository) Find(ctx context.Context, branch, key, since string) (Lookup, error) {
	tip, err := r.Tip(ctx, branch)
	if err != nil {
		return Lookup{}, err
	}
	if tip == since {
		return Lookup{Complete: true}, nil
	}
	f, err := r.fetch(ctx, branch, HistoryDepth, false)
	if err != nil {
		return Lookup{}, err
	}
	commit, complete := f.search(key, since)
	if commit == nil {
		return Lookup{Complete: complete}, nil
	}
	return Lookup{Found: true, Result: resultOf(commit), Complete: true}, nil
}

// search the history for a key. It is complete if it has the revision, or its beginning.
func (f *fetched) search(key, since string) (found *object.Commit, complete bool) {
	hasSince := false
	seen := map[plumbing.Hash]bool{}
	for next := []plumbing.Hash{f.tip.Hash}; len(next) > 0; {
		hash := next[0]
		next = next[1:]
		if seen[hash] {
			continue
		}
		seen[hash] = true
		commit, err := object.GetCommit(f.objects, hash)
		if err != nil {
			continue // the parent of a commit at the end of what was sent
		}
		if key != "" && marked(commit, key) {
			return commit, true
		}
		if hasSince = hasSince || hash.String() == since; hash.String() == since {
			continue // what it has was there before
		}
		next = append(next, commit.ParentHashes...)
	}
	return nil, hasSince || len(f.cut) == 0
}

// Marked is the commit with a key in the history that the change asked for, with its parent; nil if it is not there, or its parent is not.
func (s *Snapshot) Marked(key string) (commit, parent *Snapshot) {
	found, _ := s.search(key, "")
	if found == nil || len(found.ParentHashes) == 0 {
		return nil, nil
	}
	before, err := object.GetCommit(s.objects, found.ParentHashes[0])
	if err != nil {
		return nil, nil
	}
	return s.snapshot(found), s.snapshot(before)
}

// Reaches reports whether everything since a revision is in the history that the change asked for.
func (s *Snapshot) Reaches(revision string) bool {
	_, complete := s.search("", revision)
	return complete
}

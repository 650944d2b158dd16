// Package gitsource reads the manifests of ResourceBundles from folders of Git repositories. Of each folder, it keeps the files of the last
// revision in memory, compressed and within a limit for all of them: they stay applied while the repository cannot be read. Nothing else
// of a repository is kept.
package gitsource

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"k8s.io/utils/clock"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
)

const (
	// readTimeout of one look at a repository, with all that is waited for.
	readTimeout = 40 * time.Second
	// lockTimeout of waiting for other repositories of the namespace. It is short, since a bundle that waits delays others.
	lockTimeout = 10 * time.Second
	// minInterval between two looks, whatever the spec says, and between a failed look and the next.
	minInterval = 30 * time.Second
	// shortRevision is how many digits of a commit messages have.
	shortRevision = 12
)

// Options of a Source.
type Options struct {
	// Secrets reads the Secrets of a namespace as a ServiceAccount; required.
	Secrets func(namespace, account string) *secretref.Reader
	// Egress says which servers may be called.
	Egress provider.Egress
	// Metrics counts requests; nil counts nothing.
	Metrics *provider.Metrics
	// Memory of responses; nil bounds each response only.
	Memory *provider.ResponseMemory
	// Redact replaces secrets in what servers say; nil replaces those of the request only.
	Redact func(string) string
	// Clock of the intervals; required.
	Clock clock.PassiveClock
}

// Source reads folders. It is safe for concurrent use.
type Source struct {
	Options
	// reading serializes the looks of a namespace: a server that answers slowly delays no other namespace.
	reading gitrepo.Locks
	// unpacking is held while a revision is in memory.
	unpacking chan struct{}
	cache     *cache
	tips      *tips
}

// New source, which has read nothing yet.
func New(o Options) *Source {
	if o.Redact == nil {
		o.Redact = func(text string) string { return text }
	}
	return &Source{Options: o, unpacking: make(chan struct{}, 1), cache: newCache(maxCache), tips: &tips{}}
}

// Request is one folder.
type Request struct {
	// Namespace and Account of the bundle. Secrets are read as that ServiceAccount.
	Namespace, Account string
	// Spec is the folder, and Field where it is in the spec of the bundle, for messages.
	Spec  *v1alpha1.GitManifests
	Field string
	// Now looks at the repository even if the interval is not over.
	Now bool
	// Until is when the look must have ended; it ends after 40 seconds in any case.
	Until time.Time
}

// Content of a folder.
type Content struct {
	// Revision is the commit, and Files what it has; empty if no revision is known.
	Revision string
	Files    []gitrepo.File
	// Next is when to look again.
	Next time.Duration
	// Problem is why the repository could not be read, with reason SourceUnavailable; nil if it could. The files are then those of the last
	// revision that was read.
	Problem *problem.Problem
}

// Read a folder: from memory until the interval is over, and then from the repository. The error is that of a context that ended, or an
// unexpected one.
func (s *Source) Read(ctx context.Context, r Request) (Content, error) {
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !r.Until.IsZero() {
		limited, cancel = context.WithDeadline(limited, r.Until)
		defer cancel()
	}
	key := keyOf(r)
	e := s.cache.get(key)
	if next := s.fresh(e, r); next > 0 {
		return e.content(next)
	}
	unlock, err := s.lock(limited, r.Namespace)
	if err != nil {
		if ctx.Err() != nil {
			return Content{}, ctx.Err()
		}
		e.problem = unavailable(r, e.revision, "other repositories of the namespace answer slowly")
		return e.content(minInterval)
	}
	defer unlock()
	e = s.cache.get(key)
	if next := s.fresh(e, r); next > 0 { // another bundle looked at it meanwhile
		return e.content(next)
	}
	return s.refresh(ctx, limited, r, e)
}

// refresh an entry from the repository. limited is the context of the look.
func (s *Source) refresh(ctx, limited context.Context, r Request, e entry) (Content, error) {
	revision, files, err := s.look(limited, r, e.revision)
	if ctx.Err() != nil {
		return Content{}, ctx.Err()
	}
	e.checked = s.Clock.Now()
	e.problem = nil
	switch p := problem.As(err); {
	case err != nil:
		message := "it could not be read in time"
		if p != nil {
			message = p.Message
		}
		e.problem = unavailable(r, e.revision, message)
	case files != nil:
		e.revision = revision
		if err := e.store(files); err != nil {
			return Content{}, err
		}
	}
	if err == nil {
		s.tips.set(tipKey(r), revision, e.checked)
	}
	s.cache.put(keyOf(r), r.Namespace, e)
	r.Now = false
	return e.content(max(s.fresh(e, r), time.Second))
}

// lock waits for a short time until no other repository of a namespace is being looked at. Without any time left, nothing is looked at: the
// repository would be the one to blame.
func (s *Source) lock(ctx context.Context, namespace string) (unlock func(), err error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	limited, cancel := context.WithTimeout(ctx, lockTimeout)
	defer cancel()
	return s.reading.Lock(limited, namespace)
}

// keyOf all that the content depends on.
func keyOf(r Request) string {
	spec := r.Spec.DeepCopy()
	spec.Interval = nil
	encoded, err := json.Marshal([]any{r.Namespace, r.Account, spec, r.Field})
	if err != nil {
		encoded = []byte(err.Error()) // a spec that was decoded from JSON can be encoded
	}
	sum := sha256.Sum256(encoded)
	return string(sum[:])
}

// fresh is how long an entry needs no look; zero or less if it does.
func (s *Source) fresh(e entry, r Request) time.Duration {
	passed := s.Clock.Now().Sub(e.checked)
	if e.checked.IsZero() || r.Now || passed < 0 {
		return 0
	}
	if e.problem != nil {
		return minInterval - passed
	}
	if passed >= minInterval && s.tips.moved(tipKey(r), e) {
		return 0
	}
	return max(r.Spec.Period(), minInterval) - passed
}

// look at the repository. No files are returned if it still has the known revision.
func (s *Source) look(ctx context.Context, r Request, known string) (revision string, files []gitrepo.File, err error) {
	leave := func() {}
	defer func() { leave() }()
	repository, err := s.open(ctx, r, func(ctx context.Context) error {
		select {
		case s.unpacking <- struct{}{}:
			leave = func() { <-s.unpacking }
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		return "", nil, err
	}
	defer repository.Close()
	ref := refOf(r.Spec)
	if revision, err = repository.Resolve(ctx, ref); err != nil || revision == known {
		return revision, nil, err
	}
	snapshot, err := repository.Snapshot(ctx, ref)
	if err != nil {
		return "", nil, err
	}
	files, err = snapshot.Files(bundle.GitFolder(r.Spec.Path))
	switch {
	case err != nil:
		return "", nil, problem.UserError(v1alpha1.ReasonSourceUnavailable, nil, "%s", s.Redact(err.Error()))
	case len(files) == 0: // a wrong path is not an empty source
		return "", nil, problem.UserError(v1alpha1.ReasonSourceUnavailable, nil,
			"%s has no file with a name that ends in .yaml, .yml or .json", cmp.Or(r.Spec.Path, "the repository"))
	}
	return snapshot.Revision(), files, nil
}

// open the repository. The caller closes it.
func (s *Source) open(ctx context.Context, r Request, before func(context.Context) error) (*gitrepo.Repository, error) {
	fields := provider.Fields{URL: r.Field + ".url", Auth: r.Field + ".secretRef"}
	remote := gitrepo.Remote{URL: r.Spec.URL, Fields: fields}
	options := gitrepo.Options{Egress: s.Egress, Metrics: s.Metrics, Redact: s.Redact, BeforeUnpack: before}
	if r.Spec.SecretRef != nil {
		secrets := s.Secrets(r.Namespace, r.Account)
		var err error
		if remote, err = gitrepo.Login(ctx, secrets, r.Spec.URL, *r.Spec.SecretRef, fields); err != nil {
			return nil, err
		}
		options.Redact = func(text string) string { return s.Redact(secrets.Hide(text)) }
	}
	if s.Memory != nil {
		options.Memory = s.Memory.For(r.Namespace)
	}
	return gitrepo.Open(remote, bundle.WithinGitLimits(options))
}

// refOf a spec.
func refOf(spec *v1alpha1.GitManifests) gitrepo.Ref {
	if spec.Ref == nil {
		return gitrepo.Ref{}
	}
	return gitrepo.Ref{Branch: spec.Ref.Branch, Tag: spec.Ref.Tag, Commit: spec.Ref.Commit}
}

// unavailable is the problem of a repository that cannot be read.
func unavailable(r Request, revision, message string) *problem.Problem {
	stays := "no commit of it was read yet"
	if revision != "" {
		stays = fmt.Sprintf("commit %s stays applied", revision[:min(len(revision), shortRevision)])
	}
	return problem.Retrying(v1alpha1.ReasonSourceUnavailable, nil, "the repository of %s cannot be read: %s; %s", r.Field, message, stays)
}

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
	"kubeops.io/kubeops/internal/fairqueue"
	"kubeops.io/kubeops/internal/gitrepo"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/secretref"
)

const (
	// readTimeout of one look at a repository, without the time that it waits for others.
	readTimeout = 40 * time.Second
	// maxLooks are in progress at the same time, and maxNamespaceLooks of one namespace. One that hangs costs a connection; the memory that
	// responses take is bounded by Options.Memory.
	maxLooks          = 64
	maxNamespaceLooks = 4
	// pendingRetry is when to ask for the result of a look that has not ended, if nothing wakes the caller before.
	pendingRetry = 30 * time.Second
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
	// looks run outside of the calls that wait for them, in slots that namespaces share: a server that answers slowly delays no other
	// namespace.
	looks looks
	slots *fairqueue.Slots
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
	return &Source{
		Options: o, slots: fairqueue.NewSlots(maxLooks, maxNamespaceLooks), unpacking: make(chan struct{}, 1), cache: newCache(maxCache),
		tips: &tips{},
	}
}

// Request is one folder.
type Request struct {
	// Namespace and Account of the bundle. Secrets are read as that ServiceAccount.
	Namespace, Account string
	// Spec is the folder, and Field where it is in the spec of the bundle, for messages.
	Spec  *v1alpha1.GitManifests
	Field string
	// Requested looks at the repository even if the interval is not over, once for each value. Empty waits for the interval.
	Requested string
	// Until is how long Read waits for a look. Zero waits until it has ended, which takes 40 seconds at most once it has begun.
	Until time.Time
	// Wake is called when a look has ended that Read did not wait for, once for each Bundle. It must not block; nil is not called.
	Wake   func()
	Bundle string
}

// Content of a folder.
type Content struct {
	// Revision is the commit, and Files what it has; empty if no revision is known.
	Revision string
	Files    []gitrepo.File
	// Next is when to look again.
	Next time.Duration
	// Pending says that the repository is still being looked at, or waits for that: the other fields are of the look before.
	Pending bool
	// Problem is why the repository could not be read, with reason SourceUnavailable; nil if it could. The files are then those of the last
	// revision that was read.
	Problem *problem.Problem
}

// Read a folder: from memory until the interval is over, and then from the repository. The error is that of a context that ended, or an
// unexpected one.
func (s *Source) Read(ctx context.Context, r Request) (Content, error) {
	if err := ctx.Err(); err != nil {
		return Content{}, err
	}
	key := keyOf(r)
	limited := ctx
	if !r.Until.IsZero() {
		var cancel context.CancelFunc
		limited, cancel = context.WithDeadline(ctx, r.Until)
		defer cancel()
	}
	for {
		e := s.cache.get(key)
		if next := s.fresh(e, r); next > 0 {
			s.looks.fetched(key)
			return e.content(next)
		}
		l := s.looks.begin(key, r.Requested, func(l *look) { s.run(context.WithoutCancel(ctx), key, r, l) })
		switch ended := s.looks.wait(limited, key, l, r); {
		case ctx.Err() != nil:
			return Content{}, ctx.Err()
		case !ended:
			c, err := e.content(pendingRetry)
			c.Pending = true
			return c, err
		case l.err != nil:
			return Content{}, l.err
		case r.Requested == "" || r.Requested == l.requested:
			return l.entry.content(max(s.fresh(l.entry, r), time.Second))
		}
	}
}

// run a look, once there is a slot for it. It is not interrupted: what it finds is for all who wait for it, and for those that come later.
func (s *Source) run(ctx context.Context, key string, r Request, l *look) {
	defer s.looks.end(key, l)
	defer func() { // it runs outside of a reconcile, whose panics are recovered
		if reason := recover(); reason != nil {
			l.err = fmt.Errorf("look at the repository of %s: panic: %v", r.Field, reason)
		}
	}()
	release, err := s.slots.Acquire(ctx, r.Namespace)
	if err != nil {
		l.err = err
		return
	}
	defer release()
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	l.entry, l.err = s.refresh(limited, r, s.cache.get(key))
}

// refresh an entry from the repository.
func (s *Source) refresh(ctx context.Context, r Request, e entry) (entry, error) {
	revision, files, err := s.look(ctx, r, e.revision)
	e.checked = s.Clock.Now()
	e.requested = cmp.Or(r.Requested, e.requested)
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
			return e, err
		}
	}
	if err == nil {
		s.tips.set(tipKey(r), revision, e.checked)
	}
	s.cache.put(keyOf(r), r.Namespace, e)
	return e, nil
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
	if e.checked.IsZero() || passed < 0 || r.Requested != "" && r.Requested != e.requested {
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

// Package refwatch watches single objects by name, as metadata: the Secrets and ServiceAccounts that resources refer to. A
// Secret is watched with the permissions of the ServiceAccount that reads it, so that the manager itself needs no access to
// Secrets; RBAC allows `watch` on a single name. Where that permission is missing, nothing is watched and the resource
// notices a change at its next reconcile instead.
package refwatch

import (
	"context"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/impersonate"
	"kubeops.io/kubeops/internal/names"
)

const (
	// maxPerNamespace bounds the watches that the resources of one namespace cause. What is beyond is not watched.
	maxPerNamespace = 100
	// establishTimeout is how long Set waits for new watches.
	establishTimeout = 2 * time.Second
	// How long to wait before a watch that failed is started again: the first time, and at most.
	minRetry = time.Second
	maxRetry = 5 * time.Minute
	// readTimeout of one read of the metadata.
	readTimeout = 10 * time.Second
)

// Reference is an object to watch.
type Reference struct {
	Resource  schema.GroupVersionResource
	Namespace string
	Name      string
	// ServiceAccount of the namespace whose permissions are used; empty uses the manager's own.
	ServiceAccount string
}

// valid reports whether the reference leads to the path of one object. The clients for metadata join names to a path without a check.
func (r Reference) valid() bool {
	if r.ServiceAccount != "" && names.Object("", "ServiceAccount", r.ServiceAccount) != nil {
		return false
	}
	return names.Namespace("", r.Namespace) == nil && names.Object("", r.Resource.Resource, r.Name) == nil
}

// Owner is a resource that refers to objects.
type Owner struct {
	Kind string
	Key  types.NamespacedName
}

// Watcher watches what owners refer to. It is safe for concurrent use. Start must run for anything to be watched.
type Watcher struct {
	config *rest.Config

	mutex   sync.Mutex
	ctx     context.Context // of Start; nil until then
	entries map[Reference]*entry
	owners  map[Owner][]Reference
}

// entry is one watched object.
type entry struct {
	owners map[Owner]func()
	stop   context.CancelFunc
	// tried is closed once the first attempt to watch has ended.
	tried chan struct{}

	mutex    sync.Mutex
	watching bool
	// late says that the first attempt to watch failed: the owners may have read, or failed to read, an older state.
	late bool
	// known says that state was observed; state is the UID and resource version, or empty for an object that is missing.
	known bool
	state string
}

// New makes a Watcher for the cluster that config reaches.
func New(config *rest.Config) *Watcher {
	own := rest.CopyConfig(config)
	own.QPS, own.Timeout = -1, 0
	return &Watcher{config: own, entries: map[Reference]*entry{}, owners: map[Owner][]Reference{}}
}

// Start implements manager.Runnable: it lets watches run until the context ends.
func (w *Watcher) Start(ctx context.Context) error {
	w.mutex.Lock()
	w.ctx = ctx
	w.mutex.Unlock()
	<-ctx.Done()
	return nil
}

// Set replaces what an owner refers to; changed is called, from another goroutine, when one of these objects is created,
// changed or deleted. It returns when the new watches run, have failed, or two seconds have passed: a change after the
// return is not missed.
func (w *Watcher) Set(ctx context.Context, owner Owner, references []Reference, changed func()) {
	var started []*entry
	w.mutex.Lock()
	for _, old := range w.owners[owner] {
		if !slices.Contains(references, old) {
			w.drop(owner, old)
		}
	}
	w.owners[owner] = references
	for _, reference := range references {
		if e := w.add(owner, reference, changed); e != nil {
			started = append(started, e)
		}
	}
	w.mutex.Unlock()
	ctx, cancel := context.WithTimeout(ctx, establishTimeout)
	defer cancel()
	for _, e := range started {
		select {
		case <-e.tried:
		case <-ctx.Done():
		}
	}
}

// Release drops all references of an owner that is gone.
func (w *Watcher) Release(owner Owner) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, reference := range w.owners[owner] {
		w.drop(owner, reference)
	}
	delete(w.owners, owner)
}

// Watching reports whether every object that an owner refers to is watched right now.
func (w *Watcher) Watching(owner Owner) bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, reference := range w.owners[owner] {
		e := w.entries[reference]
		if e == nil || !e.isWatching() {
			return false
		}
	}
	return true
}

// States returns the state of everything that an owner refers to, in the order of its references: the UID and resource version, or empty
// for an object that does not exist. It is nil where something is not watched right now, and so may have changed without notice.
func (w *Watcher) States(owner Owner) []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var states []string
	for _, reference := range w.owners[owner] {
		e := w.entries[reference]
		if e == nil {
			return nil
		}
		state, watching := e.current()
		if !watching {
			return nil
		}
		states = append(states, state)
	}
	return states
}

// Count is the number of watched objects.
func (w *Watcher) Count() int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return len(w.entries)
}

// add makes the owner wait for a reference, and returns the entry if it is new.
func (w *Watcher) add(owner Owner, reference Reference, changed func()) *entry {
	if e := w.entries[reference]; e != nil {
		e.mutex.Lock()
		e.owners[owner] = changed
		e.mutex.Unlock()
		return nil
	}
	if !reference.valid() {
		return nil // no such object can exist
	}
	if w.ctx == nil || w.ctx.Err() != nil || w.countIn(reference.Namespace) >= maxPerNamespace {
		return nil
	}
	ctx, stop := context.WithCancel(w.ctx)
	e := &entry{owners: map[Owner]func(){owner: changed}, stop: stop, tried: make(chan struct{})}
	w.entries[reference] = e
	go e.run(ctx, w.config, reference)
	return e
}

func (w *Watcher) countIn(namespace string) (n int) {
	for reference := range w.entries {
		if reference.Namespace == namespace {
			n++
		}
	}
	return n
}

func (w *Watcher) drop(owner Owner, reference Reference) {
	e := w.entries[reference]
	if e == nil {
		return
	}
	e.mutex.Lock()
	delete(e.owners, owner)
	unused := len(e.owners) == 0
	e.mutex.Unlock()
	if unused {
		e.stop()
		delete(w.entries, reference)
	}
}

// run watches one object until the context ends.
func (e *entry) run(ctx context.Context, config *rest.Config, reference Reference) {
	first := sync.OnceFunc(func() { close(e.tried) })
	defer first()
	retry := minRetry
	for ctx.Err() == nil {
		began := time.Now()
		e.follow(ctx, config, reference, first)
		e.stopped()
		first()
		if time.Since(began) > maxRetry {
			retry = minRetry // it worked: API servers end every watch after a while
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retry):
		}
		retry = min(2*retry, maxRetry)
	}
}

// follow watches until the watch ends. The object is read after the watch has begun, so that no change falls between.
func (e *entry) follow(ctx context.Context, config *rest.Config, reference Reference, established func()) {
	objects, err := objectsOf(config, reference)
	if err != nil {
		return
	}
	selector := fields.OneTermEqualSelector(metav1.ObjectNameField, reference.Name).String()
	stream, err := objects.Watch(ctx, metav1.ListOptions{FieldSelector: selector})
	if err != nil {
		return
	}
	defer stream.Stop()
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	current, err := objects.Get(limited, reference.Name, metav1.GetOptions{})
	state := ""
	switch {
	case err == nil:
		state = stateOf(current)
	case !apierrors.IsNotFound(err):
		return
	}
	e.mutex.Lock()
	e.watching = true // before the owners are woken, who ask for it
	e.mutex.Unlock()
	e.observe(state)
	established()
	for event := range stream.ResultChan() {
		object, ok := event.Object.(*metav1.PartialObjectMetadata)
		switch {
		case event.Type == watch.Error || !ok:
			return
		case event.Type == watch.Deleted:
			e.observe("")
		default:
			e.observe(stateOf(object))
		}
	}
}

func objectsOf(config *rest.Config, reference Reference) (metadata.ResourceInterface, error) {
	if reference.ServiceAccount != "" {
		var err error
		if config, err = (impersonate.Source{Config: config}).As(reference.Namespace, reference.ServiceAccount); err != nil {
			return nil, err
		}
	}
	client, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return client.Resource(reference.Resource).Namespace(reference.Namespace), nil
}

func stateOf(object *metav1.PartialObjectMetadata) string {
	return string(object.UID) + "/" + object.ResourceVersion
}

// observe records the state of the object and tells the owners where it differs from the last one.
func (e *entry) observe(state string) {
	e.mutex.Lock()
	changed := e.late
	if e.known {
		changed = e.state != state
	}
	e.known = true
	e.state = state
	var owners []func()
	if changed {
		for _, owner := range e.owners {
			owners = append(owners, owner)
		}
	}
	e.mutex.Unlock()
	for _, owner := range owners {
		owner()
	}
}

// stopped records that a watch has ended, or did not begin.
func (e *entry) stopped() {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.watching = false
	e.late = e.late || !e.known
}

func (e *entry) isWatching() bool {
	_, watching := e.current()
	return watching
}

// current is the state that was observed last, which holds now if the object is watched.
func (e *entry) current() (state string, watching bool) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return e.state, e.watching && e.known
}

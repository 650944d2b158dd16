package dashboard

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/metadata"

	"kubeops.io/kubeops/api/v1alpha1"
)

const (
	// minBackoff and maxBackoff between two attempts to watch.
	minBackoff = 500 * time.Millisecond
	maxBackoff = 30 * time.Second
	// maxDirty changes of one subscriber. More of them are one change of the whole resource.
	maxDirty = 100
)

// scope of a watch: a resource of a namespace, or of all namespaces.
type scope struct{ resource, namespace string }

// Change is an object that was added, changed or removed. Without a name, any object of the resource may have changed.
type Change struct {
	Resource  string `json:"resource"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// subscriber is one socket. It keeps what changed since the last message, and not the objects: the viewer reads them again as the viewer.
type subscriber struct {
	viewer Viewer
	wake   chan struct{}

	mu    sync.Mutex
	dirty map[Change]bool
	lost  error
}

func newSubscriber(viewer Viewer) *subscriber {
	return &subscriber{viewer: viewer, wake: make(chan struct{}, 1), dirty: map[Change]bool{}}
}

func (s *subscriber) changed(c Change) {
	s.mu.Lock()
	if len(s.dirty) >= maxDirty {
		c = Change{Resource: c.Resource}
	}
	s.dirty[c] = true
	s.mu.Unlock()
	s.notify()
}

func (s *subscriber) fail(err error) {
	s.mu.Lock()
	s.lost = err
	s.mu.Unlock()
	s.notify()
}

func (s *subscriber) notify() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// take returns what changed since the last call, and why the watch ended, if it did.
func (s *subscriber) take() (changes []Change, lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for change := range s.dirty {
		changes = append(changes, change)
	}
	clear(s.dirty)
	return changes, s.lost
}

// hub has one watch for each scope, however many viewers are subscribed to it. It watches metadata only.
type hub struct {
	connect func(Viewer) (metadata.Interface, error)
	logger  logr.Logger

	mu      sync.Mutex
	watches map[scope]*sharedWatch
}

// sharedWatch runs as one of its subscribers. Permissions on a scope are yes or no: all of them may see the same.
type sharedWatch struct {
	subscribers []*subscriber
	// restart ends the stream, since the viewer that it runs as has left.
	restart context.CancelFunc
	runsAs  *subscriber
	stop    context.CancelFunc
}

func newHub(connect func(Viewer) (metadata.Interface, error), logger logr.Logger) *hub {
	return &hub{connect: connect, logger: logger, watches: map[scope]*sharedWatch{}}
}

// join subscribes to a scope. The caller has checked that the viewer can list and watch it.
func (h *hub) join(at scope, s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if existing := h.watches[at]; existing != nil {
		existing.subscribers = append(existing.subscribers, s)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	h.watches[at] = &sharedWatch{subscribers: []*subscriber{s}, stop: stop}
	go h.run(ctx, at)
}

// leave ends a subscription. The watch continues as another viewer, or stops with the last one.
func (h *hub) leave(at scope, s *subscriber) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shared := h.watches[at]
	if shared == nil {
		return
	}
	shared.subscribers = slices.DeleteFunc(shared.subscribers, func(other *subscriber) bool { return other == s })
	switch {
	case len(shared.subscribers) == 0:
		shared.stop()
		delete(h.watches, at)
	case shared.runsAs == s && shared.restart != nil:
		shared.restart()
	}
}

// size is the number of watches.
func (h *hub) size() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.watches)
}

// run watches a scope until its last subscriber has left.
func (h *hub) run(ctx context.Context, at scope) {
	backoff := minBackoff
	version := ""
	for ctx.Err() == nil {
		as, streamCtx, cancel := h.start(ctx, at)
		if as == nil {
			return
		}
		start := time.Now()
		next, err := h.stream(streamCtx, at, as.viewer, version)
		restarted := streamCtx.Err() != nil
		cancel()
		version = next
		switch {
		case restarted || err == nil:
			backoff = minBackoff
			continue
		case apierrors.IsResourceExpired(err) || apierrors.IsGone(err):
			version = ""
			h.each(at, func(s *subscriber) { s.changed(Change{Resource: at.resource}) })
			continue
		case time.Since(start) > maxBackoff:
			backoff = minBackoff
		}
		version = ""
		h.logger.Info("Watch failed", "resource", at.resource, "namespace", at.namespace, "error", err.Error())
		h.each(at, func(s *subscriber) { s.fail(err) })
		select {
		case <-ctx.Done():
		case <-time.After(backoff + rand.N(backoff)):
		}
		backoff = min(2*backoff, maxBackoff)
	}
}

// start chooses the viewer that the stream runs as. Nil if there is none left.
func (h *hub) start(ctx context.Context, at scope) (*subscriber, context.Context, context.CancelFunc) {
	h.mu.Lock()
	defer h.mu.Unlock()
	shared := h.watches[at]
	if shared == nil || len(shared.subscribers) == 0 || ctx.Err() != nil {
		return nil, nil, nil
	}
	streamCtx, cancel := context.WithCancel(ctx)
	shared.runsAs = shared.subscribers[0]
	shared.restart = cancel
	return shared.runsAs, streamCtx, cancel
}

func (h *hub) each(at scope, what func(*subscriber)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if shared := h.watches[at]; shared != nil {
		for _, s := range shared.subscribers {
			what(s)
		}
	}
}

// stream watches from a resource version, or from now, until it ends. It returns the version to continue from.
func (h *hub) stream(ctx context.Context, at scope, viewer Viewer, version string) (string, error) {
	client, err := h.connect(viewer)
	if err != nil {
		return "", err
	}
	resource := client.Resource(v1alpha1.GroupVersion().WithResource(at.resource)).Namespace(at.namespace)
	if version == "" {
		listCtx, cancel := context.WithTimeout(ctx, requestTimeout)
		list, err := resource.List(listCtx, metav1.ListOptions{Limit: 1})
		cancel()
		if err != nil {
			return "", err
		}
		version = list.ResourceVersion
	}
	events, err := resource.Watch(ctx, metav1.ListOptions{ResourceVersion: version, AllowWatchBookmarks: true})
	if err != nil {
		return version, err
	}
	defer events.Stop()
	for event := range events.ResultChan() {
		if event.Type == watch.Error {
			return version, apierrors.FromObject(event.Object)
		}
		object, err := meta.Accessor(event.Object)
		if err != nil {
			return version, errors.New("the watch sent an object without metadata")
		}
		version = object.GetResourceVersion()
		if event.Type != watch.Bookmark {
			h.each(at, func(s *subscriber) { s.changed(Change{at.resource, object.GetNamespace(), object.GetName()}) })
		}
	}
	return version, nil
}

// watchable are the scopes that a viewer can list and watch.
func (s *Server) watchable(ctx context.Context, viewer Viewer) (all []scope, err error) {
	for _, resource := range kinds() {
		namespaces, err := s.access.scopes(ctx, viewer, resource, "")
		if err != nil {
			return nil, err
		}
		for _, namespace := range namespaces {
			allowed, err := s.access.allowed(ctx, viewer, own("watch", resource, namespace))
			if err != nil {
				return nil, err
			}
			if allowed {
				all = append(all, scope{resource, namespace})
			}
		}
	}
	return all, nil
}

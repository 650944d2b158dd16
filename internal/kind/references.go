package kind

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/refwatch"
)

// IndexReferences is the name of the field index by which the objects that refer to another resource of KubeOps are found;
// its values are made by ReferenceTo.
const IndexReferences = "kubeops.io/references"

// ReferenceTo is the value of IndexReferences for a resource of the same namespace.
func ReferenceTo(kind, name string) string { return kind + "/" + name }

// Index makes the objects of a kind findable by the resources of KubeOps that they refer to.
func Index[T Object](m manager.Manager, object T, referencesOf func(T) []string) error {
	return m.GetFieldIndexer().IndexField(context.Background(), object, IndexReferences, func(o client.Object) []string {
		return referencesOf(o.(T))
	})
}

// Referents enqueues the objects of a list that refer to the object that an event is about.
func Referents(reader client.Reader, kind string, newList func() client.ObjectList) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, o client.Object) (requests []reconcile.Request) {
		list := newList()
		err := reader.List(ctx, list, client.InNamespace(o.GetNamespace()),
			client.MatchingFields{IndexReferences: ReferenceTo(kind, o.GetName())})
		if err != nil {
			log.FromContext(ctx).Error(err, "Referents not listed", "kind", kind, "name", o.GetName())
			return nil
		}
		for _, key := range keysOf(list) {
			requests = append(requests, reconcile.Request{NamespacedName: key})
		}
		return requests
	})
}

// Secrets are references to Secrets of a namespace, which a ServiceAccount reads, and to that ServiceAccount. Without Secrets
// there are none, since then the ServiceAccount is not used.
func Secrets(namespace, serviceAccount string, names []string) []refwatch.Reference {
	if len(names) == 0 {
		return nil
	}
	references := []refwatch.Reference{ServiceAccount(namespace, serviceAccount)}
	for _, name := range names {
		references = append(references, refwatch.Reference{
			Resource: corev1.SchemeGroupVersion.WithResource("secrets"), Namespace: namespace, Name: name, ServiceAccount: serviceAccount,
		})
	}
	return references
}

// ServiceAccount is a reference to a ServiceAccount.
func ServiceAccount(namespace, name string) refwatch.Reference {
	return refwatch.Reference{Resource: corev1.SchemeGroupVersion.WithResource("serviceaccounts"), Namespace: namespace, Name: name}
}

// References wakes the controller of a kind when a Secret or ServiceAccount changes that one of its objects refers to. A nil
// References does nothing.
type References[T Object] struct {
	// Kind of the objects.
	Kind    string
	Watcher *refwatch.Watcher
	// Of are the objects that an object refers to; see Secrets.
	Of func(T) []refwatch.Reference

	mutex sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// Source gives the controller the objects to reconcile.
func (r *References[T]) Source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.queue = queue
		return nil
	})
}

// Watching reports whether all that an object refers to is watched.
func (r *References[T]) Watching(key client.ObjectKey) bool {
	return r != nil && r.Watcher.Watching(refwatch.Owner{Kind: r.Kind, Key: key})
}

// States are the states of what an object refers to; see Scope.Referents.
func (r *References[T]) States(key client.ObjectKey) []string {
	if r == nil {
		return nil
	}
	return r.Watcher.States(refwatch.Owner{Kind: r.Kind, Key: key})
}

// watch begins to watch what an object refers to, and returns the states of it; see Scope.Referents.
func (r *References[T]) watch(ctx context.Context, object T) []string {
	if r == nil {
		return nil
	}
	key := client.ObjectKeyFromObject(object)
	owner := refwatch.Owner{Kind: r.Kind, Key: key}
	r.Watcher.Set(ctx, owner, r.Of(object), func() { r.enqueue(key) })
	return r.Watcher.States(owner)
}

func (r *References[T]) release(key client.ObjectKey) {
	if r != nil {
		r.Watcher.Release(refwatch.Owner{Kind: r.Kind, Key: key})
	}
}

// settle is how long after a change the object is reconciled. It joins the writes of one rollout of a Secret, and bounds what
// a Secret that changes all the time costs.
const settle = time.Second

func (r *References[T]) enqueue(key client.ObjectKey) {
	r.mutex.Lock()
	queue := r.queue
	r.mutex.Unlock()
	if queue != nil {
		queue.AddAfter(reconcile.Request{NamespacedName: key}, settle)
	}
}

// MissingReferenceRetry is the wait after a Secret or ServiceAccount was missing that is watched: the watch wakes the
// controller, and this is only a safety net.
const MissingReferenceRetry = 10 * time.Minute

// IsMissingReference reports whether a problem ends when a Secret or ServiceAccount appears or changes.
func IsMissingReference(p *problem.Problem) bool {
	switch p.Reason {
	case v1alpha1.ReasonSecretNotFound, v1alpha1.ReasonInvalidSecret, v1alpha1.ReasonServiceAccountNotFound:
		return true
	}
	return false
}

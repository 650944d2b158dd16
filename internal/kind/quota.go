package kind

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/problem"
)

// quota refuses the youngest objects of a kind where a namespace has more than are served. A nil quota serves all.
type quota struct {
	limits.Objects
	kind   string
	client client.Client
	// empty is an object of the kind.
	empty client.Object

	mutex sync.Mutex
	// refused objects, which are reconciled when others are deleted.
	refused map[client.ObjectKey]bool
}

// newQuota is nil where all objects are served.
func newQuota(e Environment, kind string, empty client.Object) *quota {
	objects := e.Quotas.Objects[kind]
	if objects.Served <= 0 {
		return nil
	}
	return &quota{Objects: objects, kind: kind, client: e.Client, empty: empty, refused: map[client.ObjectKey]bool{}}
}

// check returns the problem of an object that the quota leaves out. Any other error is one of the API server.
func (q *quota) check(ctx context.Context, object client.Object) error {
	if q == nil {
		return nil
	}
	key := client.ObjectKeyFromObject(object)
	q.remember(key) // before the list is read: an object that is deleted after it wakes this one
	served, err := q.served(ctx, key.Namespace)
	if err != nil {
		return err
	}
	if served == nil || served[key] {
		q.forget(key)
		return nil
	}
	return problem.UserError(v1alpha1.ReasonQuotaExceeded, nil,
		"namespace %s exceeds its quota: only its %d oldest resources of kind %s are served (%s in the manager's configuration); "+
			"delete others, or have the quota raised", key.Namespace, q.Served, q.kind, q.Setting)
}

// served are the objects of a namespace that the quota lets through, or nil for all. The list comes from the cache.
func (q *quota) served(ctx context.Context, namespace string) (map[client.ObjectKey]bool, error) {
	gvk, err := apiutil.GVKForObject(q.empty, q.client.Scheme())
	if err != nil {
		return nil, err
	}
	list, err := q.client.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, err
	}
	if err := q.client.List(ctx, list.(client.ObjectList), client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	if meta.LenList(list) <= q.Served {
		return nil, nil
	}
	var all []client.Object
	if err := meta.EachListItem(list, func(o runtime.Object) error { all = append(all, o.(client.Object)); return nil }); err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b client.Object) int {
		created := a.GetCreationTimestamp()
		return cmp.Or(created.Compare(b.GetCreationTimestamp().Time), cmp.Compare(a.GetName(), b.GetName()))
	})
	served := map[client.ObjectKey]bool{}
	for _, object := range all[:q.Served] {
		served[client.ObjectKeyFromObject(object)] = true
	}
	return served, nil
}

// onDelete wakes the objects that the quota no longer leaves out.
func (q *quota) onDelete() (handler.EventHandler, predicate.Predicate) {
	wake := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, deleted client.Object) (requests []reconcile.Request) {
		refused := q.refusedIn(deleted.GetNamespace())
		if len(refused) == 0 {
			return nil
		}
		served, err := q.served(ctx, deleted.GetNamespace())
		if err != nil {
			log.FromContext(ctx).Error(err, "Refused objects not woken", "kind", q.kind, "namespace", deleted.GetNamespace())
			return nil
		}
		for _, key := range refused {
			if served == nil || served[key] {
				requests = append(requests, reconcile.Request{NamespacedName: key})
			}
		}
		return requests
	})
	return wake, predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: func(event.UpdateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

func (q *quota) refusedIn(namespace string) (keys []client.ObjectKey) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for key := range q.refused {
		if key.Namespace == namespace {
			keys = append(keys, key)
		}
	}
	return keys
}

func (q *quota) remember(key client.ObjectKey) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.refused[key] = true
}

// forget an object that is served, or gone.
func (q *quota) forget(key client.ObjectKey) {
	if q == nil {
		return
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	delete(q.refused, key)
}

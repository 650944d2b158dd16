package inspection

import (
	"context"
	"sync"

	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/internal/runner"
)

// waker adds Inspections to the queue of their controller when their clusters have changed.
type waker struct {
	mutex sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
}

// source is the queue's source of Inspections that are woken.
func (w *waker) source(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.queue = queue
	return nil
}

// up wakes the controller for an Inspection.
func (w *waker) up(key client.ObjectKey) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.queue != nil {
		w.queue.Add(reconcile.Request{NamespacedName: key})
	}
}

// known reports whether an Inspection is watched, so that its reconcile is quick.
func known(watches *runner.Watches) func(reconcile.Request) bool {
	return func(request reconcile.Request) bool { return watches.Has(request.NamespacedName) }
}

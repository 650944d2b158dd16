// Package logcollection keeps the log collectors of the cluster in step with what all LogBackends together ask for. It is a
// single reconcile for all of them, since one configuration serves all; it owns the condition CollectionReady of each.
package logcollection

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/apply"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/logroute"
	"kubeops.io/kubeops/internal/logroute/meter"
	"kubeops.io/kubeops/internal/probe"
	"kubeops.io/kubeops/internal/refwatch"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=logbackends,verbs=get;list;watch
// +kubebuilder:rbac:groups=kubeops.io,resources=logbackends/status,verbs=patch

const (
	name = "logcollection"
	// resync is when all is compared again without an event: a ConfigMap that was edited by hand is not watched.
	resync = 5 * time.Minute
	// retryUnresolved is when a LogBackend that could not be resolved is read again.
	retryUnresolved = 15 * time.Second
	// deadline of one reconcile.
	deadline = 30 * time.Second
)

// request is the only one of this controller.
func request() reconcile.Request {
	return reconcile.Request{NamespacedName: types.NamespacedName{Name: name}}
}

// Setup adds the controller to a manager.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	r := New(e)
	always := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{request()}
	})
	b := ctrl.NewControllerManagedBy(m).Named(name).
		Watches(&v1alpha1.LogBackend{}, always, builder.WithPredicates(collectionChanged())).
		WithOptions(kind.Options(1)).
		WatchesRawSource(source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
			r.wake = func() { queue.AddAfter(request(), time.Second) }
			queue.Add(request()) // collectors of a time before that nothing asks for any more are removed
			return nil
		}))
	if namespace := e.Settings.LogCollectors.Namespace; namespace != "" {
		collectors, err := cache.New(m.GetConfig(), cache.Options{
			Scheme: m.GetScheme(), Mapper: m.GetRESTMapper(), HTTPClient: m.GetHTTPClient(),
			DefaultNamespaces: map[string]cache.Config{namespace: {}}, DefaultTransform: cache.TransformStripManagedFields(),
		})
		if err != nil {
			return fmt.Errorf("watch the collectors in namespace %s: %w", namespace, err)
		}
		if err := m.Add(collectors); err != nil {
			return err
		}
		wake := handler.TypedEnqueueRequestsFromMapFunc(func(context.Context, *appsv1.DaemonSet) []reconcile.Request {
			return []reconcile.Request{request()}
		})
		b = b.WatchesRawSource(source.Kind(collectors, &appsv1.DaemonSet{}, wake))
	}
	return b.Complete(r)
}

// collectionChanged lets through what the configuration of the collectors is made of: what is collected, where the lines go,
// and the version of the server, which decides how they are sent.
func collectionChanged() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, okBefore := e.ObjectOld.(*v1alpha1.LogBackend)
		after, okAfter := e.ObjectNew.(*v1alpha1.LogBackend)
		if !okBefore || !okAfter {
			return true
		}
		return before.Generation != after.Generation || before.DeletionTimestamp.IsZero() != after.DeletionTimestamp.IsZero() ||
			before.Status.Version != after.Status.Version || before.Status.Flavor != after.Status.Flavor
	}}
}

// Routes brings the lines of Pods to LogBackends.
type Routes interface {
	// Sync makes the collectors collect what the LogBackends together ask for, and returns the state of each one's route.
	Sync(context.Context, *v1alpha1.LogBackendList) (map[types.NamespacedName]logroute.State, error)
}

// Reconciler keeps the collectors.
type Reconciler struct {
	kind.Environment
	// Routes brings lines to LogBackends; nil where this manager runs no collectors.
	Routes Routes

	wake func()
}

// New is the reconciler of all log collectors.
func New(e *environment.Environment) *Reconciler {
	r := &Reconciler{Environment: e.Environment}
	collectors := e.Settings.LogCollectors
	if collectors.Namespace != "" {
		r.Routes = &Collection{Backends: e.Backends, Router: &logroute.Router{
			Applier: &apply.Applier{Client: e.Client}, Namespace: collectors.Namespace, Images: collectors.Images, Clock: e.Clock,
			ManagerNamespace: collectors.ManagerNamespace,
			Meter:            &meter.Meter{Pods: e.Reader, Client: meter.NewClient(), Namespace: collectors.Namespace, Clock: e.Clock},
			Options: logroute.Options{Everywhere: collectors.Everywhere, Egress: e.Backends.Egress,
				VectorVersion: collectors.VectorVersion, BufferDisk: collectors.BufferDisk},
		}}
	}
	return r
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	list := &v1alpha1.LogBackendList{}
	if err := r.Client.List(ctx, list); err != nil {
		return ctrl.Result{}, fmt.Errorf("list LogBackends: %w", err)
	}
	r.watchSecrets(ctx, list)
	states, syncErr := r.sync(ctx, list)
	for i := range list.Items {
		if err := r.report(ctx, &list.Items[i], states, syncErr); err != nil {
			return ctrl.Result{}, errors.Join(err, syncErr)
		}
	}
	if syncErr != nil {
		return ctrl.Result{}, syncErr
	}
	if retries(states) {
		return ctrl.Result{RequeueAfter: retryUnresolved}, nil
	}
	return ctrl.Result{RequeueAfter: r.untilNextReading(states)}, nil
}

// untilNextReading is the time until counts of collectors are due. An event in between must not defer the reading.
func (r *Reconciler) untilNextReading(states map[types.NamespacedName]logroute.State) time.Duration {
	wait := resync
	for _, s := range states {
		switch {
		case !s.NextReading.IsZero():
			wait = min(wait, max(s.NextReading.Sub(r.Clock.Now()), time.Second))
		case s.Ready:
			wait = min(wait, meter.Interval) // the list of collectors failed
		}
	}
	return wait
}

// sync delivers the configuration, and returns the state of each LogBackend that collects.
func (r *Reconciler) sync(ctx context.Context, list *v1alpha1.LogBackendList) (map[types.NamespacedName]logroute.State, error) {
	if r.Routes == nil {
		return nil, nil
	}
	limited, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	return r.Routes.Sync(limited, list)
}

// watchSecrets wakes this controller when a Secret changes that a collecting LogBackend refers to.
func (r *Reconciler) watchSecrets(ctx context.Context, list *v1alpha1.LogBackendList) {
	if r.Watcher == nil || r.wake == nil {
		return
	}
	var references []refwatch.Reference
	for i := range list.Items {
		b := &list.Items[i]
		if !collects(b) {
			continue
		}
		references = append(references, probe.References(b, b.Spec)...)
	}
	r.Watcher.Set(ctx, refwatch.Owner{Kind: name, Key: request().NamespacedName}, references, r.wake)
}

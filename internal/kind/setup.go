package kind

import (
	"time"

	"go.opentelemetry.io/otel/trace"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/fairqueue"
	"kubeops.io/kubeops/internal/limits"
	"kubeops.io/kubeops/internal/refwatch"
)

// How long to wait before a reconcile that returned an error is retried: the first time, and at most.
const (
	minBackoff = time.Second
	maxBackoff = 2 * time.Minute
)

// Environment is what all controllers of a manager share. All fields but Watcher, Tracing, Limits and Quotas are required.
type Environment struct {
	Client client.Client
	// Reader reads without a cache.
	Reader client.Reader
	// Config reaches the cluster; who acts for a tenant impersonates with a copy.
	Config *rest.Config
	Clock  clock.PassiveClock
	Events events.EventRecorder
	// Watcher watches Secrets and ServiceAccounts; nil watches nothing.
	Watcher *refwatch.Watcher
	// Tracing records reconciles; nil records nothing.
	Tracing trace.TracerProvider
	// Limits and Quotas bound what tenants can ask for; zero values bound nothing.
	Limits limits.Limits
	Quotas limits.Quotas
}

// NewEnvironment is the environment of a manager.
func NewEnvironment(m ctrl.Manager, watcher *refwatch.Watcher) Environment {
	slots := newRequestSlots()
	return Environment{
		Client: boundedClient{m.GetClient(), slots}, Reader: CheckedReader{boundedReader{m.GetAPIReader(), slots}},
		Config: m.GetConfig(), Clock: clock.RealClock{}, Events: m.GetEventRecorder("kubeops"), Watcher: watcher,
	}
}

// NewReconciler makes the reconciler of a kind in this environment. references may be nil for a kind that refers to nothing.
func NewReconciler[T Object](
	e Environment, kind, action string, empty func() T, logic Logic[T], references func(T) []refwatch.Reference,
) *Reconciler[T] {
	r := &Reconciler[T]{
		Client: e.Client, Reader: e.Reader, Clock: e.Clock, Events: e.Events, Action: action, New: empty, Logic: logic,
		Kind: kind, Tracing: e.Tracing,
		quota: newQuota(e, kind, empty()),
	}
	if e.Watcher != nil && references != nil {
		r.References = &References[T]{Kind: kind, Watcher: e.Watcher, Of: references}
	}
	return r
}

// Build begins the controller of a kind: it wakes when a spec or the annotation kubeops.io/requested-at changes, when a
// Secret or ServiceAccount changes that the object refers to, when its quota lets it through, and at the times that Logic asked for.
// Its own status patches do not wake it.
func (r *Reconciler[T]) Build(m ctrl.Manager, name string, slots Slots) *ctrl.Builder {
	r.interrupts = slots.interrupts
	b := ctrl.NewControllerManagedBy(m).
		Named(name).
		For(r.New(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, RequestChanged()))).
		WithOptions(slots.Options())
	if r.References != nil {
		b = b.WatchesRawSource(r.References.Source())
	}
	if r.quota != nil {
		wake, deletes := r.quota.onDelete()
		b = b.Watches(r.New(), wake, builder.WithPredicates(deletes))
	}
	return b
}

// Slots are what a controller reconciles objects in. Namespaces share them; see package fairqueue.
type Slots struct {
	// Parallel is the number of objects that are reconciled at the same time, at least 1.
	Parallel int
	// PerNamespace is how many of them may be of one namespace. Default 0: what fairqueue allows.
	PerNamespace int
	// Quick reports whether a reconcile takes little time, so that it gets one of QuickSlots additional slots and waits for no other. It
	// must not block. Default nil: none does.
	Quick      func(reconcile.Request) bool
	QuickSlots int

	interrupts *fairqueue.Interrupts[reconcile.Request]
}

// Interruptible says that a reconcile may be interrupted and repeated when another namespace needs its slot. One namespace may then
// take all slots, which is worth it where there are few.
func (s Slots) Interruptible() Slots {
	s.interrupts = fairqueue.NewInterrupts[reconcile.Request]()
	return s
}

// Options of a controller that reconciles so many objects at the same time.
func Options(parallel int) controller.Options { return Slots{Parallel: parallel}.Options() }

// Options of a controller with these slots.
func (s Slots) Options() controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: s.Parallel + s.QuickSlots,
		// The default retries within milliseconds, which is too soon for work as heavy as an inspection, and backs off to a
		// quarter of an hour, which is too late for an API server that is back.
		RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](minBackoff, maxBackoff),
		NewQueue: func(
			name string, limiter workqueue.TypedRateLimiter[reconcile.Request],
		) workqueue.TypedRateLimitingInterface[reconcile.Request] {
			return fairqueue.New(fairqueue.Options[reconcile.Request]{
				Name: name, Slots: s.Parallel, PerNamespace: s.PerNamespace, RateLimiter: limiter, Interrupts: s.interrupts,
				Quick: s.Quick, QuickSlots: s.QuickSlots,
				NamespaceOf: func(r reconcile.Request) string { return r.Namespace },
			})
		},
	}
}

// RequestChanged lets updates through that change the annotation kubeops.io/requested-at, and no other event.
func RequestChanged() predicate.Predicate {
	changed := func(e event.UpdateEvent) bool {
		const key = v1alpha1.AnnotationRequestedAt
		return e.ObjectOld.GetAnnotations()[key] != e.ObjectNew.GetAnnotations()[key]
	}
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false }, DeleteFunc: func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false }, UpdateFunc: changed,
	}
}

// MetadataOf is an empty object of one of KubeOps' kinds of which only the metadata is read or watched.
func MetadataOf(kind string) *metav1.PartialObjectMetadata {
	m := &metav1.PartialObjectMetadata{}
	m.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind(kind))
	return m
}

// keysOf are the keys of the items of a list.
func keysOf(list client.ObjectList) (keys []client.ObjectKey) {
	_ = meta.EachListItem(list, func(o runtime.Object) error { // it fails for what is no list, which ObjectList rules out
		if object, ok := o.(client.Object); ok {
			keys = append(keys, client.ObjectKeyFromObject(object))
		}
		return nil
	})
	return keys
}

// Package resourcebundle applies ResourceBundles to clusters: it reads the manifests, runs package bundle in each selected cluster as the
// ServiceAccount of the bundle, and records the result. A cluster that is not connected delays no other one, and nothing is deleted because
// of it.
package resourcebundle

import (
	"context"
	"sync"
	"time"

	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/bundle/gitsource"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/refwatch"
)

// +kubebuilder:rbac:groups=kubeops.io,resources=resourcebundles,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=kubeops.io,resources=resourcebundles/status,verbs=patch
// +kubebuilder:rbac:groups=kubeops.io,resources=bundleinventories,verbs=get;list;create;update;delete
// +kubebuilder:rbac:groups=kubeops.io,resources=managedclusters,verbs=get;list;watch

const (
	kindName = "ResourceBundle"
	action   = "Apply"
	// parallelBundles are reconciled at the same time, and parallelClusters of one bundle.
	parallelBundles  = 4
	parallelClusters = 8
)

// Setup adds the controller to a manager. It also wakes when the labels of a ManagedCluster change, when one is created or deleted, and
// when one is connected or no longer is.
func Setup(m ctrl.Manager, e *environment.Environment) error {
	l := newLogic(e)
	r := newReconciler(e, l)
	changes := builder.WithPredicates(predicate.LabelChangedPredicate{})
	wake := handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, cluster client.Object) []reconcile.Request {
		return bundlesOf(ctx, m.GetClient(), cluster.GetNamespace())
	})
	return r.Build(m, "resourcebundle", kind.Slots{Parallel: parallelBundles}).
		WatchesMetadata(kind.MetadataOf("ManagedCluster"), wake, changes).
		WatchesRawSource(connectionChanges(e, m.GetClient())).
		WatchesRawSource(l.endedLooks()).
		Complete(r)
}

// New is the reconciler of ResourceBundles.
func New(e *environment.Environment) *kind.Reconciler[*v1alpha1.ResourceBundle] {
	return newReconciler(e, newLogic(e))
}

func newLogic(e *environment.Environment) *logic {
	return &logic{
		Environment: e, clusters: clusterCache{}, expressions: e.Expressions(), patience: gitPatience,
		git: gitsource.New(gitsource.Options{
			Secrets: e.Backends.Secrets.For, Egress: e.Backends.Egress, Metrics: e.Backends.Telemetry, Memory: e.Backends.Memory,
			Redact: e.Redact, Clock: e.Clock,
		}),
	}
}

func newReconciler(e *environment.Environment, l *logic) *kind.Reconciler[*v1alpha1.ResourceBundle] {
	return kind.NewReconciler(e.Environment, kindName, action, empty, l, func(b *v1alpha1.ResourceBundle) []refwatch.Reference {
		if secrets := b.Spec.GitSecrets(); len(secrets) > 0 {
			return kind.Secrets(b.Namespace, b.ServiceAccountName(), secrets)
		}
		return []refwatch.Reference{kind.ServiceAccount(b.Namespace, b.ServiceAccountName())}
	})
}

func empty() *v1alpha1.ResourceBundle { return &v1alpha1.ResourceBundle{} }

// bundlesOf are the requests for all bundles of a namespace.
func bundlesOf(ctx context.Context, reader client.Reader, namespace string) (requests []reconcile.Request) {
	list := &v1alpha1.ResourceBundleList{}
	if err := reader.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "ResourceBundles not woken", "namespace", namespace)
		return nil
	}
	for i := range list.Items {
		if list.Items[i].Spec.Clusters != nil {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// connectionChanges wakes the bundles of a namespace when one of its clusters is connected or no longer is.
func connectionChanges(e *environment.Environment, reader client.Reader) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		e.Clusters.OnChange(func(key client.ObjectKey) {
			for _, request := range bundlesOf(ctx, reader, key.Namespace) {
				queue.Add(request)
			}
		})
		return nil
	})
}

// endedLooks wakes a bundle when a repository was read that its reconcile did not wait for.
func (l *logic) endedLooks() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		l.wake = func(key client.ObjectKey) { queue.Add(reconcile.Request{NamespacedName: key}) }
		return nil
	})
}

func (l *logic) woken(key client.ObjectKey) {
	if l.wake != nil {
		l.wake(key)
	}
}

// logic reconciles ResourceBundles.
type logic struct {
	*environment.Environment

	// expressions evaluates the health of objects.
	expressions expression.Evaluator
	// git reads manifests from Git repositories. A reconcile waits for them for patience, and wake adds a bundle to the queue when one that
	// took longer was read; nil if the controller does not run.
	git      *gitsource.Source
	patience time.Duration
	wake     func(client.ObjectKey)

	mutex    sync.Mutex
	clusters clusterCache
}

// Reconcile implements kind.Logic.
func (l *logic) Reconcile(ctx context.Context, scope *kind.Scope[*v1alpha1.ResourceBundle]) (kind.Result, error) {
	conditions := scope.Conditions()
	for _, auxiliary := range auxiliaryConditions() {
		conditions.Keep(auxiliary)
	}
	request := ""
	if scope.Requested() {
		request = kind.Request(scope.Object)
	}
	desired, err := l.read(ctx, scope.Object, request)
	if err != nil {
		return kind.Result{}, err
	}
	if desired.unknown != "" {
		return desired.awaited(scope)
	}
	selection, err := l.selectClusters(ctx, scope.Object)
	if err != nil {
		return kind.Result{}, err
	}
	work := &work{logic: l, bundle: scope.Object, sources: desired, labels: selection.labels, now: scope.Now}
	outcomes, err := work.all(ctx, selection)
	if err != nil {
		return kind.Result{}, err
	}
	if !desired.pending {
		scope.HandleRequest()
	}
	return work.conclude(ctx, scope, selection, outcomes)
}

func auxiliaryConditions() []string {
	return []string{v1alpha1.ConditionConflicts, v1alpha1.ConditionDrifted, v1alpha1.ConditionPruneHeld}
}

// Suspend implements kind.Suspender.
func (l *logic) Suspend(scope *kind.Scope[*v1alpha1.ResourceBundle]) {
	for _, auxiliary := range auxiliaryConditions() {
		scope.Conditions().Keep(auxiliary)
	}
}

package managedcluster

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/inventory"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/outcome"
	"kubeops.io/kubeops/internal/text"
)

const (
	// parallelInventories are read at the same time. Each holds one page of a list in memory.
	parallelInventories = 2
	// inventoryTimeout of one read.
	inventoryTimeout = 2 * time.Minute
	// authorizationInterval between two reviews of the permissions.
	authorizationInterval = 5 * time.Minute
	// maxNamed resources in a message.
	maxNamed = 3
)

// inspectorRole is the ClusterRole with the permissions of inspections.
const inspectorRole = "kubeops-inspector"

func setupInventory(m ctrl.Manager, e *environment.Environment) error {
	r := NewInventory(e)
	return ctrl.NewControllerManagedBy(m).Named("clusterinventory").
		For(empty(), builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, kind.RequestChanged()))).
		WatchesRawSource(connectionChanges(e.Clusters)).
		WithOptions(kind.Options(parallelInventories)).
		Complete(r)
}

// connectionChanges wakes a controller when a cluster is connected or no longer is.
func connectionChanges(registry *clusters.Registry) source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		registry.OnChange(func(key client.ObjectKey) { queue.Add(reconcile.Request{NamespacedName: key}) })
		return nil
	})
}

// NewInventory is the reconciler of inventories. It owns status.inventory and the conditions Authorized and InventoryReady.
func NewInventory(e *environment.Environment) *kind.Auxiliary[*v1alpha1.ManagedCluster] {
	l := &inventories{e}
	return &kind.Auxiliary[*v1alpha1.ManagedCluster]{
		Environment: e.Environment, Name: "ManagedCluster inventory", New: empty, Logic: l.reconcile,
	}
}

// inventories reads what connected clusters consist of.
type inventories struct{ *environment.Environment }

func (l *inventories) reconcile(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster]) (time.Duration, error) {
	conditions := scope.Conditions()
	conditions.Keep(v1alpha1.ConditionAuthorized)
	conditions.Keep(v1alpha1.ConditionInventoryReady)
	connection := l.connection(scope)
	if connection == nil {
		return 0, nil // the registry wakes it
	}
	l.authorize(ctx, scope, connection)
	period := scope.Object.Spec.InventoryPeriod()
	if wait := untilDue(scope, period); wait > 0 {
		return min(wait, authorizationInterval), nil
	}
	if err := l.read(ctx, scope, connection); err != nil {
		return 0, err
	}
	return min(period, authorizationInterval), nil
}

// connection to the cluster. Without one it is nil, and the conditions record that what the status says is old.
func (l *inventories) connection(scope *kind.Scope[*v1alpha1.ManagedCluster]) *clusters.Connection {
	connection, err := l.Clusters.Get(scope.Key())
	if err == nil {
		return connection
	}
	state := outcome.Unknown(v1alpha1.ReasonNotConnected, "there is no connection to the cluster; see Ready")
	scope.Conditions().SetAuxiliary(v1alpha1.ConditionAuthorized, state)
	scope.Conditions().SetAuxiliary(v1alpha1.ConditionInventoryReady, state)
	return nil
}

// untilDue is the wait for the next inventory. It is due at once after a request, and once the cluster is connected again.
func untilDue(scope *kind.Scope[*v1alpha1.ManagedCluster], period time.Duration) time.Duration {
	read := scope.Object.Status.Inventory
	ready := scope.Condition(v1alpha1.ConditionInventoryReady)
	if read == nil || ready == nil || ready.Reason == v1alpha1.ReasonNotConnected || read.Request != kind.Request(scope.Object) {
		return 0
	}
	return read.Time.Add(period).Sub(scope.Now)
}

// authorize reviews what the credentials may list.
func (l *inventories) authorize(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster], connection *clusters.Connection) {
	ctx, cancel := context.WithTimeout(ctx, inventoryTimeout)
	defer cancel()
	missing, err := connection.Missing(ctx, collect.Listed())
	state := outcome.True(v1alpha1.ReasonSucceeded, "the credentials can list everything that inspections read, Secrets aside")
	switch {
	case err != nil:
		state = outcome.Unknown(v1alpha1.ReasonRetrying, "the permissions could not be reviewed ("+apierror.Describe(err)+")")
	case len(missing) > 0:
		state = outcome.False(v1alpha1.ReasonPermissionsMissing,
			"the credentials cannot list "+named(missing)+"; bind them to ClusterRole "+inspectorRole+" in that cluster")
	}
	scope.Conditions().SetAuxiliary(v1alpha1.ConditionAuthorized, state)
}

// named are the first names and the number of the others.
func named(resources []metav1.GroupResource) string {
	var first []string
	for _, r := range resources[:min(len(resources), maxNamed)] {
		first = append(first, r.String())
	}
	list := strings.Join(first, ", ")
	if more := len(resources) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %s", list, text.Count(more, "more resource"))
	}
	return list
}

// read the inventory. What cannot be read keeps its last state in the status, and is named in the condition.
func (l *inventories) read(ctx context.Context, scope *kind.Scope[*v1alpha1.ManagedCluster], connection *clusters.Connection) error {
	limited, cancel := context.WithTimeout(ctx, inventoryTimeout)
	defer cancel()
	found, missing := inventory.Read(limited, collect.Source{Cluster: connection.Name(), Config: connection.Config()}, scope.Now)
	if err := ctx.Err(); err != nil {
		return errors.Join(errors.New("the manager stops"), err)
	}
	found.Request = kind.Request(scope.Object)
	scope.Object.Status.Inventory = &found
	state := outcome.True(v1alpha1.ReasonSucceeded, "nodes, Pods and APIs were read")
	if len(missing) > 0 {
		state = outcome.False(v1alpha1.ReasonIncomplete, "not read: "+strings.Join(missing, ", "))
	}
	scope.Conditions().SetAuxiliary(v1alpha1.ConditionInventoryReady, state)
	return nil
}

package resourcebundle

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/problem"
)

// confirmTimeout of the question whether a cluster is still the same.
const confirmTimeout = 10 * time.Second

// selection is which clusters a bundle concerns.
type selection struct {
	// selected clusters by name, and those that spec.clusters names and that do not exist.
	selected, missing []string
	// deselected have an inventory and are no longer selected. Those without a ManagedCluster are not in it.
	deselected []string
	// labels of the ManagedClusters of the namespace, by name.
	labels map[string]labels.Set
}

// selectClusters finds the clusters of a bundle.
func (l *logic) selectClusters(ctx context.Context, b *v1alpha1.ResourceBundle) (selection, error) {
	known, err := l.managedClusters(ctx, b.Namespace)
	if err != nil {
		return selection{}, err
	}
	selects, err := bundle.Selects("spec.clusters", b.Spec.Clusters)
	if err != nil {
		return selection{}, err
	}
	s := selection{labels: known}
	if b.Spec.Clusters == nil {
		s.selected = []string{v1alpha1.LocalCluster}
	}
	for name, set := range known {
		if selects(name, set) {
			s.selected = append(s.selected, name)
		}
	}
	if b.Spec.Clusters != nil {
		for _, name := range b.Spec.Clusters.Names {
			if _, ok := known[name]; !ok {
				s.missing = append(s.missing, name)
			}
		}
	}
	applied, err := bundle.Clusters(ctx, l.Reader, b)
	if err != nil {
		return selection{}, err
	}
	for _, name := range applied {
		_, exists := known[name]
		if (exists || name == v1alpha1.LocalCluster) && !slices.Contains(s.selected, name) && !slices.Contains(s.missing, name) {
			s.deselected = append(s.deselected, name)
		}
	}
	slices.Sort(s.selected)
	return s, nil
}

// managedClusters are the labels of the ManagedClusters of a namespace, by name.
func (l *logic) managedClusters(ctx context.Context, namespace string) (map[string]labels.Set, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("ManagedClusterList"))
	if err := l.Reader.List(ctx, list, client.InNamespace(namespace)); err != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "the ManagedClusters of namespace %s cannot be listed", namespace)
	}
	known := map[string]labels.Set{}
	for i := range list.Items {
		known[list.Items[i].Name] = list.Items[i].Labels
	}
	return known, nil
}

// clusterCache has what is known of clusters between two reconciles.
type clusterCache map[client.ObjectKey]cachedCluster

type cachedCluster struct {
	// connection that it was read with; nil for the cluster of the manager.
	connection *clusters.Connection
	kinds      *bundle.Kinds
	settled    *bundle.Settled
}

// target is a cluster as the ServiceAccount of a bundle.
type target struct {
	*bundle.Target
	// connection of the ManagedCluster; nil for the cluster of the manager.
	connection *clusters.Connection
}

// confirm that the cluster is still the one that was connected.
func (t *target) confirm(ctx context.Context) error {
	if t.connection == nil {
		return nil
	}
	return t.connection.Confirm(ctx, confirmTimeout)
}

// connect to a cluster as the ServiceAccount of a bundle. It does not wait for a cluster that is not connected.
func (l *logic) connect(ctx context.Context, b *v1alpha1.ResourceBundle, cluster string, verify bool) (*target, error) {
	as, err := l.Accounts.As(b.Namespace, b.ServiceAccountName())
	if err != nil {
		return nil, err
	}
	key := client.ObjectKey{Namespace: b.Namespace, Name: cluster}
	config := as
	base := l.Config
	connection, err := l.Clusters.Get(key)
	isLocal := cluster == v1alpha1.LocalCluster && (b.Spec.Clusters == nil || l.Clusters.State(key) == "")
	switch {
	case isLocal && verify:
		if config, err = l.Accounts.Existing(ctx, b.Namespace, b.ServiceAccountName(), "applies the manifests",
			"bind it to a role that can get, create, patch and delete their kinds"); err != nil {
			return nil, err
		}
		connection = nil
	case isLocal:
		connection = nil
	case err != nil:
		return nil, err
	default:
		base = connection.Config()
		config = rest.CopyConfig(base)
		config.Impersonate = as.Impersonate
	}
	known, err := l.cached(key, connection, base)
	if err != nil {
		return nil, err
	}
	applies, err := bundle.NewTarget(config, known.kinds, bundle.FieldManager(b.Namespace, b.Name))
	if err != nil {
		return nil, err
	}
	return &target{applies.Remember(known.settled), connection}, nil
}

// cached is what is known of a cluster. Its kinds are read with its own credentials: they are the same for all ServiceAccounts.
func (l *logic) cached(key client.ObjectKey, connection *clusters.Connection, config *rest.Config) (cachedCluster, error) {
	if connection == nil {
		key = client.ObjectKey{Name: v1alpha1.LocalCluster}
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if known, ok := l.clusters[key]; ok && known.connection == connection {
		return known, nil
	}
	kinds, err := bundle.NewKinds(config, clock.RealClock{})
	if err != nil {
		return cachedCluster{}, err
	}
	for other := range l.clusters { // that are gone
		if other.Namespace != "" && l.Clusters.State(other) == "" {
			delete(l.clusters, other)
		}
	}
	known := cachedCluster{connection, kinds, bundle.NewSettled(clock.RealClock{})}
	l.clusters[key] = known
	return known, nil
}

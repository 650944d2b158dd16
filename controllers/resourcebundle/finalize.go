package resourcebundle

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/bundle"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// finalizer of a ResourceBundle.
const finalizer = "kubeops.io/resourcebundle"

// FinalizerName implements kind.Finalizer.
func (l *logic) FinalizerName() string { return finalizer }

// NeedsFinalizer implements kind.Finalizer: a plan leaves nothing behind.
func (l *logic) NeedsFinalizer(b *v1alpha1.ResourceBundle) bool {
	return b.Spec.Mode != v1alpha1.BundlePlan
}

// Finalize implements kind.Finalizer: it removes what the bundle applied to each cluster. A cluster that is not connected blocks the
// deletion, and the status says so; one whose ManagedCluster was deleted does not.
func (l *logic) Finalize(ctx context.Context, scope *kind.Scope[*v1alpha1.ResourceBundle]) error {
	b := scope.Object
	known, err := l.managedClusters(ctx, b.Namespace)
	if err != nil {
		return err
	}
	applied, err := bundle.Clusters(ctx, l.Reader, b)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err): // KubeOps is being removed, and its CustomResourceDefinitions with it
		kind.Event(ctx, l.Events, b, corev1.EventTypeWarning, "Orphaned", "Delete",
			"The objects are kept: there are no BundleInventories any more")
		return nil
	case err != nil:
		return err
	}
	w := &work{logic: l, bundle: b, sources: &sources{}, now: scope.Now}
	var left []string
	for _, cluster := range applied {
		if _, exists := known[cluster]; !exists && cluster != v1alpha1.LocalCluster {
			l.orphaned(ctx, b, cluster, "its ManagedCluster does not exist")
			continue
		}
		blocked, err := l.finalizeCluster(ctx, w, cluster)
		if err != nil {
			return err
		}
		if blocked != "" {
			left = append(left, "cluster "+cluster+": "+blocked)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	p := problem.Waiting(v1alpha1.ReasonDeletionBlocked, progressRetry, "%s; to keep the objects, set spec.deletionPolicy to Orphan",
		text.List(left, maxNamed))
	for _, auxiliary := range auxiliaryConditions() {
		scope.Conditions().Keep(auxiliary)
	}
	scope.Conditions().Failed(p)
	if err := scope.Write(ctx, l.Client); err != nil {
		return err
	}
	return p
}

// finalizeCluster removes what is in one cluster, and returns what it waits for; empty if nothing is left.
func (l *logic) finalizeCluster(ctx context.Context, w *work, cluster string) (string, error) {
	limited, cancel := context.WithTimeout(ctx, w.bundle.Spec.HealthTimeout())
	defer cancel()
	done, err := w.remove(limited, cluster, w.bundle.Spec.DeletionPolicy, false)
	p := problem.As(err)
	switch {
	case p != nil && w.bundle.Spec.DeletionPolicy == v1alpha1.RemovalOrphan:
		l.orphaned(ctx, w.bundle, cluster, p.Message)
		return "", nil
	case p != nil && ctx.Err() == nil:
		return p.Message, nil
	case err != nil:
		return "", err
	case done.emptied:
		return "", nil
	}
	if len(done.results) == 0 {
		return "objects are being deleted", nil
	}
	first := done.results[0]
	return fmt.Sprintf("%s left, such as %s: %s", text.CountOf(len(done.results), "object is", "objects are"), first.Key, first.Message),
		nil
}

// orphaned records that objects were left in a cluster.
func (l *logic) orphaned(ctx context.Context, b *v1alpha1.ResourceBundle, cluster, why string) {
	kind.Event(ctx, l.Events, b, corev1.EventTypeWarning, "Orphaned", "Delete", "The objects in cluster "+cluster+" are kept: "+why)
}

package runner

import (
	"context"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/problem"
)

// confirmTimeout bounds the request that asks a cluster which one it is.
const confirmTimeout = 10 * time.Second

// ManagedTargets finds clusters where no one keeps connections to them, such as in a worker: it reads ManagedClusters and their Secrets as
// the controller of ManagedClusters does, and relies on what their status says. Both fields are required.
type ManagedTargets struct {
	// Reader reads ManagedClusters without a cache.
	Reader client.Reader
	// Backends reads Secrets and has the egress rules.
	Backends *backends.Resolver
}

// Targets implements the function type of that name, for Inspections that name their clusters.
func (m *ManagedTargets) Targets(ctx context.Context, inspection *v1alpha1.Inspection) ([]Target, error) {
	all := make([]Target, 0, len(inspection.Spec.Clusters.Names))
	for _, name := range inspection.Spec.Clusters.Names {
		target, err := m.target(ctx, client.ObjectKey{Namespace: inspection.Namespace, Name: name})
		if err != nil {
			return nil, err
		}
		all = append(all, target)
	}
	return all, nil
}

func (m *ManagedTargets) target(ctx context.Context, key client.ObjectKey) (Target, error) {
	target := Target{Name: key.Name}
	cluster := &v1alpha1.ManagedCluster{}
	err := m.Reader.Get(ctx, key, cluster)
	switch {
	case apierrors.IsNotFound(err):
		target.Problem = problem.UserError(v1alpha1.ReasonNotFound, nil, "ManagedCluster %s does not exist; check spec.clusters.names", key)
		return target, nil
	case err != nil:
		return target, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read ManagedCluster %s (%s)", key, apierror.Describe(err))
	case cluster.Spec.Suspend:
		target.Problem = problem.Waiting(v1alpha1.ReasonNotConnected, 0, "ManagedCluster %s is not connected: it is suspended", key)
		return target, nil
	}
	if changed := meta.FindStatusCondition(cluster.Status.Conditions, v1alpha1.ConditionIdentityChanged); changed != nil &&
		changed.Status == "True" {
		target.Problem = problem.Waiting(v1alpha1.ReasonIdentityChanged, 0, "%s", changed.Message)
		return target, nil
	}
	target.Labels = cluster.Labels
	target.Objects = ObjectsOf(cluster)
	if cluster.Spec.InCluster {
		target.Account = cluster.Probing().ServiceAccountName
		return target, nil
	}
	access, err := clusters.ReadAccess(ctx, m.Backends.Secrets.For(key.Namespace, cluster.Spec.ServiceAccountName), cluster)
	if err == nil {
		err = m.confirm(ctx, key, cluster, access)
	}
	if target.Problem = problem.As(err); err != nil && target.Problem == nil {
		return target, err
	}
	if err == nil {
		target.Access = &access
	}
	return target, nil
}

// confirm that the kubeconfig still leads to the cluster that the controller probed: no one probes it here.
func (m *ManagedTargets) confirm(
	ctx context.Context, key client.ObjectKey, cluster *v1alpha1.ManagedCluster, access clusters.Access,
) error {
	if cluster.Status.UID == "" {
		return problem.Waiting(v1alpha1.ReasonNotConnected, 0, "ManagedCluster %s was not probed yet", key)
	}
	connection, err := clusters.Connect(key.String(), access, m.Backends.Egress, m.Backends.Memory.For(key.Namespace))
	if err != nil {
		return err
	}
	defer connection.Close()
	connection.Identified(cluster.Status.UID)
	return connection.Confirm(ctx, confirmTimeout)
}

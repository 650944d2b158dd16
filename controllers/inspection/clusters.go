package inspection

import (
	"context"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/apierror"
	"kubeops.io/kubeops/internal/clusters"
	"kubeops.io/kubeops/internal/kind"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/runner"
)

const (
	// connectingRetry is when to look again for clusters that were not probed yet, such as after the manager has started.
	connectingRetry = 2 * time.Second
	// unselectedRetry is when to look again for ManagedClusters that match.
	unselectedRetry = time.Minute
)

// +kubebuilder:rbac:groups=kubeops.io,resources=managedclusters,verbs=get;list;watch

// selection finds the ManagedClusters of Inspections and their connections.
type selection struct {
	// cached reads ManagedClusters without labels, and reader their metadata.
	cached, reader client.Reader
	registry       *clusters.Registry
}

// targets implements runner.Targets. It waits for clusters that were not probed yet, since they would be gaps for no reason.
func (s *selection) targets(ctx context.Context, inspection *v1alpha1.Inspection) ([]runner.Target, error) {
	names, err := s.names(ctx, inspection)
	if err != nil {
		return nil, err
	}
	all := make([]runner.Target, 0, len(names))
	for _, name := range names {
		key := client.ObjectKey{Namespace: inspection.Namespace, Name: name}
		target, err := s.target(ctx, key)
		if err == nil && target.Problem == nil && runner.NeedsLabels(&inspection.Spec) {
			target.Labels, err = s.labels(ctx, key)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, target)
	}
	return all, nil
}

// names of the selected ManagedClusters, sorted, each once.
func (s *selection) names(ctx context.Context, inspection *v1alpha1.Inspection) ([]string, error) {
	names := slices.Clone(inspection.Spec.Clusters.Names)
	if wanted := inspection.Spec.Clusters.Selector; wanted != nil {
		selector, err := metav1.LabelSelectorAsSelector(wanted)
		if err != nil {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, nil, "spec.clusters.selector is not a valid label selector")
		}
		list := &metav1.PartialObjectMetadataList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("ManagedClusterList"))
		err = s.reader.List(ctx, list, client.InNamespace(inspection.Namespace), client.MatchingLabelsSelector{Selector: selector})
		if err != nil {
			return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot list ManagedClusters of namespace %s (%s)",
				inspection.Namespace, apierror.Describe(err))
		}
		for i := range list.Items {
			names = append(names, list.Items[i].Name)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	switch {
	case len(names) == 0:
		return nil, problem.Waiting(v1alpha1.ReasonNoClusters, unselectedRetry,
			"no ManagedCluster of namespace %s matches spec.clusters.selector; check its labels", inspection.Namespace)
	case len(names) > v1alpha1.MaxInspectedClusters:
		return nil, problem.UserError(v1alpha1.ReasonLimitExceeded, nil,
			"spec.clusters selects %d ManagedClusters, above the maximum of %d; narrow it", len(names), v1alpha1.MaxInspectedClusters)
	}
	return names, nil
}

// labels of a ManagedCluster.
func (s *selection) labels(ctx context.Context, key client.ObjectKey) (map[string]string, error) {
	cluster := kind.MetadataOf("ManagedCluster")
	if err := s.reader.Get(ctx, key, cluster); client.IgnoreNotFound(err) != nil {
		return nil, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read ManagedCluster %s (%s)", key, apierror.Describe(err))
	}
	return cluster.Labels, nil
}

// target of a ManagedCluster. What keeps it from being inspected is in the target, but for the cases that end by waiting.
func (s *selection) target(ctx context.Context, key client.ObjectKey) (runner.Target, error) {
	target := runner.Target{Name: key.Name}
	cluster := &v1alpha1.ManagedCluster{}
	err := s.cached.Get(ctx, key, cluster)
	switch {
	case apierrors.IsNotFound(err):
		target.Problem = problem.UserError(v1alpha1.ReasonNotFound, nil, "ManagedCluster %s does not exist; check spec.clusters.names", key)
		return target, nil
	case err != nil:
		return target, problem.Retrying(v1alpha1.ReasonRetrying, err, "cannot read ManagedCluster %s (%s)", key, apierror.Describe(err))
	}
	connection, err := s.registry.Get(key)
	if err == nil {
		if access, ok := connection.Access(); ok {
			target.Access = &access
		} else {
			target.Account = connection.Account()
		}
		target.Objects = runner.ObjectsOf(cluster)
		return target, nil
	}
	if p := s.notProbed(key, cluster); p != nil {
		return target, p
	}
	if target.Problem = problem.As(err); target.Problem == nil {
		target.Problem = problem.Retrying(v1alpha1.ReasonNotConnected, err, "ManagedCluster %s is not connected", key)
	}
	return target, nil
}

// notProbed is the problem of a cluster whose first probe is still to come.
func (s *selection) notProbed(key client.ObjectKey, cluster *v1alpha1.ManagedCluster) *problem.Problem {
	state := s.registry.State(key)
	if state != "" && state != clusters.Connecting {
		return nil
	}
	if ready := meta.FindStatusCondition(cluster.Status.Conditions, v1alpha1.ConditionReady); state == "" && ready != nil {
		switch ready.Reason {
		case v1alpha1.ReasonSuspended, v1alpha1.ReasonQuotaExceeded, v1alpha1.ReasonLimitExceeded:
			return nil // it is not probed at all
		}
	}
	if cluster.Spec.Suspend {
		return nil
	}
	return problem.Waiting(v1alpha1.ReasonNotConnected, connectingRetry, "ManagedCluster %s is being connected", key)
}

package bundle

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
	"kubeops.io/kubeops/internal/problem"
)

// Selects returns what decides whether a cluster with labels is selected. Nil selects none. field is for the error about an invalid
// selector.
func Selects(field string, t *v1alpha1.ClusterTargets) (func(name string, set labels.Set) bool, error) {
	if t == nil {
		return func(string, labels.Set) bool { return false }, nil
	}
	selector := labels.Nothing()
	if t.Selector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(t.Selector); err != nil {
			return nil, problem.UserError(v1alpha1.ReasonInvalidSpec, err,
				"%s.selector is invalid; correct its labels and operators", field)
		}
	}
	return func(name string, set labels.Set) bool { return slices.Contains(t.Names, name) || selector.Matches(set) }, nil
}

// ReadClaims reads the claims of the other bundles of the namespace of a bundle to objects of a cluster. known are the labels of the
// ManagedClusters of the namespace, by name. A bundle that is about to apply has an inventory first: until it has, nothing is deleted, so
// that a cluster can be moved from one bundle to another.
func ReadClaims(
	ctx context.Context, reader client.Reader, b *v1alpha1.ResourceBundle, cluster string, known map[string]labels.Set,
) (Claims, error) {
	inventories := &v1alpha1.BundleInventoryList{}
	ofCluster := client.MatchingLabels{v1alpha1.LabelCluster: names.LabelValue(cluster)}
	if err := reader.List(ctx, inventories, client.InNamespace(b.Namespace), ofCluster); err != nil {
		return Claims{}, err
	}
	claims := Claims{Objects: map[Key]string{}}
	own := sourcesOf(inventories, b)
	err := eachOther(ctx, reader, b, func(other *v1alpha1.ResourceBundle) {
		current := false
		for i := range inventories.Items {
			inventory := &inventories.Items[i]
			if inventory.Cluster != cluster || !metav1.IsControlledBy(inventory, other) {
				continue
			}
			current = current || inventory.Generation == other.Generation
			for _, entry := range inventory.Entries {
				claims.Objects[EntryKey(entry)] = other.Name
			}
		}
		selects, err := Selects("spec.clusters", other.Spec.Clusters)
		isLocal := cluster == v1alpha1.LocalCluster && other.Spec.Clusters == nil
		applies := !other.Spec.Suspend && other.Spec.Mode != v1alpha1.BundlePlan
		if !current && applies && err == nil && (isLocal || selects(cluster, known[cluster])) {
			claims.Pending = append(claims.Pending, other.Name)
		}
		if current && applies && isBehind(own, sourcesOf(inventories, other), &b.Spec, &other.Spec) {
			claims.Behind = append(claims.Behind, other.Name)
		}
	})
	return claims, err
}

// sourcesOf are the Git repositories in the inventory of a bundle.
func sourcesOf(inventories *v1alpha1.BundleInventoryList, b *v1alpha1.ResourceBundle) (sources []v1alpha1.InventorySource) {
	for i := range inventories.Items {
		if metav1.IsControlledBy(&inventories.Items[i], b) {
			sources = append(sources, inventories.Items[i].Sources...)
		}
	}
	return sources
}

// isBehind reports whether two bundles read the same branch or tag of a repository, and have different commits of it. A bundle has several
// where it reads several folders, each in its own interval.
func isBehind(own, theirs []v1alpha1.InventorySource, spec, other *v1alpha1.ResourceBundleSpec) bool {
	for _, from := range spec.ManifestsFrom {
		if from.Git == nil {
			continue
		}
		known := revisionsOf(own, spec, from.Git)
		for _, revision := range revisionsOf(theirs, other, from.Git) {
			if slices.ContainsFunc(known, func(k string) bool { return k != revision }) {
				return true
			}
		}
	}
	return false
}

// Apart reports whether a bundle has different commits of a branch or tag in several folders: an object may have moved between them, and be
// in neither.
func Apart(sources []v1alpha1.InventorySource, spec *v1alpha1.ResourceBundleSpec) bool {
	return isBehind(sources, sources, spec, spec)
}

// revisionsOf a branch or tag in the inventory of a bundle with a spec. The inventory does not say which one a folder is of.
func revisionsOf(sources []v1alpha1.InventorySource, spec *v1alpha1.ResourceBundleSpec, of *v1alpha1.GitManifests) (found []string) {
	for _, from := range spec.ManifestsFrom {
		if from.Git == nil || from.Git.URL != of.URL || !equality.Semantic.DeepEqual(from.Git.Ref, of.Ref) {
			continue
		}
		for _, s := range sources {
			if s.URL == of.URL && s.Path == from.Git.Path {
				found = append(found, s.Revision)
			}
		}
	}
	return found
}

// eachOther calls something for all other bundles of the namespace that are not being deleted. They are read in pages, since each can have
// 1.5 MiB.
func eachOther(ctx context.Context, reader client.Reader, b *v1alpha1.ResourceBundle, call func(*v1alpha1.ResourceBundle)) error {
	const page = 20
	options := []client.ListOption{client.InNamespace(b.Namespace), client.Limit(page)}
	for next := ""; ; {
		list := &v1alpha1.ResourceBundleList{}
		if err := reader.List(ctx, list, append(options, client.Continue(next))...); err != nil {
			return err
		}
		for i := range list.Items {
			if other := &list.Items[i]; other.UID != b.UID && other.DeletionTimestamp == nil {
				call(other)
			}
		}
		if next = list.Continue; next == "" {
			return nil
		}
	}
}

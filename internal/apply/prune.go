package apply

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Inventory of objects, sorted and without doubles.
func Inventory(lists ...[]Ref) []Ref {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(x, y Ref) int {
		switch {
		case x.String() < y.String():
			return -1
		case x.String() > y.String():
			return 1
		}
		return compare(x.APIVersion, y.APIVersion)
	})
	return slices.CompactFunc(all, Ref.same)
}

func compare(x, y string) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// RefsOf objects.
func RefsOf(objects []*unstructured.Unstructured) []Ref {
	refs := make([]Ref, 0, len(objects))
	for _, o := range objects {
		refs = append(refs, RefOf(o))
	}
	return Inventory(refs)
}

// Prune deletes what an earlier inventory holds and the present one does not, what depends on others first. An object that
// KubeOps never applied, since somebody made it anew under the same name, stays. It ends at the first problem; what is gone
// already is no problem.
func (a *Applier) Prune(ctx context.Context, earlier, present []Ref) ([]Change, error) {
	var changes []Change
	gone := slices.DeleteFunc(slices.Clone(earlier), func(r Ref) bool { return slices.ContainsFunc(present, r.same) })
	slices.SortStableFunc(gone, func(x, y Ref) int { return order(y.Kind) - order(x.Kind) })
	for _, ref := range gone {
		o := ref.object()
		err := a.Client.Get(ctx, client.ObjectKeyFromObject(o), o)
		if err == nil && owned(o) && o.GetDeletionTimestamp() == nil {
			// Only this very object, not one that takes its name in between.
			err = a.Client.Delete(ctx, o, client.PropagationPolicy(metav1.DeletePropagationBackground),
				client.Preconditions{UID: ptr.To(o.GetUID()), ResourceVersion: ptr.To(o.GetResourceVersion())})
			if err == nil {
				changes = append(changes, Change{ref, Deleted})
			}
		}
		if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			return changes, explain(err, ref)
		}
	}
	return changes, nil
}

func owned(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

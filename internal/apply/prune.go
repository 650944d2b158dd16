package apply

import (
	"cmp"
	"context"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Inventory merges lists of references into one, sorted and without duplicates.
func Inventory(lists ...[]Ref) []Ref {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(x, y Ref) int {
		return cmp.Or(strings.Compare(x.String(), y.String()), strings.Compare(x.APIVersion, y.APIVersion))
	})
	return slices.CompactFunc(all, Ref.same)
}

// RefsOf returns the inventory of objects.
func RefsOf(objects []*unstructured.Unstructured) []Ref {
	refs := make([]Ref, 0, len(objects))
	for _, o := range objects {
		refs = append(refs, RefOf(o))
	}
	return Inventory(refs)
}

// Prune deletes the objects that are in the previous inventory but not in the current one, dependents first. It keeps an object
// that KubeOps did not apply, such as one recreated by someone else under the same name. It stops at the first problem; an object
// that no longer exists is not one.
func (a *Applier) Prune(ctx context.Context, previous, current []Ref) ([]Change, error) {
	var changes []Change
	obsolete := slices.DeleteFunc(slices.Clone(previous), func(r Ref) bool { return slices.ContainsFunc(current, r.same) })
	slices.SortStableFunc(obsolete, func(x, y Ref) int { return applyOrder(y.Kind) - applyOrder(x.Kind) })
	for _, ref := range obsolete {
		object := ref.object()
		err := a.Client.Get(ctx, client.ObjectKeyFromObject(object), object)
		if err == nil && appliedByKubeOps(object) && object.GetDeletionTimestamp() == nil {
			// The preconditions protect an object that was recreated under this name in the meantime.
			err = a.Client.Delete(ctx, object, client.PropagationPolicy(metav1.DeletePropagationBackground),
				client.Preconditions{UID: ptr.To(object.GetUID()), ResourceVersion: ptr.To(object.GetResourceVersion())})
			if err == nil {
				changes = append(changes, Change{ref, Deleted})
			}
		}
		if err != nil && !apierrors.IsNotFound(err) && !meta.IsNoMatchError(err) {
			return changes, toProblem(err, ref)
		}
	}
	return changes, nil
}

func appliedByKubeOps(object *unstructured.Unstructured) bool {
	return slices.ContainsFunc(object.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == FieldManager && entry.Operation == metav1.ManagedFieldsOperationApply
	})
}

package bundle

import (
	"cmp"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// OtherOwners are the fields of an object that others own, of those that some field managers apply: Shared if both own the field, and
// Conflicting if only the other one does, although the applied manifest contains it. applied may be nil if the manifest is not known.
// Writes of a status and of another subresource are left out.
func OtherOwners(object metav1.Object, managers []string, applied map[string]any) (fields []Field) {
	own := &fieldpath.Set{}
	others := map[int]*fieldpath.Set{}
	entries := object.GetManagedFields()
	for i, entry := range entries {
		set, err := setOf(entry)
		switch {
		case err != nil || entry.Subresource != "":
		case slices.Contains(managers, entry.Manager):
			own = own.Union(set)
		default:
			others[i] = set.Leaves()
		}
	}
	for i, set := range others {
		for path := range set.All() {
			field := Field{
				Path: path.String(), State: Shared, Manager: entries[i].Manager, LastWrite: entries[i].Time, path: path.Copy(),
			}
			if !own.Has(path) {
				if _, applies := valueAt(applied, path); !applies || len(applied) == 0 {
					continue
				}
				field.State = Conflicting
			}
			fields = append(fields, field)
		}
	}
	slices.SortFunc(fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(a.State, b.State), cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Path, b.Path))
	})
	return fields
}

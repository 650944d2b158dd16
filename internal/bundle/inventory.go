package bundle

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Inventory is what a bundle applied, or is about to apply, to a cluster.
type Inventory map[Key]v1alpha1.InventoryEntry

// EntryKey is the key of an entry.
func EntryKey(e v1alpha1.InventoryEntry) Key {
	return Key{GroupKind: schema.GroupKind{Group: e.Group, Kind: e.Kind}, Namespace: e.Namespace, Name: e.Name}
}

// newEntry is the entry of an object that was not applied yet.
func newEntry(o *Object) v1alpha1.InventoryEntry {
	gvk := o.Content.GroupVersionKind()
	return v1alpha1.InventoryEntry{
		Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind, Namespace: o.Content.GetNamespace(), Name: o.Content.GetName(),
	}
}

// keys in a fixed order.
func (i Inventory) keys() []Key {
	return slices.SortedFunc(maps.Keys(i), compareKeys)
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace),
		cmp.Compare(a.Name, b.Name))
}

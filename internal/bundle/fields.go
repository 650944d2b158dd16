package bundle

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// maxFieldSet is the size of an uncompressed set of fields, in bytes. The API server bounds objects to 1.5 MiB, managed fields included.
const maxFieldSet = 2 << 20

// maxStoredSet is the size of a compressed set in the inventory, in bytes. Larger ones are not stored.
const maxStoredSet = 16 << 10

// setOf reads the fields of an entry of managed fields.
func setOf(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, error) {
	set := &fieldpath.Set{}
	if entry.FieldsV1 == nil {
		return set, nil
	}
	if err := set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes())); err != nil {
		return nil, fmt.Errorf("read managed fields: %w", err)
	}
	return set, nil
}

// owned are the fields that this field manager applied, in all versions. An entry that cannot be read owns nothing.
func (t *Target) owned(object *unstructured.Unstructured) *fieldpath.Set {
	owned := &fieldpath.Set{}
	if object == nil {
		return owned
	}
	for _, entry := range object.GetManagedFields() {
		if !t.owns(entry) {
			continue
		}
		if set, err := setOf(entry); err == nil {
			owned = owned.Union(set)
		}
	}
	return owned
}

// compress a set of fields for the inventory.
func compress(set *fieldpath.Set) ([]byte, error) {
	encoded, err := set.ToJSON()
	if err != nil {
		return nil, err
	}
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write(encoded); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}

// decompress is a set that compress wrote. Anything else, such as what someone else wrote into the inventory, is empty: then nothing was
// applied, and nothing is forced.
func decompress(compressed []byte) *fieldpath.Set {
	set := &fieldpath.Set{}
	reader, err := gzip.NewReader(bytes.NewReader(compressed))
	if err != nil {
		return set
	}
	encoded, err := io.ReadAll(io.LimitReader(reader, maxFieldSet+1))
	if err != nil || len(encoded) > maxFieldSet {
		return set
	}
	if err := set.FromJSON(bytes.NewReader(encoded)); err != nil {
		return &fieldpath.Set{}
	}
	return set
}

// Change of a field.
type Change struct {
	// Path, for example .spec.replicas.
	Path string
	// Before and After are its values; nil if there is none, and those of a Secret are left out.
	Before, After any
}

// changedFields are the fields of a set that have another value in one object than in the other.
func changedFields(set *fieldpath.Set, before, after *unstructured.Unstructured) (changed []Change) {
	for path := range set.Leaves().All() {
		old, had := valueAt(before.Object, path)
		now, has := valueAt(after.Object, path)
		if had == has && equality.Semantic.DeepEqual(old, now) {
			continue
		}
		if isSecret(before) {
			old, now = nil, nil
		}
		changed = append(changed, Change{path.String(), old, now})
	}
	slices.SortFunc(changed, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
	return changed
}

// isSecret reports whether the values of an object must not be shown.
func isSecret(object *unstructured.Unstructured) bool { return object.GetKind() == "Secret" }

func pathsOf(changes []Change) (paths []string) {
	for _, change := range changes {
		paths = append(paths, change.Path)
	}
	return paths
}

// valueAt is the value of a field, and whether there is one.
func valueAt(current any, path fieldpath.Path) (any, bool) {
	for _, element := range path {
		var ok bool
		if current, ok = child(current, element); !ok {
			return nil, false
		}
	}
	return current, true
}

func child(parent any, element fieldpath.PathElement) (any, bool) {
	if element.FieldName != nil {
		fields, _ := parent.(map[string]any)
		found, ok := fields[*element.FieldName]
		return found, ok
	}
	items, _ := parent.([]any)
	if i := indexOf(items, element); i >= 0 {
		return items[i], true
	}
	return nil, false
}

// indexOf is the position of an item of a list, or -1 if there is none, or more than one.
func indexOf(items []any, element fieldpath.PathElement) int {
	found := -1
	for i, item := range items {
		if !selects(element, item, i) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}

// selects reports whether an element of a path means an item of a list. A key that the item does not have has its default.
func selects(element fieldpath.PathElement, item any, index int) bool {
	switch {
	case element.Index != nil:
		return *element.Index == index
	case element.Value != nil:
		return value.Equals(*element.Value, value.NewValueInterface(item))
	case element.Key == nil:
		return false
	}
	fields, ok := item.(map[string]any)
	if !ok {
		return false
	}
	matched := false
	for _, key := range *element.Key {
		actual, has := fields[key.Name]
		if has && !value.Equals(key.Value, value.NewValueInterface(actual)) {
			return false
		}
		matched = matched || has
	}
	return matched
}

// removeField removes a field from an intent, and the maps that are empty without it. It returns false if the field is not there.
func removeField(intent *unstructured.Unstructured, path fieldpath.Path) bool {
	if len(path) == 0 {
		return false
	}
	updated, ok := without(intent.Object, path)
	if fields, isMap := updated.(map[string]any); ok && isMap {
		intent.Object = fields
		return true
	}
	return false
}

// without is a value without a field.
func without(parent any, path fieldpath.Path) (updated any, ok bool) {
	element := path[0]
	if name := element.FieldName; name != nil {
		fields, _ := parent.(map[string]any)
		below, found := fields[*name]
		if !found {
			return parent, false
		}
		if len(path) > 1 {
			if below, ok = without(below, path[1:]); !ok {
				return parent, false
			}
			if left, isMap := below.(map[string]any); !isMap || len(left) > 0 {
				fields[*name] = below
				return fields, true
			}
		}
		delete(fields, *name)
		return fields, true
	}
	items, _ := parent.([]any)
	i := indexOf(items, element)
	if i < 0 {
		return parent, false
	}
	if len(path) == 1 {
		return slices.Delete(items, i, i+1), true
	}
	if items[i], ok = without(items[i], path[1:]); !ok {
		return parent, false
	}
	return items, true
}

// owner is a field manager that owns a field.
type owner struct {
	manager, subresource string
	lastWrite            *metav1.Time
	path                 fieldpath.Path
}

// ownerOf finds who owns the field that a conflict names. Managed fields have its path, which the text of the conflict has not.
func ownerOf(live *unstructured.Unstructured, field, manager string) (owner, bool) {
	for _, entry := range live.GetManagedFields() {
		if manager != "" && entry.Manager != manager {
			continue
		}
		set, err := setOf(entry)
		if err != nil {
			continue
		}
		// The iterators of a set cannot be left early: they go on, and panic.
		var found fieldpath.Path
		set.Iterate(func(path fieldpath.Path) {
			if found == nil && path.String() == field {
				found = path.Copy()
			}
		})
		if found != nil {
			return owner{entry.Manager, entry.Subresource, entry.Time, found}, true
		}
	}
	return owner{}, false
}

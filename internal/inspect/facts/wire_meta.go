package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// objectMeta reads the metadata that metaOf and the reducers of Pods need into w.meta. Annotations of other programs and the field sets of
// managedFields, which are half of many objects, are not read. The numbers are those of
// https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/generated.proto.
func (w *WireReader) objectMeta(message []byte) error {
	o := &w.meta
	*o = metav1.ObjectMeta{OwnerReferences: o.OwnerReferences[:0], ManagedFields: o.ManagedFields[:0]}
	w.encoded = w.encoded[:0] // of the labels
	w.annotations = w.annotations[:0]
	w.times = w.times[:0]
	f := newWire(message)
	for f.next() {
		switch f.number {
		case 1:
			o.Name = string(f.value)
		case 3:
			o.Namespace = w.text(f.value)
		case 5:
			o.UID = types.UID(f.value)
		case 7:
			o.Generation = f.int64()
		case 8:
			f.time(&o.CreationTimestamp)
		case 9:
			o.DeletionTimestamp = new(metav1.Time)
			f.time(o.DeletionTimestamp)
		case 11:
			w.encoded = append(w.encoded, f.raw...)
		case 12:
			f.fail(w.annotation(f.value, f.raw))
		case 13:
			f.fail(w.ownerReference(f.value))
		case 14:
			o.Finalizers = append(o.Finalizers, string(f.value))
		case 17:
			f.fail(w.managedFields(f.value))
		}
	}
	if f.err != nil {
		return f.err
	}
	var err error
	o.Labels, err = w.labelSet(w.encoded)
	return err
}

// fail ends the reading with the error of a part; nil does nothing.
func (w *wire) fail(err error) {
	if err != nil {
		w.err = err
		w.rest = nil
	}
}

// labelSet decodes the labels of an object. Objects with the same labels share one map, which must not be changed.
func (w *WireReader) labelSet(encoded []byte) (map[string]string, error) {
	if len(encoded) == 0 {
		return nil, nil
	}
	if known, ok := w.labels[string(encoded)]; ok {
		return known, nil
	}
	set := map[string]string{}
	f := newWire(encoded)
	for f.next() {
		key, value, err := mapEntry(f.value)
		f.fail(err)
		set[w.text(key)] = w.text(value)
	}
	if f.err != nil {
		return nil, f.err
	}
	w.labels[string(encoded)] = set
	return set, nil
}

// mapEntry are the key and the value of an entry of a map of strings.
func mapEntry(message []byte) (key, value []byte, err error) {
	f := newWire(message)
	for f.next() {
		switch f.number {
		case 1:
			key = f.value
		case 2:
			value = f.value
		}
	}
	return key, value, f.err
}

// annotation keeps an annotation that says what the object was created from, or that the Pod Security Standards read. The encoding of the
// latter is a part of what identifies a spec.
func (w *WireReader) annotation(entry, raw []byte) error {
	key, value, err := mapEntry(entry)
	if err != nil {
		return err
	}
	security := isSecurityAnnotation(string(key))
	if !security && !isOriginAnnotation(string(key)) {
		return nil
	}
	if security {
		w.annotations = append(w.annotations, raw...)
	}
	if w.meta.Annotations == nil {
		w.meta.Annotations = map[string]string{}
	}
	w.meta.Annotations[string(key)] = string(value)
	return nil
}

func isSecurityAnnotation(key string) bool {
	return isSeccompAnnotation(key) || strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
}

func (w *WireReader) ownerReference(message []byte) error {
	var owner metav1.OwnerReference
	f := newWire(message)
	for f.next() {
		switch f.number {
		case 1:
			owner.Kind = w.text(f.value)
		case 3:
			owner.Name = w.text(f.value)
		case 5:
			owner.APIVersion = w.text(f.value)
		case 6:
			owner.Controller = &w.no
			if f.bool() {
				owner.Controller = &w.yes
			}
		}
	}
	w.meta.OwnerReferences = append(w.meta.OwnerReferences, owner)
	return f.err
}

// managedFields reads who wrote the object, when and in which version, but not the fields.
func (w *WireReader) managedFields(message []byte) error {
	var entry metav1.ManagedFieldsEntry
	f := newWire(message)
	for f.next() {
		switch f.number {
		case 1:
			entry.Manager = w.text(f.value)
		case 3:
			entry.APIVersion = w.text(f.value)
		case 4:
			w.times = slices.Grow(w.times, 1)[:len(w.times)+1]
			entry.Time = &w.times[len(w.times)-1]
			f.time(entry.Time)
		case 8:
			entry.Subresource = w.text(f.value)
		}
	}
	w.meta.ManagedFields = append(w.meta.ManagedFields, entry)
	return f.err
}

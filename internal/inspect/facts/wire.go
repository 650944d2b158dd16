package facts

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/internal/inspect/facts/origin"
	"kubeops.io/kubeops/internal/inspect/facts/podsecurity"
	"kubeops.io/kubeops/internal/inspect/facts/protofields"
)

// WireReader reduces objects of one kind from their protobuf encoding: it reads the fields that facts need, and decodes what objects
// have in common once. The reducers of typed objects say what the nodes are; tests compare the two. It is not safe for concurrent use.
type WireReader struct {
	reducer Reducer
	kind    Kind
	// texts has one copy of values that many objects share.
	texts map[string]string
	// labels are the sets of labels by their encoding.
	labels map[string]map[string]string
	specs  map[specSum]*wireSpec

	// The rest is scratch space for one object.
	meta        metav1.ObjectMeta
	times       []metav1.Time
	yes, no     bool
	status      wirePodStatus
	encoded     []byte
	annotations []byte
}

// NewWireReader returns a reader for a kind; nil if objects of the kind are reduced from typed objects.
func (r Reducer) NewWireReader(kind Kind) *WireReader {
	if kind != Pod {
		return nil
	}
	return &WireReader{
		reducer: r, kind: kind, texts: map[string]string{}, labels: map[string]map[string]string{}, specs: map[specSum]*wireSpec{},
		yes: true,
	}
}

// Reduce returns the node of one object; nil for objects that have none. The error is that of a malformed message. The node shares nothing
// with the object.
func (w *WireReader) Reduce(object []byte) (any, error) {
	node, err := w.pod(object)
	if err != nil {
		return nil, err
	}
	return node, nil
}

// maxShared is the longest value in bytes of which one copy is kept. Longer ones are messages, which differ.
const maxShared = 128

// text returns one copy of equal values.
func (w *WireReader) text(value []byte) string {
	switch {
	case len(value) == 0:
		return ""
	case len(value) > maxShared:
		return string(value)
	}
	if known, ok := w.texts[string(value)]; ok {
		return known
	}
	text := string(value)
	w.texts[text] = text
	return text
}

// objectMeta reads the metadata that metaOf and the reducers of Pods need into w.meta. Annotations of other programs and the field sets of
// managedFields, which are half of many objects, are not read. The numbers are those of
// https://github.com/kubernetes/apimachinery/blob/master/pkg/apis/meta/v1/generated.proto.
func (w *WireReader) objectMeta(message []byte) error {
	o := &w.meta
	*o = metav1.ObjectMeta{OwnerReferences: o.OwnerReferences[:0], ManagedFields: o.ManagedFields[:0]}
	w.encoded = w.encoded[:0] // of the labels
	w.annotations = w.annotations[:0]
	w.times = w.times[:0]
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			o.Name = string(f.Value)
		case 3:
			o.Namespace = w.text(f.Value)
		case 5:
			o.UID = types.UID(f.Value)
		case 7:
			o.Generation = f.Int64()
		case 8:
			f.Time(&o.CreationTimestamp)
		case 9:
			o.DeletionTimestamp = new(metav1.Time)
			f.Time(o.DeletionTimestamp)
		case 11:
			w.encoded = append(w.encoded, f.Raw...)
		case 12:
			f.Fail(w.annotation(f.Value, f.Raw))
		case 13:
			f.Fail(w.ownerReference(f.Value))
		case 14:
			o.Finalizers = append(o.Finalizers, string(f.Value))
		case 17:
			f.Fail(w.managedFields(f.Value))
		}
	}
	if f.Err != nil {
		return f.Err
	}
	var err error
	o.Labels, err = w.labelSet(w.encoded)
	return err
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
	f := protofields.Read(encoded)
	for f.Next() {
		key, value, err := protofields.MapEntry(f.Value)
		f.Fail(err)
		set[w.text(key)] = w.text(value)
	}
	if f.Err != nil {
		return nil, f.Err
	}
	w.labels[string(encoded)] = set
	return set, nil
}

// annotation keeps an annotation that says what the object was created from, or that the Pod Security Standards read. The encoding of the
// latter is a part of what identifies a spec.
func (w *WireReader) annotation(entry, raw []byte) error {
	key, value, err := protofields.MapEntry(entry)
	if err != nil {
		return err
	}
	security := isSecurityAnnotation(string(key))
	if !security && !origin.IsAnnotation(string(key)) {
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
	return podsecurity.IsSeccompAnnotation(key) || strings.HasPrefix(key, corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix)
}

func (w *WireReader) ownerReference(message []byte) error {
	var owner metav1.OwnerReference
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			owner.Kind = w.text(f.Value)
		case 3:
			owner.Name = w.text(f.Value)
		case 5:
			owner.APIVersion = w.text(f.Value)
		case 6:
			owner.Controller = &w.no
			if f.Bool() {
				owner.Controller = &w.yes
			}
		}
	}
	w.meta.OwnerReferences = append(w.meta.OwnerReferences, owner)
	return f.Err
}

// managedFields reads who wrote the object, when and in which version, but not the fields.
func (w *WireReader) managedFields(message []byte) error {
	var entry metav1.ManagedFieldsEntry
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			entry.Manager = w.text(f.Value)
		case 3:
			entry.APIVersion = w.text(f.Value)
		case 4:
			w.times = slices.Grow(w.times, 1)[:len(w.times)+1]
			entry.Time = &w.times[len(w.times)-1]
			f.Time(entry.Time)
		case 8:
			entry.Subresource = w.text(f.Value)
		}
	}
	w.meta.ManagedFields = append(w.meta.ManagedFields, entry)
	return f.Err
}

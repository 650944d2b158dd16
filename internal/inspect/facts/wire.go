package facts

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// errWire is the error of a message that is not valid protobuf.
var errWire = errors.New("malformed protobuf")

// wire reads the fields of one message in their order. Values that no field asks for are skipped unread.
type wire struct {
	rest   []byte
	number protowire.Number
	kind   protowire.Type
	// value of a string, of bytes or of a message; a part of the message.
	value []byte
	// varint is the value of a number or a bool.
	varint uint64
	// raw is the whole field with its tag.
	raw []byte
	err error
}

func newWire(message []byte) wire { return wire{rest: message} }

// next reads the next field. It returns false at the end, and for a malformed message, which sets err.
func (w *wire) next() bool {
	if len(w.rest) == 0 {
		return false
	}
	number, kind, n := protowire.ConsumeTag(w.rest)
	if n < 0 {
		w.err = errWire
		return false
	}
	var m int
	w.number, w.kind = number, kind
	w.value = nil
	w.varint = 0
	switch kind {
	case protowire.BytesType:
		w.value, m = protowire.ConsumeBytes(w.rest[n:])
	case protowire.VarintType:
		w.varint, m = protowire.ConsumeVarint(w.rest[n:])
	default:
		m = protowire.ConsumeFieldValue(number, kind, w.rest[n:])
	}
	if m < 0 {
		w.err = errWire
		return false
	}
	w.raw, w.rest = w.rest[:n+m], w.rest[n+m:]
	return true
}

// int32 is the value as the API's decoder reads it: what does not fit is cut.
func (w *wire) int32() int32 { return int32(w.varint & math.MaxUint32) } //nolint:gosec // as in generated code

func (w *wire) int64() int64 { return int64(w.varint) } //nolint:gosec // as in generated code

func (w *wire) bool() bool { return w.varint != 0 }

// time is the value of a metav1.Time.
func (w *wire) time(into *metav1.Time) {
	if err := into.Unmarshal(w.value); err != nil {
		w.err = errWire
		w.rest = nil
	}
}

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

// Package protofields reads single fields of encoded protobuf messages, and skips the others unread.
package protofields

import (
	"errors"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ErrMalformed is the error of a message that is not valid protobuf.
var ErrMalformed = errors.New("malformed protobuf")

// Message reads the fields of one message in their order. Values that no field asks for are skipped unread.
type Message struct {
	// Number of the current field.
	Number protowire.Number
	// Value of a string, of bytes or of a message; a part of the message.
	Value []byte
	// Raw is the whole field with its tag.
	Raw []byte
	// Err ended the reading; nil at the end of a valid message.
	Err error

	rest []byte
	kind protowire.Type
	// varint is the value of a number or a bool.
	varint uint64
}

// Read begins at the first field of an encoded message.
func Read(message []byte) Message { return Message{rest: message} }

// Next reads the next field. It returns false at the end, and for a malformed message, which sets Err.
func (w *Message) Next() bool {
	if len(w.rest) == 0 {
		return false
	}
	number, kind, n := protowire.ConsumeTag(w.rest)
	if n < 0 {
		w.Err = ErrMalformed
		return false
	}
	var m int
	w.Number, w.kind = number, kind
	w.Value = nil
	w.varint = 0
	switch kind {
	case protowire.BytesType:
		w.Value, m = protowire.ConsumeBytes(w.rest[n:])
	case protowire.VarintType:
		w.varint, m = protowire.ConsumeVarint(w.rest[n:])
	default:
		m = protowire.ConsumeFieldValue(number, kind, w.rest[n:])
	}
	if m < 0 {
		w.Err = ErrMalformed
		return false
	}
	w.Raw, w.rest = w.rest[:n+m], w.rest[n+m:]
	return true
}

// Int32 is the value as the API's decoder reads it: what does not fit is cut.
func (w *Message) Int32() int32 { return int32(w.varint & math.MaxUint32) } //nolint:gosec // as in generated code

// Int64 is the value of an int64.
func (w *Message) Int64() int64 { return int64(w.varint) } //nolint:gosec // as in generated code

// Bool is the value of a bool.
func (w *Message) Bool() bool { return w.varint != 0 }

// Time is the value of a metav1.Time.
func (w *Message) Time(into *metav1.Time) {
	if err := into.Unmarshal(w.Value); err != nil {
		w.Err = ErrMalformed
		w.rest = nil
	}
}

// Fail ends the reading with the error of a part; nil does nothing.
func (w *Message) Fail(err error) {
	if err != nil {
		w.Err = err
		w.rest = nil
	}
}

// MapEntry are the key and the value of an entry of a map of strings.
func MapEntry(message []byte) (key, value []byte, err error) {
	f := Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			key = f.Value
		case 2:
			value = f.Value
		}
	}
	return key, value, f.Err
}

package collect

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// protobufMagic starts every response in protobuf; see k8s.io/apimachinery/pkg/runtime/serializer/protobuf.
	protobufMagic = "k8s\x00"
	// streamBuffer is how much of a response is in memory. Most objects fit, and are read without a copy.
	streamBuffer = 64 << 10

	// Fields of runtime.Unknown, of every list, and of ListMeta.
	fieldRaw      protowire.Number = 2
	fieldMetadata protowire.Number = 1
	fieldItems    protowire.Number = 2
	fieldVersion  protowire.Number = 2
	fieldContinue protowire.Number = 3
)

// errMalformed is the error of a response that is not valid protobuf.
var errMalformed = errors.New("malformed protobuf")

// isProtobuf reports whether a response is protobuf; some servers answer with JSON only.
func isProtobuf(from *bufio.Reader) bool {
	start, _ := from.Peek(len(protobufMagic)) // a short response is decoded as JSON, which describes the error
	return string(start) == protobufMagic
}

// listMeta is what a list says about itself.
type listMeta struct {
	// next is the continue token; empty after the last page.
	next string
	// version of the list, to watch from.
	version string
}

// readProtobufItems reads a list item by item. Each gets the encoding of one object, which is valid during the call only.
func readProtobufItems(from *bufio.Reader, each func(object []byte) error) (meta listMeta, err error) {
	if _, err := from.Discard(len(protobufMagic)); err != nil {
		return listMeta{}, err
	}
	envelope := &message{from: from, left: maxResponse}
	found := false
	for {
		number, more, err := envelope.field()
		switch {
		case err != nil || !more:
			return meta, err
		case number != fieldRaw:
			if err := envelope.skip(); err != nil {
				return listMeta{}, err
			}
		case found: // for other decoders the last one counts, and the objects of the first are taken already
			return listMeta{}, fmt.Errorf("%w: two lists", errMalformed)
		default:
			found = true
			list := &message{from: from, left: envelope.value, inner: true}
			if meta, err = readList(list, each); err != nil {
				return listMeta{}, err
			}
			envelope.left -= envelope.value
		}
	}
}

func readList(list *message, each func(object []byte) error) (meta listMeta, err error) {
	for {
		number, more, err := list.field()
		if err != nil || !more {
			return meta, err
		}
		if number != fieldItems && number != fieldMetadata {
			if err := list.skip(); err != nil {
				return listMeta{}, err
			}
			continue
		}
		err = list.bytes(func(value []byte) error {
			if number == fieldItems {
				return each(value)
			}
			return meta.read(value)
		})
		if err != nil {
			return listMeta{}, err
		}
	}
}

// read a metav1.ListMeta.
func (m *listMeta) read(encoded []byte) error {
	return eachField(encoded, func(number protowire.Number, value []byte) error {
		switch number {
		case fieldVersion:
			m.version = string(value)
		case fieldContinue:
			m.next = string(value)
		}
		return nil
	})
}

// message reads the fields of a message from a stream.
type message struct {
	from *bufio.Reader
	// left is how many bytes of the message are unread; for the outermost message, how many it may have.
	left int64
	// inner messages have a length, others end with the stream.
	inner bool
	// kind of the current field, and its value: the length of strings, bytes and messages, which are unread.
	kind  protowire.Type
	value int64
	// large is a buffer for fields that are larger than that of the stream.
	large []byte
}

// field reads the start of the next field; more is false at the end of the message.
func (m *message) field() (number protowire.Number, more bool, err error) {
	if m.inner && m.left == 0 {
		return 0, false, nil
	}
	if !m.inner {
		if _, err := m.from.Peek(1); errors.Is(err, io.EOF) {
			return 0, false, nil
		}
	}
	tag, err := m.varint()
	if err != nil {
		return 0, false, err
	}
	number, m.kind = protowire.DecodeTag(tag)
	if number < protowire.MinValidNumber {
		return 0, false, errMalformed
	}
	switch m.kind {
	case protowire.VarintType:
		_, err = m.varint()
		m.value = 0
	case protowire.Fixed32Type:
		m.value = 4
	case protowire.Fixed64Type:
		m.value = 8
	case protowire.BytesType:
		var length uint64
		length, err = m.varint()
		m.value = int64(min(length, maxResponse+1)) //nolint:gosec // bounded here
	default:
		err = errMalformed // groups, which the API does not use
	}
	switch {
	case err != nil || m.value <= m.left:
	case !m.inner:
		err = tooLargeError{maxResponse}
	default:
		err = fmt.Errorf("%w: a field of %d bytes where %d are left", errMalformed, m.value, m.left)
	}
	return number, true, err
}

func (m *message) varint() (uint64, error) {
	value, err := binary.ReadUvarint(counted{m})
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return value, err
}

// counted reads bytes of a message.
type counted struct{ m *message }

func (c counted) ReadByte() (byte, error) {
	if c.m.left <= 0 {
		return 0, errMalformed
	}
	c.m.left--
	return c.m.from.ReadByte()
}

// skip passes the value of the current field.
func (m *message) skip() error {
	n, err := m.from.Discard(int(m.value))
	m.left -= int64(n)
	return unexpected(err)
}

// bytes calls use with the value of the current field.
func (m *message) bytes(use func(value []byte) error) error {
	if m.kind != protowire.BytesType {
		return errMalformed
	}
	size := int(m.value)
	m.left -= m.value
	if size <= m.from.Size() {
		value, err := m.from.Peek(size)
		if err != nil {
			return unexpected(err)
		}
		if err := use(value); err != nil {
			return err
		}
		_, err = m.from.Discard(size)
		return err
	}
	if size > maxObject {
		return oversizedError{}
	}
	// The length is what the server says. There is memory for what has arrived, and for as much again.
	m.large = m.large[:0]
	for len(m.large) < size {
		read := len(m.large)
		next := min(size, max(2*read, streamBuffer))
		m.large = slices.Grow(m.large, next-read)[:next]
		if _, err := io.ReadFull(m.from, m.large[read:]); err != nil {
			return unexpected(err)
		}
	}
	return use(m.large)
}

// unexpected is the error of a stream that ends within a message.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

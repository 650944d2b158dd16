package collect

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// Event is what a watch reports.
type Event struct {
	// Type is watch.Added, watch.Modified, watch.Deleted or watch.Bookmark.
	Type watch.EventType
	// Object; of a bookmark, only the version is set.
	Object Object
}

// Watch reports the changes since a resource version, until the API server ends the watch, which is no error, or ctx ends. connected is
// called once the server has accepted the watch; handle returns false if there is no room for more. The objects of a watch are reduced
// from the same bytes, and by the same function, as the items of a list.
func (s *Stream) Watch(ctx context.Context, from string, connected func(), handle func(Event) bool) error {
	ctx, cancel := context.WithCancelCause(klog.NewContext(ctx, klog.Logger{}))
	defer cancel(nil)
	s.renew()
	late := time.AfterFunc(connectTimeout, func() { cancel(errConnect) })
	body, err := s.reader.open(ctx, s.resource, s.namespace, from)
	if !late.Stop() || err != nil {
		if body != nil {
			err = errors.Join(err, body.Close())
		}
		if errors.Is(context.Cause(ctx), errConnect) {
			return errConnect
		}
		return err
	}
	connected()
	source := &errorRecorder{from: body}
	err = s.reader.events(source, s.resource, func(e Event) error {
		if !handle(e) {
			return tooManyError{}
		}
		return nil
	})
	_ = body.Close() // it ends with the watch
	var decode decodeError
	if errors.As(err, &decode) && source.broken() {
		return source.err // the connection broke; the event is not malformed
	}
	return err
}

// open requests a watch.
func (r *reader) open(ctx context.Context, res resource, namespace, from string) (io.ReadCloser, error) {
	client, err := r.client(res.version)
	if err != nil {
		return nil, err
	}
	seconds := int64(watchTimeout / time.Second)
	options := metav1.ListOptions{
		Watch: true, ResourceVersion: from, AllowWatchBookmarks: true, TimeoutSeconds: &seconds, FieldSelector: res.info.FieldSelector,
	}
	return stream(ctx, func() *rest.Request {
		return client.Get().NamespaceIfScoped(namespace, namespace != "").Resource(res.name).
			SpecificallyVersionedParams(&options, metav1.ParameterCodec, metav1.Unversioned).
			SetHeader("Accept", res.accept("PartialObjectMetadata"))
	})
}

// events reads the events of a watch, one at a time. Each may have maxResponse bytes.
func (r *reader) events(from io.Reader, res resource, each func(Event) error) error {
	bounded := &boundedBody{ReadCloser: io.NopCloser(from), limit: maxResponse, left: maxResponse}
	buffered := bufio.NewReaderSize(bounded, watchBuffer)
	start, err := buffered.Peek(1)
	if err != nil {
		return ended(err)
	}
	next := protobufEvents(buffered)
	if start[0] == '{' {
		next = jsonEvents(buffered)
	}
	for {
		bounded.left = maxResponse
		kind, object, err := next()
		if err != nil {
			return ended(err)
		}
		event, err := r.event(res, watch.EventType(kind), object)
		if err != nil {
			return err
		}
		if err := each(event); err != nil {
			return err
		}
	}
}

// watchBuffer is how much of a watch is in memory, beside the event that is read. There are as many watches as kinds.
const watchBuffer = 4 << 10

// ended is the error of a watch that ends: none, if it ends between two events.
func ended(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.Is(err, errMalformed):
		return undecodable("watch event", err)
	default:
		return err
	}
}

// event reduces the object of an event.
func (r *reader) event(res resource, kind watch.EventType, encoded []byte) (Event, error) {
	inner, isProtobuf, err := unwrapObject(encoded)
	if err != nil {
		return Event{}, undecodable("watch event", err)
	}
	switch kind {
	case watch.Added, watch.Modified, watch.Deleted:
		object, err := r.object(res, inner, isProtobuf)
		return Event{kind, object}, err
	case watch.Bookmark:
		identity, err := identify(inner, isProtobuf)
		if err != nil {
			return Event{}, undecodable("bookmark", err)
		}
		return Event{kind, Object{Version: identity.Version}}, nil
	case watch.Error:
		return Event{}, watchError(inner, isProtobuf)
	default:
		return Event{}, undecodable("watch event", fmt.Errorf("unknown type %q", kind))
	}
}

// watchError is the error that an event reports, such as an expired resource version.
func watchError(encoded []byte, isProtobuf bool) error {
	status := &metav1.Status{}
	decode := func() error { return json.Unmarshal(encoded, status) }
	if isProtobuf {
		decode = func() error { return status.Unmarshal(encoded) }
	}
	if err := decode(); err != nil {
		return undecodable("error of a watch", err)
	}
	return apierrors.FromObject(status)
}

// jsonEvents reads events that follow each other as JSON.
func jsonEvents(from io.Reader) func() (kind string, object []byte, err error) {
	decoder := json.NewDecoder(from)
	return func() (string, []byte, error) {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		err := decoder.Decode(&event)
		var syntax *json.SyntaxError
		var shape *json.UnmarshalTypeError
		if errors.As(err, &syntax) || errors.As(err, &shape) {
			err = fmt.Errorf("%w: %w", errMalformed, err)
		}
		return event.Type, event.Object, err
	}
}

// protobufEvents reads events in protobuf: each is a metav1.WatchEvent after its length in four bytes. The object is valid until the next
// call.
func protobufEvents(from io.Reader) func() (kind string, object []byte, err error) {
	var buffer []byte
	return func() (string, []byte, error) {
		var header [4]byte
		if _, err := io.ReadFull(from, header[:]); err != nil {
			return "", nil, err
		}
		size := binary.BigEndian.Uint32(header[:])
		if size > maxResponse {
			return "", nil, tooLargeError{maxResponse}
		}
		if cap(buffer) > maxKeptBuffer && size <= maxKeptBuffer {
			buffer = nil
		}
		buffer = slices.Grow(buffer[:0], int(size))[:size]
		if _, err := io.ReadFull(from, buffer); err != nil {
			return "", nil, unexpected(err)
		}
		return watchEvent(buffer)
	}
}

// maxKeptBuffer is the largest buffer in bytes that a watch keeps for the next event.
const maxKeptBuffer = 64 << 10

// watchEvent takes the type and the encoded object of a metav1.WatchEvent.
func watchEvent(frame []byte) (kind string, object []byte, err error) {
	err = eachField(frame, func(number protowire.Number, value []byte) error {
		switch number {
		case 1:
			kind = string(value)
		case 2: // runtime.RawExtension
			return eachField(value, func(number protowire.Number, raw []byte) error {
				if number == 1 {
					object = raw
				}
				return nil
			})
		}
		return nil
	})
	return kind, object, err
}

// unwrapObject takes an object out of its envelope (runtime.Unknown), if it is encoded in protobuf.
func unwrapObject(encoded []byte) (object []byte, isProtobuf bool, err error) {
	if len(encoded) < len(protobufMagic) || string(encoded[:len(protobufMagic)]) != protobufMagic {
		return encoded, false, nil
	}
	err = eachField(encoded[len(protobufMagic):], func(number protowire.Number, value []byte) error {
		if number == fieldRaw {
			object = value
		}
		return nil
	})
	return object, true, err
}

// eachField calls use with the strings, bytes and messages among the fields of a message.
func eachField(message []byte, use func(number protowire.Number, value []byte) error) error {
	for len(message) > 0 {
		number, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errMalformed
		}
		m := protowire.ConsumeFieldValue(number, kind, message[n:])
		if m < 0 {
			return errMalformed
		}
		if kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(message[n:])
			if err := use(number, value); err != nil {
				return err
			}
		}
		message = message[n+m:]
	}
	return nil
}

package collect

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

const (
	// maxObjects of one page. A page of maxResponse with more of them has objects that are smaller than those of any cluster, and each
	// needs more memory than its bytes.
	maxObjects = 20_000
	// maxToken is the size of a continue token in bytes. It contains a name, and becomes a part of a URL.
	maxToken = 16 << 10
	// maxTail is how much is read after a list in JSON, in bytes: it ends with a line break.
	maxTail = 4 << 10
)

// crowdedError is the error of a page with more than maxObjects, of a server that ignores how many were requested.
type crowdedError struct {
	requested int64
}

// Error states both numbers.
func (e crowdedError) Error() string {
	return fmt.Sprintf("the API server sent more than %d objects in a page of at most %d", maxObjects, e.requested)
}

// itemReader gets the objects of a page, one at a time, in the encoding that the server chose. Errors are decodeErrors.
type itemReader struct {
	// accept is the header that says which encodings are read.
	accept string
	// protobuf gets an encoded object, which is valid during the call only.
	protobuf func(object []byte) error
	// newItem returns what an object in JSON is decoded into, and json gets it then. Objects that do not fit are left out.
	newItem func() any
	json    func(item any) error
}

// encodedItems passes objects on as they are encoded, in protobuf during the call only.
func encodedItems(accept string, take func(encoded []byte, isProtobuf bool) error) itemReader {
	return itemReader{
		accept: accept, protobuf: func(object []byte) error { return take(object, true) },
		newItem: func() any { return new(json.RawMessage) },
		json:    func(item any) error { return take(*item.(*json.RawMessage), false) },
	}
}

// items lists a page and reads it object by object: neither the page nor its objects are in memory as a whole, unless to keeps them.
func (r *reader) items(ctx context.Context, res resource, p page, to itemReader) (meta listMeta, err error) {
	ctx, h := r.hold(ctx)
	defer h.release()
	client, err := r.client(res.version)
	if err != nil {
		return listMeta{}, err
	}
	options := p.listOptions(res.info.FieldSelector)
	body, err := stream(ctx, func() *rest.Request {
		return client.Get().NamespaceIfScoped(p.namespace, p.namespace != "").Resource(res.name).
			SpecificallyVersionedParams(&options, metav1.ParameterCodec, metav1.Unversioned).SetHeader("Accept", to.accept)
	})
	if err != nil {
		return listMeta{}, err
	}
	source := &errorRecorder{from: body}
	buffered := r.buffers.Get().(*bufio.Reader)
	buffered.Reset(source)
	defer func() {
		buffered.Reset(nil)
		r.buffers.Put(buffered)
	}()
	if isProtobuf(buffered) {
		meta, err = readProtobufItems(buffered, func(object []byte) error { return h.reduced(p.size, to.protobuf(object)) })
	} else {
		meta, err = decodeItems(json.NewDecoder(buffered), to.newItem, func(item any) error {
			if item == nil {
				return h.reduced(p.size, nil)
			}
			return h.reduced(p.size, to.json(item))
		})
		_, _ = io.CopyN(io.Discard, buffered, maxTail) // the connection can be used again only after the end of its response
	}
	if err == nil && len(meta.next)+len(meta.version) > maxToken {
		err = undecodable(res.name, errors.New("the continue token is too long"))
	}
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return meta, readError(res, source, err)
}

// readError is the error of a page: that of the connection, if it broke, since the response is not malformed then.
func readError(res resource, source *errorRecorder, err error) error {
	var (
		decode  decodeError
		crowded crowdedError
	)
	switch {
	case err == nil || errors.As(err, &crowded) || errors.Is(err, oversizedError{}) || tooLarge(err):
		return err
	case source.broken():
		return source.err
	case errors.As(err, &decode):
		return err
	default:
		return undecodable(res.name, err)
	}
}

// page lists one page and returns its nodes and where the next page starts. Objects of kinds with a WireReader are not decoded beyond what
// facts need. A server that answers with JSON is read nevertheless.
func (r *reader) page(ctx context.Context, res resource, p page) (nodes []any, next string, err error) {
	take := func(node any, err error) error {
		switch {
		case err != nil:
			return undecodable(res.name, err)
		case node != nil:
			nodes = append(nodes, node)
		}
		return nil
	}
	reduce := r.reduceEncoded(res)
	to := encodedItems(res.acceptList(), func(encoded []byte, isProtobuf bool) error {
		if isProtobuf {
			return take(reduce(encoded))
		}
		return take(r.reduceTyped(res, encoded))
	})
	if res.json() {
		to.newItem = r.newItem(res)
		to.json = func(item any) error { return take(r.reduceJSON(res, item), nil) }
	}
	meta, err := r.items(ctx, res, p, to)
	if err != nil {
		return nil, "", err
	}
	return nodes, meta.next, nil
}

// newItem returns what makes empty objects of a kind that is read as JSON: CustomResourceDefinitions without their schemas, APIServices,
// and custom resources, few of which are served as protobuf.
func (r *reader) newItem(res resource) func() any {
	if res.kind == facts.CRD && r.schemas {
		return func() any { return new(facts.CRDSchemaObject) }
	}
	return res.newItem()
}

// reduceJSON reduces an object that was decoded from JSON.
func (r *reader) reduceJSON(res resource, item any) any {
	if custom, ok := item.(*facts.CustomObject); ok {
		custom.APIVersion = res.version.String()
		custom.Kind = res.custom.kind // items need not repeat them
	}
	return r.reduce(item)
}

// reduceTyped reduces an object of a typed kind from JSON. One that does not have the shape of its kind is an error.
func (r *reader) reduceTyped(res resource, encoded []byte) (any, error) {
	item := res.newItem()()
	if err := utiljson.Unmarshal(encoded, item); err != nil {
		return nil, err
	}
	return r.reduce(item), nil
}

// reduceEncoded returns what reduces objects of a kind from protobuf.
func (r *reader) reduceEncoded(res resource) func(object []byte) (node any, err error) {
	if res.wire != nil {
		return res.wire.Reduce
	}
	newItem := res.newItem()
	return func(object []byte) (any, error) {
		item := newItem()
		if err := unmarshal(item, object); err != nil {
			return nil, err
		}
		return r.reduce(item), nil
	}
}

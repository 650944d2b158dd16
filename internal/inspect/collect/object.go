package collect

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"

	"google.golang.org/protobuf/encoding/protowire"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// json reports whether the objects are read as JSON alone.
func (r resource) json() bool { return r.custom.kind != "" || r.info.NewObject != nil }

// accept is the header for lists and watches. Kinds without a type here are requested as metadata, in the given form: Secrets, whose data
// does not even cross the network.
func (r resource) accept(metadata string) string {
	as := ";as=" + metadata + ";g=meta.k8s.io;v=v1"
	switch {
	case r.json():
		return runtime.ContentTypeJSON
	case r.info.NewList != nil:
		return runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	default:
		return runtime.ContentTypeProtobuf + as + "," + runtime.ContentTypeJSON + as
	}
}

// acceptList is the header for lists.
func (r resource) acceptList() string { return r.accept("PartialObjectMetadataList") }

// objectPage lists one page. Its objects are reduced one at a time, each from its own bytes, as those of a watch are.
func (r *reader) objectPage(ctx context.Context, res resource, p page) (objects []Object, meta listMeta, err error) {
	meta, err = r.items(ctx, res, p, encodedItems(res.acceptList(), func(encoded []byte, isProtobuf bool) error {
		object, err := r.object(res, encoded, isProtobuf)
		if err == nil {
			objects = append(objects, object)
		}
		return err
	}))
	if err != nil {
		return nil, listMeta{}, err
	}
	return objects, meta, nil
}

// object reduces one object from its encoding.
func (r *reader) object(res resource, encoded []byte, isProtobuf bool) (Object, error) {
	object, err := identify(encoded, isProtobuf)
	if err != nil {
		return Object{}, undecodable(res.name, err)
	}
	if isProtobuf {
		object.Node, err = r.reduceEncoded(res)(encoded)
	} else {
		object.Node, err = r.decoded(res, encoded)
	}
	if err != nil {
		return Object{}, undecodable(res.name, err)
	}
	return object, nil
}

// decoded reduces an object from JSON. One that does not have the shape of its kind has no node, as in a list.
func (r *reader) decoded(res resource, encoded []byte) (node any, err error) {
	item := res.newItem()()
	err = json.Unmarshal(encoded, item)
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &shape):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return r.reduceJSON(res, item), nil
}

// unmarshal decodes an object from protobuf.
func unmarshal(item any, encoded []byte) error {
	message, ok := item.(interface{ Unmarshal([]byte) error })
	if !ok {
		return errMalformed
	}
	return message.Unmarshal(encoded)
}

// newItem returns what makes empty objects of the kind.
func (r resource) newItem() func() any {
	switch {
	case r.custom.kind != "":
		return func() any { return new(facts.CustomObject) }
	case r.info.NewObject != nil:
		return r.info.NewObject
	case r.info.NewList != nil:
		item := reflect.ValueOf(r.info.NewList()).Elem().FieldByName("Items").Type().Elem()
		return func() any { return reflect.New(item).Interface() }
	default:
		return func() any { return new(metav1.PartialObjectMetadata) }
	}
}

// Fields of metadata, which is the first field of every object.
const (
	fieldName            protowire.Number = 1
	fieldNamespace       protowire.Number = 3
	fieldResourceVersion protowire.Number = 6
)

// identify reads what identifies an object and its version.
func identify(encoded []byte, isProtobuf bool) (object Object, err error) {
	if !isProtobuf {
		var read struct {
			Metadata struct {
				Name            string `json:"name"`
				Namespace       string `json:"namespace"`
				ResourceVersion string `json:"resourceVersion"`
			} `json:"metadata"`
		}
		err := json.Unmarshal(encoded, &read)
		return Object{Namespace: read.Metadata.Namespace, Name: read.Metadata.Name, Version: read.Metadata.ResourceVersion}, err
	}
	err = eachField(encoded, func(number protowire.Number, value []byte) error {
		if number != fieldMetadata {
			return nil
		}
		return eachField(value, func(number protowire.Number, value []byte) error {
			switch number {
			case fieldName:
				object.Name = string(value)
			case fieldNamespace:
				object.Namespace = string(value)
			case fieldResourceVersion:
				object.Version = string(value)
			}
			return nil
		})
	})
	return object, err
}

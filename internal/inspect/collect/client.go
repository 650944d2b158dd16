package collect

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// pageSize is the number of objects in one response. It bounds memory: a page is reduced and dropped before the next is requested.
const pageSize = 500

// reader reads one cluster over one HTTP client.
type reader struct {
	config *rest.Config
	http   *http.Client
	codecs serializer.CodecFactory
	params runtime.ParameterCodec
	// reduce turns objects into nodes.
	reduce func(object any) any
	// wire returns a reader of objects in protobuf; nil for kinds that are read as typed objects.
	wire func(kind facts.Kind) *facts.WireReader
	// buffers has *bufio.Reader for responses.
	buffers sync.Pool
	// schemas hashes the schemas of CustomResourceDefinitions.
	schemas bool
	// turn has room for the page that may hold more than maxHeld.
	turn chan struct{}
}

// page is a part of a list.
type page struct {
	// namespace of the list; empty for all, and for cluster-scoped kinds.
	namespace string
	// from is the continue token of the previous page; empty for the first.
	from string
	// size is the maximum number of objects.
	size int64
}

// listOptions request the page without a resource version: the first page is then the most recent one, and the others are of the
// same snapshot. Resource version 0 would be cheaper for the server, but it ignores the limit and returns the whole list.
func (p page) listOptions(fieldSelector string) metav1.ListOptions {
	return metav1.ListOptions{Limit: p.size, Continue: p.from, FieldSelector: fieldSelector}
}

func newReader(config *rest.Config, reducer facts.Reducer) (*reader, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	own := rest.CopyConfig(config)
	// No client-side rate limit: the API server's priority and fairness decides who waits.
	own.QPS = -1
	own.RateLimiter = nil
	if own.UserAgent == "" {
		own.UserAgent = "kubeops-inspect"
	}
	own.Wrap(func(next http.RoundTripper) http.RoundTripper { return boundedTransport{next, maxResponse} })
	client, err := rest.HTTPClientFor(own)
	if err != nil {
		return nil, err
	}
	r := &reader{
		config: own, http: client, reduce: reducer.Reduce, wire: reducer.NewWireReader,
		codecs: serializer.NewCodecFactory(scheme), params: runtime.NewParameterCodec(scheme), turn: make(chan struct{}, 1),
	}
	r.buffers.New = func() any { return bufio.NewReaderSize(nil, streamBuffer) }
	_, err = r.client(schema.GroupVersion{Version: "v1"}) // fails for a malformed address
	return r, err
}

// client returns a protobuf client of one group and version.
func (r *reader) client(gv schema.GroupVersion) (*rest.RESTClient, error) {
	config := rest.CopyConfig(r.config)
	config.GroupVersion = &gv
	config.APIPath = "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.NegotiatedSerializer = r.codecs.WithoutConversion()
	return rest.RESTClientForConfigAndClient(config, r.http)
}

// version reads the API server's version. By default, every user can.
func (r *reader) version(ctx context.Context) (string, error) {
	client, err := r.client(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return "", err
	}
	body, err := whole(client.Get().AbsPath(versionPath).SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx))
	if err != nil {
		return "", err
	}
	var info version.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return "", undecodable(versionPath, err)
	}
	return info.GitVersion, nil
}

// namespace returns an error unless the namespace exists.
func (r *reader) namespace(ctx context.Context, name string) error {
	client, err := r.client(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return err
	}
	return client.Get().Resource("namespaces").Name(name).Do(ctx).Error()
}

// page lists one page and returns its nodes and where the next page starts. The objects are garbage when it returns.
func (r *reader) page(ctx context.Context, res resource, p page) (nodes []any, next string, err error) {
	ctx, h := r.hold(ctx)
	defer h.release()
	switch {
	case res.custom.kind != "":
		return r.jsonPage(ctx, res, p, h, func() any { return new(facts.CustomObject) })
	case res.info.NewList != nil:
		return r.protobufPage(ctx, res, p, h)
	case res.kind == facts.CRD && r.schemas:
		return r.jsonPage(ctx, res, p, h, func() any { return new(facts.CRDSchemaObject) })
	case res.info.NewObject != nil:
		return r.jsonPage(ctx, res, p, h, res.info.NewObject)
	default:
		return r.metadataPage(ctx, res, p)
	}
}

// reduceList reduces the objects of a typed list.
func (r *reader) reduceList(list runtime.Object) (nodes []any, next string, err error) {
	err = meta.EachListItem(list, func(object runtime.Object) error {
		if node := r.reduce(object); node != nil {
			nodes = append(nodes, node)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	accessor, err := meta.ListAccessor(list)
	if err != nil {
		return nil, "", err
	}
	return nodes, accessor.GetContinue(), nil
}

// protobufPage lists objects as protobuf and reduces them one at a time: neither the page nor its objects are in memory as a whole. Those
// of kinds with a WireReader are not decoded beyond what facts need. A server that answers with JSON is read nevertheless.
func (r *reader) protobufPage(ctx context.Context, res resource, p page, h *held) (nodes []any, next string, err error) {
	client, err := r.client(res.version)
	if err != nil {
		return nil, "", err
	}
	options := p.listOptions(res.info.FieldSelector)
	body, err := stream(ctx, func() *rest.Request {
		return client.Get().NamespaceIfScoped(p.namespace, p.namespace != "").Resource(res.name).VersionedParams(&options, r.params)
	})
	if err != nil {
		return nil, "", err
	}
	source := &errorRecorder{from: body}
	buffered := r.buffers.Get().(*bufio.Reader)
	buffered.Reset(source)
	defer func() {
		buffered.Reset(nil)
		r.buffers.Put(buffered)
	}()
	if isProtobuf(buffered) {
		var meta listMeta
		reduce := r.reduceEncoded(res)
		meta, err = readProtobufItems(buffered, func(object []byte) error {
			node, err := reduce(object)
			h.reduced()
			if err == nil && node != nil {
				nodes = append(nodes, node)
			}
			return err
		})
		next = meta.next
	} else {
		list := res.info.NewList()
		if err = decodeWhole(buffered, func(body []byte) error { return r.decode(body, list) }); err == nil {
			nodes, next, err = r.reduceList(list)
		}
	}
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	switch {
	case err == nil:
		return nodes, next, nil
	case source.err != nil && !errors.Is(source.err, io.EOF):
		return nil, "", source.err // the connection broke; the response is not malformed
	default:
		return nil, "", undecodable(res.name, err)
	}
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

// decode decodes a response as a typed list.
func (r *reader) decode(body []byte, list runtime.Object) error {
	_, _, err := r.codecs.UniversalDeserializer().Decode(body, nil, list)
	return err
}

// metadataPage lists objects as metadata. Secrets are read this way: their data does not even cross the network.
func (r *reader) metadataPage(ctx context.Context, res resource, p page) ([]any, string, error) {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(r.config), r.http)
	if err != nil {
		return nil, "", err
	}
	list, err := client.Resource(res.version.WithResource(res.name)).Namespace(p.namespace).List(ctx, p.listOptions(""))
	if err != nil {
		return nil, "", err
	}
	nodes := make([]any, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, r.reduce(&list.Items[i]))
	}
	return nodes, list.Continue, nil
}

// jsonPage lists objects as JSON and decodes them one at a time: CustomResourceDefinitions without their schemas, APIServices, and
// custom resources, few of which are served as protobuf. Only one object is held at a time.
func (r *reader) jsonPage(
	ctx context.Context, res resource, p page, h *held, newObject func() any,
) (nodes []any, next string, err error) {
	client, err := r.client(res.version)
	if err != nil {
		return nil, "", err
	}
	request := client.Get().NamespaceIfScoped(p.namespace, p.namespace != "").Resource(res.name).
		SetHeader("Accept", runtime.ContentTypeJSON).Param("limit", strconv.FormatInt(p.size, 10))
	if p.from != "" {
		request = request.Param("continue", p.from)
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return nil, "", err
	}
	next, err = readItems(body, newObject, func(object any) {
		if custom, ok := object.(*facts.CustomObject); ok {
			custom.APIVersion = res.version.String()
			custom.Kind = res.custom.kind // items need not repeat them
		}
		if node := r.reduce(object); node != nil {
			nodes = append(nodes, node)
		}
		h.reduced()
	})
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return nodes, next, err
}

// whole is the body of a response. Its error, unlike that of Raw, has the server's message.
func whole(result rest.Result) ([]byte, error) {
	if err := result.Error(); err != nil {
		return nil, err
	}
	return result.Raw()
}

// decodeError is the error of a complete response that cannot be decoded. It does not wrap the decoder's error, which may be the
// same as that of a broken connection.
type decodeError struct{ what, text string }

// Error names what was requested.
func (e decodeError) Error() string { return "decode " + e.what + ": " + e.text }

func undecodable(what string, err error) error { return decodeError{what, err.Error()} }

package collect

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/version"
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
	// reduce turns objects into nodes.
	reduce func(object any) any
	// wire returns a reader of objects in protobuf; nil for kinds that are read as typed objects.
	wire func(kind facts.Kind) *facts.WireReader
	// buffers has *bufio.Reader for responses.
	buffers sync.Pool
	// schemas hashes the schemas of CustomResourceDefinitions.
	schemas bool
	// large has room for the page that may hold more than maxHeld.
	large chan struct{}
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
		codecs: serializer.NewCodecFactory(newScheme()), large: make(chan struct{}, 1),
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

package background

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cluster is what is read, with the permissions of one identity.
type Cluster interface {
	client.Reader
	// Log reads a part of the log of a container.
	Log(ctx context.Context, part LogPart) (string, error)
	// Version of the API server, for example v1.37.2.
	Version(ctx context.Context) (string, error)
}

// LogPart selects a part of the log of a container.
type LogPart struct {
	Namespace, Pod, Container string
	// Previous selects the previous instance of the container.
	Previous bool
	// Tail is the number of lines from the end; 0 reads from the start.
	Tail int
	// Bytes to read at most.
	Bytes int64
}

// readTimeout of one request.
const readTimeout = 5 * time.Second

// live is a cluster behind an API server.
type live struct {
	client.Reader
	logs    *rest.RESTClient
	version *discovery.DiscoveryClient
}

// Open returns the cluster of a configuration, which is not changed. It makes no request. Responses are limited to MaxResponse.
func Open(config *rest.Config) (Cluster, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1 // MaxReads bounds the requests
	config.RateLimiter = nil
	config.Timeout = readTimeout
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &limitedTransport{next} })
	reader, err := client.New(config, client.Options{Scheme: clientgoscheme.Scheme, Mapper: mapper()})
	if err != nil {
		return nil, fmt.Errorf("prepare reads: %w", err)
	}
	version, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("prepare reads: %w", err)
	}
	core := corev1.SchemeGroupVersion
	config.GroupVersion = &core
	config.APIPath = "/api"
	config.NegotiatedSerializer = serializer.NewCodecFactory(clientgoscheme.Scheme).WithoutConversion()
	logs, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("prepare reads: %w", err)
	}
	return &live{Reader: reader, logs: logs, version: version}, nil
}

// Log implements Cluster.
func (l *live) Log(ctx context.Context, part LogPart) (string, error) {
	request := l.logs.Get().Namespace(part.Namespace).Resource("pods").Name(part.Pod).SubResource("log").
		Param("container", part.Container).Param("previous", strconv.FormatBool(part.Previous)).
		Param("limitBytes", strconv.FormatInt(part.Bytes, 10))
	if part.Tail > 0 {
		request = request.Param("tailLines", strconv.Itoa(part.Tail))
	}
	stream, err := request.Stream(ctx)
	if err != nil {
		return "", err
	}
	defer stream.Close()                                        //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(stream, part.Bytes)) // the server may ignore limitBytes
	if err != nil && len(body) == 0 {
		return "", fmt.Errorf("read the log: %w", err)
	}
	return string(body), nil // a partial log is better than none
}

// Version implements Cluster.
func (l *live) Version(ctx context.Context) (string, error) {
	body, err := l.version.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	return versionOf(body)
}

// limitedTransport limits the bodies of responses.
type limitedTransport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l *limitedTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := l.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &limitedBody{ReadCloser: response.Body, left: MaxResponse}
	return response, nil
}

// limitedBody fails once more than the limit was read: a part of a list would look like a whole one.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("the response exceeds %d bytes", MaxResponse)
	}
	return n, err
}

// bounded is a cluster with a limited number of reads. It is not safe for concurrent use.
type bounded struct {
	Cluster
	left int
}

func (b *bounded) take() error {
	if b.left <= 0 {
		return spentError{}
	}
	b.left--
	return nil
}

// Get implements client.Reader.
func (b *bounded) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := b.take(); err != nil {
		return err
	}
	return b.Cluster.Get(ctx, key, object, options...)
}

// List implements client.Reader.
func (b *bounded) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if err := b.take(); err != nil {
		return err
	}
	return b.Cluster.List(ctx, list, options...)
}

// Log implements Cluster.
func (b *bounded) Log(ctx context.Context, part LogPart) (string, error) {
	if err := b.take(); err != nil {
		return "", err
	}
	return b.Cluster.Log(ctx, part)
}

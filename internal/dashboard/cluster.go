package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
)

// requestTimeout of one request to the API server.
const requestTimeout = 15 * time.Second

// cluster makes requests to the API server: as a viewer, or as the dashboard itself for what decides about viewers.
type cluster struct {
	config *rest.Config
	codecs serializer.CodecFactory
	// own reviews tokens and permissions.
	own kubernetes.Interface
	// names lists the metadata of KubeOps resources, to know which namespaces have any.
	names metadata.Interface
}

func newCluster(config *rest.Config) (*cluster, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	config.QPS = -1 // the API server's priority and fairness decides which request waits
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return readOnly{next} })
	own, err := kubernetes.NewForConfig(withTimeout(config))
	if err != nil {
		return nil, err
	}
	names, err := metadata.NewForConfig(withTimeout(config))
	if err != nil {
		return nil, err
	}
	return &cluster{config: config, codecs: serializer.NewCodecFactory(scheme), own: own, names: names}, nil
}

func withTimeout(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.Timeout = requestTimeout
	return config
}

// as is a configuration that acts as a viewer. Connections are shared.
func (c *cluster) as(viewer Viewer) *rest.Config {
	config := rest.CopyConfig(c.config)
	config.Impersonate = viewer.impersonation()
	return config
}

// resources is a client for resources of KubeOps that acts as a viewer.
func (c *cluster) resources(viewer Viewer) (rest.Interface, error) {
	config := withTimeout(c.as(viewer))
	version := v1alpha1.GroupVersion()
	config.GroupVersion = &version
	config.APIPath = "/apis"
	config.NegotiatedSerializer = c.codecs.WithoutConversion()
	return rest.RESTClientFor(config)
}

// metadata is a client for metadata and watches that acts as a viewer. A watch has no timeout.
func (c *cluster) metadata(viewer Viewer) (metadata.Interface, error) {
	return metadata.NewForConfig(c.as(viewer))
}

// readOnly refuses every request that could change a cluster, whatever the credentials allow. Reviews are created, and not stored.
type readOnly struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t readOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	reviews := []string{
		"/apis/authentication.k8s.io/v1/tokenreviews", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
		"/apis/authorization.k8s.io/v1/subjectaccessreviews", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
		pathRules,
	}
	if r.Method != http.MethodGet && (r.Method != http.MethodPost || !slices.Contains(reviews, r.URL.Path)) {
		return nil, fmt.Errorf("the dashboard only reads: %s %s is refused", r.Method, r.URL.Path)
	}
	return t.next.RoundTrip(r)
}

// CloseIdleConnections of the transport below.
func (t readOnly) CloseIdleConnections() {
	if closer, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		closer.CloseIdleConnections()
	}
}

// list reads a list of resources of a namespace, or of all.
func list(ctx context.Context, from rest.Interface, resource, namespace string, into runtime.Object) error {
	return from.Get().Namespace(namespace).Resource(resource).Do(ctx).Into(into)
}

package collect

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

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

// pageSize is how many objects one answer may hold. It bounds memory: a page is reduced and dropped before the next is
// asked for.
const pageSize = 500

// reader reads one cluster over one HTTP client.
type reader struct {
	config *rest.Config
	http   *http.Client
	codecs serializer.CodecFactory
	params runtime.ParameterCodec
}

func newReader(config *rest.Config) (*reader, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	own := rest.CopyConfig(config)
	// No limit at the client: the API server's priority and fairness decides who waits.
	own.QPS, own.RateLimiter = -1, nil
	if own.UserAgent == "" {
		own.UserAgent = "kubeops-inspect"
	}
	client, err := rest.HTTPClientFor(own)
	if err != nil {
		return nil, err
	}
	return &reader{config: own, http: client, codecs: serializer.NewCodecFactory(scheme), params: runtime.NewParameterCodec(scheme)}, nil
}

// client speaks protobuf with one group and version.
func (r *reader) client(gv schema.GroupVersion) (*rest.RESTClient, error) {
	config := rest.CopyConfig(r.config)
	config.GroupVersion, config.APIPath = &gv, "/apis"
	if gv.Group == "" {
		config.APIPath = "/api"
	}
	config.ContentType = runtime.ContentTypeProtobuf
	config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	config.NegotiatedSerializer = r.codecs.WithoutConversion()
	return rest.RESTClientForConfigAndClient(config, r.http)
}

// version asks the API server who it is. Every user may.
func (r *reader) version(ctx context.Context) (string, error) {
	client, err := r.client(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return "", err
	}
	body, err := client.Get().AbsPath("/version").SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
	if err != nil {
		return "", err
	}
	var info version.Info
	if err := json.Unmarshal(body, &info); err != nil {
		return "", fmt.Errorf("decode /version: %w", err)
	}
	return info.GitVersion, nil
}

// page lists one page and returns its nodes and where the next begins. The objects are garbage when it returns.
func (r *reader) page(ctx context.Context, res resource, namespace, from string) (nodes []any, next string, err error) {
	options := metav1.ListOptions{Limit: pageSize, Continue: from, FieldSelector: res.fieldSelector}
	switch res.kind {
	case facts.Secret:
		return r.secretsPage(ctx, res, namespace, options)
	case facts.APIService:
		return r.apiServicesPage(ctx, res, from)
	}
	client, err := r.client(res.version)
	if err != nil {
		return nil, "", err
	}
	list := res.list()
	request := client.Get().NamespaceIfScoped(namespace, namespace != "").Resource(res.name).VersionedParams(&options, r.params)
	if err := request.Do(ctx).Into(list); err != nil {
		return nil, "", err
	}
	err = meta.EachListItem(list, func(object runtime.Object) error {
		if node := facts.Reduce(object); node != nil {
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

// secretsPage lists Secrets as metadata: their data does not even cross the network.
func (r *reader) secretsPage(ctx context.Context, res resource, namespace string, options metav1.ListOptions) ([]any, string, error) {
	client, err := metadata.NewForConfigAndClient(metadata.ConfigFor(r.config), r.http)
	if err != nil {
		return nil, "", err
	}
	list, err := client.Resource(res.version.WithResource(res.name)).Namespace(namespace).List(ctx, options)
	if err != nil {
		return nil, "", err
	}
	nodes := make([]any, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, facts.Reduce(&list.Items[i]))
	}
	return nodes, list.Continue, nil
}

// apiServicesPage reads APIServices as JSON; there are some dozens in any cluster.
func (r *reader) apiServicesPage(ctx context.Context, res resource, from string) ([]any, string, error) {
	client, err := r.client(res.version)
	if err != nil {
		return nil, "", err
	}
	request := client.Get().Resource(res.name).SetHeader("Accept", runtime.ContentTypeJSON).Param("limit", strconv.Itoa(pageSize))
	if from != "" {
		request = request.Param("continue", from)
	}
	body, err := request.Do(ctx).Raw()
	if err != nil {
		return nil, "", err
	}
	var list facts.APIServiceObjectList
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, "", fmt.Errorf("decode %s: %w", res.name, err)
	}
	nodes := make([]any, 0, len(list.Items))
	for i := range list.Items {
		nodes = append(nodes, facts.Reduce(&list.Items[i]))
	}
	return nodes, list.Continue, nil
}

package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/names"
)

// Resource is any resource of the API, listed as JSON.
type Resource struct {
	// Group and Version of the API. Without a version, the cluster's preferred one is read.
	Group, Version string
	// Name is the plural, as in RBAC.
	Name string
	// Checks that need it; a gap names them.
	Checks []string
}

// Objects reads resources one after the other and passes each object to the visitor; one page is in memory. Cluster-scoped
// resources are skipped where the scope names namespaces. A list that fails is a gap. The only errors are an invalid configuration
// and a cancelled ctx.
func Objects(ctx context.Context, source Source, scope Scope, resources []Resource, visitor Visitor) ([]facts.Gap, error) {
	ctx = klog.NewContext(ctx, klog.Logger{})
	reader, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return nil, unusable(source, err)
	}
	var failures []failure
	for n, wanted := range resources {
		failures = append(failures, reader.objects(ctx, scope, n, wanted, visitor)...)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, cancelled(ctx, source)
	}
	return gaps(identity(source, failures), scope, failures), nil
}

// NamespaceLabels reads the labels of namespaces by name. A namespace that cannot be read is left out.
func NamespaceLabels(ctx context.Context, source Source, namespaces []string) map[string]map[string]string {
	labels := map[string]map[string]string{}
	reader, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return labels
	}
	ctx, cancel := fairShare(klog.NewContext(ctx, klog.Logger{}))
	defer cancel()
	for _, name := range namespaces {
		if names.Namespace("namespace", name) != nil {
			continue // it would lead to another path
		}
		namespace, err := retry(ctx, func() (*metav1.PartialObjectMetadata, error) {
			return get[metav1.PartialObjectMetadata](ctx, reader, "/api/v1/namespaces/"+name)
		})
		if err == nil {
			labels[name] = namespace.Labels
			if labels[name] == nil {
				labels[name] = map[string]string{}
			}
		}
	}
	return labels
}

// Visitor receives objects, list by list.
type Visitor interface {
	// Begin is called with the first page of a list. Where the list is restarted, it is called again, and the objects since the
	// previous call are void.
	Begin(list List)
	// Object receives one object and owns it. It returns false to skip the rest of the list.
	Object(ctx context.Context, object map[string]any) bool
}

// List identifies a list.
type List struct {
	// Index of the resource among the requested ones.
	Index int
	// APIVersion and Kind of the objects.
	APIVersion, Kind string
	// Namespace of the list; empty for all, and for cluster-scoped resources.
	Namespace string
}

// objects reads one resource.
func (r *reader) objects(ctx context.Context, scope Scope, index int, wanted Resource, visitor Visitor) []failure {
	ctx, cancel := fairShare(ctx)
	defer cancel()
	requested := resource{
		version: schema.GroupVersion{Group: wanted.Group, Version: wanted.Version}, name: wanted.Name, checks: wanted.Checks,
	}
	served, err := r.served(ctx, wanted)
	if err != nil {
		return []failure{{resource: requested, err: err}}
	}
	if !served.namespaced && len(scope.Namespaces) > 0 {
		return nil
	}
	requested.version = served.version
	return scope.read(requested, served.namespaced, func(namespace string) (bool, error) {
		list := List{Index: index, APIVersion: served.version.String(), Kind: served.kind, Namespace: namespace}
		begun := false
		partly, err := pages(ctx, namespace, pageSize, func(p page) (response, error) {
			items, next, err := r.objectsPage(ctx, requested, p)
			return response{next: next, take: func() (bool, error) {
				if !begun {
					visitor.Begin(list)
					begun = true
				}
				return show(ctx, list, items, visitor), nil
			}}, err
		}, func() { begun = false })
		if err == nil && ctx.Err() != nil {
			return true, ctx.Err() // the deadline passed while the visitor worked
		}
		return partly, err
	})
}

// show decodes the objects of a page one at a time. Items of a list need not repeat their type, so it is added.
func show(ctx context.Context, list List, items []json.RawMessage, visitor Visitor) bool {
	for i := range items {
		var object map[string]any
		err := utiljson.Unmarshal(items[i], &object)
		items[i] = nil
		if err != nil || object == nil {
			continue // valid JSON, but not an object
		}
		object["apiVersion"], object["kind"] = list.APIVersion, list.Kind
		if !visitor.Object(ctx, object) {
			return false
		}
	}
	return ctx.Err() == nil
}

// objectsPage lists one page as JSON, with undecoded items.
func (r *reader) objectsPage(ctx context.Context, res resource, p page) (items []json.RawMessage, next string, err error) {
	meta, err := r.items(ctx, res, p, encodedItems(runtime.ContentTypeJSON, func(encoded []byte, isProtobuf bool) error {
		if isProtobuf {
			return undecodable(res.name, errMalformed)
		}
		items = append(items, encoded)
		return nil
	}))
	if err != nil {
		return nil, "", err
	}
	return items, meta.next, nil
}

// servedResource is a resource as the server serves it.
type servedResource struct {
	version    schema.GroupVersion
	kind       string
	namespaced bool
}

// served discovers the resource at its version, or at the first version of the group that has it, starting with the preferred
// one. A manager whose impersonation is constrained can read all groups at once, but not each by its own path: it does not try, since every
// refused request is one that an audit of the cluster has to explain. All others read the path of the group, which is short.
func (r *reader) served(ctx context.Context, wanted Resource) (servedResource, error) {
	if r.config.Impersonate.UserName == "" {
		return r.servedInGroup(ctx, wanted)
	}
	found, err := r.servedInAll(ctx, wanted)
	if errors.Is(err, errNotAggregated) {
		return r.servedInGroup(ctx, wanted)
	}
	return found, err
}

// errNotAggregated is the error of a server whose list of groups has no resources: Kubernetes 1.26 and earlier, or a proxy.
var errNotAggregated = errors.New("the API server lists its groups without their resources")

// servedInGroup discovers the resource by the paths of its group.
func (r *reader) servedInGroup(ctx context.Context, wanted Resource) (servedResource, error) {
	versions := []string{cmp.Or(wanted.Version, "v1")}
	if wanted.Group != "" && wanted.Version == "" {
		group, err := retry(ctx, func() (*metav1.APIGroup, error) { return get[metav1.APIGroup](ctx, r, "/apis/"+wanted.Group) })
		if err != nil {
			return servedResource{}, err
		}
		versions = []string{group.PreferredVersion.Version}
		for _, v := range group.Versions {
			versions = append(versions, v.Version)
		}
	}
	versions = slices.DeleteFunc(versions, func(v string) bool { return v == "" })
	for n, version := range versions {
		if slices.Contains(versions[:n], version) {
			continue
		}
		found, err := r.servedAt(ctx, schema.GroupVersion{Group: wanted.Group, Version: version}, wanted.Name)
		if err == nil || !apierrors.IsNotFound(err) {
			return found, err
		}
	}
	return servedResource{}, apierrors.NewNotFound(schema.GroupResource{Group: wanted.Group, Resource: wanted.Name}, "")
}

// servedInAll discovers the resource in the list of all resources of the cluster, the preferred version of its group first.
func (r *reader) servedInAll(ctx context.Context, wanted Resource) (servedResource, error) {
	path := discoveryPath
	if wanted.Group == "" {
		path = "/api"
	}
	body, err := retry(ctx, func() ([]byte, error) { return r.get(ctx, path, acceptDiscovery) })
	if err != nil {
		return servedResource{}, err
	}
	var all apidiscoveryv2.APIGroupDiscoveryList
	if err := json.Unmarshal(body, &all); err != nil {
		return servedResource{}, undecodable(path, err)
	}
	if all.Kind != "APIGroupDiscoveryList" {
		return servedResource{}, errNotAggregated
	}
	for i := range all.Items {
		for _, version := range all.Items[i].Versions {
			if all.Items[i].Name != wanted.Group || wanted.Version != "" && wanted.Version != version.Version {
				continue
			}
			for _, found := range version.Resources {
				if found.Resource == wanted.Name && found.ResponseKind != nil && slices.Contains(found.Verbs, "list") {
					return servedResource{
						version: schema.GroupVersion{Group: wanted.Group, Version: version.Version}, kind: found.ResponseKind.Kind,
						namespaced: found.Scope == apidiscoveryv2.ScopeNamespace,
					}, nil
				}
			}
		}
	}
	return servedResource{}, apierrors.NewNotFound(schema.GroupResource{Group: wanted.Group, Resource: wanted.Name}, "")
}

// servedAt discovers a resource that can be listed in one group and version. The error is NotFound without one.
func (r *reader) servedAt(ctx context.Context, gv schema.GroupVersion, name string) (servedResource, error) {
	path := "/apis/" + gv.String()
	if gv.Group == "" {
		path = "/api/" + gv.Version
	}
	list, err := retry(ctx, func() (*metav1.APIResourceList, error) { return get[metav1.APIResourceList](ctx, r, path) })
	if err != nil {
		return servedResource{}, err
	}
	for _, resource := range list.APIResources {
		if resource.Name == name && slices.Contains(resource.Verbs, "list") {
			return servedResource{version: gv, kind: resource.Kind, namespaced: resource.Namespaced}, nil
		}
	}
	return servedResource{}, apierrors.NewNotFound(schema.GroupResource{Group: gv.Group, Resource: name}, "")
}

// get reads one JSON document.
func get[T any](ctx context.Context, r *reader, path string) (*T, error) {
	client, err := r.client(schema.GroupVersion{Version: "v1"})
	if err != nil {
		return nil, err
	}
	body, err := whole(client.Get().AbsPath(path).SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx))
	if err != nil {
		return nil, err
	}
	document := new(T)
	if err := json.Unmarshal(body, document); err != nil {
		return nil, undecodable(path, err)
	}
	return document, nil
}

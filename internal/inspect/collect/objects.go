package collect

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/klog/v2"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Resource is something to list whole, as JSON: any resource that the cluster serves.
type Resource struct {
	// Group and Version of the API. Without a version, it is the one that the cluster prefers.
	Group, Version string
	// Name is the plural, as in RBAC.
	Name string
	// Checks that want it; they are named in the gap when it cannot be read.
	Checks []string
}

// Objects reads resources one after the other and shows each object to the visitor; memory holds one page. Resources that
// are not of a namespace are left out where the scope names namespaces. What cannot be read is a gap. The only errors are a
// configuration that cannot be used, and that ctx was cancelled.
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
		return nil, calledOff(ctx, source)
	}
	return gaps(identity(source, failures), scope, failures), nil
}

// NamespaceLabels reads the labels of namespaces by name. One that cannot be read is left out.
func NamespaceLabels(ctx context.Context, source Source, names []string) map[string]map[string]string {
	labels := map[string]map[string]string{}
	reader, err := newReader(source.Config, facts.Reducer{})
	if err != nil {
		return labels
	}
	ctx, cancel := fairShare(klog.NewContext(ctx, klog.Logger{}))
	defer cancel()
	for _, name := range names {
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

// Visitor is shown objects, list by list.
type Visitor interface {
	// Begin is called once the first page of a list has come. Where the list has to be read anew, it is called once more, and
	// what was shown since the call before is void.
	Begin(list List)
	// Object is shown one object, which is its own. It returns false when it wants no more of this list.
	Object(ctx context.Context, object map[string]any) bool
}

// List is one list that is being read.
type List struct {
	// Index of the resource among those that were asked for.
	Index int
	// APIVersion and Kind of the objects.
	APIVersion, Kind string
	// Namespace of the list; empty for all, and for resources that are not of a namespace.
	Namespace string
}

// objects reads one resource.
func (r *reader) objects(ctx context.Context, scope Scope, index int, wanted Resource, visitor Visitor) []failure {
	ctx, cancel := fairShare(ctx)
	defer cancel()
	asked := resource{version: schema.GroupVersion{Group: wanted.Group, Version: wanted.Version}, name: wanted.Name, checks: wanted.Checks}
	served, err := r.served(ctx, wanted)
	if err != nil {
		return []failure{{resource: asked, err: err}}
	}
	if !served.namespaced && len(scope.Namespaces) > 0 {
		return nil
	}
	asked.version = served.version
	return scope.read(asked, served.namespaced, func(namespace string) (bool, error) {
		list := List{Index: index, APIVersion: served.version.String(), Kind: served.kind, Namespace: namespace}
		begun := false
		partly, err := pages(ctx, namespace, pageSize, func(p page) (answer, error) {
			items, next, err := r.objectsPage(ctx, asked, p)
			return answer{next: next, take: func() (bool, error) {
				if !begun {
					visitor.Begin(list)
					begun = true
				}
				return show(ctx, list, items, visitor), nil
			}}, err
		}, func() { begun = false })
		if err == nil && ctx.Err() != nil {
			return true, ctx.Err() // the time was up while the objects were judged
		}
		return partly, err
	})
}

// show decodes the objects of a page one at a time. Items of a list do not say what they are, so that is added.
func show(ctx context.Context, list List, items []json.RawMessage, visitor Visitor) bool {
	for i := range items {
		var object map[string]any
		err := utiljson.Unmarshal(items[i], &object)
		items[i] = nil
		if err != nil || object == nil {
			continue // the page was well-formed, so this is no object
		}
		object["apiVersion"], object["kind"] = list.APIVersion, list.Kind
		if !visitor.Object(ctx, object) {
			return false
		}
	}
	return ctx.Err() == nil
}

// objectsPage lists one page as JSON, its items not decoded.
func (r *reader) objectsPage(ctx context.Context, res resource, p page) (items []json.RawMessage, next string, err error) {
	client, err := r.client(res.version)
	if err != nil {
		return nil, "", err
	}
	request := client.Get().NamespaceIfScoped(p.namespace, p.namespace != "").Resource(res.name).
		SetHeader("Accept", runtime.ContentTypeJSON).Param("limit", strconv.FormatInt(p.size, 10))
	if p.from != "" {
		request = request.Param("continue", p.from)
	}
	body, err := whole(request.Do(ctx))
	if err != nil {
		return nil, "", err
	}
	var list struct {
		Metadata metav1.ListMeta   `json:"metadata"`
		Items    []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, "", undecodable(res.name, err)
	}
	return list.Items, list.Metadata.Continue, nil
}

// servedResource is a resource as the server has it.
type servedResource struct {
	version    schema.GroupVersion
	kind       string
	namespaced bool
}

// served asks the server for the resource: at its version, or at the first one of the group that has it, the preferred
// one before the others.
func (r *reader) served(ctx context.Context, wanted Resource) (servedResource, error) {
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

// servedAt looks for a resource that can be listed in one group and version; without it, the error is NotFound.
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

// get reads one document as JSON.
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

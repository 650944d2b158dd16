package get

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/printable"
)

const (
	// tableAccept asks for the columns that an API server prints.
	tableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	// getPage is the number of objects in a response.
	getPage = 500
)

// query is what to read in each cluster.
type query struct {
	kind, name, namespace, selector string
	table                           bool
}

// answer of one cluster.
type answer struct {
	cluster string
	problem error
	table   metav1.Table
	objects []map[string]any
	// client and path to go on from.
	client rest.Interface
	path   []string
	kind   connect.ListedKind
}

// read the objects of one cluster.
func (q query) read(ctx context.Context, m connect.Member) answer {
	a := answer{cluster: m.Name, problem: m.Problem}
	if a.problem != nil {
		return a
	}
	if a.kind, a.problem = q.resolve(ctx, m); a.problem != nil {
		return a
	}
	config := connect.Unlimited(m.Config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		a.problem = fmt.Errorf("load kubeconfig: %w", err)
		return a
	}
	a.client = client
	a.path = pathOf(a.kind, q.namespace)
	for next := ""; ; {
		request := q.request(a, "").Param("limit", fmt.Sprint(getPage))
		if next != "" {
			request = request.Param("continue", next)
		}
		raw, err := request.Do(ctx).Raw()
		if err != nil {
			a.problem = m.Target().Failed(err, "list "+a.kind.Name)
			return a
		}
		if next, err = a.decode(raw, q); err != nil {
			a.problem = fmt.Errorf("the API server of %s returned no list of %s", m.Name, a.kind.Name)
			return a
		}
		if next == "" {
			return a
		}
	}
}

// request for the list, or for a watch from a resource version on.
func (q query) request(a answer, from string) *rest.Request {
	request := a.client.Get().AbsPath(a.path...)
	if q.table {
		request = request.SetHeader("Accept", tableAccept).Param("includeObject", "Metadata")
	}
	if q.selector != "" {
		request = request.Param("labelSelector", q.selector)
	}
	if q.name != "" {
		request = request.Param("fieldSelector", "metadata.name="+q.name)
	}
	if from != "" {
		request = request.Param("watch", "1").Param("resourceVersion", from)
	}
	return request
}

// decode adds a page, and returns how to continue; empty at the end.
func (a *answer) decode(raw []byte, q query) (next string, err error) {
	if q.table {
		var page metav1.Table
		if err := json.Unmarshal(raw, &page); err != nil || page.Kind != "Table" {
			return "", errors.Join(err, errors.New("no table"))
		}
		if len(page.ColumnDefinitions) == 0 {
			page.ColumnDefinitions = a.table.ColumnDefinitions
		}
		page.Rows = append(a.table.Rows, page.Rows...)
		a.table = page
		return page.Continue, nil
	}
	var page struct {
		Metadata metav1.ListMeta  `json:"metadata"`
		Items    []map[string]any `json:"items"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return "", err
	}
	a.objects = append(a.objects, page.Items...)
	return page.Metadata.Continue, nil
}

// resolve a kind by its resource, kind or short name, with the group after a dot where it is ambiguous.
func (q query) resolve(ctx context.Context, m connect.Member) (connect.ListedKind, error) {
	client, err := discovery.NewDiscoveryClientForConfig(connect.Unlimited(m.Config))
	if err != nil {
		return connect.ListedKind{}, fmt.Errorf("load kubeconfig: %w", err)
	}
	lists, err := client.ServerPreferredResourcesWithContext(ctx)
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return connect.ListedKind{}, m.Target().Failed(err, "read the APIs of the cluster")
	}
	wanted, group, qualified := strings.Cut(strings.ToLower(q.kind), ".")
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil || qualified && version.Group != group {
			continue
		}
		for _, r := range list.APIResources {
			names := append([]string{r.Name, r.SingularName, strings.ToLower(r.Kind)}, r.ShortNames...)
			if slices.Contains(names, wanted) && slices.Contains(r.Verbs, "list") && !strings.Contains(r.Name, "/") {
				return connect.ListedKind{
					GroupVersionResource: version.WithResource(r.Name), Name: r.Name, Kind: r.Kind, Namespaced: r.Namespaced,
				}, nil
			}
		}
	}
	return connect.ListedKind{}, fmt.Errorf("the cluster does not serve %q", q.kind)
}

// pathOf a kind in a namespace. An empty namespace is all.
func pathOf(kind connect.ListedKind, namespace string) []string {
	path := []string{"apis", kind.Group, kind.Version}
	if kind.Group == "" {
		path = []string{"api", kind.Version}
	}
	if kind.Namespaced && namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	return append(path, kind.Resource)
}

// rowMetadata is the metadata of the object of a row.
func rowMetadata(row metav1.TableRow) metav1.ObjectMeta {
	var object metav1.PartialObjectMetadata
	_ = json.Unmarshal(row.Object.Raw, &object) // a row without an object has no namespace
	return object.ObjectMeta
}

// cellText is a cell as kubectl prints it.
func cellText(value any) string {
	if value == nil {
		return "<none>"
	}
	return printable.Line(fmt.Sprint(value))
}

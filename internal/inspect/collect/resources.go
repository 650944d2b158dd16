package collect

import (
	"cmp"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// resource says how a kind is listed.
type resource struct {
	kind facts.Kind
	// info is the kind's entry in the table of kinds; zero for kinds that are not there.
	info    facts.KindInfo
	version schema.GroupVersion
	name    string
	// wire reads the objects of one list from protobuf; nil for kinds that are not read this way.
	wire *facts.WireReader
	// custom is set for custom resources.
	custom custom
	// checks that need objects of a kind that is not in the graph; empty for kinds of the graph.
	checks []string
}

// custom says how a custom resource is written in its manifests; the zero value means that the resource is not a custom one.
type custom struct {
	// kind without its group, for example Certificate.
	kind string
	// clusterScoped objects have no namespace.
	clusterScoped bool
}

// label is the resource with its group, as RBAC and kubectl name it.
func (r resource) label() string {
	if r.version.Group == "" {
		return r.name
	}
	return r.name + "." + r.version.Group
}

// namespaced reports whether the objects have a namespace.
func (r resource) namespaced() bool {
	if r.custom.kind != "" {
		return !r.custom.clusterScoped
	}
	return r.kind.Namespaced()
}

// noLongerServed reports whether a custom resource was removed from the API after discovery.
func (r resource) noLongerServed(err error) bool {
	return r.custom.kind != "" && apierrors.IsNotFound(err)
}

// pageSize is the number of objects per page. Large objects are read in smaller pages from the start, which saves an attempt.
func (r resource) pageSize() int64 { return cmp.Or(r.info.PageSize, pageSize) }

// resources are the wanted kinds of Kubernetes itself, in the order of the table of kinds.
func resources(wanted []facts.Kind) ([]resource, error) {
	var all []resource
	for _, kind := range facts.Kinds() {
		if !slices.Contains(wanted, kind) {
			continue
		}
		info, _ := kind.Info()
		version, err := schema.ParseGroupVersion(info.APIVersion)
		if err != nil {
			return nil, err
		}
		all = append(all, resource{kind: kind, info: info, version: version, name: info.Resource})
	}
	return all, nil
}

// newScheme contains what an API server says about a request that failed. Objects are decoded one at a time, without a scheme.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	return scheme
}

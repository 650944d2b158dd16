package collect

import (
	"context"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// maxCustomObjects bounds the custom resources of one cluster that are kept, of all kinds together.
const maxCustomObjects = 50_000

// tooManyError says that a list was given up because of maxCustomObjects.
type tooManyError struct{}

// Error names the bound.
func (tooManyError) Error() string {
	return "more than " + strconv.Itoa(maxCustomObjects) + " custom resources"
}

// custom says how a custom resource is written in its manifests; the zero value is that of no custom resource.
type custom struct {
	// kind without its group, for example Certificate.
	kind string
	// clusterScoped objects have no namespace.
	clusterScoped bool
}

// namespaced says whether the objects live in namespaces.
func (r resource) namespaced() bool {
	if r.custom.kind != "" {
		return !r.custom.clusterScoped
	}
	return r.kind.Namespaced()
}

// vanished says whether a custom resource is no longer served: it was when its kinds were looked for.
func (r resource) vanished(err error) bool { return r.custom.kind != "" && apierrors.IsNotFound(err) }

// pageSize is how many objects one page of the resource may have. Those that are known to be large are read in smaller
// pages from the start, instead of once too often.
func (r resource) pageSize() int64 {
	switch r.kind {
	case facts.CRD, facts.VulnerabilityReport:
		return 50
	default:
		return pageSize
	}
}

// customPage reads custom resources as JSON: their types are not known here, and few of them come in protobuf.
func (r *reader) customPage(ctx context.Context, res resource, p page) (nodes []any, next string, err error) {
	next, err = stream(ctx, r, res, p, func(object *facts.CustomObject) {
		object.APIVersion, object.Kind = res.version.String(), res.custom.kind
		if node := facts.Reduce(object); node != nil {
			nodes = append(nodes, node)
		}
	})
	return nodes, next, err
}

// crdsPage reads CustomResourceDefinitions as JSON, without their schemas.
func (r *reader) crdsPage(ctx context.Context, res resource, p page) (nodes []any, next string, err error) {
	next, err = stream(ctx, r, res, p, func(object *facts.CRDObject) { nodes = append(nodes, facts.Reduce(object)) })
	return nodes, next, err
}

func stream[T any](ctx context.Context, r *reader, res resource, p page, each func(*T)) (next string, err error) {
	client, err := r.client(res.version)
	if err != nil {
		return "", err
	}
	request := client.Get().NamespaceIfScoped(p.namespace, p.namespace != "").Resource(res.name).
		SetHeader("Accept", runtime.ContentTypeJSON).Param("limit", strconv.FormatInt(p.size, 10))
	if p.from != "" {
		request = request.Param("continue", p.from)
	}
	body, err := request.Stream(ctx)
	if err != nil {
		return "", err
	}
	next, err = readItems(body, each)
	if closeErr := body.Close(); err == nil {
		err = closeErr
	}
	return next, err
}

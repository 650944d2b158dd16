package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

const (
	// fieldManager of the writes of the command line in metadata.managedFields.
	fieldManager = "kubeops-cli"
	// pageSize is small, because a report can have 512 KiB.
	pageSize = 20
)

// store reads and patches resources of KubeOps. Its errors are ready to print.
type store struct {
	target target
	client rest.Interface
	// namespace to look into; empty for all.
	namespace string
	// offersAll is set if the command has -A.
	offersAll bool
}

func newStore(t target) (*store, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(t.config)
	version := v1alpha1.GroupVersion()
	config.GroupVersion = &version
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	return &store{target: t, client: client, namespace: t.namespace}, nil
}

// open resolves the flags and returns the store of the selected namespace.
func (f *clusterFlags) open() (*store, error) {
	target, err := f.resolve()
	if err != nil {
		return nil, err
	}
	return newStore(target)
}

// openAny is open for commands with -A, which selects all namespaces.
func (f *clusterFlags) openAny(allNamespaces bool) (*store, error) {
	s, err := f.open()
	if err != nil {
		return nil, err
	}
	s.offersAll = true
	if allNamespaces {
		s.namespace = ""
	}
	return s, nil
}

// where the store looks, for a message.
func (s *store) where() string {
	if s.namespace == "" {
		return "all namespaces"
	}
	return "namespace " + s.namespace
}

// get reads an object. The error of one that does not exist satisfies apierrors.IsNotFound and suggests a similar name.
func (s *store) get(ctx context.Context, kind resourceKind, name string) (apiObject, error) {
	into := kind.empty()
	err := s.client.Get().Namespace(s.namespace).Resource(kind.resource).Name(name).Do(ctx).Into(into)
	if apierrors.IsNotFound(err) && !isNotServed(err) {
		return nil, &failure{text: s.notFound(ctx, kind, name), cause: err}
	}
	return into, s.target.failed(err, fmt.Sprintf("get %s %s/%s", kind.Kind, s.namespace, name))
}

// notFound describes that an object does not exist.
func (s *store) notFound(ctx context.Context, kinds resourceKind, name string) string {
	message := fmt.Sprintf("%s %q not found in %s of context %q", kinds.Kind, name, s.where(), s.target.cluster)
	others, err := s.names(ctx, kinds)
	switch similar := nearest(others, name); {
	case err != nil:
		return message
	case similar != "":
		return message + didYouMean(similar)
	case len(others) > 0:
		return message + "; it has " + text.List(others, maxNames)
	}
	return message + s.missingNamespace(ctx)
}

// missingNamespace explains why a namespace is empty: it does not exist, or another one is meant.
func (s *store) missingNamespace(ctx context.Context) string {
	existing, err := namespaces(ctx, s.target)
	switch {
	case err != nil || s.namespace == "":
		return ""
	case !slices.Contains(existing, s.namespace):
		return fmt.Sprintf("; the namespace does not exist%s", didYouMean(nearest(existing, s.namespace)))
	case s.offersAll:
		return "; use -n to select another namespace, or -A for all"
	}
	return "; use -n to select another namespace"
}

// names of the objects of a kind. Only their metadata is read.
func (s *store) names(ctx context.Context, kind resourceKind) ([]string, error) {
	raw, err := s.client.Get().Namespace(s.namespace).Resource(kind.resource).
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").Do(ctx).Raw()
	if err != nil {
		return nil, s.target.failed(err, fmt.Sprintf("list %s in %s", kind.resource, s.where()))
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("decode the list of %s: %w", kind.resource, err)
	}
	found := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		found = append(found, item.Name)
	}
	return found, nil
}

// each lists the objects of a kind by pages, of which it keeps none.
func (s *store) each(ctx context.Context, kind resourceKind, selector string, visit func(apiObject)) error {
	for next := ""; ; {
		list := kind.list()
		request := s.client.Get().Namespace(s.namespace).Resource(kind.resource).Param("limit", fmt.Sprint(pageSize))
		if selector != "" {
			request = request.Param("labelSelector", selector)
		}
		if next != "" {
			request = request.Param("continue", next)
		}
		if err := request.Do(ctx).Into(list); err != nil {
			return s.target.failed(err, fmt.Sprintf("list %s in %s", kind.resource, s.where()))
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return err
		}
		for _, item := range items {
			visit(item.(apiObject))
		}
		accessor, err := meta.ListAccessor(list)
		if err != nil {
			return err
		}
		if next = accessor.GetContinue(); next == "" {
			return nil
		}
	}
}

// create an object and return it as it is stored then.
func (s *store) create(ctx context.Context, kind resourceKind, object apiObject) (apiObject, error) {
	into := kind.empty()
	err := s.client.Post().Namespace(s.namespace).Resource(kind.resource).Param("fieldManager",
		fieldManager).Body(object).Do(ctx).Into(into)
	return into, s.target.failed(err, fmt.Sprintf("create a %s in namespace %s", kind.Kind, s.namespace))
}

// patch changes an object and returns it as it is stored then.
func (s *store) patch(ctx context.Context, kind resourceKind, namespace, name string, how types.PatchType, body []byte) (apiObject, error) {
	into := kind.empty()
	err := s.client.Patch(how).Namespace(namespace).Resource(kind.resource).Name(name).Param("fieldManager", fieldManager).Body(body).
		Do(ctx).Into(into)
	return into, s.target.failed(err, fmt.Sprintf("patch %s %s/%s", kind.Kind, namespace, name))
}

// inspections of the store's namespaces.
func (s *store) inspections(ctx context.Context) ([]v1alpha1.Inspection, error) {
	var list []v1alpha1.Inspection
	err := s.each(ctx, inspectionKind(), "", func(o apiObject) { list = append(list, *o.(*v1alpha1.Inspection)) })
	return list, err
}

// inspection returns the named Inspection or, without a name, the only one.
func (s *store) inspection(ctx context.Context, name string) (*v1alpha1.Inspection, error) {
	if name != "" && s.namespace != "" {
		found, err := s.get(ctx, inspectionKind(), name)
		if err != nil {
			return nil, err
		}
		return found.(*v1alpha1.Inspection), nil
	}
	list, err := s.inspections(ctx)
	if err != nil {
		return nil, err
	}
	candidates := slices.DeleteFunc(slices.Clone(list), func(i v1alpha1.Inspection) bool { return name != "" && i.Name != name })
	switch len(candidates) {
	case 1:
		return &candidates[0], nil
	case 0:
		if name != "" {
			return nil, notFoundError(s.notFound(ctx, inspectionKind(), name))
		}
		return nil, fmt.Errorf("no Inspection in %s of context %q%s", s.where(), s.target.cluster, s.missingNamespace(ctx))
	}
	return nil, fmt.Errorf("%s of context %q has several Inspections: specify one of %s", s.where(), s.target.cluster, s.list(candidates))
}

// list names Inspections, with their namespaces where there is more than one.
func (s *store) list(inspections []v1alpha1.Inspection) string {
	var found []string
	for _, i := range inspections {
		if s.namespace == "" {
			found = append(found, fmt.Sprintf("%s (-n %s)", i.Name, i.Namespace))
		} else {
			found = append(found, i.Name)
		}
	}
	return text.List(found, maxNames)
}

// report returns a report: the latest one of a named Inspection, a named one or, without a name, the latest of the only Inspection.
func (s *store) report(ctx context.Context, argument string) (*v1alpha1.InspectionReport, error) {
	if argument == "" {
		return s.latestOf(ctx, "")
	}
	ref, err := parseReference(argument, inspectionKind(), reportKind())
	if err != nil {
		return nil, err
	}
	if ref.kind.Kind == reportKind().Kind {
		return s.namedReport(ctx, ref.name)
	}
	report, err := s.latestOf(ctx, ref.name)
	if ref.explicit || !apierrors.IsNotFound(err) {
		return report, err
	}
	named, reportErr := s.namedReport(ctx, ref.name)
	if apierrors.IsNotFound(reportErr) {
		return nil, err // it suggests an Inspection
	}
	return named, reportErr
}

func (s *store) latestOf(ctx context.Context, name string) (*v1alpha1.InspectionReport, error) {
	inspection, err := s.inspection(ctx, name)
	if err != nil {
		return nil, err
	}
	if inspection.Status.LastReport == "" {
		return nil, fmt.Errorf("inspection %s/%s has no report yet; run %s to see its status", inspection.Namespace, inspection.Name,
			remedy.Command("kubectl -n %s get inspection %s", inspection.Namespace, inspection.Name).Code())
	}
	return s.in(inspection.Namespace).namedReport(ctx, inspection.Status.LastReport)
}

// namedReport finds a report by name, in all namespaces if the store is of all.
func (s *store) namedReport(ctx context.Context, name string) (*v1alpha1.InspectionReport, error) {
	if s.namespace != "" {
		found, err := s.get(ctx, reportKind(), name)
		if err != nil {
			return nil, err
		}
		return found.(*v1alpha1.InspectionReport), nil
	}
	var found *v1alpha1.InspectionReport
	var namespaces []string
	err := s.each(ctx, reportKind(), "", func(o apiObject) {
		if o.GetName() == name {
			found = o.(*v1alpha1.InspectionReport)
			namespaces = append(namespaces, o.GetNamespace())
		}
	})
	switch {
	case err != nil:
		return nil, err
	case len(namespaces) > 1:
		return nil, fmt.Errorf("InspectionReport %q exists in several namespaces: use -n with one of %s", name,
			text.List(namespaces, maxNames))
	case found == nil:
		return nil, notFoundError(s.notFound(ctx, reportKind(), name))
	}
	return found, nil
}

// in is the store of another namespace.
func (s *store) in(namespace string) *store {
	other := *s
	other.namespace = namespace
	return &other
}

// notFoundError satisfies apierrors.IsNotFound.
func notFoundError(message string) error {
	return &failure{text: message, cause: apierrors.NewNotFound(v1alpha1.GroupVersion().WithResource("").GroupResource(), "")}
}

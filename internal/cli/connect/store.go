package connect

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
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

const (
	// fieldManager of the writes of the command line in metadata.managedFields.
	fieldManager = "kubeops-cli"
	// pageSize is small, because a report can have 512 KiB.
	pageSize = 20
)

// Store reads and patches resources of KubeOps. Its errors are ready to print.
type Store struct {
	Target Target
	Client rest.Interface
	// Namespace to look into; empty for all.
	Namespace string
	// offersAll is set if the command has -A.
	offersAll bool
}

func newStore(t Target) (*Store, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	config := rest.CopyConfig(t.Config)
	version := v1alpha1.GroupVersion()
	config.GroupVersion = &version
	config.APIPath = "/apis"
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	client, err := rest.RESTClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("load kubeconfig: %w", err)
	}
	return &Store{Target: t, Client: client, Namespace: t.Namespace}, nil
}

// Open resolves the flags and returns the store of the selected namespace.
func (f *ClusterFlags) Open() (*Store, error) {
	target, err := f.Resolve()
	if err != nil {
		return nil, err
	}
	return newStore(target)
}

// OpenAny is open for commands with -A, which selects all namespaces.
func (f *ClusterFlags) OpenAny(allNamespaces bool) (*Store, error) {
	s, err := f.Open()
	if err != nil {
		return nil, err
	}
	s.offersAll = true
	if allNamespaces {
		s.Namespace = ""
	}
	return s, nil
}

// Where the store looks, for a message.
func (s *Store) Where() string {
	if s.Namespace == "" {
		return "all namespaces"
	}
	return "namespace " + s.Namespace
}

// Get reads an object. The error of one that does not exist satisfies apierrors.IsNotFound and suggests a similar name.
func (s *Store) Get(ctx context.Context, kind ResourceKind, name string) (APIObject, error) {
	into := kind.Empty()
	err := s.Client.Get().Namespace(s.Namespace).Resource(kind.Resource).Name(name).Do(ctx).Into(into)
	if apierrors.IsNotFound(err) && !isNotServed(err) {
		return nil, &Failure{Text: s.notFound(ctx, kind, name), Cause: err}
	}
	return into, s.Target.Failed(err, fmt.Sprintf("get %s %s/%s", kind.Kind, s.Namespace, name))
}

// notFound describes that an object does not exist.
func (s *Store) notFound(ctx context.Context, kinds ResourceKind, name string) string {
	message := fmt.Sprintf("%s %q not found in %s of context %q", kinds.Kind, name, s.Where(), s.Target.Cluster)
	others, err := s.names(ctx, kinds)
	switch similar := command.Nearest(others, name); {
	case err != nil:
		return message
	case similar != "":
		return message + command.DidYouMean(similar)
	case len(others) > 0:
		return message + "; it has " + text.List(others, command.MaxNames)
	}
	return message + s.MissingNamespace(ctx)
}

// MissingNamespace explains why a namespace is empty: it does not exist, or another one is meant.
func (s *Store) MissingNamespace(ctx context.Context) string {
	existing, err := Namespaces(ctx, s.Target)
	switch {
	case err != nil || s.Namespace == "":
		return ""
	case !slices.Contains(existing, s.Namespace):
		return fmt.Sprintf("; the namespace does not exist%s", command.DidYouMean(command.Nearest(existing, s.Namespace)))
	case s.offersAll:
		return "; use -n to select another namespace, or -A for all"
	}
	return "; use -n to select another namespace"
}

// names of the objects of a kind. Only their metadata is read.
func (s *Store) names(ctx context.Context, kind ResourceKind) ([]string, error) {
	raw, err := s.Client.Get().Namespace(s.Namespace).Resource(kind.Resource).
		SetHeader("Accept", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io").Do(ctx).Raw()
	if err != nil {
		return nil, s.Target.Failed(err, fmt.Sprintf("list %s in %s", kind.Resource, s.Where()))
	}
	var list metav1.PartialObjectMetadataList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("decode the list of %s: %w", kind.Resource, err)
	}
	found := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		found = append(found, item.Name)
	}
	return found, nil
}

// Each lists the objects of a kind by pages, of which it keeps none.
func (s *Store) Each(ctx context.Context, kind ResourceKind, selector string, visit func(APIObject)) error {
	for next := ""; ; {
		list := kind.List()
		request := s.Client.Get().Namespace(s.Namespace).Resource(kind.Resource).Param("limit", fmt.Sprint(pageSize))
		if selector != "" {
			request = request.Param("labelSelector", selector)
		}
		if next != "" {
			request = request.Param("continue", next)
		}
		if err := request.Do(ctx).Into(list); err != nil {
			return s.Target.Failed(err, fmt.Sprintf("list %s in %s", kind.Resource, s.Where()))
		}
		items, err := meta.ExtractList(list)
		if err != nil {
			return err
		}
		for _, item := range items {
			visit(item.(APIObject))
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

// Create an object and return it as it is stored then.
func (s *Store) Create(ctx context.Context, kind ResourceKind, object APIObject) (APIObject, error) {
	into := kind.Empty()
	err := s.Client.Post().Namespace(s.Namespace).Resource(kind.Resource).Param("fieldManager",
		fieldManager).Body(object).Do(ctx).Into(into)
	return into, s.Target.Failed(err, fmt.Sprintf("create a %s in namespace %s", kind.Kind, s.Namespace))
}

// Patch changes an object and returns it as it is stored then.
func (s *Store) Patch(ctx context.Context, kind ResourceKind, namespace, name string, how types.PatchType, body []byte) (APIObject, error) {
	into := kind.Empty()
	err := s.Client.Patch(how).Namespace(namespace).Resource(kind.Resource).Name(name).Param("fieldManager", fieldManager).Body(body).
		Do(ctx).Into(into)
	return into, s.Target.Failed(err, fmt.Sprintf("patch %s %s/%s", kind.Kind, namespace, name))
}

// Inspections of the store's namespaces.
func (s *Store) Inspections(ctx context.Context) ([]v1alpha1.Inspection, error) {
	var list []v1alpha1.Inspection
	err := s.Each(ctx, InspectionKind(), "", func(o APIObject) { list = append(list, *o.(*v1alpha1.Inspection)) })
	return list, err
}

// Inspection returns the named Inspection or, without a name, the only one.
func (s *Store) Inspection(ctx context.Context, name string) (*v1alpha1.Inspection, error) {
	if name != "" && s.Namespace != "" {
		found, err := s.Get(ctx, InspectionKind(), name)
		if err != nil {
			return nil, err
		}
		return found.(*v1alpha1.Inspection), nil
	}
	list, err := s.Inspections(ctx)
	if err != nil {
		return nil, err
	}
	candidates := slices.DeleteFunc(slices.Clone(list), func(i v1alpha1.Inspection) bool { return name != "" && i.Name != name })
	switch len(candidates) {
	case 1:
		return &candidates[0], nil
	case 0:
		if name != "" {
			return nil, notFoundError(s.notFound(ctx, InspectionKind(), name))
		}
		return nil, fmt.Errorf("no Inspection in %s of context %q%s", s.Where(), s.Target.Cluster, s.MissingNamespace(ctx))
	}
	return nil, fmt.Errorf("%s of context %q has several Inspections: specify one of %s", s.Where(), s.Target.Cluster, s.list(candidates))
}

// list names Inspections, with their namespaces where there is more than one.
func (s *Store) list(inspections []v1alpha1.Inspection) string {
	var found []string
	for _, i := range inspections {
		if s.Namespace == "" {
			found = append(found, fmt.Sprintf("%s (-n %s)", i.Name, i.Namespace))
		} else {
			found = append(found, i.Name)
		}
	}
	return text.List(found, command.MaxNames)
}

// Report returns a report: the latest one of a named Inspection, a named one or, without a name, the latest of the only Inspection.
func (s *Store) Report(ctx context.Context, argument string) (*v1alpha1.InspectionReport, error) {
	if argument == "" {
		return s.latestOf(ctx, "")
	}
	ref, err := ParseReference(argument, InspectionKind(), ReportKind())
	if err != nil {
		return nil, err
	}
	if ref.Kind.Kind == ReportKind().Kind {
		return s.NamedReport(ctx, ref.Name)
	}
	report, err := s.latestOf(ctx, ref.Name)
	if ref.explicit || !apierrors.IsNotFound(err) {
		return report, err
	}
	named, reportErr := s.NamedReport(ctx, ref.Name)
	if apierrors.IsNotFound(reportErr) {
		return nil, err // it suggests an Inspection
	}
	return named, reportErr
}

func (s *Store) latestOf(ctx context.Context, name string) (*v1alpha1.InspectionReport, error) {
	inspection, err := s.Inspection(ctx, name)
	if err != nil {
		return nil, err
	}
	if inspection.Status.LastReport == "" {
		return nil, fmt.Errorf("inspection %s/%s has no report yet; run %s to see its status", inspection.Namespace, inspection.Name,
			remedy.Command("kubectl -n %s get inspection %s", inspection.Namespace, inspection.Name).Code())
	}
	return s.In(inspection.Namespace).NamedReport(ctx, inspection.Status.LastReport)
}

// NamedReport finds a report by name, in all namespaces if the store is of all.
func (s *Store) NamedReport(ctx context.Context, name string) (*v1alpha1.InspectionReport, error) {
	if s.Namespace != "" {
		found, err := s.Get(ctx, ReportKind(), name)
		if err != nil {
			return nil, err
		}
		return found.(*v1alpha1.InspectionReport), nil
	}
	var found *v1alpha1.InspectionReport
	var namespaces []string
	err := s.Each(ctx, ReportKind(), "", func(o APIObject) {
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
			text.List(namespaces, command.MaxNames))
	case found == nil:
		return nil, notFoundError(s.notFound(ctx, ReportKind(), name))
	}
	return found, nil
}

// In is the store of another namespace.
func (s *Store) In(namespace string) *Store {
	other := *s
	other.Namespace = namespace
	return &other
}

// notFoundError satisfies apierrors.IsNotFound.
func notFoundError(message string) error {
	return &Failure{Text: message, Cause: apierrors.NewNotFound(v1alpha1.GroupVersion().WithResource("").GroupResource(), "")}
}

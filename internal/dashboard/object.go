package dashboard

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/validate/content"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/internal/dashboard/explore"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
)

const (
	// maxObject that is read, and maxYAML of it that is shown, in bytes.
	maxObject = 8 << 20
	maxYAML   = 256 << 10
	// maxEvents of an object, the newest first.
	maxEvents = 50
	// asMetadata asks for metadata only.
	asMetadata = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
)

// ObjectDetail is an object of any kind.
type ObjectDetail struct {
	Object
	Resource string         `json:"resource" doc:"Resource and group, for example deployments.apps."`
	Created  *time.Time     `json:"created,omitempty" doc:"Creation time."`
	Deleting *time.Time     `json:"deleting,omitempty" doc:"When the deletion was requested."`
	YAML     string         `json:"yaml" doc:"The object without managed fields and values of Secrets. Other secrets are redacted."`
	Cut      bool           `json:"cut" doc:"True if the object is longer than what is shown."`
	Command  string         `json:"command" doc:"Command that prints all of it."`
	Owners   []Owner        `json:"owners" nullable:"false" doc:"Owners of the object."`
	Managers []FieldManager `json:"managers" nullable:"false" doc:"Who wrote fields, the last first."`
	Events   []ObjectEvent  `json:"events" nullable:"false" doc:"Events of the object, the newest first."`
	EventGap string         `json:"eventGap" doc:"Why events could not be read. Empty if they were."`
	// Containers of a Pod have logs.
	Containers []string  `json:"containers" nullable:"false" doc:"Containers of a Pod, which have logs."`
	ReadAt     time.Time `json:"readAt" doc:"Time when the API server was read."`
}

// Owner of an object.
type Owner struct {
	Object
	Resource   string `json:"resource" doc:"Resource and group. Empty if the cluster does not have it."`
	Controller bool   `json:"controller" doc:"True for the owner that manages the object."`
}

// FieldManager wrote fields of an object.
type FieldManager struct {
	Manager     string     `json:"manager" doc:"Name, for example kubectl."`
	Operation   string     `json:"operation" doc:"Apply or Update."`
	Subresource string     `json:"subresource" doc:"Subresource, for example status. Empty for the object."`
	Time        *time.Time `json:"time,omitempty" doc:"Time of the last write."`
	Fields      int        `json:"fields" doc:"Number of fields."`
}

// ObjectEvent is an event of an object.
type ObjectEvent struct {
	Type    string     `json:"type" doc:"Normal or Warning."`
	Reason  string     `json:"reason" doc:"Reason, one word."`
	Message string     `json:"message" doc:"What happened."`
	Count   int32      `json:"count" doc:"How often."`
	Last    *time.Time `json:"last,omitempty" doc:"When it happened last."`
	Source  string     `json:"source" doc:"Who reported it."`
}

type clusterObjectInput struct {
	Resource string `path:"resource" maxLength:"253" pattern:"^[a-z][a-z0-9]*([.-][a-z0-9]+)*$" doc:"Resource, with its group."`
	Name     string `path:"name" maxLength:"253" pattern:"^[^/%]+$" doc:"Name."`
}

type objectInput struct {
	Namespace string `path:"namespace" maxLength:"63" pattern:"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" doc:"Namespace."`
	Resource  string `path:"resource" maxLength:"253" pattern:"^[a-z][a-z0-9]*([.-][a-z0-9]+)*$" doc:"Resource, with its group."`
	Name      string `path:"name" maxLength:"253" pattern:"^[^/%]+$" doc:"Name."`
}

type objectOutput struct{ Body ObjectDetail }

func (s *Server) getClusterObject(ctx context.Context, input *clusterObjectInput) (*objectOutput, error) {
	return s.object(ctx, input.Resource, "", input.Name)
}

func (s *Server) getObject(ctx context.Context, input *objectInput) (*objectOutput, error) {
	return s.object(ctx, input.Resource, input.Namespace, input.Name)
}

func (s *Server) object(ctx context.Context, id, namespace, name string) (*objectOutput, error) {
	readAt := s.now()
	all, err := s.catalog.all()
	if err != nil {
		return nil, failed(err)
	}
	r, ok := all[id]
	if !ok || r.namespaced != (namespace != "") || len(content.IsPathSegmentName(name)) > 0 {
		return nil, problem(http.StatusNotFound, notFound)
	}
	viewer := identityOf(ctx).viewer
	if err := s.withoutGap(ctx, viewer, r); err != nil {
		return nil, err
	}
	client, err := s.cluster.any(viewer)
	if err != nil {
		return nil, failed(err)
	}
	found, err := readObject(ctx, client, r, namespace, name)
	if err != nil {
		return nil, failed(err)
	}
	view, err := s.objectView(found, r, all)
	if err != nil {
		return nil, failed(err)
	}
	view.ReadAt = readAt
	view.Events, view.EventGap = s.eventsOf(ctx, client, found)
	return &objectOutput{view}, nil
}

// readObject reads an object. Of a Secret only the metadata is read, whatever the viewer may see: its values never get here.
func readObject(ctx context.Context, client rest.Interface, r resource, namespace, name string) (*unstructured.Unstructured, error) {
	scope := explore.Scope{Group: r.Group, Version: r.Version, Resource: r.Resource, Namespace: namespace}
	accept := "application/json"
	if isSecret(r) {
		accept = asMetadata
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	body, err := client.Get().AbsPath(scope.Path(name)...).SetHeader("Accept", accept).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }()
	found := &unstructured.Unstructured{}
	if err := json.NewDecoder(io.LimitReader(body, maxObject)).Decode(&found.Object); err != nil {
		return nil, err
	}
	found.SetGroupVersionKind(r.GroupVersion().WithKind(r.kind))
	return found, nil
}

func isSecret(r resource) bool { return r.Group == "" && r.Resource == "secrets" }

func (s *Server) objectView(found *unstructured.Unstructured, r resource, all map[string]resource) (ObjectDetail, error) {
	created := found.GetCreationTimestamp()
	view := ObjectDetail{
		Object:   Object{APIVersion: found.GetAPIVersion(), Kind: found.GetKind(), Namespace: found.GetNamespace(), Name: found.GetName()},
		Resource: r.id(), Created: timeOf(&created), Deleting: timeOf(found.GetDeletionTimestamp()), Owners: []Owner{},
		Managers: managersOf(found.GetManagedFields()), Events: []ObjectEvent{}, Containers: containersOf(found, r),
	}
	for _, owner := range found.GetOwnerReferences() {
		view.Owners = append(view.Owners, ownerOf(owner, found.GetNamespace(), all))
	}
	slices.SortFunc(view.Owners, func(a, b Owner) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	view.Command = string(remedy.Command("kubectl get %s %s -o yaml", r.id(), view.Name))
	if view.Namespace != "" {
		view.Command = string(remedy.Command("kubectl -n %s get %s %s -o yaml", view.Namespace, r.id(), view.Name))
	}
	var err error
	view.YAML, view.Cut, err = s.yamlOf(found, isSecret(r))
	return view, err
}

// yamlOf an object. Annotations can contain a Secret as it was applied.
func (s *Server) yamlOf(found *unstructured.Unstructured, secret bool) (text string, cut bool, err error) {
	found.SetManagedFields(nil)
	annotations := found.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	if secret {
		for key := range annotations {
			annotations[key] = "(not shown: it can contain values of the Secret)"
		}
		for _, field := range []string{"data", "stringData", "immutable"} {
			unstructured.RemoveNestedField(found.Object, field)
		}
	}
	found.SetAnnotations(annotations)
	content, err := yaml.Marshal(found.Object)
	if err != nil {
		return "", false, err
	}
	// A secret at the end of what is read could be cut in half: what is shown ends before it.
	const margin = 64 << 10
	text = string(content)
	cut = len(text) > maxYAML
	if len(text) > maxYAML+margin {
		text = text[:maxYAML+margin]
	}
	text = s.redactor.Text(strings.ToValidUTF8(text, "�"))
	if cut && len(text) > maxYAML {
		text = text[:strings.LastIndexByte(text[:maxYAML], '\n')+1]
	}
	return printable.Block(text), cut, nil
}

func ownerOf(owner metav1.OwnerReference, namespace string, all map[string]resource) Owner {
	view := Owner{
		Object:     Object{APIVersion: owner.APIVersion, Kind: owner.Kind, Namespace: namespace, Name: owner.Name},
		Controller: owner.Controller != nil && *owner.Controller,
	}
	version, _ := schema.ParseGroupVersion(owner.APIVersion)
	for id, r := range all {
		if r.Group == version.Group && r.kind == owner.Kind {
			view.Resource = id
			if !r.namespaced {
				view.Namespace = ""
			}
		}
	}
	return view
}

func managersOf(entries []metav1.ManagedFieldsEntry) []FieldManager {
	managers := make([]FieldManager, 0, len(entries))
	for _, entry := range entries {
		manager := FieldManager{
			Manager: printable.Line(entry.Manager), Operation: string(entry.Operation), Subresource: entry.Subresource,
			Time: timeOf(entry.Time),
		}
		if entry.FieldsV1 != nil {
			var tree map[string]any
			if json.Unmarshal(entry.FieldsV1.GetRawBytes(), &tree) == nil {
				manager.Fields = leaves(tree)
			}
		}
		managers = append(managers, manager)
	}
	slices.SortFunc(managers, func(a, b FieldManager) int {
		if a.Time != nil && b.Time != nil {
			return cmp.Or(b.Time.Compare(*a.Time), cmp.Compare(a.Manager, b.Manager))
		}
		return cmp.Compare(a.Manager, b.Manager)
	})
	return managers
}

// leaves of a set of fields.
func leaves(tree map[string]any) int {
	count := 0
	for key, value := range tree {
		inner, _ := value.(map[string]any)
		switch {
		case key == ".":
		case len(inner) == 0:
			count++
		default:
			count += leaves(inner)
		}
	}
	return count
}

// containersOf a Pod, in the order in which they start.
func containersOf(found *unstructured.Unstructured, r resource) []string {
	names := []string{}
	if r.Group != "" || r.Resource != "pods" {
		return names
	}
	for _, field := range []string{"initContainers", "containers", "ephemeralContainers"} {
		list, _, _ := unstructured.NestedSlice(found.Object, "spec", field)
		for _, item := range list {
			container, _ := item.(map[string]any)
			if name, ok := container["name"].(string); ok {
				names = append(names, name)
			}
		}
	}
	return names
}

// eventsOf an object as the viewer. Events of the cluster's objects are in namespace default.
func (s *Server) eventsOf(ctx context.Context, client rest.Interface, of *unstructured.Unstructured) (events []ObjectEvent, gap string) {
	events = []ObjectEvent{}
	scope := explore.Scope{Version: "v1", Resource: "events", Namespace: cmp.Or(of.GetNamespace(), metav1.NamespaceDefault)}
	selector := fields.Set{"involvedObject.kind": of.GetKind(), "involvedObject.name": of.GetName()}.AsSelector().String()
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var found corev1.EventList
	const limit = "500"
	err := client.Get().AbsPath(scope.Path("")...).Param("fieldSelector", selector).Param("limit", limit).Do(ctx).Into(&found)
	if err != nil {
		return events, "Events cannot be read: list Events in namespace " + scope.Namespace + " (RBAC)."
	}
	for i := range found.Items {
		e := &found.Items[i]
		if uid := e.InvolvedObject.UID; uid != "" && uid != of.GetUID() {
			continue // of an object of the same name that is gone
		}
		events = append(events, s.eventOf(e))
	}
	slices.SortFunc(events, func(a, b ObjectEvent) int {
		if a.Last != nil && b.Last != nil {
			return b.Last.Compare(*a.Last)
		}
		return cmp.Compare(a.Reason, b.Reason)
	})
	return events[:min(len(events), maxEvents)], ""
}

func (s *Server) eventOf(e *corev1.Event) ObjectEvent {
	view := ObjectEvent{
		Type: e.Type, Reason: printable.Line(e.Reason), Message: printable.Block(s.redactor.Text(e.Message)), Count: max(e.Count, 1),
		Last: timeOf(&e.LastTimestamp), Source: printable.Line(cmp.Or(e.ReportingController, e.Source.Component)),
	}
	if series := e.Series; series != nil {
		view.Count = series.Count
		at := metav1.NewTime(series.LastObservedTime.Time)
		view.Last = timeOf(&at)
	}
	if view.Last == nil {
		at := metav1.NewTime(e.EventTime.Time)
		if at.IsZero() {
			at = e.CreationTimestamp
		}
		view.Last = timeOf(&at)
	}
	return view
}

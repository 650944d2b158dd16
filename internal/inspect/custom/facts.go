package custom

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/common"
	celast "github.com/google/cel-go/common/ast"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// Fields of facts.
const (
	fieldCluster         = "cluster"
	fieldVersion         = "version"
	fieldNamespaceLabels = "namespaceLabels"
	fieldOwner           = "owner"
	fieldPods            = "pods"
	fieldEvents          = "events"
	fieldFindings        = "findings"
	fieldDependsOn       = "dependsOn"
)

// maxEvents per object that expressions can see.
const maxEvents = 10

func allFields() []string {
	return []string{
		fieldCluster, fieldDependsOn, fieldEvents, fieldFindings, fieldNamespaceLabels, fieldOwner, fieldPods, fieldVersion,
	}
}

// kindsFor returns the kinds from which a field of facts is computed.
func kindsFor(field string) []facts.Kind {
	switch field {
	case fieldNamespaceLabels:
		return []facts.Kind{facts.Namespace}
	case fieldOwner, fieldFindings:
		return []facts.Kind{facts.ReplicaSet, facts.Job}
	case fieldPods:
		return []facts.Kind{facts.Pod, facts.ReplicaSet, facts.Job, facts.Service}
	case fieldEvents:
		return []facts.Kind{facts.Event}
	case fieldDependsOn:
		return []facts.Kind{
			facts.Pod, facts.ReplicaSet, facts.Deployment, facts.StatefulSet, facts.DaemonSet, facts.Job, facts.CronJob, facts.Service,
			facts.Ingress, facts.IngressClass, facts.HPA, facts.PDB, facts.PVC, facts.PV, facts.StorageClass, facts.ConfigMap, facts.Secret,
			facts.ServiceAccount, facts.Node, facts.APIService, facts.ValidatingWebhook, facts.MutatingWebhook,
		}
	default:
		return nil
	}
}

// usedFacts returns the fields of facts that an expression selects, or all fields if it uses facts in another way. Fields that do not
// exist are errors.
func usedFacts(ast *celast.AST) (fields []string, unknown []*common.Error) {
	idents := celast.MatchDescendants(celast.NavigateAST(ast), func(e celast.NavigableExpr) bool {
		return e.Kind() == celast.IdentKind && e.AsIdent() == varFacts
	})
	for _, ident := range idents {
		parent, ok := ident.Parent()
		if !ok || parent.Kind() != celast.SelectKind {
			fields = append(fields, allFields()...)
			continue
		}
		field := parent.AsSelect().FieldName()
		if !slices.Contains(allFields(), field) {
			unknown = append(unknown, &common.Error{
				Location: ast.SourceInfo().GetStartLocation(parent.ID()),
				Message:  fmt.Sprintf("unknown field %s in facts: must be one of %s", field, strings.Join(allFields(), ", ")),
			})
			continue
		}
		fields = append(fields, field)
	}
	return fields, unknown
}

// surroundings computes the facts of objects. A field whose kinds could not be read is omitted: the expression then fails, which is a
// gap instead of a wrong result.
type surroundings struct {
	graph *facts.Graph
	// found are the ids of the checks with findings, by object.
	found map[facts.Ref][]string
	// labels of namespaces that the graph lacks.
	labels map[string]map[string]string
}

// of returns the facts of an object.
func (s *surroundings) of(o *subject, fields []string) map[string]any {
	values := make(map[string]any, len(fields))
	for _, field := range fields {
		if value := s.field(o, field); value != nil {
			values[field] = value
		}
	}
	return values
}

func (s *surroundings) field(o *subject, field string) any {
	switch field {
	case fieldCluster:
		return s.graph.Cluster
	case fieldVersion:
		if s.graph.Version != "" {
			return s.graph.Version
		}
	case fieldNamespaceLabels:
		if labels := s.namespaceLabels(o); labels != nil {
			return labels
		}
	case fieldOwner:
		if owner := s.topOwner(o); owner != o.ref {
			return map[string]any{"kind": kindName(owner.Kind), "name": owner.Name}
		}
	case fieldPods:
		if pods := s.pods(o.ref); pods != nil {
			return pods
		}
	case fieldEvents:
		if s.graph.Complete(facts.Event, o.ref.Namespace) {
			return s.events(o.ref)
		}
	case fieldFindings:
		return s.findings(o)
	case fieldDependsOn:
		return s.dependsOn(o.ref)
	}
	return nil
}

// namespaceLabels returns the labels of the object's namespace, a Namespace's own labels, or none for cluster-scoped objects.
func (s *surroundings) namespaceLabels(o *subject) map[string]string {
	name := o.ref.Namespace
	if o.ref.Kind == facts.Namespace {
		name = o.ref.Name
	}
	if name == "" {
		return map[string]string{}
	}
	if node, ok := facts.Lookup[*facts.NamespaceNode](s.graph, facts.Ref{Kind: facts.Namespace, Name: name}); ok {
		if node.Labels == nil {
			return map[string]string{}
		}
		return node.Labels
	}
	return s.labels[name]
}

// topOwner is the top of the object's chain of owners, or the object itself.
func (s *surroundings) topOwner(o *subject) facts.Ref {
	if o.owner.IsZero() {
		return o.ref
	}
	return s.graph.TopOwner(o.owner)
}

// pods counts the Pods of a workload, Service, Namespace or Node; nil if unknown.
func (s *surroundings) pods(ref facts.Ref) map[string]any {
	namespace := ref.Namespace
	if ref.Kind == facts.Namespace {
		namespace = ref.Name
	}
	if !s.graph.Complete(facts.Pod, namespace) {
		return nil
	}
	pods := s.graph.PodsOf(ref)
	switch ref.Kind {
	case facts.Namespace:
		pods = s.graph.PodsIn(ref.Name)
	case facts.Node:
		pods = s.graph.PodsOn(ref.Name)
	case facts.Service:
		service, ok := facts.Lookup[*facts.ServiceNode](s.graph, ref)
		if !ok {
			return nil
		}
		pods = s.graph.Selected(namespace, facts.SelectorFromSet(service.Selector))
	}
	var ready, restarts int64
	nodes := map[string]bool{}
	for _, pod := range pods {
		if pod.Ready {
			ready++
		}
		if pod.NodeName != "" {
			nodes[pod.NodeName] = true
		}
		for _, c := range pod.Containers {
			restarts += int64(c.Restarts)
		}
	}
	return map[string]any{"count": int64(len(pods)), "ready": ready, "restarts": restarts, "nodes": int64(len(nodes))}
}

func (s *surroundings) events(ref facts.Ref) []any {
	list := []any{}
	for _, e := range s.graph.EventsOf(ref) {
		if len(list) == maxEvents {
			break
		}
		list = append(list, map[string]any{"reason": e.Reason, "message": e.Message, "count": int64(e.Count)})
	}
	return list
}

// findings returns the ids of the checks with findings on the object or its top owner.
func (s *surroundings) findings(o *subject) []any {
	ids := slices.Clone(s.found[o.ref])
	if owner := s.topOwner(o); owner != o.ref {
		ids = append(ids, s.found[owner]...)
	}
	slices.Sort(ids)
	list := []any{}
	for _, id := range slices.Compact(ids) {
		list = append(list, id)
	}
	return list
}

// dependsOn returns the outgoing edges of the object. The field exists is omitted if unknown.
func (s *surroundings) dependsOn(ref facts.Ref) []any {
	list := []any{}
	for _, edge := range s.graph.DependsOn(ref) {
		entry := map[string]any{"kind": kindName(edge.To.Kind), "name": edge.To.Name, "edge": string(edge.Kind)}
		if exists := s.graph.Has(edge.To); exists || s.graph.Complete(edge.To.Kind, edge.To.Namespace) {
			entry["exists"] = exists
		}
		list = append(list, entry)
	}
	return list
}

// kindName is the kind without its group.
func kindName(kind facts.Kind) string {
	name, _, _ := strings.Cut(string(kind), ".")
	return name
}

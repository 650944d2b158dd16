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

// maxEvents about one object that an expression sees.
const maxEvents = 10

func allFields() []string {
	return []string{
		fieldCluster, fieldDependsOn, fieldEvents, fieldFindings, fieldNamespaceLabels, fieldOwner, fieldPods, fieldVersion,
	}
}

// kindsFor are the kinds that a field of facts is made from.
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

// factsNamed are the fields of facts that an expression names; all of them, where it does not name them one by one. A
// field that facts never has is an issue.
func factsNamed(ast *celast.AST) (fields []string, unknown []*common.Error) {
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
				Message:  fmt.Sprintf("facts has no field %s; it has %s", field, strings.Join(allFields(), ", ")),
			})
			continue
		}
		fields = append(fields, field)
	}
	return fields, unknown
}

// surroundings answers what expressions ask of facts. A field that is not known, since what it is made from was not read,
// is left out: the expression then fails on it, which is a gap, and not a wrong judgement.
type surroundings struct {
	graph *facts.Graph
	// found are the checks that found something, by object.
	found map[facts.Ref][]string
	// labels of namespaces beyond those of the graph.
	labels map[string]map[string]string
}

// of makes the fields of facts about one object.
func (s *surroundings) of(o *subject, fields []string) map[string]any {
	made := make(map[string]any, len(fields))
	for _, field := range fields {
		if value := s.field(o, field); value != nil {
			made[field] = value
		}
	}
	return made
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

// namespaceLabels are those of the object's namespace; of a Namespace, its own; of what has no namespace, none.
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

// topOwner is what stands at the top of the object's owners; the object itself, when it has none.
func (s *surroundings) topOwner(o *subject) facts.Ref {
	if o.owner.IsZero() {
		return o.ref
	}
	return s.graph.TopOwner(o.owner)
}

// pods counts the Pods of a workload, a Service, a Namespace or a Node; nil when they are not known.
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

// findings are the checks that found something on the object or on its top owner.
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

// dependsOn are the edges that leave the object. Whether the other end exists stands there only where it is known.
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

// kindName is the kind as the API has it, without the group that may stand behind it.
func kindName(kind facts.Kind) string {
	name, _, _ := strings.Cut(string(kind), ".")
	return name
}

package facts

import (
	"cmp"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KindInfo is everything that differs from kind to kind: how a kind is listed, reduced and kept. A kind that is read is one case of
// builtin or custom, with its reducer and node type.
type KindInfo struct {
	// APIVersion that the kind is read at, for example apps/v1. Discovery finds that of custom resources.
	APIVersion string
	// Resource is the plural, lower-case name in the API's paths and in RBAC rules.
	Resource string
	// ClusterScoped kinds have no namespace.
	ClusterScoped bool
	// Context kinds are cluster-scoped and read even when an inspection names namespaces, since they explain what happens there.
	Context bool
	// NewList returns an empty typed list. Kinds without one are read as JSON objects (NewObject), or else as metadata.
	NewList func() runtime.Object
	// NewObject returns an empty object for each item of a JSON list.
	NewObject func() any
	// FieldSelector narrows the list at the API server.
	FieldSelector string
	// PageSize is the number of objects per page where objects are large; 0 means the default.
	PageSize int64

	// reduce turns an object of the API into a node.
	reduce func(object any) any
	// reduceCustom adds the facts of one kind of custom resource to its node; nil where there are none.
	reduceCustom func(node *CustomNode, object *CustomObject, meta *customMeta)
	// nodes is the list of the graph that nodes of the kind belong to; nil for Events.
	nodes func(g *Graph) nodeList
}

// Kinds returns every kind that is reduced to nodes, Events included, in the order in which they are read: the largest lists
// first, so small lists fill the gaps at the end.
func Kinds() []Kind {
	return []Kind{
		Pod, Event, ReplicaSet, ConfigMap, Deployment, Service, EndpointSlice, Node, Secret, ServiceAccount, Job, CronJob, StatefulSet,
		DaemonSet, ReplicationController, HPA, PDB, PVC, PV, StorageClass, Ingress, IngressClass, ResourceQuota, Namespace, CRD,
		APIService, ValidatingWebhook, MutatingWebhook, Role, RoleBinding, ClusterRole, ClusterRoleBinding, NetworkPolicy, LimitRange,
		PriorityClass,
	}
}

// Info returns the table entry of a kind, and whether it has one.
func (k Kind) Info() (KindInfo, bool) {
	if k.IsCustom() {
		return k.custom()
	}
	return k.builtin()
}

// APIVersion is the group and version that the kind is read at. A custom resource has only its group here; its version is known
// to the graph.
func (k Kind) APIVersion() string {
	if k.IsCustom() {
		return k.Group()
	}
	info, _ := k.builtin()
	return cmp.Or(info.APIVersion, "v1")
}

// Namespaced reports whether objects of the kind have a namespace. Unknown custom resources are assumed to have one; see
// Ref.Namespaced.
func (k Kind) Namespaced() bool {
	if k.IsCustom() {
		info, _ := k.custom()
		return !info.ClusterScoped
	}
	info, _ := k.builtin()
	return !info.ClusterScoped
}

// Resource is the plural, lower-case name of the kind in the API's paths and in RBAC rules. For unknown kinds it is the usual
// plural.
func (k Kind) Resource() string {
	if info, ok := k.Info(); ok && info.Resource != "" {
		return info.Resource
	}
	lower := strings.ToLower(k.Name())
	if strings.HasSuffix(lower, "ss") {
		return lower + "es"
	}
	return lower + "s"
}

// KindOf is the kind under which the graph keeps an object. Where another API group has a kind with the name of a kind that is
// read, it is the kind with its group: a Service of serving.knative.dev is not a Service.
func KindOf(apiVersion, kind string) Kind {
	named := Kind(kind)
	if apiVersion == "" || group(apiVersion) == group(named.APIVersion()) {
		return named
	}
	return CustomKind(cmp.Or(group(apiVersion), coreGroup), kind)
}

// coreGroup stands for the core group, whose name is empty, in kinds that are written with their group.
const coreGroup = "core"

// group of an apiVersion; empty for the core group.
func group(apiVersion string) string {
	name, _, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		return ""
	}
	return name
}

// kindOfObject is the kind of an object that a reducer takes. The Go types of the API are named like their kinds.
func kindOfObject(object any) Kind {
	switch object.(type) {
	case nil:
		return ""
	case *CustomObject:
		return Custom
	case *CRDObject, *CRDSchemaObject:
		return CRD
	case *APIServiceObject:
		return APIService
	case *metav1.PartialObjectMetadata:
		return Secret
	}
	if t := reflect.TypeOf(object); t.Kind() == reflect.Pointer {
		return Kind(t.Elem().Name())
	}
	return ""
}

// reduceAs calls a reducer with an object of its type. Objects of another API version of the kind have no node.
func reduceAs[O, N any](object any, reduce func(*O) *N) any {
	typed, ok := object.(*O)
	if !ok || typed == nil {
		return nil
	}
	if node := reduce(typed); node != nil {
		return node
	}
	return nil
}

// newList returns an empty list of a type.
func newList[L any, P interface {
	*L
	runtime.Object
}]() runtime.Object {
	return P(new(L))
}

// graphNode is an object reduced to facts; every node type embeds Meta.
type graphNode interface{ meta() *Meta }

// nodeList is one of the lists of a graph, for nodes of any type.
type nodeList interface {
	add(node graphNode)
	sort()
}

type typedList[N graphNode] []N

// listOf lets a list of a graph be filled without its node type. It is the list itself, not a copy.
func listOf[N graphNode](nodes *[]N) nodeList { return (*typedList[N])(nodes) }

// add appends a node of the list's type; another one is left out.
func (l *typedList[N]) add(node graphNode) {
	if typed, ok := node.(N); ok {
		*l = append(*l, typed)
	}
}

func (l *typedList[N]) sort() {
	slices.SortFunc(*l, func(a, b N) int { return a.meta().Compare(b.meta().Ref) })
}

package facts

import (
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
)

// Graph is the model of one cluster. A Builder fills it; after that it is read-only, and its methods are safe for concurrent use.
type Graph struct {
	// Cluster is its name in findings.
	Cluster string
	// Now is when the run started; checks measure ages against it, never against the clock.
	Now time.Time
	// Version of the API server, for example v1.37.2; empty when unknown.
	Version string

	Pods           []*PodNode
	Nodes          []*NodeNode
	Namespaces     []*NamespaceNode
	Services       []*ServiceNode
	Endpoints      []*EndpointsNode
	Ingresses      []*IngressNode
	IngressClasses []*IngressClassNode
	Workloads      []*WorkloadNode
	Jobs           []*JobNode
	CronJobs       []*CronJobNode
	HPAs           []*HPANode
	PDBs           []*PDBNode
	PVCs           []*PVCNode
	PVs            []*PVNode
	StorageClasses []*StorageClassNode
	// Configs holds ConfigMaps, Secrets and ServiceAccounts.
	Configs     []*ConfigNode
	Quotas      []*QuotaNode
	APIServices []*APIServiceNode
	Webhooks    []*WebhookNode
	// Roles holds Roles and ClusterRoles, Bindings their bindings.
	Roles           []*RoleNode
	Bindings        []*BindingNode
	NetworkPolicies []*NetworkPolicyNode
	LimitRanges     []*LimitRangeNode
	PriorityClasses []*PriorityClassNode
	CRDs            []*CRDNode
	// CustomResources are custom resources of all kinds.
	CustomResources []*CustomNode
	// Events are warnings only, the newest of each object and reason.
	Events []*EventNode
	// FromManifests is set if the objects are from files: no admission has changed them, and what Kubernetes ships is not among them.
	FromManifests bool
	// ManifestErrors are errors in manifests; empty for clusters.
	ManifestErrors []ManifestError

	byRef         map[Ref]graphNode
	podsByOwner   map[Ref][]*PodNode
	podsByNS      map[string][]*PodNode
	podsByLabel   map[podLabel][]*PodNode
	podsByNode    map[string][]*PodNode
	servicesByNS  map[string][]*ServiceNode
	endpointsByNS map[Ref][]*EndpointsNode
	eventsByRef   map[Ref][]*EventNode
	specs         []SpecUse
	coverage      map[Kind]coverage
	// customVersions is the API version at which each kind of custom resource was read.
	customVersions map[Kind]string
	// makers are the custom resources whose controller creates a Secret, owned the objects that a custom resource controls.
	makers, owned map[Ref][]Ref
	// sources are the facts read from backends: usage, trends, alerts and logs, nil where they were not read.
	sources map[Source]bool
	usage   *Usage
	trends  *Trends
	alerts  *Alerts
	logs    *Logs
	running *RunningLogs
}

// coverage is where a kind was read: in all namespaces, or in some.
type coverage struct {
	everywhere bool
	namespaces map[string]bool
}

// Complete reports whether every object of the kind in the namespace was read: an object that is not in the graph does not exist.
// For cluster-scoped kinds the namespace is empty.
func (g *Graph) Complete(kind Kind, namespace string) bool {
	c, ok := g.coverage[kind]
	return ok && (c.everywhere || c.namespaces[namespace])
}

// Read reports whether any list of the kind was read.
func (g *Graph) Read(kind Kind) bool {
	c, ok := g.coverage[kind]
	return ok && (c.everywhere || len(c.namespaces) > 0)
}

// Get returns the node of an object, or nil. The caller asserts the node's type.
func (g *Graph) Get(ref Ref) any {
	if node, ok := g.byRef[ref]; ok {
		return node
	}
	return nil
}

// Has reports whether the object was read.
func (g *Graph) Has(ref Ref) bool { return g.byRef[ref] != nil }

// Lookup returns the node of an object as the type T, for example Lookup[*ServiceNode].
func Lookup[T any](g *Graph, ref Ref) (T, bool) {
	node, ok := any(g.byRef[ref]).(T)
	return node, ok
}

// APIObject is a reference in the form of the API. Custom resources have the version at which their kind was read.
func (g *Graph) APIObject(ref Ref) v1alpha1.ObjectReference {
	object := ref.APIObject()
	if version, ok := g.customVersions[ref.Kind]; ok {
		object.APIVersion = version
	}
	return object
}

// Len is the number of objects without Events.
func (g *Graph) Len() int { return len(g.byRef) }

// MetaOf returns the metadata of an object, or nil when it was not read.
func (g *Graph) MetaOf(ref Ref) *Meta {
	if node, ok := g.byRef[ref]; ok {
		return node.meta()
	}
	return nil
}

// Terminating returns the metadata of all objects that are being deleted, in a fixed order.
func (g *Graph) Terminating() []*Meta {
	var found []*Meta
	for _, node := range g.byRef {
		if meta := node.meta(); !meta.Deleting.IsZero() {
			found = append(found, meta)
		}
	}
	slices.SortFunc(found, func(a, b *Meta) int { return a.Compare(b.Ref) })
	return found
}

// OwnedObjects returns the objects whose controller is one of some objects, in a fixed order. It reads all objects once.
func (g *Graph) OwnedObjects(owners map[Ref]bool) map[Ref][]Ref {
	found := map[Ref][]Ref{}
	if len(owners) == 0 {
		return found
	}
	for ref, node := range g.byRef {
		if owner := node.meta().Owner; owners[owner] {
			found[owner] = append(found[owner], ref)
		}
	}
	for _, owned := range found {
		slices.SortFunc(owned, Ref.Compare)
	}
	return found
}

func (m *Meta) meta() *Meta { return m }

// PodsIn returns the Pods of a namespace.
func (g *Graph) PodsIn(namespace string) []*PodNode { return g.podsByNS[namespace] }

// PodsOf returns the Pods that a workload owns, directly or through ReplicaSets and Jobs. For a Pod it returns itself.
func (g *Graph) PodsOf(workload Ref) []*PodNode {
	owned := g.podsByOwner[workload]
	if pod, ok := Lookup[*PodNode](g, workload); ok {
		return append([]*PodNode{pod}, owned...)
	}
	return owned
}

// PodsOn returns the Pods on a node.
func (g *Graph) PodsOn(node string) []*PodNode { return g.podsByNode[node] }

// ServicesIn returns the Services of a namespace.
func (g *Graph) ServicesIn(namespace string) []*ServiceNode { return g.servicesByNS[namespace] }

// EndpointsOf returns the EndpointSlices of a Service.
func (g *Graph) EndpointsOf(service Ref) []*EndpointsNode { return g.endpointsByNS[service] }

// EventsOf returns the warnings about an object, newest first, without those about an earlier object of the same name, and without those
// before the newest change of its spec.
func (g *Graph) EventsOf(ref Ref) []*EventNode {
	meta := g.MetaOf(ref)
	events := g.eventsByRef[ref]
	if meta == nil || meta.UID == "" && meta.SpecChanged.IsZero() {
		return events
	}
	return slices.DeleteFunc(slices.Clone(events), func(e *EventNode) bool { return e.isBefore(meta) })
}

// IsHistory reports whether the spec of the object of an event was written after it, or the event is about an earlier object of the name.
func (g *Graph) IsHistory(e *EventNode) bool {
	meta := g.MetaOf(e.About)
	return meta != nil && e.isBefore(meta)
}

// isBefore reports whether an event is about an earlier object of the same name, or from before the newest change of the spec. Nothing was
// before an object that has not changed since it was created: the clock of who reports it may be behind that of the API server.
func (e *EventNode) isBefore(m *Meta) bool {
	if e.AboutUID != "" && m.UID != "" {
		if e.AboutUID != m.UID {
			return true
		}
		if !m.SpecChanged.After(m.Created) {
			return false
		}
	}
	return e.Last.Before(m.SpecChanged)
}

// TopOwner follows controlling owners: from a Pod to its Deployment, StatefulSet, DaemonSet or CronJob. An object without an owner
// is its own top owner. A ReplicaSet that a custom resource controls, such as an Argo Rollout, is a revision of it, and belongs to it
// whether or not it was read. Custom resources are not followed otherwise: which of them are read differs between runs, and the object
// of a finding must not. All objects of a cycle have the same top owner.
func (g *Graph) TopOwner(ref Ref) Ref {
	for range maxOwners {
		meta := g.MetaOf(ref)
		switch {
		case meta == nil || meta.Owner.IsZero():
			return ref
		case meta.Owner.Kind.IsCustom() && meta.Kind == ReplicaSet:
			return meta.Owner
		case meta.Owner.Kind.IsCustom():
			return ref
		}
		if !g.Has(meta.Owner) {
			if !workloadKind(meta.Owner.Kind) || g.Complete(meta.Owner.Kind, meta.Owner.Namespace) {
				return ref
			}
			// The owner exists but cannot be read (RBAC): findings are still reported there.
			return meta.Owner
		}
		ref = meta.Owner
	}
	return g.smallestInCycle(ref)
}

// smallestInCycle is the first by name of the owners in the cycle that an object is part of, or the object itself without a cycle.
func (g *Graph) smallestInCycle(end Ref) Ref {
	smallest, ref := end, end
	for range maxOwners {
		meta := g.MetaOf(ref)
		if meta == nil || meta.Owner.IsZero() {
			return end
		}
		if ref = meta.Owner; ref == end {
			return smallest
		}
		if ref.Compare(smallest) < 0 {
			smallest = ref
		}
	}
	return end
}

func workloadKind(kind Kind) bool {
	switch kind {
	case Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, ReplicationController:
		return true
	default:
		return false
	}
}

// maxOwners bounds a chain of owners, which may be a cycle.
const maxOwners = 8

// podLabel is a label of Pods in a namespace.
type podLabel struct{ namespace, key, value string }

// candidates is the smallest indexed set that contains all Pods that a selector matches. Comparing all Pods of the namespace would
// take Services times Pods comparisons.
func (g *Graph) candidates(namespace string, selector Selector) []*PodNode {
	pods := g.podsByNS[namespace]
	for key, value := range selector.Exact() {
		if labelled := g.podsByLabel[podLabel{namespace, key, value}]; len(labelled) < len(pods) {
			pods = labelled
		}
	}
	return pods
}

// Selected returns the Pods of a namespace that a selector matches, without finished Pods.
func (g *Graph) Selected(namespace string, selector Selector) []*PodNode {
	var selected []*PodNode
	for _, pod := range g.candidates(namespace, selector) {
		if pod.Phase != "Succeeded" && pod.Phase != "Failed" && selector.Matches(pod.Labels) {
			selected = append(selected, pod)
		}
	}
	return selected
}

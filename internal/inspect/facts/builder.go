package facts

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

// Builder collects nodes from lists that are read in parallel. Its methods are safe for concurrent use.
type Builder struct {
	mu     sync.Mutex
	graph  *Graph
	events map[eventKey]*EventNode
	*Values
}

type eventKey struct {
	about   Ref
	uid     string
	reason  string
	path    string
	opening string // see opening
}

// NewBuilder starts an empty graph.
func NewBuilder(cluster string, now time.Time) *Builder {
	return NewBuilderOf(cluster, now, NewValues())
}

// NewBuilderOf starts an empty graph whose nodes share values with those of graphs before.
func NewBuilderOf(cluster string, now time.Time, values *Values) *Builder {
	return &Builder{
		graph:  &Graph{Cluster: cluster, Now: now, byRef: map[Ref]graphNode{}, coverage: map[Kind]coverage{}},
		events: map[eventKey]*EventNode{}, Values: values,
	}
}

// SetVersion records the API server's version.
func (b *Builder) SetVersion(version string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.graph.Version = version
}

// SetFromManifests records that the objects were read from files, not from a cluster.
func (b *Builder) SetFromManifests() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.graph.FromManifests = true
}

// Covered records that every object of the kind was read: in one namespace, or in all when it is empty.
func (b *Builder) Covered(kind Kind, namespace string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.graph.coverage[kind]
	if namespace == "" {
		c.everywhere = true
	} else {
		if c.namespaces == nil {
			c.namespaces = map[string]bool{}
		}
		c.namespaces[namespace] = true
	}
	b.graph.coverage[kind] = c
}

// Add puts nodes into the graph. An existing node is replaced; Events about the same object are joined. Values that are not nodes
// are ignored.
func (b *Builder) Add(nodes ...any) {
	// The specs are identified outside the lock, since lists are read in parallel.
	sums := specSums(nodes)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, node := range nodes {
		if reduced, ok := node.(graphNode); ok {
			b.intern(reduced, sums[i])
		}
		b.put(node)
	}
}

// AddShared puts nodes into the graph that were in one before with the same Values: their values are not compared again. Events are joined.
func (b *Builder) AddShared(nodes ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, node := range nodes {
		b.put(node)
	}
}

func (b *Builder) put(node any) {
	switch node := node.(type) {
	case *EventNode:
		b.addEvent(node)
	case graphNode:
		b.graph.byRef[node.meta().Ref] = node
	}
}

// Forget removes the nodes of a list that is restarted: of the kind in one namespace, or in all when it is empty. Events about
// cluster-scoped objects are in namespace default.
func (b *Builder) Forget(kind Kind, namespace string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if kind == Event {
		maps.DeleteFunc(b.events, func(key eventKey, _ *EventNode) bool {
			return namespace == "" || key.about.Namespace == namespace || (key.about.Namespace == "" && namespace == "default")
		})
		return
	}
	maps.DeleteFunc(b.graph.byRef, func(ref Ref, _ graphNode) bool {
		return ref.Kind == kind && (namespace == "" || ref.Namespace == namespace)
	})
}

// opening is the first words of a message, up to a colon. Components use one reason for several problems (the kubelet uses Failed
// for a failed pull and for its consequences, and Unhealthy for every kind of probe), which differ only in the text.
func opening(message string) string {
	const maxWords = 5
	spaces := 0
	for i, r := range message {
		if r == ' ' {
			spaces++
		}
		if r == ':' || spaces == maxWords {
			return message[:i]
		}
	}
	return message
}

// addEvent keeps the newest of the events with the same object, reason, field and opening, and adds up their counts.
func (b *Builder) addEvent(event *EventNode) {
	b.internEvent(event)
	key := eventKey{event.About, event.AboutUID, event.Reason, event.FieldPath, opening(event.Message)}
	known, ok := b.events[key]
	if !ok {
		b.events[key] = event
		return
	}
	if event.Last.After(known.Last) {
		event.First = earlier(known.First, event.First)
		event.Count = known.Count + event.Count
		b.events[key] = event
		return
	}
	known.First = earlier(known.First, event.First)
	known.Count = known.Count + event.Count
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// Graph returns the graph, indexed and in a fixed order. The Builder must not be used afterwards.
func (b *Builder) Graph() *Graph {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.graph
	g.fill()
	for _, event := range b.events {
		g.Events = append(g.Events, event)
	}
	g.settleOwners()
	g.sortFlaws()
	g.sortEvents()
	g.indexCustomResources()
	g.index()
	b.Values, b.events = nil, nil
	return g
}

// fill puts the nodes into the lists of their kinds, in a fixed order.
func (g *Graph) fill() {
	lists := map[Kind]nodeList{}
	var filled []nodeList
	for ref, node := range g.byRef {
		l, known := lists[ref.Kind]
		if !known {
			l = g.listOfKind(ref.Kind)
			lists[ref.Kind] = l
			if l != nil && !slices.Contains(filled, l) { // Deployments and StatefulSets, for example, share a list
				filled = append(filled, l)
			}
		}
		if l != nil {
			l.add(node)
		}
	}
	for _, l := range filled {
		l.sort()
	}
}

// listOfKind is where nodes of a kind belong; nil for a kind that has no nodes.
func (g *Graph) listOfKind(kind Kind) nodeList {
	if kind.IsCustom() {
		kind = Custom
	}
	info, _ := kind.Info()
	if info.nodes == nil {
		return nil
	}
	return info.nodes(g)
}

func (g *Graph) sortEvents() {
	slices.SortFunc(g.Events, func(a, b *EventNode) int {
		return cmp.Or(b.Last.Compare(a.Last), a.About.Compare(b.About), cmp.Compare(a.Reason, b.Reason),
			cmp.Compare(a.FieldPath, b.FieldPath), cmp.Compare(a.Message, b.Message))
	})
}

func (g *Graph) index() {
	g.podsByLabel = map[podLabel][]*PodNode{}
	g.podsByNS = map[string][]*PodNode{}
	g.podsByNode = map[string][]*PodNode{}
	g.podsByOwner = map[Ref][]*PodNode{}
	for _, pod := range g.Pods {
		g.podsByNS[pod.Namespace] = append(g.podsByNS[pod.Namespace], pod)
		for key, value := range pod.Labels {
			label := podLabel{pod.Namespace, key, value}
			g.podsByLabel[label] = append(g.podsByLabel[label], pod)
		}
		if pod.NodeName != "" {
			g.podsByNode[pod.NodeName] = append(g.podsByNode[pod.NodeName], pod)
		}
		for owner := range g.controllers(pod.Ref) {
			g.podsByOwner[owner] = append(g.podsByOwner[owner], pod)
		}
	}
	g.servicesByNS = map[string][]*ServiceNode{}
	g.endpointsByNS = map[Ref][]*EndpointsNode{}
	for _, service := range g.Services {
		g.servicesByNS[service.Namespace] = append(g.servicesByNS[service.Namespace], service)
	}
	for _, slice := range g.Endpoints {
		ref := Ref{Service, slice.Namespace, slice.Service}
		g.endpointsByNS[ref] = append(g.endpointsByNS[ref], slice)
	}
	g.eventsByRef = map[Ref][]*EventNode{}
	for _, event := range g.Events {
		g.eventsByRef[event.About] = append(g.eventsByRef[event.About], event)
	}
	g.indexSpecs()
}

// controllers are the controlling owners of an object, read or not, the nearest first.
func (g *Graph) controllers(ref Ref) iter.Seq[Ref] {
	return func(yield func(Ref) bool) {
		var seen [maxOwners + 1]Ref
		seen[0] = ref
		for n := 1; n <= maxOwners; n++ {
			meta := g.MetaOf(ref)
			if meta == nil || meta.Owner.IsZero() || slices.Contains(seen[:n], meta.Owner) {
				return
			}
			ref = meta.Owner
			seen[n] = ref
			if !yield(ref) {
				return
			}
		}
	}
}

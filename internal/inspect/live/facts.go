// Package live keeps the facts of a cluster fresh: it lists each kind once, and then watches it. What it keeps are the nodes that a run
// would have read at that time, not the objects.
package live

import (
	"reflect"
	"strconv"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"kubeops.io/kubeops/internal/inspect/collect"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// List identifies a list of facts: a kind in one namespace, or in all.
type List struct {
	Kind      facts.Kind
	Namespace string
}

// Size is what is kept.
type Size struct {
	// Objects with a node.
	Objects int
	// Bytes of their nodes, without what several nodes share, such as the spec of the Pods of a workload.
	Bytes int64
}

// Facts are the reduced objects of a cluster by list and key. The zero value is empty. Its methods are safe for concurrent use.
type Facts struct {
	mutex   sync.Mutex
	lists   map[List]*list
	size    Size
	customs int
	// values that the nodes share, and changes is how many nodes were put or removed since they are kept.
	values  *facts.Values
	changes int
}

// forgetShare is the share of the nodes, one in so many, after whose changes values that no node has any more are forgotten.
const forgetShare = 10

type key struct{ namespace, name string }

type entry struct {
	node any
	size int
	// copied: a graph changes the node for good, so that each gets a copy. See changedByGraph.
	copied bool
	// shared: its values are those of Facts.values.
	shared bool
}

func newEntry(node any) entry {
	return entry{node: node, size: sizeOf(node), copied: changedByGraph(node)}
}

// list is what is kept of one list.
type list struct {
	entries map[key]entry
	// version up to which the list is known; "" before it was read.
	version string
}

// Version is the resource version up to which a list is known, to watch from; "" if it has to be read.
func (f *Facts) Version(of List) string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if l := f.lists[of]; l != nil {
		return l.version
	}
	return ""
}

// Has reports whether a list was read.
func (f *Facts) Has(the List) bool {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.lists[the] != nil
}

// Size of what is kept.
func (f *Facts) Size() Size {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.size
}

// Apply takes an event of the watch of a list. An event that the list contains already is ignored, so that no order of old events brings
// an object back. changed reports whether a fact differs; room is false where no more custom resources are kept: the list has to be read
// again then.
func (f *Facts) Apply(to List, event collect.Event) (changed, room bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	l := f.lists[to]
	if l == nil || older(event.Object.Version, l.version) {
		return false, true
	}
	l.version = event.Object.Version
	k := key{event.Object.Namespace, event.Object.Name}
	switch event.Type {
	case watch.Bookmark:
		return false, true
	case watch.Deleted:
		return f.remove(to, l, k), true
	}
	if event.Object.Node == nil {
		return f.remove(to, l, k), true
	}
	known, exists := l.entries[k]
	if to.Kind.IsCustom() && !exists && f.customs >= collect.MaxCustomObjects {
		l.version = "" // a watch that continued after this event would make the list look complete without the object
		return false, false
	}
	if exists && reflect.DeepEqual(known.node, event.Object.Node) {
		return false, true // what changed is no fact, such as the time of a heartbeat
	}
	f.put(to, l, k, event.Object.Node)
	return true, true
}

// Expire says that a list has to be read again. Its facts stay until then.
func (f *Facts) Expire(of List) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if l := f.lists[of]; l != nil {
		l.version = ""
	}
}

// Drop forgets a list.
func (f *Facts) Drop(of List) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.drop(of)
}

func (f *Facts) drop(of List) {
	if l := f.lists[of]; l != nil {
		for k := range l.entries {
			f.remove(of, l, k)
		}
		delete(f.lists, of)
	}
}

// put replaces the node of an object.
func (f *Facts) put(of List, l *list, k key, node any) {
	f.remove(of, l, k)
	e := newEntry(node)
	l.entries[k] = e
	f.changes++
	f.account(of, 1, e.size)
}

// remove reports whether there was an object.
func (f *Facts) remove(of List, l *list, k key) bool {
	e, exists := l.entries[k]
	if exists {
		f.changes++
		delete(l.entries, k)
		f.account(of, -1, -e.size)
	}
	return exists
}

func (f *Facts) account(of List, objects, bytes int) {
	f.size.Objects += objects
	f.size.Bytes += int64(bytes)
	if of.Kind.IsCustom() {
		f.customs += objects
	}
}

// Reading is a list while it is read. The facts that were known before stay until Done.
type Reading struct {
	facts   *Facts
	list    List
	entries map[key]entry
}

// Read begins to read a list.
func (f *Facts) Read(of List) *Reading { return &Reading{facts: f, list: of, entries: map[key]entry{}} }

// Take adds a page. It returns false where no more custom resources are kept.
func (r *Reading) Take(objects []collect.Object) bool {
	for _, o := range objects {
		if o.Node != nil {
			r.entries[key{o.Namespace, o.Name}] = newEntry(o.Node)
		}
	}
	if !r.list.Kind.IsCustom() {
		return true
	}
	r.facts.mutex.Lock()
	defer r.facts.mutex.Unlock()
	others := r.facts.customs
	if l := r.facts.lists[r.list]; l != nil {
		others -= len(l.entries)
	}
	return others+len(r.entries) <= collect.MaxCustomObjects
}

// Restart forgets the pages that were taken.
func (r *Reading) Restart() { clear(r.entries) }

// Done replaces the facts of the list, as of a resource version. At no time is the list unknown: a judgement in between would miss its
// problems, and say that they are fixed.
func (r *Reading) Done(version string) {
	f := r.facts
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.drop(r.list)
	if f.lists == nil {
		f.lists = map[List]*list{}
	}
	f.lists[r.list] = &list{entries: r.entries, version: version}
	for _, e := range r.entries {
		f.account(r.list, 1, e.size)
	}
}

// Populated are the namespaces of the lists in which there are objects.
func (f *Facts) Populated() []string {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	found := map[string]bool{}
	for of, l := range f.lists {
		if len(l.entries) > 0 && of.Namespace != "" {
			found[of.Namespace] = true
		}
	}
	var namespaces []string
	for namespace := range found {
		namespaces = append(namespaces, namespace)
	}
	return namespaces
}

// Source says what a graph is of.
type Source struct {
	Cluster, Version string
	Now              time.Time
	// Covered are the lists that are known, without gaps. Others are left out.
	Covered []List
	// Absent are the kinds that the cluster does not serve.
	Absent []facts.Kind
}

// Graph is a graph of the facts as they are now. Graphs share their nodes, and building one makes equal values one: the graph before must
// not be used any more. Nodes that were in a graph before are not compared again, unless many have changed since.
func (f *Facts) Graph(of Source) *facts.Graph {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	all := f.values == nil || f.changes*forgetShare >= f.size.Objects
	if all {
		f.values = facts.NewValues()
		f.changes = 0
	}
	builder := facts.NewBuilderOf(of.Cluster, of.Now, f.values)
	builder.SetVersion(of.Version)
	for _, covered := range of.Covered {
		l := f.lists[covered]
		if l == nil {
			continue
		}
		compared, shared := l.nodes(all)
		builder.AddShared(shared...)
		builder.Add(compared...)
		builder.Covered(covered.Kind, covered.Namespace)
	}
	for _, kind := range of.Absent {
		builder.Covered(kind, "")
	}
	return builder.Graph()
}

// nodes for a graph: those to compare with each other, and those that share their equal values already.
func (l *list) nodes(all bool) (compared, shared []any) {
	shared = make([]any, 0, len(l.entries))
	for k, e := range l.entries {
		node := e.node
		if e.copied {
			node = shallowCopy(node)
		}
		if e.shared && !all {
			shared = append(shared, node)
			continue
		}
		compared = append(compared, node)
		if !e.shared {
			e.shared = !e.copied
			l.entries[k] = e
		}
	}
	return compared, shared
}

// changedByGraph reports whether a graph does more to a node than to make equal values one: it adds up the Events about an object, and
// finds the scope of owners that are custom resources.
func changedByGraph(node any) bool {
	if _, isEvent := node.(*facts.EventNode); isEvent {
		return true
	}
	v := reflect.Indirect(reflect.ValueOf(node))
	if v.Kind() != reflect.Struct {
		return false
	}
	owner := v.FieldByName("Owner")
	if !owner.IsValid() {
		return false
	}
	ref, is := owner.Interface().(facts.Ref)
	return is && ref.Kind.IsCustom()
}

func shallowCopy(node any) any {
	original := reflect.ValueOf(node).Elem()
	copied := reflect.New(original.Type())
	copied.Elem().Set(original)
	return copied.Interface()
}

// older reports whether a resource version is not newer than another one of the same list. What is no number is never older.
func older(version, known string) bool {
	a, errA := strconv.ParseUint(version, 10, 64)
	b, errB := strconv.ParseUint(known, 10, 64)
	return errA == nil && errB == nil && a <= b
}

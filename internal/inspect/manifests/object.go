package manifests

import (
	"encoding/json"
	"fmt"
	"path"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// typeOf is the API version and kind of a document; items of typed lists have that of their list.
type typeOf struct{ apiVersion, kind string }

// maxPlaces of one object are told.
const maxPlaces = 8

// maxLists is how deep lists may stand in lists.
const maxLists = 4

// found is one object of a document while it is read.
type found struct {
	file   string
	line   int
	doc    *document
	node   *yaml.Node
	gvk    schema.GroupVersionKind
	ref    facts.Ref
	fields fieldCache
	// problems of the document, and of the object that was made of it.
	problems []problem
}

// object reads one object, or the items of a list of them.
func (r *reader) object(file string, doc *document, node *yaml.Node, known typeOf, depth int) {
	if node = doc.follow(node, depth); node == nil || r.full {
		return
	}
	is := typeOf{doc.text(node, "apiVersion"), doc.text(node, "kind")}
	if is.apiVersion == "" && is.kind == "" {
		is = known
	}
	if node.Kind != yaml.MappingNode || is.apiVersion == "" || is.kind == "" || foreign(is) {
		r.noObject(file, doc, node, is)
		return
	}
	if items := doc.get(node, "items"); items != nil && items.Kind == yaml.SequenceNode && strings.HasSuffix(is.kind, "List") {
		each := typeOf{is.apiVersion, strings.TrimSuffix(is.kind, "List")}
		if each.kind == "" {
			each = typeOf{}
		}
		for _, item := range items.Content {
			if depth < maxLists {
				r.object(file, doc, item, each, depth+1)
			}
		}
		return
	}
	if r.counts.Objects >= r.options.Limits.Objects {
		r.tooMuch(fmt.Sprintf("there are more than %d objects", r.options.Limits.Objects))
		return
	}
	gv, err := schema.ParseGroupVersion(is.apiVersion)
	f := &found{file: file, line: doc.line(node), doc: doc, node: node, gvk: gv.WithKind(is.kind), fields: r.fields}
	if err != nil {
		f.add("apiVersion", doc.get(node, "apiVersion"), "Write group/version, for example apps/v1.", "apiVersion %q is malformed", clip(is.apiVersion))
	}
	r.take(f)
}

// noObject counts what is no object, and tells of what nearly is one.
func (r *reader) noObject(file string, doc *document, node *yaml.Node, is typeOf) {
	metadata := doc.get(node, "metadata")
	if (is.apiVersion == "") == (is.kind == "") || metadata == nil || metadata.Kind != yaml.MappingNode {
		r.counts.Skipped++
		return
	}
	missing := "kind"
	if is.apiVersion == "" {
		missing = "apiVersion"
	}
	f := &found{file: file, line: doc.line(node), doc: doc, node: node, gvk: schema.GroupVersionKind{Kind: is.kind}}
	f.ref = facts.Ref{Kind: facts.Kind(is.kind), Name: f.doc.text(metadata, "name")}
	if is.kind == "" {
		f.ref.Kind = "Manifest"
	}
	f.add(missing, node, "", "%s is missing", missing)
	r.name(f)
	r.tell(f)
}

// foreign are kinds of files that look like objects and are none of any cluster.
func foreign(is typeOf) bool {
	group, _, _ := strings.Cut(is.apiVersion, "/")
	return group == "kustomize.config.k8s.io" || group == "config.kubeops.io" || group == "skaffold" || group == "kind.x-k8s.io" || group == "ct" ||
		is == typeOf{"v1", "Config"} || is.apiVersion == "client.authentication.k8s.io/v1"
}

func (f *found) add(path string, at *yaml.Node, advice, format string, args ...any) {
	if len(f.problems) >= maxProblems {
		return
	}
	line := f.line
	if at != nil {
		line = f.doc.line(at)
	}
	f.problems = append(f.problems, problem{path, line, fmt.Sprintf(format, args...), advice})
}

// take makes a node of an object, and flaws of what is wrong with it.
func (r *reader) take(f *found) {
	metadata := f.doc.get(f.node, "metadata")
	namespace := f.doc.text(metadata, "namespace")
	own := f.own()
	f.ref = facts.Ref{Kind: f.kind(own), Namespace: namespace, Name: f.doc.text(metadata, "name")}
	if f.ref.Name == "" {
		f.ref.Name = f.doc.text(metadata, "generateName")
		if f.ref.Name == "" {
			f.add("metadata.name", metadata, "Give the object a metadata.name.", "metadata.name is missing")
		}
	}
	if knownKind(f.ref.Kind) {
		f.ref.Namespace = ""
		if f.ref.Kind.Namespaced() {
			if f.ref.Namespace = namespace; namespace == "" {
				f.ref.Namespace = r.options.Namespace
			}
			r.namespaces[f.ref.Namespace] = true
		}
	}
	r.name(f)
	object, checked := r.decode(f, own)
	if f.doc.tooLarge {
		return
	}
	r.counts.Objects++
	if !checked {
		r.counts.NotChecked++
	}
	r.note(f)
	if node := r.reduce(object, f); node != nil {
		r.builder.Add(node)
	}
	r.tell(f)
}

func knownKind(kind facts.Kind) bool {
	for _, known := range facts.Kinds() {
		if kind == known {
			return true
		}
	}
	return false
}

// own is the type that the object's API version has in this program; nil when it has none.
func (f *found) own() runtime.Object {
	object, err := scheme.Scheme.New(f.gvk)
	if err != nil {
		return nil
	}
	return object
}

// kind is the kind in facts. A kind that moved to another group, as Deployments did from extensions, is that of its new group.
func (f *found) kind(own runtime.Object) facts.Kind {
	apiVersion := f.gvk.GroupVersion().String()
	if gone, ok := removalOf(f.gvk, own); ok && gone.replacement != "" {
		apiVersion = gone.replacement
	}
	return facts.KindOf(apiVersion, f.gvk.Kind)
}

// decode makes the object that reducers know, and notes what is wrong with the document. checked is false for kinds that no
// check judges.
func (r *reader) decode(f *found, own runtime.Object) (object any, checked bool) {
	removed := r.removed(f, own)
	if f.ref.Kind == facts.APIService && f.gvk.Group == "apiregistration.k8s.io" {
		service := &facts.APIServiceObject{}
		fill(newLenient(f), service)
		return service, true
	}
	if own != nil {
		t := newTyped(f.doc, f.gvk.Kind, f.fields)
		t.dropStatus = true
		t.value(f.node, reflect.TypeOf(own).Elem(), "", 0)
		f.problems = append(f.problems, t.problems...)
		if f.gvk.GroupVersion().String() == f.ref.Kind.APIVersion() {
			if err := json.Unmarshal(t.out.Bytes(), own); err != nil {
				f.add("", nil, "", "the object cannot be read: %s", clip(err.Error()))
				return nil, false
			}
			return own, knownKind(f.ref.Kind)
		}
	}
	if own == nil && !removed {
		r.unknown(f)
	}
	if knownKind(f.ref.Kind) {
		return r.converted(f)
	}
	return r.custom(f), false
}

// unknown tells of API versions that a group of Kubernetes itself never had.
func (r *reader) unknown(f *found) {
	group := f.gvk.Group
	if strings.Contains(group, ".") || !scheme.Scheme.IsGroupRegistered(group) {
		return
	}
	advice := "`kubectl api-resources` lists what there is."
	for _, gv := range scheme.Scheme.PrioritizedVersionsForGroup(group) {
		if scheme.Scheme.Recognizes(gv.WithKind(f.gvk.Kind)) {
			advice = fmt.Sprintf("Perhaps %s is meant.", gv)
			break
		}
	}
	f.add("kind", f.doc.get(f.node, "kind"), advice, "%s has no kind %s", f.gvk.GroupVersion(), clip(f.gvk.Kind))
}

// custom reads a resource that is not of Kubernetes itself as it is.
func (r *reader) custom(f *found) any {
	t := newTyped(f.doc, f.gvk.Kind, f.fields)
	if !t.any(f.node, "", 0) {
		return nil
	}
	f.problems = append(f.problems, t.problems...)
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(t.out.Bytes()); err != nil {
		return nil
	}
	unstructured.RemoveNestedField(object.Object, "status")
	r.declares(f, object)
	return object
}

// reduce makes the node of an object.
func (r *reader) reduce(object any, f *found) any {
	if object == nil {
		return nil
	}
	if accessor, err := meta.Accessor(object); err == nil {
		asWritten(accessor, f.ref)
	}
	f.validate(object)
	defaults(object)
	return facts.Reducer{Scan: r.options.Scan}.Reduce(object)
}

// asWritten takes off what only a server writes, as files from `kubectl get -o yaml` have it.
func asWritten(o metav1.Object, ref facts.Ref) {
	o.SetName(ref.Name)
	o.SetNamespace(ref.Namespace)
	o.SetUID("")
	o.SetCreationTimestamp(metav1.Time{})
	o.SetDeletionTimestamp(nil)
	o.SetManagedFields(nil)
	o.SetGeneration(0)
}

// name gives an object without a name of its own one that no other has.
func (r *reader) name(f *found) {
	own := f.doc.text(f.doc.get(f.node, "metadata"), "name")
	if own != "" {
		return
	}
	if f.ref.Name == "" {
		f.ref.Name = "unnamed"
	}
	key := place{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}
	if r.unnamed[key]++; r.unnamed[key] > 1 {
		f.ref.Name = fmt.Sprintf("%s-%d", f.ref.Name, r.unnamed[key])
	}
}

// note remembers where the object stands; of several the last, which is the one that is judged.
func (r *reader) note(f *found) {
	key := place{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}
	here := position{f.file, f.line, f.gvk.GroupVersion().String()}
	if before, twice := r.places[key]; twice {
		if len(r.doubles[f.ref]) == 0 {
			r.doubles[f.ref] = []position{before}
		}
		r.doubles[f.ref] = append(r.doubles[f.ref], here)
	}
	r.places[key] = here
}

// tellDoubles makes one flaw of each object that stands in the files more than once.
func (r *reader) tellDoubles() {
	for ref, positions := range r.doubles { // the graph puts flaws in order
		flaw := facts.Flaw{Kind: facts.FlawDuplicate, Object: ref, Text: "the object stands in the files more than once"}
		for _, p := range positions {
			flaw.Apart = flaw.Apart || path.Dir(p.file) != path.Dir(positions[0].file)
			if len(flaw.Places) < maxPlaces {
				flaw.Places = append(flaw.Places, p.String())
			}
		}
		r.builder.AddFlaw(flaw)
	}
}

// tell makes flaws of problems.
func (r *reader) tell(f *found) {
	if len(f.problems) > 0 {
		r.flawed = true
	}
	if _, known := r.places[place{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}]; !known {
		r.places[place{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}] = position{f.file, f.line, f.gvk.GroupVersion().String()}
	}
	for i, p := range f.problems {
		if i == 2*maxProblems { // those of the fields, and those of names and labels
			break
		}
		r.builder.AddFlaw(facts.Flaw{
			Kind: facts.FlawInvalid, Object: f.ref, Field: p.path, Text: p.text, Advice: p.advice,
			Places: []string{position{f.file, p.line, ""}.String()},
		})
	}
}

// removed tells of an API version that the release to judge for does not serve any more.
func (r *reader) removed(f *found, own runtime.Object) bool {
	gone, ok := removalOf(f.gvk, own)
	if !ok || gone.minor > r.options.Minor {
		return ok
	}
	flaw := facts.Flaw{
		Kind: facts.FlawRemoved, Object: f.ref, Places: []string{position{f.file, f.line, ""}.String()},
		Text: fmt.Sprintf("%s %s was removed in Kubernetes 1.%d, and nothing took its place", f.gvk.GroupVersion(), f.gvk.Kind, gone.minor),
	}
	if gone.replacement != "" {
		flaw.Text = fmt.Sprintf("%s was removed in Kubernetes 1.%d; %s took its place", f.gvk.GroupVersion(), gone.minor, gone.replacement)
		flaw.Advice = fmt.Sprintf("Set apiVersion: %[1]s and adapt the fields that changed: `kubectl convert -f %[2]s --output-version %[1]s` does both.",
			gone.replacement, f.file)
	}
	r.builder.AddFlaw(flaw)
	return true
}

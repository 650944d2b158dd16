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
	"kubeops.io/kubeops/internal/remedy"
)

// typeOf is the API version and kind of a document. Items of typed lists inherit them from the list.
type typeOf struct{ apiVersion, kind string }

const (
	// maxPositions reported for a duplicate object.
	maxPositions = 8
	// maxLists is the maximum nesting of lists.
	maxLists = 4
)

// found is an object in a document.
type found struct {
	file   string
	line   int
	doc    *document
	node   *yaml.Node
	gvk    schema.GroupVersionKind
	ref    facts.Ref
	fields fieldCache
	// problems of the document and of the decoded object.
	problems []problem
	// content is the object in JSON, without its status; nil if it does not decode without a problem. custom is set for custom resources.
	content []byte
	custom  bool
}

// object reads an object, or the items of a list.
func (r *reader) object(file string, doc *document, node *yaml.Node, known typeOf, depth int) {
	if node = doc.follow(node, depth); node == nil || r.full {
		return
	}
	is := typeOf{doc.text(node, "apiVersion"), doc.text(node, "kind")}
	if is.apiVersion == "" && is.kind == "" {
		is = known
	}
	if node.Kind != yaml.MappingNode || is.apiVersion == "" || is.kind == "" || ofOtherTool(is) || configuresProgram(doc, node, is) {
		r.notAnObject(file, doc, node, is)
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
		r.limitReached(fmt.Sprintf("the files have more than %d objects", r.options.Limits.Objects))
		return
	}
	gv, err := schema.ParseGroupVersion(is.apiVersion)
	f := &found{file: file, line: doc.line(node), doc: doc, node: node, gvk: gv.WithKind(is.kind), fields: r.fields}
	if err != nil {
		f.add("apiVersion", doc.get(node, "apiVersion"), "Use group/version, for example apps/v1.",
			"invalid apiVersion %q", clip(is.apiVersion))
	}
	r.add(f)
}

// notAnObject counts a document that is not an object. If it only lacks apiVersion or kind, that is reported.
func (r *reader) notAnObject(file string, doc *document, node *yaml.Node, is typeOf) {
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
	r.ensureName(f)
	r.reportProblems(f)
}

// ofOtherTool reports whether a document looks like an object but configures another tool.
func ofOtherTool(is typeOf) bool {
	group, _, _ := strings.Cut(is.apiVersion, "/")
	return group == "kustomize.config.k8s.io" || group == "config.kubeops.io" || group == "skaffold" || group == "kind.x-k8s.io" ||
		group == "ct" ||
		is == typeOf{"v1", "Config"} ||
		is.apiVersion == "client.authentication.k8s.io/v1"
}

// configuresProgram reports whether a document is a configuration that a program reads from a file, such as a KubeletConfiguration: it has
// no metadata, which an object needs, and its kind is not one of Kubernetes and ends in the word that such files have. The policy of audit
// logs has another one.
func configuresProgram(doc *document, node *yaml.Node, is typeOf) bool {
	group, _, versioned := strings.Cut(is.apiVersion, "/")
	if !versioned || doc.get(node, "metadata") != nil {
		return false
	}
	if group == "audit.k8s.io" {
		return true
	}
	named := strings.HasSuffix(is.kind, "Configuration") || strings.HasSuffix(is.kind, "Config")
	return named && !scheme.Scheme.IsGroupRegistered(group)
}

func (f *found) add(path string, at *yaml.Node, advice remedy.Text, format string, args ...any) {
	if len(f.problems) >= maxProblems {
		return
	}
	line := f.line
	if at != nil {
		line = f.doc.line(at)
	}
	f.problems = append(f.problems, problem{path: path, line: line, text: fmt.Sprintf(format, args...), advice: advice})
}

// add adds an object and its problems to the graph.
func (r *reader) add(f *found) {
	if r.definitionsOnly {
		if f.definesKind() {
			r.learn(f)
		}
		return
	}
	metadata := f.doc.get(f.node, "metadata")
	namespace := f.doc.text(metadata, "namespace")
	builtin := f.builtin()
	f.ref = facts.Ref{Kind: f.kind(builtin), Namespace: namespace, Name: f.doc.text(metadata, "name")}
	if f.ref.Name == "" {
		f.ref.Name = f.doc.text(metadata, "generateName")
		if f.ref.Name == "" {
			f.add("metadata.name", metadata, "Set metadata.name.", "metadata.name is missing")
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
	r.ensureName(f)
	object, checked := r.decode(f, builtin)
	if f.doc.tooLarge {
		return
	}
	r.counts.Objects++
	if !checked {
		r.counts.NotChecked++
	}
	r.recordPosition(f)
	if node := r.reduce(object, f); node != nil {
		r.builder.Add(node)
	}
	r.judge(f)
	r.reportProblems(f)
}

// definesKind reports whether the object is a CustomResourceDefinition.
func (f *found) definesKind() bool {
	return f.gvk.Group == "apiextensions.k8s.io" && f.gvk.Kind == "CustomResourceDefinition"
}

func knownKind(kind facts.Kind) bool {
	for _, known := range facts.Kinds() {
		if kind == known {
			return true
		}
	}
	return false
}

// builtin returns an empty object of the Go type for the API version and kind; nil if there is none.
func (f *found) builtin() runtime.Object {
	object, err := scheme.Scheme.New(f.gvk)
	if err != nil {
		return nil
	}
	return object
}

// kind returns the kind in facts. A kind that moved to another group, as Deployments did from extensions, has its new group.
func (f *found) kind(builtin runtime.Object) facts.Kind {
	apiVersion := f.gvk.GroupVersion().String()
	if removal, ok := removalOf(f.gvk, builtin); ok && removal.replacement != "" {
		apiVersion = removal.replacement
	}
	return facts.KindOf(apiVersion, f.gvk.Kind)
}

// decode returns the object in the form that the reducers take, and adds the problems of the document. checked is false for kinds
// without checks.
func (r *reader) decode(f *found, builtin runtime.Object) (object any, checked bool) {
	removed := r.removed(f, builtin)
	if f.ref.Kind == facts.APIService && f.gvk.Group == "apiregistration.k8s.io" {
		service := &facts.APIServiceObject{}
		fill(newLenientDecoder(f), service)
		return service, true
	}
	if builtin != nil {
		t := newDecoder(f.doc, f.gvk.Kind, f.fields)
		t.dropStatus = true
		t.value(f.node, reflect.TypeOf(builtin).Elem(), "", 0)
		if len(t.problems) == 0 {
			f.content = t.out.Bytes()
		}
		f.problems = append(f.problems, t.problems...)
		if f.gvk.GroupVersion().String() == f.ref.Kind.APIVersion() {
			if err := json.Unmarshal(t.out.Bytes(), builtin); err != nil {
				f.add("", nil, "", "cannot decode the object: %s", clip(err.Error()))
				return nil, false
			}
			return builtin, knownKind(f.ref.Kind)
		}
	}
	if builtin == nil && !removed {
		r.unknown(f)
	}
	if knownKind(f.ref.Kind) {
		return r.converted(f)
	}
	return r.custom(f), false
}

// unknown reports API versions and kinds that a built-in API group never had.
func (r *reader) unknown(f *found) {
	group := f.gvk.Group
	if strings.Contains(group, ".") || !scheme.Scheme.IsGroupRegistered(group) {
		return
	}
	advice := remedy.Text("`kubectl api-resources` lists the available kinds.")
	for _, gv := range scheme.Scheme.PrioritizedVersionsForGroup(group) {
		if scheme.Scheme.Recognizes(gv.WithKind(f.gvk.Kind)) {
			advice = remedy.Sprintf("Did you mean %s?", gv)
			break
		}
	}
	f.add("kind", f.doc.get(f.node, "kind"), advice, "no kind %s in %s", clip(f.gvk.Kind), f.gvk.GroupVersion())
}

// custom decodes a custom resource without a schema.
func (r *reader) custom(f *found) any {
	t := newDecoder(f.doc, f.gvk.Kind, f.fields)
	if !t.any(f.node, "", 0) {
		return nil
	}
	if f.custom = true; len(t.problems) == 0 {
		f.content = t.out.Bytes()
	}
	f.problems = append(f.problems, t.problems...)
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(t.out.Bytes()); err != nil {
		return nil
	}
	unstructured.RemoveNestedField(object.Object, "status")
	r.recordGeneratedSecrets(f, object)
	return object
}

// reduce validates and defaults an object and returns its node.
func (r *reader) reduce(object any, f *found) any {
	if object == nil {
		return nil
	}
	if accessor, err := meta.Accessor(object); err == nil {
		removeServerFields(accessor, f.ref)
	}
	f.validate(object)
	defaults(object)
	node := facts.Reducer{Scan: r.options.Scan, SecretKeys: true}.Reduce(object)
	if workload, ok := node.(*facts.WorkloadNode); ok && f.doc.get(f.doc.get(f.node, "spec"), "replicas") != nil {
		workload.ReplicasWriter = "its manifest"
	}
	return node
}

// removeServerFields removes the fields that only the API server sets; files from `kubectl get -o yaml` have them.
func removeServerFields(o metav1.Object, ref facts.Ref) {
	o.SetName(ref.Name)
	o.SetNamespace(ref.Namespace)
	o.SetUID("")
	o.SetCreationTimestamp(metav1.Time{})
	o.SetDeletionTimestamp(nil)
	o.SetManagedFields(nil)
	o.SetGeneration(0)
}

// ensureName gives an object without a name a unique one.
func (r *reader) ensureName(f *found) {
	own := f.doc.text(f.doc.get(f.node, "metadata"), "name")
	if own != "" {
		return
	}
	if f.ref.Name == "" {
		f.ref.Name = "unnamed"
	}
	key := objectKey{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}
	if r.unnamed[key]++; r.unnamed[key] > 1 {
		f.ref.Name = fmt.Sprintf("%s-%d", f.ref.Name, r.unnamed[key])
	}
}

// recordPosition records where an object is defined. Of several definitions the last one is checked.
func (r *reader) recordPosition(f *found) {
	key := objectKey{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}
	here := position{f.file, f.line, f.gvk.GroupVersion().String()}
	if before, twice := r.positions[key]; twice {
		if len(r.duplicates[f.ref]) == 0 {
			r.duplicates[f.ref] = []position{before}
		}
		r.duplicates[f.ref] = append(r.duplicates[f.ref], here)
	}
	r.positions[key] = here
}

// reportDuplicates adds one error to the graph for each object that is defined more than once.
func (r *reader) reportDuplicates() {
	for ref, positions := range r.duplicates { // the graph sorts its errors
		flaw := facts.ManifestError{Kind: facts.FlawDuplicate, Object: ref, Text: "the object is defined more than once"}
		for _, p := range positions {
			flaw.Apart = flaw.Apart || path.Dir(p.file) != path.Dir(positions[0].file)
			if len(flaw.Places) < maxPositions {
				flaw.Places = append(flaw.Places, p.String())
			}
		}
		r.builder.AddManifestError(flaw)
	}
}

// reportProblems adds the problems of an object to the graph.
func (r *reader) reportProblems(f *found) {
	if len(f.problems) > 0 {
		r.flawed = true
	}
	if _, known := r.positions[objectKey{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}]; !known {
		r.positions[objectKey{string(f.ref.Kind), f.ref.Namespace, f.ref.Name}] = position{f.file, f.line, f.gvk.GroupVersion().String()}
	}
	for i, p := range f.problems {
		if i == 2*maxProblems { // maxProblems of fields, and maxProblems of names and labels
			break
		}
		r.builder.AddManifestError(facts.ManifestError{
			Kind: facts.FlawInvalid, Object: f.ref, Field: p.path, Text: p.text, Advice: p.advice, Accepted: p.accepted,
			Places: []string{position{f.file, p.line, ""}.String()},
		})
	}
}

// removed reports an API version that the target release no longer serves. It returns true for any version with a planned removal.
func (r *reader) removed(f *found, builtin runtime.Object) bool {
	removal, ok := removalOf(f.gvk, builtin)
	if !ok || removal.minor > r.options.Minor {
		return ok
	}
	flaw := facts.ManifestError{
		Kind: facts.FlawRemoved, Object: f.ref, Places: []string{position{f.file, f.line, ""}.String()},
		Text: fmt.Sprintf("%s %s was removed in Kubernetes 1.%d without a replacement", f.gvk.GroupVersion(), f.gvk.Kind, removal.minor),
	}
	if removal.replacement != "" {
		flaw.Text = fmt.Sprintf("%s was removed in Kubernetes 1.%d; use %s", f.gvk.GroupVersion(), removal.minor, removal.replacement)
		flaw.Advice = remedy.Sprintf("Set apiVersion: %[1]s and migrate the changed fields; `kubectl convert -f %[2]s --output-version "+
			"%[1]s` does both.",
			removal.replacement, f.file)
	}
	r.builder.AddManifestError(flaw)
	return true
}

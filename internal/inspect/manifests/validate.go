package manifests

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"kubeops.io/kubeops/internal/inspect/facts"
)

// validate holds names, labels and selectors against the rules that all kinds share.
func (f *found) validate(object any) {
	f.validName()
	f.validTree(reflect.ValueOf(object), f.node, "", 0)
}

// unfilled says whether a text waits for a value from outside: ${NAME}, $(NAME), {{ name }}.
func unfilled(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "$(") || strings.Contains(text, "{{")
}

func (f *found) validName() {
	metadata := f.doc.get(f.node, "metadata")
	name, namespace := f.doc.text(metadata, "name"), f.doc.text(metadata, "namespace")
	if name != "" && !unfilled(name) {
		problems := validation.IsDNS1123Subdomain(name)
		if f.gvk.Group == "rbac.authorization.k8s.io" {
			problems = pathSegment(name) // such names may have colons
		}
		if len(problems) > 0 && f.gvk.Group != "" && !knownKind(f.ref.Kind) {
			problems = pathSegment(name) // other kinds have rules of their own
		}
		if len(problems) > 0 {
			f.add("metadata.name", f.doc.get(metadata, "name"), "", "metadata.name %q is no valid name: %s", clip(name), rule(problems))
		}
	}
	if namespace != "" && !unfilled(namespace) {
		if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			f.add("metadata.namespace", f.doc.get(metadata, "namespace"), "", "metadata.namespace %q is no valid name: %s", clip(namespace), rule(problems))
		}
	}
}

func pathSegment(name string) []string {
	if name == "." || name == ".." || strings.ContainsAny(name, "/%") {
		return []string{"it may not hold / or %"}
	}
	return nil
}

// rule is the first of the library's messages, without its examples.
func rule(problems []string) string {
	text, _, _ := strings.Cut(problems[0], " (e.g.")
	return text
}

// validTree looks for labels and selectors in an object, beside the document that it was read from.
func (f *found) validTree(v reflect.Value, n *yaml.Node, path string, depth int) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if n = f.doc.follow(n, depth); n == nil || !v.IsValid() || !v.CanInterface() {
		return
	}
	switch o := v.Interface().(type) {
	case metav1.ObjectMeta:
		f.validLabels(o.Labels, f.doc.get(n, "labels"), join(path, "labels"))
		f.validKeys(o.Annotations, f.doc.get(n, "annotations"), join(path, "annotations"))
		return
	case metav1.LabelSelector:
		if wrong := facts.NewSelector(&o).Invalid; wrong != "" && !unfilled(wrong) {
			f.add(path, n, "", "%s is no valid selector: %s", path, clip(wrong))
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		f.validFields(v, n, path, depth)
	case reflect.Slice:
		if n.Kind == yaml.SequenceNode && v.Len() == len(n.Content) && holdsStructs(v.Type().Elem()) {
			for i := range v.Len() {
				f.validTree(v.Index(i), n.Content[i], fmt.Sprintf("%s[%d]", path, i), depth+1)
			}
		}
	}
}

func holdsStructs(t reflect.Type) bool {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

func (f *found) validFields(v reflect.Value, n *yaml.Node, path string, depth int) {
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		kind := field.Type.Kind()
		if name == "-" || !field.IsExported() || kind != reflect.Struct && kind != reflect.Pointer && kind != reflect.Slice {
			continue
		}
		if name == "" {
			f.validTree(v.Field(i), n, path, depth+1)
			continue
		}
		if v.Field(i).IsZero() {
			continue
		}
		if child := f.doc.get(n, name); child != nil {
			f.validTree(v.Field(i), child, join(path, name), depth+1)
		}
	}
}

func (f *found) validLabels(labels map[string]string, n *yaml.Node, path string) {
	f.validKeys(labels, n, path)
	for _, key := range slices.Sorted(keysOf(labels)) {
		if len(f.problems) >= maxProblems {
			return
		}
		if problems := validation.IsValidLabelValue(labels[key]); len(problems) > 0 && !unfilled(labels[key]) {
			f.add(join(path, key), f.doc.get(n, key), "", "the value of label %s is not valid: %s", clip(key), rule(problems))
		}
	}
}

func (f *found) validKeys(set map[string]string, n *yaml.Node, path string) {
	for _, key := range slices.Sorted(keysOf(set)) {
		if problems := validation.IsQualifiedName(strings.ToLower(key)); len(problems) > 0 && !unfilled(key) {
			f.add(join(path, key), n, "", "%s has the key %q, which is not valid: %s", path, clip(key), rule(problems))
		}
	}
}

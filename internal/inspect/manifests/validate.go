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

// validate checks names, labels and selectors against the rules of all kinds.
func (f *found) validate(object any) {
	f.validName()
	f.validTree(reflect.ValueOf(object), f.node, "", 0)
}

// hasPlaceholder reports whether a text contains ${NAME}, $(NAME) or {{ name }}.
func hasPlaceholder(text string) bool {
	return strings.Contains(text, "${") || strings.Contains(text, "$(") || strings.Contains(text, "{{")
}

func (f *found) validName() {
	metadata := f.doc.get(f.node, "metadata")
	name, namespace := f.doc.text(metadata, "name"), f.doc.text(metadata, "namespace")
	if name != "" && !hasPlaceholder(name) {
		problems := validation.IsDNS1123Subdomain(name)
		if f.gvk.Group == "rbac.authorization.k8s.io" {
			problems = pathSegment(name) // RBAC names can have colons
		}
		if len(problems) > 0 && f.gvk.Group != "" && !knownKind(f.ref.Kind) {
			problems = pathSegment(name) // custom resources may have other rules
		}
		if len(problems) > 0 {
			f.add("metadata.name", f.doc.get(metadata, "name"), "", "invalid metadata.name %q: %s", clip(name), firstProblem(problems))
		}
	}
	if namespace != "" && !hasPlaceholder(namespace) {
		if problems := validation.IsDNS1123Label(namespace); len(problems) > 0 {
			f.add("metadata.namespace", f.doc.get(metadata, "namespace"), "",
				"invalid metadata.namespace %q: %s", clip(namespace), firstProblem(problems))
		}
	}
}

func pathSegment(name string) []string {
	if name == "." || name == ".." || strings.ContainsAny(name, "/%") {
		return []string{"must not contain / or %"}
	}
	return nil
}

// firstProblem is the first message of the library, without its examples.
func firstProblem(problems []string) string {
	text, _, _ := strings.Cut(problems[0], " (e.g.")
	return text
}

// validTree validates the labels and selectors in an object. The node is the part of the document that it was read from.
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
		if wrong := facts.NewSelector(&o).Invalid; wrong != "" && !hasPlaceholder(wrong) {
			f.add(path, n, "", "%s: invalid selector: %s", path, clip(wrong))
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
		if problems := validation.IsValidLabelValue(labels[key]); len(problems) > 0 && !hasPlaceholder(labels[key]) {
			f.add(join(path, key), f.doc.get(n, key), "", "invalid value of label %s: %s", clip(key), firstProblem(problems))
		}
	}
}

func (f *found) validKeys(set map[string]string, n *yaml.Node, path string) {
	for _, key := range slices.Sorted(keysOf(set)) {
		if problems := validation.IsQualifiedName(strings.ToLower(key)); len(problems) > 0 && !hasPlaceholder(key) {
			f.add(join(path, key), n, "", "%s: invalid key %q: %s", path, clip(key), firstProblem(problems))
		}
	}
}

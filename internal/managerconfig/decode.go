package managerconfig

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/text"
)

const (
	wantAPIVersion = v1alpha1.APIVersion
	wantKind       = v1alpha1.Kind
)

// decoder sets fields from YAML and collects errors. Decoders of libraries stop at the first error, or lose the place or the path.
type decoder struct {
	file    string
	origins map[string]Origin
	errors  Errors
}

// decode one file into a configuration. A null value, such as a section whose fields are comments, changes nothing.
func (d *decoder) decode(content []byte, config *v1alpha1.ManagerConfig) {
	root := d.document(content)
	if root == nil {
		return
	}
	if root.Kind != yaml.MappingNode {
		d.add(root, "", "must be a mapping that starts with apiVersion: %s and kind: %s, got %s", wantAPIVersion, wantKind, kindOf(root))
		return
	}
	if d.typeMeta(root) {
		d.section(root, nil, reflect.ValueOf(config).Elem())
	}
}

// typeMeta checks apiVersion and kind. The fields of another type are not worth reading.
func (d *decoder) typeMeta(root *yaml.Node) bool {
	same := true
	for _, meta := range []struct{ key, want string }{{"apiVersion", wantAPIVersion}, {"kind", wantKind}} {
		value := lookup(root, meta.key)
		switch {
		case value == nil || isNull(value):
			d.add(root, meta.key, "required; must be %s", meta.want)
		case value.Kind != yaml.ScalarNode || value.Value != meta.want:
			d.add(value, meta.key, "not supported; must be %s", meta.want)
			same = false
		}
	}
	return same
}

// section sets the fields of a struct.
func (d *decoder) section(node *yaml.Node, path *field.Path, target reflect.Value) {
	known := members(target.Type())
	lines := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key := node.Content[i]
		value := node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			d.add(key, pathOf(path), "a key must be the plain name of a field, got %s", kindOf(key))
			continue
		}
		child := path.Child(pathElement(key.Value))
		if first := lines[key.Value]; first != 0 {
			d.add(key, child.String(), "duplicate field, first set in line %d", first)
			continue
		}
		lines[key.Value] = key.Line
		one, exists := find(known, key.Value)
		switch {
		case exists:
			d.value(value, child, target.Field(one.index))
		case path != nil || (key.Value != "apiVersion" && key.Value != "kind"):
			d.add(key, child.String(), "unknown field%s; allowed: %s", suggest(key.Value, names(known)), strings.Join(names(known), ", "))
		}
	}
}

// suggest a field with a similar name here, or with the same name elsewhere.
func suggest(name string, known []string) string {
	suggestion := text.Closest(known, name, max(2, text.Typo(name))) // two letters swapped are a distance of 2
	if suggestion == "" && name != "" {
		for _, path := range Paths() {
			if strings.HasSuffix(path, "."+name) {
				suggestion = path
				break
			}
		}
	}
	if suggestion == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", suggestion)
}

// value sets one field.
func (d *decoder) value(node *yaml.Node, path *field.Path, target reflect.Value) {
	if isNull(node) {
		return
	}
	wrong := func(want string) { d.add(node, path.String(), "must be %s, got %s", want, kindOf(node)) }
	switch {
	case isSection(target.Type()):
		if node.Kind != yaml.MappingNode {
			wrong("a mapping")
			return
		}
		d.section(node, path, target)
		return
	case target.Kind() == reflect.Slice:
		if node.Kind != yaml.SequenceNode {
			wrong("a list")
			return
		}
		d.list(node, path, target)
	case !d.scalar(node, wrong, target):
		return
	}
	d.origins[path.String()] = d.at(node)
}

// list replaces a list as a whole.
func (d *decoder) list(node *yaml.Node, path *field.Path, target reflect.Value) {
	for known := range d.origins { // of the items in an earlier file
		if strings.HasPrefix(known, path.String()+"[") {
			delete(d.origins, known)
		}
	}
	target.Set(reflect.MakeSlice(target.Type(), len(node.Content), len(node.Content)))
	for i, item := range node.Content {
		if isNull(item) {
			d.add(item, path.Index(i).String(), "must not be empty")
			continue
		}
		d.value(item, path.Index(i), target.Index(i))
	}
}

// scalar sets a field that is neither a section nor a list.
func (d *decoder) scalar(node *yaml.Node, wrong func(want string), target reflect.Value) bool {
	tag := node.ShortTag()
	if node.Kind != yaml.ScalarNode {
		tag = ""
	}
	switch {
	case target.Type() == reflect.TypeFor[metav1.Duration]():
		duration, err := time.ParseDuration(node.Value)
		if tag != "!!str" || err != nil {
			wrong(`a duration with a unit, such as "15s" or "1m30s"`)
			return false
		}
		target.Set(reflect.ValueOf(metav1.Duration{Duration: duration}))
	case target.Kind() == reflect.String:
		if tag != "!!str" {
			wrong("a string (quote it)")
			return false
		}
		target.SetString(node.Value)
	case target.Kind() == reflect.Bool:
		if tag != "!!bool" || node.Decode(target.Addr().Interface()) != nil {
			wrong("true or false")
			return false
		}
	case target.Kind() == reflect.Int32:
		if tag != "!!int" || node.Decode(target.Addr().Interface()) != nil {
			wrong("an integer of at most 32 bits")
			return false
		}
	default:
		wrong("a type that the loader supports: " + target.Type().String()) // a new field of a new type; the tests decode every field
		return false
	}
	return true
}

func (d *decoder) at(node *yaml.Node) Origin {
	if node == nil {
		return Origin{File: d.file}
	}
	return Origin{File: d.file, Line: node.Line, Column: node.Column}
}

func (d *decoder) add(at *yaml.Node, path, format string, args ...any) {
	d.errors = append(d.errors, Error{Origin: d.at(at), Path: path, Message: fmt.Sprintf(format, args...)})
}

package manifests

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/api/resource"
)

// problem is something wrong in a document.
type problem struct {
	// path of the field, and its line in the file.
	path string
	line int
	// text says what is wrong, advice what would be right.
	text, advice string
}

// maxProblems of one object are told.
const maxProblems = 20

// typed holds a document against a Go type of the API and writes as JSON what fits, so that one wrong field does not hide
// the rest of the object. Unlike a decoder, it tells all that is wrong, each with its place.
type typed struct {
	doc  *document
	kind string
	// node is the object itself, where the caller keeps it here.
	node *yaml.Node
	// fields of the types that were met; shared by all objects of one reading.
	fields   fieldCache
	out      bytes.Buffer
	problems []problem
	// lenient leaves out what does not fit without a word.
	lenient bool
	// dropStatus leaves out the status of the object: what a file says of it is not true of any cluster.
	dropStatus bool
}

// fieldCache holds the fields of structs by their JSON names.
type fieldCache map[reflect.Type]map[string]reflect.Type

func newTyped(doc *document, kind string, fields fieldCache) *typed {
	return &typed{doc: doc, kind: kind, fields: fields}
}

func (t *typed) wrong(n *yaml.Node, path, advice, format string, args ...any) bool {
	if !t.lenient && len(t.problems) < maxProblems {
		t.problems = append(t.problems, problem{path, t.doc.line(n), fmt.Sprintf(format, args...), advice})
	}
	return false
}

// named is how a text names a path; the whole document has none.
func named(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

// value writes a node as JSON that fits the type. It is false, and has written nothing, when the node does not fit.
func (t *typed) value(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	at := n
	if n = t.doc.follow(n, depth); n == nil {
		return false
	}
	if n.Kind == yaml.ScalarNode && scalar(n) == nil {
		t.out.WriteString("null")
		return true
	}
	if reflect.PointerTo(want).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return t.itself(n, want, path, depth)
	}
	switch want.Kind() {
	case reflect.Pointer:
		return t.value(at, want.Elem(), path, depth)
	case reflect.Interface:
		return t.any(n, path, depth)
	case reflect.Struct:
		return t.structure(n, want, path, depth)
	case reflect.Map:
		return t.mapping(n, want, path, depth)
	case reflect.Slice:
		return t.list(n, want, path, depth)
	default:
		return t.scalar(n, want, path)
	}
}

// itself lets a type that reads its own JSON judge the node: quantities, times, int-or-string.
func (t *typed) itself(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	start := t.out.Len()
	if !t.any(n, path, depth) {
		return false
	}
	reader, ok := reflect.New(want).Interface().(json.Unmarshaler)
	if !ok {
		return true
	}
	if err := reader.UnmarshalJSON(bytes.Clone(t.out.Bytes()[start:])); err != nil {
		t.out.Truncate(start)
		if want == reflect.TypeFor[resource.Quantity]() {
			return t.wrong(n, path, "Write a number with a unit that Kubernetes knows, for example 250m or 0.5 for CPU, 512Mi or 2Gi for memory.",
				"%s: %q is no quantity", path, clip(n.Value))
		}
		return t.wrong(n, path, "", "%s is %s, which does not fit %s", path, what(n), strings.ToLower(want.Name()))
	}
	return true
}

func (t *typed) structure(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	if n.Kind != yaml.MappingNode {
		return t.wrong(n, path, "", "%s must be a mapping, not %s", named(path), what(n))
	}
	fields := t.fieldsOf(want)
	t.members(n, path, depth, func(e entry) (reflect.Type, bool) {
		field, known := fields[e.key]
		if path == "" && e.key == "status" && t.dropStatus {
			return nil, false
		}
		if !known {
			if len(t.problems) >= maxProblems || t.lenient {
				return nil, false // looking for a near name would be for nothing
			}
			advice := ""
			if similar := nearest(fields, e.key); similar != "" {
				advice = fmt.Sprintf("Perhaps %s is meant; else see `kubectl explain %s` for the fields there are.", join(path, similar), explained(t.kind, path))
			}
			t.wrong(e.name, join(path, e.key), advice, "%s is no field of %s", join(path, e.key), t.kind)
		}
		return field, known
	})
	return true
}

func (t *typed) mapping(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	if n.Kind != yaml.MappingNode {
		return t.wrong(n, path, "", "%s must be a mapping, not %s", named(path), what(n))
	}
	t.members(n, path, depth, func(entry) (reflect.Type, bool) { return want.Elem(), true })
	return true
}

// members writes the entries of a mapping that have a type and fit it.
func (t *typed) members(n *yaml.Node, path string, depth int, typeOf func(entry) (reflect.Type, bool)) {
	t.out.WriteByte('{')
	first := true
	entries := t.doc.entries(n, depth, func(name *yaml.Node) {
		t.wrong(name, join(path, name.Value), "Keep one of the two: which of them counts depends on the program that reads the file.",
			"%s is written twice", join(path, name.Value))
	})
	for _, e := range entries {
		want, known := typeOf(e)
		if !known {
			continue
		}
		start := t.out.Len()
		if !first {
			t.out.WriteByte(',')
		}
		t.string(e.key)
		t.out.WriteByte(':')
		if t.value(e.node, want, join(path, e.key), depth+1) {
			first = false
		} else {
			t.out.Truncate(start)
		}
	}
	t.out.WriteByte('}')
}

func (t *typed) list(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	if want.Elem().Kind() == reflect.Uint8 {
		return t.bytes(n, path)
	}
	if n.Kind != yaml.SequenceNode {
		return t.wrong(n, path, "Each item of a list begins with a dash.", "%s must be a list, not %s", path, what(n))
	}
	t.out.WriteByte('[')
	first := true
	for i, item := range n.Content {
		start := t.out.Len()
		if !first {
			t.out.WriteByte(',')
		}
		if t.value(item, want.Elem(), fmt.Sprintf("%s[%d]", path, i), depth+1) {
			first = false
		} else {
			t.out.Truncate(start)
		}
	}
	t.out.WriteByte(']')
	return true
}

// bytes are written in base64. What stands there is often a secret, and never quoted.
func (t *typed) bytes(n *yaml.Node, path string) bool {
	text, ok := scalar(n).(string)
	if n.Kind != yaml.ScalarNode || !ok {
		return t.wrong(n, path, "", "%s must be text in base64, not %s", path, what(n))
	}
	if _, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(text)); err != nil {
		return t.wrong(n, path, "Encode it (`base64 -w0 <file>`), or write it as it is under stringData.", "%s is not base64", path)
	}
	t.string(text)
	return true
}

func (t *typed) scalar(n *yaml.Node, want reflect.Type, path string) bool {
	if n.Kind != yaml.ScalarNode {
		return t.wrong(n, path, "", "%s must be %s, not %s", named(path), kindName(want.Kind()), what(n))
	}
	value := scalar(n)
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, reflect.New(want).Interface())
	}
	if err == nil {
		t.out.Write(text)
		return true
	}
	if _, isText := value.(string); want.Kind() == reflect.String && !isText {
		return t.wrong(n, path, "Put the value in quotes.", "%s must be text, not %s", named(path), what(n))
	}
	return t.wrong(n, path, "", "%s must be %s, not %s", named(path), kindName(want.Kind()), what(n))
}

func kindName(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number in its range"
	}
}

// any writes a node of no known type.
func (t *typed) any(n *yaml.Node, path string, depth int) bool {
	if n = t.doc.follow(n, depth); n == nil {
		return false
	}
	switch n.Kind {
	case yaml.MappingNode:
		t.members(n, path, depth, func(entry) (reflect.Type, bool) { return reflect.TypeFor[any](), true })
	case yaml.SequenceNode:
		return t.list(n, reflect.TypeFor[[]any](), path, depth)
	default:
		text, err := json.Marshal(scalar(n))
		if err != nil {
			text = []byte("null")
		}
		t.out.Write(text)
	}
	return true
}

func (t *typed) string(text string) {
	quoted, _ := json.Marshal(text) // a string always has a form in JSON
	t.out.Write(quoted)
}

// fieldsOf are the fields of a struct by their JSON names, inlined ones among them.
func (t *typed) fieldsOf(of reflect.Type) map[string]reflect.Type {
	if known, ok := t.fields[of]; ok {
		return known
	}
	fields := map[string]reflect.Type{}
	for i := range of.NumField() {
		field := of.Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-" || !field.IsExported():
		case name == "" && (field.Anonymous || slices.Contains(strings.Split(options, ","), "inline")):
			inner := field.Type
			if inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			for name, inlined := range t.fieldsOf(inner) {
				fields[name] = inlined
			}
		case name == "":
			fields[field.Name] = field.Type
		default:
			fields[name] = field.Type
		}
	}
	t.fields[of] = fields
	return fields
}

// nearest is the field that a name is a slip of; empty when none is near.
func nearest(fields map[string]reflect.Type, name string) string {
	best, bestDistance := "", max(1, len(name)/3)+1
	for _, field := range slices.Sorted(keysOf(fields)) {
		if d := distance(strings.ToLower(field), strings.ToLower(name)); d < bestDistance {
			best, bestDistance = field, d
		}
	}
	return best
}

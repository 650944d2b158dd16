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

	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// problem is an error in a document.
type problem struct {
	// path of the field, and its line in the file.
	path string
	line int
	// text describes the error, advice the fix.
	text   string
	advice remedy.Text
	// suggestion is the field that a typo probably meant; empty for none.
	suggestion string
	// accepted is set if the API server accepts the object with a warning; see facts.ManifestError.
	accepted bool
}

// maxProblems reported per object.
const maxProblems = 20

// decoder compares a document with a Go type of the API and writes the parts that fit as JSON. Unlike a decoder of encoding/json, it
// reports all errors with their lines, and an invalid field does not prevent the rest of the object from being read.
type decoder struct {
	doc  *document
	kind string
	// node is the object; set by newLenientDecoder.
	node *yaml.Node
	// fields is shared by all objects of a Read.
	fields   fieldCache
	out      bytes.Buffer
	problems []problem
	// lenient ignores fields that do not fit.
	lenient bool
	// dropStatus ignores the status of the object: a status in a file is outdated.
	dropStatus bool
}

// fieldCache caches the fields of structs by their JSON names.
type fieldCache map[reflect.Type]map[string]reflect.Type

func newDecoder(doc *document, kind string, fields fieldCache) *decoder {
	return &decoder{doc: doc, kind: kind, fields: fields}
}

func (t *decoder) addProblem(n *yaml.Node, path string, advice remedy.Text, format string, args ...any) bool {
	if !t.lenient && len(t.problems) < maxProblems {
		t.problems = append(t.problems, problem{path: path, line: t.doc.line(n), text: fmt.Sprintf(format, args...), advice: advice})
	}
	return false
}

// addUnknownField reports a field that the type does not have.
func (t *decoder) addUnknownField(n *yaml.Node, path, key string, fields map[string]reflect.Type) {
	if t.lenient || len(t.problems) >= maxProblems {
		return // looking for a similar name is expensive
	}
	unknown := problem{path: join(path, key), line: t.doc.line(n), text: "unknown field " + join(path, key), accepted: true}
	if similar := nearest(fields, key); similar != "" {
		unknown.suggestion = similar
		unknown.advice = remedy.Sprintf("Did you mean %s? `kubectl explain %s` lists the fields.", join(path, similar),
			explainPath(t.kind, path))
	}
	t.problems = append(t.problems, unknown)
}

// pathOrDocument names a path in a message.
func pathOrDocument(path string) string {
	if path == "" {
		return "the document"
	}
	return path
}

// value writes a node as JSON for the type. If the node does not fit, it writes nothing and returns false.
func (t *decoder) value(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	at := n
	if n = t.doc.follow(n, depth); n == nil {
		return false
	}
	if n.Kind == yaml.ScalarNode && scalar(n) == nil {
		t.out.WriteString("null")
		return true
	}
	if reflect.PointerTo(want).Implements(reflect.TypeFor[json.Unmarshaler]()) {
		return t.unmarshaler(n, want, path, depth)
	}
	switch want.Kind() {
	case reflect.Pointer:
		return t.value(at, want.Elem(), path, depth)
	case reflect.Interface:
		return t.any(n, path, depth)
	case reflect.Struct:
		return t.structFields(n, want, path, depth)
	case reflect.Map:
		return t.mapping(n, want, path, depth)
	case reflect.Slice:
		return t.list(n, want, path, depth)
	default:
		return t.scalar(n, want, path)
	}
}

// unmarshaler validates the node with the UnmarshalJSON of its type, such as Quantity, Time or IntOrString.
func (t *decoder) unmarshaler(n *yaml.Node, want reflect.Type, path string, depth int) bool {
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
			return t.addProblem(n, path, "Use a valid quantity, for example 250m or 0.5 for CPU, 512Mi or 2Gi for memory.",
				"%s: invalid quantity %q", path, clip(n.Value))
		}
		return t.addProblem(n, path, "", "%s must be a valid %s, not %s", path, want.Name(), describeNode(n))
	}
	return true
}

func (t *decoder) structFields(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	if n.Kind != yaml.MappingNode {
		return t.addProblem(n, path, "", "%s must be a map, not %s", pathOrDocument(path), describeNode(n))
	}
	fields := t.fieldsOf(want)
	t.members(n, path, depth, func(e entry) (reflect.Type, bool) {
		field, known := fields[e.key]
		if path == "" && e.key == "status" && t.dropStatus {
			return nil, false
		}
		if !known {
			t.addUnknownField(e.name, path, e.key, fields)
		}
		return field, known
	})
	return true
}

func (t *decoder) mapping(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	if n.Kind != yaml.MappingNode {
		return t.addProblem(n, path, "", "%s must be a map, not %s", pathOrDocument(path), describeNode(n))
	}
	t.members(n, path, depth, func(entry) (reflect.Type, bool) { return want.Elem(), true })
	return true
}

// members writes the entries of a map that have a type and fit it.
func (t *decoder) members(n *yaml.Node, path string, depth int, typeOf func(entry) (reflect.Type, bool)) {
	t.out.WriteByte('{')
	first := true
	entries := t.doc.entries(n, depth, func(name *yaml.Node) {
		if !t.lenient && len(t.problems) < maxProblems {
			at := join(path, name.Value)
			t.problems = append(t.problems, problem{
				path: at, line: t.doc.line(name), text: "duplicate key " + at, accepted: true,
				advice: "Remove one of them. Which one takes effect depends on the parser.",
			})
		}
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

func (t *decoder) list(n *yaml.Node, want reflect.Type, path string, depth int) bool {
	if want.Elem().Kind() == reflect.Uint8 {
		return t.bytes(n, path)
	}
	if n.Kind != yaml.SequenceNode {
		return t.addProblem(n, path, "Start each list item with a dash.", "%s must be a list, not %s", path, describeNode(n))
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

// bytes writes a base64 string. Its value is often a secret and must not appear in a problem.
func (t *decoder) bytes(n *yaml.Node, path string) bool {
	text, ok := scalar(n).(string)
	if n.Kind != yaml.ScalarNode || !ok {
		return t.addProblem(n, path, "", "%s must be a base64 string, not %s", path, describeNode(n))
	}
	if _, err := base64.StdEncoding.DecodeString(strings.NewReplacer("\n", "", "\r", "").Replace(text)); err != nil {
		return t.addProblem(n, path, "Encode the value with `base64 -w0 <file>`, or set it unencoded in stringData.",
			"%s is not valid base64", path)
	}
	t.string(text)
	return true
}

func (t *decoder) scalar(n *yaml.Node, want reflect.Type, path string) bool {
	if n.Kind != yaml.ScalarNode {
		return t.addProblem(n, path, "", "%s must be %s, not %s", pathOrDocument(path), kindName(want.Kind()), describeNode(n))
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
	if _, isString := value.(string); want.Kind() == reflect.String && !isString {
		return t.addProblem(n, path, "Quote the value.", "%s must be a string, not %s", pathOrDocument(path), describeNode(n))
	}
	return t.addProblem(n, path, "", "%s must be %s, not %s", pathOrDocument(path), kindName(want.Kind()), describeNode(n))
}

func kindName(kind reflect.Kind) string {
	switch kind {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "an integer in range"
	}
}

// any writes a node without a known type.
func (t *decoder) any(n *yaml.Node, path string, depth int) bool {
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

func (t *decoder) string(text string) {
	quoted, _ := json.Marshal(text) // marshaling a string cannot fail
	t.out.Write(quoted)
}

// fieldsOf returns the fields of a struct by their JSON names, including inlined ones.
func (t *decoder) fieldsOf(of reflect.Type) map[string]reflect.Type {
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

// nearest returns the field that a typo probably meant; empty for none.
func nearest(fields map[string]reflect.Type, name string) string {
	lower := make([]string, 0, len(fields))
	byLower := make(map[string]string, len(fields))
	for _, field := range slices.Sorted(keysOf(fields)) {
		lower = append(lower, strings.ToLower(field))
		byLower[strings.ToLower(field)] = field
	}
	wanted := strings.ToLower(name)
	if field, ok := byLower[wanted]; ok {
		return field // only the case of letters differs
	}
	return byLower[text.Closest(lower, wanted, text.Typo(wanted))]
}

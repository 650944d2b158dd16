// Package reference reads the documentation of the configuration's fields from the comments of its types. It keeps docs/configuration.md
// equal to the code.
package reference

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"

	"kubeops.io/kubeops/internal/managerconfig"
)

// Marks in a document between which Rewrite puts the table.
const (
	begin = "<!-- The table is generated from api/config/v1alpha1 by `make generate`. -->\n"
	end   = "<!-- End of the generated table. -->\n"
)

// Field of the configuration.
type Field struct {
	// Path, such as logging.level.
	Path string
	// Meaning is the comment without the default.
	Meaning string
	// Stated is the default in the comment, and Default the one that applies.
	Stated, Default string
}

// Fields in the order of the types. The folder has the source of the types.
func Fields(folder string) ([]Field, error) {
	comments, err := readComments(folder)
	if err != nil {
		return nil, err
	}
	defaults, err := defaultValues()
	if err != nil {
		return nil, err
	}
	var fields []Field
	for _, path := range managerconfig.Paths() {
		comment, exists := comments.of(path)
		if !exists {
			return nil, fmt.Errorf("no comment of field %s in %s", path, folder)
		}
		meaning, stated, _ := strings.Cut(comment, " Default: ")
		field := Field{
			Path:    path,
			Meaning: meaning,
			Stated:  strings.Trim(strings.TrimSuffix(stated, "."), `"`),
			Default: defaults[path],
		}
		fields = append(fields, field)
	}
	return fields, nil
}

// Table in Markdown.
func Table(fields []Field) []byte {
	var out bytes.Buffer
	fmt.Fprint(&out, "| Field | Default | Meaning |\n|---|---|---|\n")
	for _, field := range fields {
		value := "`" + field.Default + "`"
		if field.Default == "" {
			value = "empty"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s |\n", field.Path, value, strings.ReplaceAll(field.Meaning, "|", "\\|"))
	}
	return out.Bytes()
}

// Rewrite the generated part of a document.
func Rewrite(document, table []byte) ([]byte, error) {
	before, rest, found := bytes.Cut(document, []byte(begin))
	_, after, foundEnd := bytes.Cut(rest, []byte(end))
	if !found || !foundEnd {
		return nil, fmt.Errorf("the document has no line %q followed by %q", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return bytes.Join([][]byte{before, []byte(begin), table, []byte(end), after}, nil), nil
}

// structs are the fields of each type by their name in files.
type structs map[string]map[string]structField

type structField struct{ typeName, comment string }

func readComments(folder string) (structs, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	all := structs{}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		ast.Inspect(file, func(node ast.Node) bool {
			if spec, is := node.(*ast.TypeSpec); is {
				if definition, is := spec.Type.(*ast.StructType); is {
					all[spec.Name.Name] = fieldsOf(definition)
				}
			}
			return true
		})
	}
	return all, nil
}

func fieldsOf(definition *ast.StructType) map[string]structField {
	fields := map[string]structField{}
	for _, field := range definition.Fields.List {
		if field.Tag == nil {
			continue
		}
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`")).Get("json")
		name, _, _ := strings.Cut(tag, ",")
		one := structField{comment: strings.Join(strings.Fields(field.Doc.Text()), " ")}
		if named, is := field.Type.(*ast.Ident); is {
			one.typeName = named.Name
		}
		fields[name] = one
	}
	return fields
}

// of a path, starting at ManagerConfig.
func (s structs) of(path string) (comment string, exists bool) {
	current := structField{typeName: "ManagerConfig"}
	for name := range strings.SplitSeq(path, ".") {
		next, known := s[current.typeName][name]
		if !known {
			return "", false
		}
		current = next
	}
	return current.comment, strings.Contains(current.comment, " ")
}

// defaultValues by path, as files write them.
func defaultValues() (map[string]string, error) {
	effective := &managerconfig.Effective{Config: managerconfig.Default()}
	content, err := effective.YAML()
	if err != nil {
		return nil, err
	}
	var document yaml.Node
	if err := yaml.Unmarshal(content, &document); err != nil {
		return nil, err
	}
	values := map[string]string{}
	flatten(document.Content[0], "", values)
	return values, nil
}

func flatten(node *yaml.Node, path string, values map[string]string) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			child := strings.TrimPrefix(path+"."+node.Content[i].Value, ".")
			flatten(node.Content[i+1], child, values)
		}
	case yaml.SequenceNode:
		values[path] = "[]" // no list has items by default; the tests hold it
	default:
		values[path] = node.Value
	}
}
